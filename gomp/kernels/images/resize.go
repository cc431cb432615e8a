package images

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// limit bounds the sides of a result, so that a mistake is an error and not the end of memory.
const limit = 1 << 24

// Resize scales image, of shape (H, W) or (H, W, C), to height by width pixels: (height, width)
// or (height, width, C). The filter is "bilinear" or "bicubic" (Catmull-Rom), widened where the
// image shrinks, so that no pixel goes unseen.
//
// It fails if image is empty or of another number of dimensions, if height or width is not from
// 1 to 16777216, and if the filter is none of these.
//
// Method: separable convolution in 22-bit fixed point, first to the width, then, rounded, to the
// height; the result is that of Pillow's Image.resize with BILINEAR or BICUBIC. Where Pillow
// begins with the height, some values differ by 1.
//
//gomp:kernel resize
func Resize(
	ctx context.Context, image kernel.Array[uint8], height, width int, filter string,
) (kernel.Array[uint8], error) {
	return resize(ctx, image, height, width, filter, fixed, func(sum int32) uint8 {
		return uint8(max(0, min(255, (sum+1<<(precision-1))>>precision)))
	})
}

// ResizeF32 is resize for float32. NaN and infinities spread as far as the filter reaches.
//
// Method: separable convolution, summed in float64; the result is that of Pillow's Image.resize
// in mode "F" with BILINEAR or BICUBIC.
//
//gomp:kernel resize_f32
func ResizeF32(
	ctx context.Context, image kernel.Array[float32], height, width int, filter string,
) (kernel.Array[float32], error) {
	return resize(ctx, image, height, width, filter,
		func(w float64) float64 { return w },
		func(sum float64) float32 { return float32(sum) })
}

// precision is how many bits of a weight are behind the point.
const precision = 22

func fixed(w float64) int32 { return int32(math.Copysign(0.5, w) + w*(1<<precision)) }

// tap says what contributes to a pixel of the result: those from first on, so much each.
type tap[S int32 | float64] struct {
	first   int
	weights []S
}

// resize sums as S: scale makes weights of that type, and finish makes pixels of sums.
func resize[T pixel, S int32 | float64](
	ctx context.Context, a kernel.Array[T], height, width int, filter string, scale func(float64) S, finish func(S) T,
) (kernel.Array[T], error) {
	var none kernel.Array[T]
	in, err := of("image", a)
	if err != nil {
		return none, err
	}
	f, known := filters[filter]
	switch {
	case a.Len() == 0:
		return none, errors.New("image must not be empty")
	case height < 1 || height > limit:
		return none, fmt.Errorf("height must be from 1 to %d, not %d", limit, height)
	case width < 1 || width > limit:
		return none, fmt.Errorf("width must be from 1 to %d, not %d", limit, width)
	case !known:
		return none, fmt.Errorf("filter must be bilinear or bicubic, not %q", filter)
	}

	narrow := image[T]{in.height, width, in.channels, make([]T, in.height*width*in.channels)}
	across := taps(in.width, width, f, scale)
	for y := range in.height {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		along(narrow.row(y), in.row(y), in.channels, across, finish)
	}

	out := kernel.New[T](ctx, append([]int{height, width}, a.Shape[2:]...)...)
	sums := make([]S, narrow.stride())
	for y, t := range taps(in.height, height, f, scale) {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		clear(sums)
		for k, w := range t.weights {
			add(sums, w, narrow.row(t.first+k))
		}
		for i, sum := range sums {
			out.Data[y*len(sums)+i] = finish(sum)
		}
	}
	return out, nil
}

// along makes a row of the result's width.
func along[T pixel, S int32 | float64](out, in []T, channels int, across []tap[S], finish func(S) T) {
	for x, t := range across {
		for c := range channels {
			var sum S
			at := t.first*channels + c
			for _, w := range t.weights {
				sum += w * S(in[at])
				at += channels
			}
			out[x*channels+c] = finish(sum)
		}
	}
}

func add[T pixel, S int32 | float64](sums []S, weight S, row []T) {
	row = row[:len(sums)]
	for i, v := range row {
		sums[i] += weight * S(v)
	}
}

// filter is a function of the distance, which is 0 from support on.
type filter struct {
	support float64
	weight  func(x float64) float64
}

var filters = map[string]filter{"bilinear": {1, triangle}, "bicubic": {2, catmullRom}}

func triangle(x float64) float64 { return max(0, 1-math.Abs(x)) }

// catmullRom is R. G. Keys's cubic with a = -1/2.
func catmullRom(x float64) float64 {
	const a = -0.5
	x = math.Abs(x)
	switch {
	case x < 1:
		return ((a+2)*x-(a+3))*x*x + 1
	case x < 2:
		return (((x-5)*x+8)*x - 4) * a
	default:
		return 0
	}
}

// taps says how n pixels become m.
func taps[S int32 | float64](n, m int, f filter, scale func(float64) S) []tap[S] {
	step := float64(n) / float64(m)
	wide := max(step, 1)
	list := make([]tap[S], m)
	for i := range list {
		centre := (float64(i) + 0.5) * step
		first := max(0, int(centre-f.support*wide+0.5))
		last := min(n, int(centre+f.support*wide+0.5))
		weights, total := make([]float64, last-first), 0.0
		for k := range weights {
			weights[k] = f.weight((float64(k+first) - centre + 0.5) * (1 / wide))
			total += weights[k]
		}
		list[i] = tap[S]{first, make([]S, len(weights))}
		for k, w := range weights {
			list[i].weights[k] = scale(w / total)
		}
	}
	return list
}
