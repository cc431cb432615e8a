package numerics

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// band is how many rows of a product are made between two looks at the context: enough to
// occupy all cores.
const band = 256

// Matmul is the matrix product of left (n, k) and right (k, m), of shape (n, m); all zeros if
// k is 0. NaN and infinities spread as in the sums of products that make up the result.
//
// It fails if an array has not two dimensions, and if the inner dimensions differ.
//
// Method: blocked product of dot products, of gonum, on all cores.
//
//gomp:kernel matmul
func Matmul(ctx context.Context, left, right kernel.Array[float64]) (kernel.Array[float64], error) {
	var none kernel.Array[float64]
	if err := errors.Join(left.Dims("left", 2), right.Dims("right", 2)); err != nil {
		return none, err
	}
	n, k, m := left.Shape[0], left.Shape[1], right.Shape[1]
	if right.Shape[0] != k {
		return none, fmt.Errorf("right must have as many rows as left has columns, %d, not %d", k, right.Shape[0])
	}
	out := kernel.New[float64](ctx, n, m)
	if n == 0 || k == 0 || m == 0 {
		return out, nil
	}
	a := general(left.Flat(), n, k)
	// gonum's product with a matrix that is not transposed leaves out zeros, also where they
	// meet a NaN, and is slower.
	b := general(transposed(right).Flat(), m, k)
	for lo := 0; lo < n; lo += band {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		hi := min(lo+band, n)
		blas64.Gemm(blas.NoTrans, blas.Trans, 1, general(a.Data[lo*k:hi*k], hi-lo, k), b, 0, general(out.Data[lo*m:hi*m], hi-lo, m))
	}
	return out, nil
}

// Solve is the solution x of matrix @ x = right, of the shape of right: matrix is (n, n), right
// is (n,) or (n, k), k systems at once.
//
// It fails if the shapes do not fit, if a value is infinite or NaN, and if matrix is singular:
// exactly so, as a matrix that is only nearly singular gives a result that is far off.
//
// Method: LU decomposition with partial pivoting (LAPACK's getrf and getrs), of gonum.
//
//gomp:kernel solve
func Solve(ctx context.Context, matrix, right kernel.Array[float64]) (kernel.Array[float64], error) {
	var none kernel.Array[float64]
	if err := checkSystem(matrix, right); err != nil {
		return none, err
	}
	out := kernel.New[float64](ctx, right.Shape...)
	copy(out.Data, right.Flat())
	n := matrix.Shape[0]
	if out.Len() == 0 {
		return out, nil
	}
	lu := general(append([]float64(nil), matrix.Flat()...), n, n)
	pivots := make([]int, n)
	if !lapack64.Getrf(lu, pivots) {
		return none, errors.New("matrix is singular")
	}
	if err := ctx.Err(); err != nil {
		return none, err
	}
	lapack64.Getrs(blas.NoTrans, lu, general(out.Data, n, out.Len()/n), pivots)
	return out, nil
}

func checkSystem(matrix, right kernel.Array[float64]) error {
	if err := matrix.Dims("matrix", 2); err != nil {
		return err
	}
	if matrix.Shape[0] != matrix.Shape[1] {
		return fmt.Errorf("matrix must be square, not of shape %v", matrix.Shape)
	}
	if d := len(right.Shape); d != 1 && d != 2 {
		return fmt.Errorf("right must have 1 or 2 dimensions, not %d", d)
	}
	if right.Shape[0] != matrix.Shape[0] {
		return fmt.Errorf("right must have as many rows as matrix, %d, not %d", matrix.Shape[0], right.Shape[0])
	}
	return errors.Join(checkFinite("matrix", matrix), checkFinite("right", right))
}

func checkFinite(name string, a kernel.Array[float64]) error {
	for _, v := range a.Flat() {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("%s must be finite, but has a %g", name, v)
		}
	}
	return nil
}

func general(data []float64, rows, columns int) blas64.General {
	return blas64.General{Rows: rows, Cols: columns, Stride: columns, Data: data}
}

func transposed(a kernel.Array[float64]) kernel.Array[float64] {
	return kernel.Array[float64]{Data: a.Data, Shape: []int{a.Shape[1], a.Shape[0]}, Strides: []int{a.Strides[1], a.Strides[0]}}
}
