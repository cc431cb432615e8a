package images

import (
	"context"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Equalize spreads the values of image, of shape (H, W) or (H, W, C), so that each channel's
// histogram becomes as flat as it can; the result is of the same shape.
//
// It fails if image has another number of dimensions.
//
// Method: the lookup table of Pillow's ImageOps.equalize.
//
//gomp:kernel equalize
func Equalize(ctx context.Context, image kernel.Array[uint8]) (kernel.Array[uint8], error) {
	in, err := of("image", image)
	if err != nil {
		return kernel.Array[uint8]{}, err
	}
	out := kernel.New[uint8](ctx, image.Shape...)
	for c := range in.channels {
		var counts [256]int
		for i := c; i < len(in.data); i += in.channels {
			counts[in.data[i]]++
		}
		table := flattening(&counts)
		for i := c; i < len(in.data); i += in.channels {
			out.Data[i] = table[in.data[i]]
		}
	}
	return out, nil
}

// flattening is the table that makes a histogram flat.
func flattening(counts *[256]int) (table [256]uint8) {
	total, last := 0, 0
	for _, n := range counts {
		if total += n; n > 0 {
			last = n
		}
	}
	step := (total - last) / 255
	sum := step / 2
	for i, n := range counts {
		table[i] = uint8(i)
		if step > 0 {
			table[i] = uint8(min(sum/step, 255))
		}
		sum += n
	}
	return table
}

// EqualizeF32 is equalize for float32 of any scale: each value becomes the share of its channel's
// values that are not above it, from 0 to 1, as told by a histogram of that many bins. NaN is
// not counted and stays NaN; a channel of one value becomes 1.
//
// It fails if image has another number of dimensions or has infinities, and if bins is not from
// 1 to 16777216.
//
// Method: the cumulative histogram, interpolated between the middles of the bins, as
// scikit-image's exposure.equalize_hist of each channel.
//
//gomp:kernel equalize_f32
func EqualizeF32(ctx context.Context, image kernel.Array[float32], bins int) (kernel.Array[float32], error) {
	var none kernel.Array[float32]
	in, err := of("image", image)
	if err != nil {
		return none, err
	}
	if bins < 1 || bins > limit {
		return none, fmt.Errorf("bins must be from 1 to %d, not %d", limit, bins)
	}
	out := kernel.New[float32](ctx, image.Shape...)
	for c := range in.channels {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		if err := equalizeChannel(out.Data, in, c, bins); err != nil {
			return none, err
		}
	}
	return out, nil
}

func equalizeChannel(out []float32, in image[float32], channel, bins int) error {
	low, high := math.Inf(1), math.Inf(-1)
	for i := channel; i < len(in.data); i += in.channels {
		v := float64(in.data[i])
		if math.IsInf(v, 0) {
			return fmt.Errorf("image must be without infinities, but has a %g", v)
		}
		if v < low {
			low = v
		}
		if v > high {
			high = v
		}
	}
	span := high - low
	if span == 0 {
		span = 1
	}
	place := func(v float32) float64 { return (float64(v) - low) / span * float64(bins) }
	shares := make([]float64, bins)
	for i := channel; i < len(in.data); i += in.channels {
		if p := place(in.data[i]); p == p {
			shares[min(int(p), bins-1)]++
		}
	}
	for i, n := range shares[1:] {
		shares[i+1] = shares[i] + n
	}
	for i := channel; i < len(in.data); i += in.channels {
		out[i] = float32(between(shares, place(in.data[i])-0.5) / shares[bins-1])
	}
	return nil
}

// between interpolates at a place that is given in elements; outside it is the first or the last.
func between(values []float64, at float64) float64 {
	last := len(values) - 1
	at = max(0, min(float64(last), at)) // NaN stays NaN
	if at != at {
		return at
	}
	i := min(int(at), max(last-1, 0))
	return values[i] + (values[min(i+1, last)]-values[i])*(at-float64(i))
}
