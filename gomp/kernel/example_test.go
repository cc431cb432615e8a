package kernel_test

import (
	"context"
	"fmt"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Scale multiplies an array by a factor.
func Scale(ctx context.Context, a kernel.Array[float64], factor float64) (kernel.Array[float64], error) {
	if factor == 0 {
		return kernel.Array[float64]{}, fmt.Errorf("factor must not be %g", factor)
	}
	out := kernel.New[float64](ctx, a.Shape...)
	for i, x := range a.Flat() {
		out.Data[i] = x * factor
	}
	return out, nil
}

// A pack's main function registers its kernels, and ends with kernel.Main().
func ExampleRegister() {
	kernel.Register("scale", Scale, kernel.Params("a", "factor"), kernel.Doc("Multiply an array by a factor."))
	kernel.Register("half", func(x float64) float64 { return x / 2 }, kernel.Params("x"))
	// kernel.Main()
}

func ExampleNew() {
	a := kernel.New[float32](context.Background(), 2, 3)
	a.Set(1.5, 1, 2)
	fmt.Println(a.Shape, a.Strides, a.Data)
	// Output: [2 3] [3 1] [0 0 0 0 0 1.5]
}

func ExampleOf() {
	a := kernel.Of([]int64{1, 2, 3, 4, 5, 6}, 3, 2)
	scaled, err := Scale(context.Background(), kernel.Of([]float64{1, 2}, 2), 10)
	fmt.Println(a.At(2, 0), a.Sub(1).Flat(), scaled.Data, err)
	// Output: 5 [3 4] [10 20] <nil>
}
