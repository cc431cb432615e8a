package numerics

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas64"

	"github.com/gomp-project/gomp/gomp/kernel"
)

var errEmpty = errors.New("values must not be empty")

// Sum adds all values, of any shape: 0 if there are none.
//
// Method: pairwise summation in blocks of 128, as numpy does it: the error grows with the
// logarithm of the number of values.
//
//gomp:kernel sum
func Sum(values kernel.Array[float64]) float64 { return pairwise(values.Flat(), sumBlock) }

// Mean is the arithmetic mean of all values, of any shape.
//
// It fails if there are none.
//
// Method: that of sum.
//
//gomp:kernel mean
func Mean(values kernel.Array[float64]) (float64, error) {
	n := values.Len()
	if n == 0 {
		return 0, errEmpty
	}
	return Sum(values) / float64(n), nil
}

// Variance is the sum of the squared distances of all values, of any shape, from their mean,
// divided by n-ddof: ddof 0 gives the variance of the values, 1 the unbiased estimate from a sample.
//
// It fails if ddof is negative, and if there are no more than ddof values.
//
// Method: two passes with pairwise summation, as numpy does it.
//
//gomp:kernel variance
func Variance(values kernel.Array[float64], ddof int) (float64, error) {
	flat := values.Flat()
	n := len(flat)
	if ddof < 0 {
		return 0, fmt.Errorf("ddof must not be negative, but is %d", ddof)
	}
	if n <= ddof {
		return 0, fmt.Errorf("values must have more than ddof elements, %d, not %d", ddof, n)
	}
	mean := pairwise(flat, sumBlock) / float64(n)
	squares := pairwise(flat, func(block []float64) float64 { return squaresBlock(block, mean) })
	return squares / float64(n-ddof), nil
}

// Min is the least of all values, of any shape; NaN if one of them is.
//
// It fails if there are none.
//
//gomp:kernel min
func Min(values kernel.Array[float64]) (float64, error) {
	least := math.Inf(1)
	for _, v := range values.Flat() {
		if !(v >= least) {
			if v != v {
				return v, nil
			}
			least = v
		}
	}
	return least, checkAny(values)
}

// Max is the greatest of all values, of any shape; NaN if one of them is.
//
// It fails if there are none.
//
//gomp:kernel max
func Max(values kernel.Array[float64]) (float64, error) {
	greatest := math.Inf(-1)
	for _, v := range values.Flat() {
		if !(v <= greatest) {
			if v != v {
				return v, nil
			}
			greatest = v
		}
	}
	return greatest, checkAny(values)
}

func checkAny(values kernel.Array[float64]) error {
	if values.Len() == 0 {
		return errEmpty
	}
	return nil
}

// Dot is the sum of the products of left (n,) and right (n,): 0 if n is 0.
//
// It fails if the shapes differ or have not one dimension.
//
// Method: BLAS's dot, of gonum.
//
//gomp:kernel dot
func Dot(left, right kernel.Array[float64]) (float64, error) {
	if err := errors.Join(left.Dims("left", 1), right.Dims("right", 1)); err != nil {
		return 0, err
	}
	n := left.Shape[0]
	if right.Shape[0] != n {
		return 0, fmt.Errorf("right must have as many elements as left, %d, not %d", n, right.Shape[0])
	}
	return blas64.Dot(vector(left), vector(right)), nil
}

func vector(a kernel.Array[float64]) blas64.Vector {
	return blas64.Vector{N: a.Len(), Inc: 1, Data: a.Flat()}
}

// Cumsum gives the prefix sums of values, of any shape, taken in C order: element i of the
// result (n,) is the sum of the values up to and including i.
//
// Method: one addition after the other, as numpy does it.
//
//gomp:kernel cumsum
func Cumsum(ctx context.Context, values kernel.Array[float64]) kernel.Array[float64] {
	out := kernel.New[float64](ctx, values.Len())
	total := 0.0
	for i, v := range values.Flat() {
		total += v
		out.Data[i] = total
	}
	return out
}

// block is how many values are added without halving.
const block = 128

// pairwise adds the sums that leaf makes of the values' blocks.
func pairwise(values []float64, leaf func([]float64) float64) float64 {
	if len(values) <= block {
		return leaf(values)
	}
	half := len(values) / 2
	half -= half % 8
	return pairwise(values[:half], leaf) + pairwise(values[half:], leaf)
}

// Several sums at a time do not wait for each other.

func sumBlock(v []float64) float64 {
	var s0, s1, s2, s3, s4, s5, s6, s7 float64
	for ; len(v) >= 8; v = v[8:] {
		s0 += v[0]
		s1 += v[1]
		s2 += v[2]
		s3 += v[3]
		s4 += v[4]
		s5 += v[5]
		s6 += v[6]
		s7 += v[7]
	}
	total := ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
	for _, x := range v {
		total += x
	}
	return total
}

func squaresBlock(v []float64, mean float64) float64 {
	var s0, s1, s2, s3 float64
	for ; len(v) >= 4; v = v[4:] {
		a, b, c, d := v[0]-mean, v[1]-mean, v[2]-mean, v[3]-mean
		s0 += a * a
		s1 += b * b
		s2 += c * c
		s3 += d * d
	}
	total := (s0 + s1) + (s2 + s3)
	for _, x := range v {
		total += (x - mean) * (x - mean)
	}
	return total
}
