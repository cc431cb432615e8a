package images

import (
	"context"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// RGBToGray is the luma of image, of shape (H, W, 3): (H, W), 0.299 R + 0.587 G + 0.114 B
// (ITU-R BT.601).
//
// It fails if image is of another shape.
//
// Method: 16-bit fixed point, as Pillow converts to mode "L".
//
//gomp:kernel rgb_to_gray
func RGBToGray(ctx context.Context, image kernel.Array[uint8]) (kernel.Array[uint8], error) {
	return gray(ctx, image, func(r, g, b uint8) uint8 {
		return uint8((uint32(r)*19595 + uint32(g)*38470 + uint32(b)*7471 + 1<<15) >> 16)
	})
}

// RGBToGrayF32 is rgb_to_gray for float32, of any scale.
//
//gomp:kernel rgb_to_gray_f32
func RGBToGrayF32(ctx context.Context, image kernel.Array[float32]) (kernel.Array[float32], error) {
	return gray(ctx, image, func(r, g, b float32) float32 { return 0.299*r + 0.587*g + 0.114*b })
}

// RGBToHSV turns red, green and blue into hue, saturation and value, each from 0 to 255; image
// and result are of shape (H, W, 3). A hue of 255 is nearly a full turn.
//
// It fails if image is of another shape.
//
// Method: A. R. Smith, "Color gamut transform pairs", 1978, as Pillow converts to mode "HSV".
//
//gomp:kernel rgb_to_hsv
func RGBToHSV(ctx context.Context, image kernel.Array[uint8]) (kernel.Array[uint8], error) {
	return recolour(ctx, image, func(r, g, b uint8) (h, s, v uint8) {
		fh, fs, _ := toHSV(float32(r), float32(g), float32(b))
		return uint8(float64(fh) * 255), uint8(float64(fs) * 255), max(r, g, b)
	})
}

// RGBToHSVF32 is rgb_to_hsv for float32, all from 0 to 1. NaN makes the pixel NaN.
//
// Method: that of Python's colorsys.
//
//gomp:kernel rgb_to_hsv_f32
func RGBToHSVF32(ctx context.Context, image kernel.Array[float32]) (kernel.Array[float32], error) {
	return recolour(ctx, image, toHSV)
}

// HSVToRGB turns hue, saturation and value into red, green and blue, each from 0 to 255; image
// and result are of shape (H, W, 3).
//
// It fails if image is of another shape.
//
// Method: A. R. Smith, "Color gamut transform pairs", 1978, as Pillow converts from mode "HSV".
//
//gomp:kernel hsv_to_rgb
func HSVToRGB(ctx context.Context, image kernel.Array[uint8]) (kernel.Array[uint8], error) {
	return recolour(ctx, image, func(h, s, v uint8) (r, g, b uint8) {
		fr, fg, fb := toRGB(float32(h)*6/255, float32(s)/255, float32(v))
		return uint8(fr + 0.5), uint8(fg + 0.5), uint8(fb + 0.5)
	})
}

// HSVToRGBF32 is hsv_to_rgb for float32, all from 0 to 1; a hue beyond that turns on. NaN makes
// NaN of what depends on it.
//
// Method: that of Python's colorsys.
//
//gomp:kernel hsv_to_rgb_f32
func HSVToRGBF32(ctx context.Context, image kernel.Array[float32]) (kernel.Array[float32], error) {
	return recolour(ctx, image, func(h, s, v float32) (r, g, b float32) {
		return toRGB(6*(h-floor(h)), s, v)
	})
}

func gray[T pixel](ctx context.Context, a kernel.Array[T], luma func(r, g, b T) T) (kernel.Array[T], error) {
	in, err := colour("image", a)
	if err != nil {
		return kernel.Array[T]{}, err
	}
	out := kernel.New[T](ctx, in.height, in.width)
	for i := range out.Data {
		p := in.data[3*i:][:3]
		out.Data[i] = luma(p[0], p[1], p[2])
	}
	return out, nil
}

func recolour[T pixel](ctx context.Context, a kernel.Array[T], f func(a, b, c T) (T, T, T)) (kernel.Array[T], error) {
	in, err := colour("image", a)
	if err != nil {
		return kernel.Array[T]{}, err
	}
	out := kernel.New[T](ctx, a.Shape...)
	for i := 0; i < len(in.data); i += 3 {
		p, q := in.data[i:][:3], out.Data[i:][:3]
		q[0], q[1], q[2] = f(p[0], p[1], p[2])
	}
	return out, nil
}

// toHSV gives hue and saturation from 0 to 1, and the value in the scale of the colours.
func toHSV(r, g, b float32) (h, s, v float32) {
	v = max(r, g, b)
	span := v - min(r, g, b)
	if span == 0 {
		return 0, 0, v
	}
	// In these two precisions, since whole hues depend on the last bit.
	rc, gc, bc := float64((v-r)/span), float64((v-g)/span), float64((v-b)/span)
	switch v {
	case r:
		h = float32(bc - gc)
	case g:
		h = float32(2 + rc - bc)
	default:
		h = float32(4 + gc - rc)
	}
	turn := float64(h)/6 + 1
	return float32(turn - math.Floor(turn)), span / v, v
}

func floor(x float32) float32 { return float32(math.Floor(float64(x))) }

// toRGB takes a hue from 0 to 6 and a saturation from 0 to 1, and gives colours in the scale of
// the value.
func toRGB(h, s, v float32) (r, g, b float32) {
	f := h - floor(h)
	p, q, t := v*(1-s), v*(1-s*f), v*(1-s*(1-f))
	switch int(h) % 6 {
	case 0:
		return v, t, p
	case 1:
		return q, v, p
	case 2:
		return p, v, t
	case 3:
		return p, q, v
	case 4:
		return t, p, v
	default:
		return v, p, q
	}
}
