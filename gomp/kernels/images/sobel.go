package images

import (
	"context"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Sobel is the magnitude of the gradient of image, of shape (H, W) or (H, W, C): a float32 array
// of the same shape, in the image's units times 8 per pixel.
//
// It fails if image has another number of dimensions.
//
// Method: the square root of gx²+gy², which are scipy.ndimage.sobel along the two axes.
//
//gomp:kernel sobel
func Sobel(ctx context.Context, image kernel.Array[uint8]) (kernel.Array[float32], error) {
	return sobel(ctx, image)
}

// SobelF32 is sobel for float32. NaN and infinities make NaN or infinities of their neighbours.
//
// Method: that of sobel.
//
//gomp:kernel sobel_f32
func SobelF32(ctx context.Context, image kernel.Array[float32]) (kernel.Array[float32], error) {
	return sobel(ctx, image)
}

func sobel[T pixel](ctx context.Context, a kernel.Array[T]) (kernel.Array[float32], error) {
	in, err := of("image", a)
	if err != nil {
		return kernel.Array[float32]{}, err
	}
	out := kernel.New[float32](ctx, a.Shape...)
	if out.Len() == 0 {
		return out, nil
	}
	stride, c := in.stride(), in.channels
	// A pixel more on either side, so that the border is no special case.
	smooth, slope := make([]float32, stride+2*c), make([]float32, stride+2*c)
	for y := range in.height {
		if err := ctx.Err(); err != nil {
			return kernel.Array[float32]{}, err
		}
		above, here, below := in.row(max(y-1, 0)), in.row(y), in.row(min(y+1, in.height-1))
		for i := range here {
			a, b := float32(above[i]), float32(below[i])
			smooth[c+i] = a + 2*float32(here[i]) + b
			slope[c+i] = b - a
		}
		extend(smooth, in.width, c, 1)
		extend(slope, in.width, c, 1)
		magnitudes(out.Data[y*stride:][:stride], smooth, slope, c)
	}
	return out, nil
}

func magnitudes(row, smooth, slope []float32, channels int) {
	for i := range row {
		gx := smooth[i+2*channels] - smooth[i]
		gy := slope[i] + 2*slope[i+channels] + slope[i+2*channels]
		row[i] = float32(math.Sqrt(float64(gx*gx + gy*gy)))
	}
}
