package learning

import (
	"context"
	"fmt"
	"math"
	"sort"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// blockBytes of training points are compared with all queries before the next ones are: they stay in
// the second-level cache.
const blockBytes = 256 << 10

// Knn finds the k nearest neighbours of each query among the training points. It returns their
// indices, an (m, k) int64 array, and their Euclidean distances, an (m, k) array, the
// nearest first and among equals the one with the lower index.
//
// train is an (n, d) array and queries an (m, d) array, of any unit. Every pair is looked at: the
// cost is m*n*d.
//
// It is an error if k is not between 1 and n, if the numbers of columns differ or are 0,
// and if anything is not finite. A distance whose square overflows counts as infinite.
//
// Source: exhaustive search by blocks, each distance summed up in the order of the columns.
//
//gomp:kernel knn
func Knn(ctx context.Context, train, queries kernel.Array[float64], k int) (indices kernel.Array[int64], distances kernel.Array[float64], err error) {
	rows, n, d, asked, m, err := pair("train", train, "queries", queries)
	if err == nil && (k < 1 || k > n) {
		err = fmt.Errorf("k must be between 1 and the %d rows of train, not %d", n, k)
	}
	if err != nil {
		return indices, distances, err
	}
	indices, distances = kernel.New[int64](ctx, m, k), kernel.New[float64](ctx, m, k)
	size := max(blockBytes/8/d, 1)
	for start := 0; start < n; start += size {
		end := min(start+size, n)
		for q := range m {
			if q%64 == 0 && ctx.Err() != nil {
				return indices, distances, ctx.Err()
			}
			known := nearest{indices.Data[q*k:][:k], distances.Data[q*k:][:k], min(start, k)}
			known.search(asked[q*d:][:d], rows[start*d:end*d], int64(start))
		}
	}
	for i, square := range distances.Data {
		distances.Data[i] = math.Sqrt(square)
	}
	return indices, distances, nil
}

// nearest is a list of points in the order of their distances, as long as its slices at most.
type nearest struct {
	indices   []int64
	distances []float64
	length    int
}

// search adds the points of a block whose first one has this index.
func (l *nearest) search(query, block []float64, index int64) {
	for ; len(block) > 0; index++ {
		d := square(query, block)
		if l.length < len(l.distances) || d < l.distances[l.length-1] {
			l.insert(index, d)
		}
		block = block[len(query):]
	}
}

// insert adds a point after those that are not farther away. They came before, so
// that their indices are lower.
func (l *nearest) insert(index int64, distance float64) {
	at := sort.Search(l.length, func(i int) bool { return l.distances[i] > distance })
	copy(l.indices[at+1:], l.indices[at:l.length])
	copy(l.distances[at+1:], l.distances[at:l.length])
	l.indices[at], l.distances[at] = index, distance
	l.length = min(l.length+1, len(l.distances))
}
