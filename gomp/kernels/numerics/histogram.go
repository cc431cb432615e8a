package numerics

import (
	"context"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// limit bounds what sizes an array, so that a mistake is an error and not the end of memory.
const limit = 1 << 24

// Histogram counts the values, of any shape, in bins of equal width from low to high, and gives
// the counts (bins,) and the edges of the bins (bins+1,). A bin has its left edge, the last one
// has its right edge too. Values outside and NaN are not counted.
//
// It fails if bins is not from 1 to 16777216, and if low and high are not finite with low < high.
//
// Method: that of numpy.histogram with a range.
//
//gomp:kernel histogram
func Histogram(
	ctx context.Context, values kernel.Array[float64], bins int, low, high float64,
) (counts kernel.Array[int64], edges kernel.Array[float64], err error) {
	if err := checkSize("bins", bins); err != nil {
		return counts, edges, err
	}
	width := high - low
	if !(width > 0) || math.IsInf(width, 0) {
		return counts, edges, fmt.Errorf("low and high must be finite with low < high, not %g and %g", low, high)
	}
	counts, edges = kernel.New[int64](ctx, bins), kernel.New[float64](ctx, bins+1)
	for i := range edges.Data {
		edges.Data[i] = low + float64(i)*(width/float64(bins))
	}
	edges.Data[bins] = high
	for _, v := range values.Flat() {
		if v >= low && v <= high {
			counts.Data[bin(v, edges.Data, width)]++
		}
	}
	return counts, edges, nil
}

// bin is the bin of a value within the edges: the division may be off by one.
func bin(v float64, edges []float64, width float64) int {
	last := len(edges) - 2
	i := min(int((v-edges[0])/width*float64(last+1)), last)
	if v < edges[i] {
		return i - 1
	}
	if i < last && v >= edges[i+1] {
		return i + 1
	}
	return i
}

func checkSize(name string, n int) error {
	if n < 1 || n > limit {
		return fmt.Errorf("%s must be from 1 to %d, not %d", name, limit, n)
	}
	return nil
}
