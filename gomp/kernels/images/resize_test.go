package images

import (
	"math"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// resized is the definition in floating point, without rounding between the directions.
func resized(a kernel.Array[uint8], height, width int, f filter) []float32 {
	same := func(w float64) float64 { return w }
	down, across := taps(a.Shape[0], height, f, same), taps(a.Shape[1], width, f, same)
	var out []float32
	for _, v := range down {
		for _, h := range across {
			sum := 0.0
			for j, wj := range v.weights {
				for i, wi := range h.weights {
					sum += wj * wi * float64(a.At(v.first+j, h.first+i))
				}
			}
			out = append(out, float32(sum))
		}
	}
	return out
}

func TestResize(t *testing.T) {
	in := random(13, 17)
	for i := range in.Data {
		in.Data[i] = 80 + in.Data[i]/3 // no cubic overshoots what a uint8 can be
	}
	for name, f := range filters {
		for _, size := range [][2]int{{1, 1}, {5, 40}, {40, 5}, {13, 17}, {26, 34}} {
			want := resized(in, size[0], size[1], f)
			floated := must[kernel.Array[float32]](t)(ResizeF32(t.Context(), asFloat(in), size[0], size[1], name))
			near(t, floated.Data, want, 1e-3)
			rounded := must[kernel.Array[uint8]](t)(Resize(t.Context(), in, size[0], size[1], name))
			near(t, floats(rounded.Data), want, 1.3) // it is rounded twice
		}
	}
}

func TestResizeHalves(t *testing.T) {
	in := kernel.Of([]float32{0, 0, 8, 8, 0, 0, 8, 8}, 2, 4)
	got := must[kernel.Array[float32]](t)(ResizeF32(t.Context(), in, 1, 2, "bilinear"))
	// The triangle is 4 pixels wide: 3/8, 3/8 and 1/8 of which one is outside.
	near(t, got.Data, []float32{8. / 7, 8 * 6. / 7}, 1e-6)
}

func TestResizeToTheSameSizeKeeps(t *testing.T) {
	in := random(6, 5, 3)
	for name := range filters {
		near(t, must[kernel.Array[uint8]](t)(Resize(t.Context(), in, 6, 5, name)).Data, in.Data, 0)
	}
}

func TestResizeKeepsChannelsApart(t *testing.T) {
	in := random(6, 5, 3)
	all := must[kernel.Array[uint8]](t)(Resize(t.Context(), in, 9, 3, "bicubic"))
	for c := range 3 {
		channel := kernel.Array[uint8]{Data: in.Data[c:], Shape: []int{6, 5}, Strides: []int{15, 3}}
		one := must[kernel.Array[uint8]](t)(Resize(t.Context(), channel, 9, 3, "bicubic"))
		for i, v := range one.Data {
			if all.Data[3*i+c] != v {
				t.Fatalf("element %d of channel %d is %d, alone it is %d", i, c, all.Data[3*i+c], v)
			}
		}
	}
}

func TestCatmullRom(t *testing.T) {
	for x, want := range map[float64]float64{0: 1, 1: 0, 2: 0, 3: 0, 0.5: 0.5625, -1.5: -0.0625} {
		if got := catmullRom(x); math.Abs(got-want) > 1e-15 {
			t.Errorf("at %g it is %g, not %g", x, got, want)
		}
	}
}

func TestResizeRefuses(t *testing.T) {
	in := random(3, 3)
	for _, size := range []int{math.MinInt, 0, limit + 1} {
		_, err := Resize(t.Context(), in, size, 1, "bilinear")
		fails(t, err, "height must be from 1 to")
		_, err = Resize(t.Context(), in, 1, size, "bilinear")
		fails(t, err, "width must be from 1 to")
	}
	_, err := Resize(t.Context(), in, 1, 1, "nearest")
	fails(t, err, `filter must be bilinear or bicubic, not "nearest"`)
	for _, shape := range [][]int{{0, 3}, {3, 0}, {3, 3, 0}} {
		_, err = Resize(t.Context(), random(shape...), 1, 1, "bilinear")
		fails(t, err, "image must not be empty")
	}
	_, err = Resize(t.Context(), random(3), 1, 1, "bilinear")
	fails(t, err, "image must have 2 dimensions")
	_, err = Resize(cancelled(), in, 1, 1, "bilinear")
	fails(t, err, "canceled")
}

func BenchmarkResize(b *testing.B) {
	in := random(1024, 1024)
	for b.Loop() {
		if _, err := Resize(b.Context(), in, 512, 512, "bicubic"); err != nil {
			b.Fatal(err)
		}
	}
}
