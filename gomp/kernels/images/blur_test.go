package images

import (
	"math"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// blurred is the definition: a weighted mean of all pixels around.
func blurred(a kernel.Array[float32], sigma float64) []float32 {
	reach := int(4*sigma + 0.5)
	h, w, channels := a.Shape[0], a.Shape[1], a.Shape[2]
	out := make([]float32, 0, a.Len())
	for i := range a.Len() {
		y, x, c := i/channels/w, i/channels%w, i%channels
		sum, total := 0.0, 0.0
		for dy := -reach; dy <= reach; dy++ {
			for dx := -reach; dx <= reach; dx++ {
				weight := math.Exp(-float64(dy*dy+dx*dx) / (2 * sigma * sigma))
				sum += weight * float64(a.At(reflect(y+dy, h), reflect(x+dx, w), c))
				total += weight
			}
		}
		out = append(out, float32(sum/total))
	}
	return out
}

func TestGaussianBlur(t *testing.T) {
	for _, shape := range [][]int{{1, 1, 1}, {3, 4, 1}, {20, 31, 3}} {
		for _, sigma := range []float64{0.1, 0.8, 3} {
			in := random(shape...)
			want := blurred(asFloat(in), sigma)
			near(t, must[kernel.Array[float32]](t)(GaussianBlurF32(t.Context(), asFloat(in), sigma)).Data, want, 1e-3)
			got := must[kernel.Array[uint8]](t)(GaussianBlur(t.Context(), in, sigma))
			near(t, floats(got.Data), want, 0.501)
		}
	}
}

// Large enough for several goroutines.
func TestGaussianBlurOfAConstant(t *testing.T) {
	in := kernel.New[uint8](t.Context(), 300, 500)
	for i := range in.Data {
		in.Data[i] = 255
	}
	near(t, must[kernel.Array[uint8]](t)(GaussianBlur(t.Context(), in, 2.5)).Data, in.Data, 0)
}

func TestGaussianBlurOfAStridedArray(t *testing.T) {
	in := random(5, 6)
	whole := mirrored(in)
	strided := kernel.Array[uint8]{Data: in.Data, Shape: []int{6, 5}, Strides: []int{1, 6}, ReadOnly: true}
	upright := kernel.New[uint8](t.Context(), 6, 5)
	for y := range 6 {
		for x := range 5 {
			upright.Set(in.At(x, y), y, x)
		}
	}
	near(t, must[kernel.Array[uint8]](t)(GaussianBlur(t.Context(), strided, 1)).Data,
		must[kernel.Array[uint8]](t)(GaussianBlur(t.Context(), upright, 1)).Data, 0)
	near(t, must[kernel.Array[uint8]](t)(GaussianBlur(t.Context(), whole, 1)).Data,
		mirrored(must[kernel.Array[uint8]](t)(GaussianBlur(t.Context(), in, 1))).Data, 0)
}

func TestGaussianBlurSpreadsNaNAsFarAsItReaches(t *testing.T) {
	in := kernel.New[float32](t.Context(), 20, 20)
	in.Set(float32(math.NaN()), 10, 10)
	out := must[kernel.Array[float32]](t)(GaussianBlurF32(t.Context(), in, 1))
	for i, v := range out.Data {
		y, x := i/20-10, i%20-10
		if within := max(y, -y) <= 4 && max(x, -x) <= 4; within != (v != v) {
			t.Errorf("%v at %d, %d from it", v, y, x)
		}
	}
}

func TestBlurFrames(t *testing.T) {
	in := random(3, 9, 8, 3)
	out := must[kernel.Array[uint8]](t)(BlurFrames(t.Context(), in, 1.2))
	for i := range 3 {
		want := must[kernel.Array[uint8]](t)(GaussianBlur(t.Context(), in.Sub(i), 1.2))
		near(t, out.Sub(i).Flat(), want.Data, 0)
	}
	for _, shape := range [][]int{{0, 3, 3, 3}, {2, 0, 3, 3}} {
		if out := must[kernel.Array[uint8]](t)(BlurFrames(t.Context(), random(shape...), 1)); out.Len() != 0 {
			t.Errorf("%v", out)
		}
	}
	_, err := BlurFrames(t.Context(), random(3, 3, 3), 1)
	fails(t, err, "frames must have 4 dimensions")
	_, err = BlurFrames(t.Context(), in, 0)
	fails(t, err, "sigma must be above 0")
}

func TestGaussianBlurRefuses(t *testing.T) {
	for _, sigma := range []float64{0, -1, math.NaN(), math.Inf(1), widest + 1} {
		_, err := GaussianBlur(t.Context(), random(2, 2), sigma)
		fails(t, err, "sigma must be above 0 and at most 1000")
	}
	_, err := GaussianBlur(cancelled(), random(2, 2), 1)
	fails(t, err, "canceled")
}

func BenchmarkGaussianBlur(b *testing.B) {
	in := random(1024, 1024)
	for b.Loop() {
		if _, err := GaussianBlur(b.Context(), in, 2); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGaussianBlurF32(b *testing.B) {
	in := asFloat(random(1024, 1024))
	for b.Loop() {
		if _, err := GaussianBlurF32(b.Context(), in, 2); err != nil {
			b.Fatal(err)
		}
	}
}
