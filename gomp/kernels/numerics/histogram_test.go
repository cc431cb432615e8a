package numerics

import (
	"math"
	"slices"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func TestHistogram(t *testing.T) {
	in := kernel.Of([]float64{0, 1, 1, 2.5, 4, -1, 4.1, math.NaN(), math.Inf(1)}, 9)
	counts, edges, err := Histogram(t.Context(), in, 4, 0, 4)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int64{1, 2, 1, 1}; !slices.Equal(counts.Data, want) {
		t.Errorf("counts are %v, not %v", counts.Data, want)
	}
	near(t, edges.Data, []float64{0, 1, 2, 3, 4}, 0)
}

// Whatever the division gives, a value is in the bin whose edges it is between.
func TestHistogramHeedsItsEdges(t *testing.T) {
	in := random(5, 10000)
	for bins := 1; bins < 60; bins += 7 {
		counts, edges, err := Histogram(t.Context(), in, bins, -0.7, 1.1)
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := Histogram(t.Context(), edges, bins, -0.7, 1.1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range bins {
			want, last := int64(0), i == bins-1
			for _, v := range in.Data {
				if v >= edges.Data[i] && (v < edges.Data[i+1] || last && v == edges.Data[i+1]) {
					want++
				}
			}
			if counts.Data[i] != want {
				t.Fatalf("bin %d of %d has %d, not %d", i, bins, counts.Data[i], want)
			}
			if wanted := map[bool]int64{false: 1, true: 2}[last]; again.Data[i] != wanted {
				t.Fatalf("bin %d of %d has %d of the edges", i, bins, again.Data[i])
			}
		}
	}
}

func TestHistogramRefuses(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, r := range [][2]float64{{1, 1}, {2, 1}, {nan, 1}, {0, nan}, {0, inf}, {-math.MaxFloat64, math.MaxFloat64}} {
		_, _, err := Histogram(t.Context(), random(1, 3), 3, r[0], r[1])
		fails(t, err, "low and high must be finite with low < high")
	}
	for _, bins := range []int{-1, 0, limit + 1} {
		_, _, err := Histogram(t.Context(), random(1, 3), bins, 0, 1)
		fails(t, err, "bins must be from 1 to")
	}
}
