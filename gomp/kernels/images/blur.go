package images

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// widest bounds sigma, and with it the work per pixel.
const widest = 1000

// GaussianBlur convolves image, of shape (H, W) or (H, W, C), with a Gaussian of standard
// deviation sigma, in pixels, which is cut off at 4 sigma; the result is of the same shape,
// rounded to nearest.
//
// It fails if image has another number of dimensions, and if sigma is not above 0 and at most 1000.
//
// Method: two one-dimensional convolutions in float32, as scipy.ndimage.gaussian_filter of the
// image as float.
//
//gomp:kernel gaussian_blur
func GaussianBlur(ctx context.Context, image kernel.Array[uint8], sigma float64) (kernel.Array[uint8], error) {
	return blurArray(ctx, image, sigma, round)
}

// GaussianBlurF32 is gaussian_blur for float32, not rounded. NaN and infinities spread to the
// pixels within 4 sigma.
//
// Method: two one-dimensional convolutions in float32, as scipy.ndimage.gaussian_filter.
//
//gomp:kernel gaussian_blur_f32
func GaussianBlurF32(ctx context.Context, image kernel.Array[float32], sigma float64) (kernel.Array[float32], error) {
	return blurArray(ctx, image, sigma, keep)
}

// BlurFrames is gaussian_blur for each frame of a clip, of shape (N, H, W, C); the result is of
// the same shape.
//
// It fails if frames has not four dimensions, and if sigma is not above 0 and at most 1000.
//
// Method: that of gaussian_blur.
//
//gomp:kernel blur_frames
func BlurFrames(ctx context.Context, frames kernel.Array[uint8], sigma float64) (kernel.Array[uint8], error) {
	var none kernel.Array[uint8]
	if err := frames.Dims("frames", 4); err != nil {
		return none, err
	}
	weights, err := gaussian(sigma)
	if err != nil {
		return none, err
	}
	out := kernel.New[uint8](ctx, frames.Shape...)
	if out.Len() == 0 {
		return out, nil
	}
	all := image[uint8]{frames.Shape[1], frames.Shape[2], frames.Shape[3], frames.Flat()}
	size := all.height * all.stride()
	for i := 0; i < out.Len(); i += size {
		frame := all
		frame.data = all.data[i:][:size]
		if err := blur(ctx, out.Data[i:][:size], frame, weights, round); err != nil {
			return none, err
		}
	}
	return out, nil
}

func blurArray[T pixel](
	ctx context.Context, a kernel.Array[T], sigma float64, store func([]T, []float32),
) (kernel.Array[T], error) {
	var none kernel.Array[T]
	in, err := of("image", a)
	if err != nil {
		return none, err
	}
	weights, err := gaussian(sigma)
	if err != nil {
		return none, err
	}
	out := kernel.New[T](ctx, a.Shape...)
	if out.Len() == 0 {
		return out, nil
	}
	return out, blur(ctx, out.Data, in, weights, store)
}

// gaussian gives the weights at the distances from 0 to 4 sigma.
func gaussian(sigma float64) ([]float32, error) {
	if !(sigma > 0 && sigma <= widest) {
		return nil, fmt.Errorf("sigma must be above 0 and at most %d, not %g", widest, sigma)
	}
	weights := make([]float64, int(4*sigma+0.5)+1)
	total := -1.0 // the middle is counted once
	for i := range weights {
		weights[i] = math.Exp(-0.5 * float64(i*i) / (sigma * sigma))
		total += 2 * weights[i]
	}
	scaled := make([]float32, len(weights))
	for i, w := range weights {
		scaled[i] = float32(w / total)
	}
	return scaled, nil
}

// blur makes the rows one by one: first down the columns, then along the row.
func blur[T pixel](ctx context.Context, out []T, in image[T], weights []float32, store func(out []T, row []float32)) error {
	source := image[float32]{in.height, in.width, in.channels, floats(in.data)}
	stride, reach := in.stride(), len(weights)-1
	return inParts(in.height, len(out)*reach, func(lo, hi int) error {
		line := make([]float32, stride+2*reach*in.channels)
		row := make([]float32, stride)
		for y := lo; y < hi; y++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			convolve(line[reach*in.channels:][:stride], weights, func(k int) []float32 {
				return source.row(reflect(y+k, in.height))
			})
			extend(line, in.width, in.channels, reach)
			convolve(row, weights, func(k int) []float32 { return line[(reach+k)*in.channels:][:stride] })
			store(out[y*stride:][:stride], row)
		}
		return nil
	})
}

// convolve adds up weighted neighbours: those k away for all elements at once, which are a row
// for gonum to do several elements of at a time.
func convolve(sum, weights []float32, neighbours func(k int) []float32) {
	clear(sum)
	for k := 1 - len(weights); k < len(weights); k++ {
		blas32.Axpy(weights[max(k, -k)], vector(neighbours(k)), vector(sum))
	}
}

func vector(data []float32) blas32.Vector { return blas32.Vector{N: len(data), Inc: 1, Data: data} }

// extend mirrors a line of width pixels into the reach pixels on either side.
func extend(line []float32, width, channels, reach int) {
	pixel := func(x int) []float32 { return line[(reach+x)*channels:][:channels] }
	for k := range reach {
		copy(pixel(-1-k), pixel(reflect(-1-k, width)))
		copy(pixel(width+k), pixel(reflect(width+k, width)))
	}
}

// floats gives the values as float32: the same ones, if they are.
func floats[T pixel](data []T) []float32 {
	if same, ok := any(data).([]float32); ok {
		return same
	}
	out := make([]float32, len(data))
	for i, v := range data {
		out[i] = float32(v)
	}
	return out
}

func keep(out, row []float32) { copy(out, row) }

// round stores values from 0 to 255.
func round(out []uint8, row []float32) {
	for i, v := range row {
		out[i] = uint8(v + 0.5)
	}
}
