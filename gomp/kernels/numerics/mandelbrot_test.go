package numerics

import (
	"math"
	"math/cmplx"
	"slices"
	"testing"
)

// escapes is the definition.
func escapes(c complex128, iterations int) int32 {
	z := complex(0, 0)
	for n := range iterations {
		if z = z*z + c; cmplx.Abs(z) > 2 {
			return int32(n)
		}
	}
	return int32(iterations)
}

func TestMandelbrot(t *testing.T) {
	const width, height, iterations = 48, 40, 60
	image, err := Mandelbrot(t.Context(), 0, height, width, height, iterations)
	if err != nil {
		t.Fatal(err)
	}
	for y := range height {
		row, err := MandelbrotRow(t.Context(), y, width, height, iterations)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(row.Flat(), image.Sub(y).Flat()) {
			t.Errorf("row %d differs from that of the image", y)
		}
		for x, got := range row.Flat() {
			c := complex(-2+3*(float64(x)+0.5)/width, -1.25+2.5*(float64(y)+0.5)/height)
			if want := escapes(c, iterations); got != want {
				t.Errorf("pixel %d, %d is %d, not %d", x, y, got, want)
			}
		}
	}
}

func TestMandelbrotOfNoRows(t *testing.T) {
	image, err := Mandelbrot(t.Context(), 3, 3, 5, 4, 1)
	if err != nil || !slices.Equal(image.Shape, []int{0, 5}) {
		t.Errorf("%v, %v", image, err)
	}
}

func TestMandelbrotRefuses(t *testing.T) {
	for _, y := range []int{-1, 4} {
		_, err := MandelbrotRow(t.Context(), y, 5, 4, 1)
		fails(t, err, "y must be from 0 to 3")
	}
	for _, rows := range [][2]int{{-1, 2}, {2, 1}, {0, 5}} {
		_, err := Mandelbrot(t.Context(), rows[0], rows[1], 5, 4, 1)
		fails(t, err, "first and last must be")
	}
	for _, width := range []int{math.MinInt, 0, limit + 1} {
		_, err := MandelbrotRow(t.Context(), 0, width, 4, 1)
		fails(t, err, "width must be")
	}
	_, err := MandelbrotRow(t.Context(), 0, 1, math.MaxInt, 1)
	fails(t, err, "height must be")
	for _, iterations := range []int{0, math.MaxInt32 + 1} {
		_, err := MandelbrotRow(t.Context(), 0, 5, 4, iterations)
		fails(t, err, "iterations must be")
	}
	_, err = Mandelbrot(cancelled(), 0, 1, 1, 1, 1)
	fails(t, err, "canceled")
}

func BenchmarkMandelbrotRow(b *testing.B) {
	for b.Loop() {
		if _, err := MandelbrotRow(b.Context(), 512, 1024, 1024, 256); err != nil {
			b.Fatal(err)
		}
	}
}
