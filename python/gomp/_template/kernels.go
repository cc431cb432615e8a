// Package NAME has kernels for Python: its exported functions, under their names.
// Their comments become docstrings, and their parameters' names Python's.
package NAME

import (
	"context"
	"fmt"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Square is x times x.
//
// Pool.map_array applies a function of one number, such as this one, to whole arrays.
func Square(x float64) float64 { return x * x }

// RowMeans gives the mean of each row of image, of shape (rows, columns).
//
// It fails if image has another number of dimensions, or no columns.
func RowMeans(ctx context.Context, image kernel.Array[float64]) (kernel.Array[float64], error) {
	if err := image.Dims("image", 2); err != nil {
		return kernel.Array[float64]{}, err
	}
	rows, columns := image.Shape[0], image.Shape[1]
	if columns == 0 {
		return kernel.Array[float64]{}, fmt.Errorf("image must have columns, and its shape is %v", image.Shape)
	}
	// In memory that Python shares, so that the result is not copied.
	means := kernel.New[float64](ctx, rows)
	for i := range rows {
		// The task's time is up, or it was cancelled.
		if err := ctx.Err(); err != nil {
			return means, err
		}
		sum := 0.0
		for j := range columns {
			sum += image.At(i, j)
		}
		means.Set(sum/float64(columns), i)
	}
	return means, nil
}
