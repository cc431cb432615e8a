package learning

import (
	"context"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
	"github.com/gomp-project/gomp/gomp/kernels/internal/argument"
)

// rowsPerLook is how many rows are worked on between two looks at the context.
const rowsPerLook = 1024

// KmeansStep assigns points to their nearest centres and returns what the next centres are made
// of: sums, the (k, d) sum of the points of each centre; counts, the (k,) int64 number of
// them; labels, the (n,) int32 index of each point's centre; inertia, the sum of the squares of the
// distances.
//
// points is an (n, d) array and centres a (k, d) array, of any unit. Sums, counts and
// inertia of several chunks of points can be added; then sums/counts[:, None] are the next centres. A
// centre without points has a count of 0. Of centres at equal distances the first is taken.
//
// It is an error if the numbers of columns differ or are 0, if there is no centre, and if
// anything is not finite. A square that overflows counts as infinite.
//
// Source: Lloyd, "Least squares quantization in PCM" (1982).
//
//gomp:kernel kmeans_step
func KmeansStep(ctx context.Context, points, centres kernel.Array[float64]) (sums kernel.Array[float64], counts kernel.Array[int64], labels kernel.Array[int32], inertia float64, err error) {
	rows, n, d, middles, k, err := pair("points", points, "centres", centres)
	if err == nil && k == 0 {
		err = fmt.Errorf("centres must have at least one row")
	}
	if err != nil {
		return sums, counts, labels, 0, err
	}
	sums, counts = kernel.New[float64](ctx, k, d), kernel.New[int64](ctx, k)
	labels = kernel.New[int32](ctx, n)
	for i := range n {
		if i%rowsPerLook == 0 && ctx.Err() != nil {
			return sums, counts, labels, 0, ctx.Err()
		}
		point := rows[i*d:][:d]
		label, distance := closest(point, middles)
		labels.Data[i] = int32(label)
		counts.Data[label]++
		inertia += distance
		sum := sums.Data[label*d:][:len(point)]
		for j, x := range point {
			sum[j] += x
		}
	}
	return sums, counts, labels, inertia, nil
}

// closest gives the first of the centres closest to a point, and the square of its distance.
func closest(point, centres []float64) (index int, distance float64) {
	distance = math.Inf(1)
	for i := 0; len(centres) > 0; i++ {
		if d := square(point, centres); d < distance {
			index, distance = i, d
		}
		centres = centres[len(point):]
	}
	return index, distance
}

// square gives the square of the distance of a point from the first row of others.
func square(point, others []float64) (sum float64) {
	others = others[:len(point)]
	for i, x := range point {
		d := x - others[i]
		sum += d * d
	}
	return sum
}

// pair gives the elements of two matrices with the same number of columns.
func pair(nameA string, a kernel.Array[float64], nameB string, b kernel.Array[float64]) (dataA []float64, rowsA, columns int, dataB []float64, rowsB int, err error) {
	dataA, rowsA, columns, err = argument.Matrix(nameA, a)
	if err == nil && columns == 0 {
		err = fmt.Errorf("%s must have at least one column", nameA)
	}
	if err != nil {
		return nil, 0, 0, nil, 0, err
	}
	dataB, rowsB, other, err := argument.Matrix(nameB, b)
	if err == nil && other != columns {
		err = fmt.Errorf("%s must have %d columns, as %s, not %d", nameB, columns, nameA, other)
	}
	return dataA, rowsA, columns, dataB, rowsB, err
}
