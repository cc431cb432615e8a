package images

import (
	"math"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func TestSobel(t *testing.T) {
	in := random(7, 9)
	got := must[kernel.Array[float32]](t)(Sobel(t.Context(), in))
	across := [3][3]float64{{-1, 0, 1}, {-2, 0, 2}, {-1, 0, 1}}
	for y := range 7 {
		for x := range 9 {
			gx, gy := 0.0, 0.0
			for j := range 3 {
				for i := range 3 {
					v := float64(in.At(reflect(y+j-1, 7), reflect(x+i-1, 9)))
					gx += across[j][i] * v
					gy += across[i][j] * v
				}
			}
			near(t, []float32{got.At(y, x)}, []float32{float32(math.Hypot(gx, gy))}, 1e-3)
		}
	}
	near(t, must[kernel.Array[float32]](t)(SobelF32(t.Context(), asFloat(in))).Data, got.Data, 0)
	_, err := Sobel(cancelled(), in)
	fails(t, err, "canceled")
}

func TestEqualize(t *testing.T) {
	in := kernel.New[uint8](t.Context(), 16, 64)
	for i := range in.Data {
		in.Data[i] = uint8(100 + i/256) // four values of 256 pixels each
	}
	out := must[kernel.Array[uint8]](t)(Equalize(t.Context(), in))
	// 255 steps of (1024-256)/255 = 3 pixels
	for i, want := range map[int]uint8{0: 0, 256: 85, 512: 171, 768: 255} {
		if got := out.Data[i]; got != want {
			t.Errorf("%d becomes %d, not %d", in.Data[i], got, want)
		}
	}
	constant := kernel.New[uint8](t.Context(), 30, 30)
	near(t, must[kernel.Array[uint8]](t)(Equalize(t.Context(), constant)).Data, constant.Data, 0)
}

func TestEqualizeF32(t *testing.T) {
	nan := float32(math.NaN())
	in := kernel.Of([]float32{0, 1, 1, 4, nan, 4, 4, 4}, 2, 4)
	out := must[kernel.Array[float32]](t)(EqualizeF32(t.Context(), in, 4))
	// 1, 2, 0 and 4 in the bins; 1 lies between the middles of the first two.
	want := []float32{1. / 7, 2. / 7, 2. / 7, 1, 0, 1, 1, 1}
	if out.Data[4] == out.Data[4] {
		t.Error("NaN does not stay")
	}
	out.Data[4] = 0
	near(t, out.Data, want, 1e-6)

	constant := kernel.Of([]float32{7, 7}, 1, 2)
	near(t, must[kernel.Array[float32]](t)(EqualizeF32(t.Context(), constant, 3)).Data, []float32{1, 1}, 0)

	nothing := must[kernel.Array[float32]](t)(EqualizeF32(t.Context(), kernel.Of([]float32{nan}, 1, 1), 3))
	if v := nothing.Data[0]; v == v {
		t.Errorf("NaN becomes %v", v)
	}
	_, err := EqualizeF32(t.Context(), kernel.Of([]float32{1, float32(math.Inf(1))}, 1, 2), 3)
	fails(t, err, "image must be without infinities")
	_, err = EqualizeF32(t.Context(), in, 0)
	fails(t, err, "bins must be from 1 to")
}

func TestColours(t *testing.T) {
	for _, c := range []struct{ rgb, hsv []float32 }{
		{[]float32{0, 0, 0}, []float32{0, 0, 0}},
		{[]float32{1, 1, 1}, []float32{0, 0, 1}},
		{[]float32{1, 0, 0}, []float32{0, 1, 1}},
		{[]float32{0, 0.5, 0}, []float32{1. / 3, 1, 0.5}},
		{[]float32{0.5, 0.5, 1}, []float32{2. / 3, 0.5, 1}},
		{[]float32{1, 0, 0.5}, []float32{11. / 12, 1, 1}},
	} {
		there := must[kernel.Array[float32]](t)(RGBToHSVF32(t.Context(), kernel.Of(c.rgb, 1, 1, 3)))
		near(t, there.Data, c.hsv, 1e-6)
		back := must[kernel.Array[float32]](t)(HSVToRGBF32(t.Context(), kernel.Of(c.hsv, 1, 1, 3)))
		near(t, back.Data, c.rgb, 1e-6)
	}
}

func TestHSVAndBack(t *testing.T) {
	in := random(50, 50, 3)
	hsv := must[kernel.Array[uint8]](t)(RGBToHSV(t.Context(), in))
	near(t, must[kernel.Array[uint8]](t)(HSVToRGB(t.Context(), hsv)).Data, in.Data, 8) // hue has 8 bits

	floated := must[kernel.Array[float32]](t)(RGBToHSVF32(t.Context(), asFloat(in)))
	near(t, must[kernel.Array[float32]](t)(HSVToRGBF32(t.Context(), floated)).Data, floats(in.Data), 1e-3)
}

func TestGray(t *testing.T) {
	in := kernel.Of([]uint8{255, 255, 255, 0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255}, 1, 5, 3)
	near(t, must[kernel.Array[uint8]](t)(RGBToGray(t.Context(), in)).Data, []uint8{255, 0, 76, 150, 29}, 0)
	got := must[kernel.Array[float32]](t)(RGBToGrayF32(t.Context(), asFloat(in)))
	near(t, got.Data, []float32{255, 0, 76.245, 149.685, 29.07}, 1e-3)
}

func TestColoursOfNaN(t *testing.T) {
	nan := float32(math.NaN())
	for i := range 3 {
		in := kernel.Of([]float32{0.1, 0.2, 0.3}, 1, 1, 3)
		in.Data[i] = nan
		hsv := must[kernel.Array[float32]](t)(RGBToHSVF32(t.Context(), in))
		rgb := must[kernel.Array[float32]](t)(HSVToRGBF32(t.Context(), in))
		for _, v := range hsv.Data {
			if v == v {
				t.Errorf("hue, saturation and value of %v are %v", in.Data, hsv.Data)
			}
		}
		if min(rgb.Data[0], rgb.Data[1], rgb.Data[2]) == 0 {
			t.Errorf("%v becomes %v", in.Data, rgb.Data)
		}
	}
}

func TestColoursRefuse(t *testing.T) {
	for _, shape := range [][]int{{2, 2}, {2, 2, 4}, {3}} {
		in := random(shape...)
		for _, f := range []func() error{
			func() error { _, err := RGBToGray(t.Context(), in); return err },
			func() error { _, err := RGBToHSV(t.Context(), in); return err },
			func() error { _, err := HSVToRGB(t.Context(), in); return err },
		} {
			fails(t, f(), "image must be of shape (height, width, 3)")
		}
	}
	if out := must[kernel.Array[uint8]](t)(RGBToGray(t.Context(), random(0, 4, 3))); out.Len() != 0 {
		t.Errorf("%v", out)
	}
}
