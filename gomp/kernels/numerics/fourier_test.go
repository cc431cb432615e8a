package numerics

import (
	"math"
	"math/cmplx"
	"slices"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func randomComplex(seed uint64, shape ...int) kernel.Array[complex128] {
	parts := random(seed, append(slices.Clone(shape), 2)...)
	data := make([]complex128, parts.Len()/2)
	for i := range data {
		data[i] = complex(parts.Data[2*i], parts.Data[2*i+1])
	}
	return kernel.Of(data, shape...)
}

// distance is the greatest, as a share of the greatest value.
func distance(got, want []complex128) float64 {
	apart, largest := 0.0, 0.0
	for i := range want {
		apart, largest = max(apart, cmplx.Abs(got[i]-want[i])), max(largest, cmplx.Abs(want[i]))
	}
	return apart / largest
}

// definition is the sum that the transform is defined as.
func definition(in []complex128) []complex128 {
	n := len(in)
	out := make([]complex128, n)
	for k := range out {
		for j, v := range in {
			out[k] += v * cmplx.Rect(1, -2*math.Pi*float64(j*k%n)/float64(n))
		}
	}
	return out
}

func TestFFT(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 12, 49, 53, 60, 64, 97, 2 * 53, 3 * 101} {
		in := randomComplex(1, 2, n)
		got, err := FFT(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for row := range 2 {
			if d := distance(got.Sub(row).Flat(), definition(in.Sub(row).Flat())); d > 1e-13 {
				t.Errorf("of %d values: off by %g", n, d)
			}
		}
	}
}

func TestIFFTUndoesFFT(t *testing.T) {
	for _, n := range []int{1, 2, 30, 53, 1 << 12, 10007} {
		in := randomComplex(1, n)
		there, err := FFT(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		back, err := IFFT(t.Context(), there)
		if err != nil {
			t.Fatal(err)
		}
		if d := distance(back.Flat(), in.Flat()); d > 1e-13 {
			t.Errorf("of %d values: off by %g", n, d)
		}
	}
}

func TestFFTRefuses(t *testing.T) {
	for _, shape := range [][]int{{}, {0}, {2, 0}} {
		_, err := FFT(t.Context(), randomComplex(1, shape...))
		fails(t, err, "at least one element along the last axis")
	}
	_, err := IFFT(cancelled(), randomComplex(1, 2))
	fails(t, err, "canceled")
	if got, err := FFT(t.Context(), randomComplex(1, 0, 4)); err != nil || got.Len() != 0 {
		t.Errorf("no rows: %v, %v", got, err)
	}
}

func BenchmarkFFT(b *testing.B) {
	in := randomComplex(1, 1<<18)
	for b.Loop() {
		if _, err := FFT(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
