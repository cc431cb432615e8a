package kernel

import "context"

// vector applies an element-wise kernel to a run of elements. in and out are slices of the
// kernel's own types, of the same length. The error is the context's.
type vector interface {
	apply(ctx context.Context, in, out any) error
	shared(c *call, n int) operand // an array of n results in shared memory
}

// operand is an Array of whatever elements.
type operand interface {
	emitter
	data() any
}

func (a Array[T]) data() any { return a.Data }

type lifted[T, U Element] func(T) U

// block is how many elements are dealt with between two looks at the context.
const block = 1024

func (f lifted[T, U]) apply(ctx context.Context, in, out any) error {
	x := in.([]T)
	y := out.([]U)[:len(x)]
	for len(x) > 0 {
		n := min(block, len(x))
		to := y[:n]
		for i, v := range x[:n] {
			to[i] = f(v)
		}
		if x, y = x[n:], y[n:]; ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func (f lifted[T, U]) shared(c *call, n int) operand {
	data, at := allocate[U](c, n)
	a := Of(data, n)
	a.origin = at
	return a
}

// vectorOf is the kernel as a vector; nil if it is not element-wise: one number in, one out.
// The loop must call the function itself, since a call by reflection costs a hundred times as
// much as most of them: so each pair of types is named.
func vectorOf(f any) vector {
	switch f := f.(type) {
	case func(float64) float64:
		return lifted[float64, float64](f)
	case func(float32) float32:
		return lifted[float32, float32](f)
	case func(float32) float64:
		return lifted[float32, float64](f)
	case func(float64) float32:
		return lifted[float64, float32](f)
	case func(float64) bool:
		return lifted[float64, bool](f)
	case func(float64) int64:
		return lifted[float64, int64](f)
	case func(float32) bool:
		return lifted[float32, bool](f)
	case func(int64) int64:
		return lifted[int64, int64](f)
	case func(int64) float64:
		return lifted[int64, float64](f)
	case func(int64) bool:
		return lifted[int64, bool](f)
	case func(int32) int32:
		return lifted[int32, int32](f)
	case func(int32) float64:
		return lifted[int32, float64](f)
	case func(int16) int16:
		return lifted[int16, int16](f)
	case func(int8) int8:
		return lifted[int8, int8](f)
	case func(uint8) uint8:
		return lifted[uint8, uint8](f)
	case func(uint8) float32:
		return lifted[uint8, float32](f)
	case func(uint8) float64:
		return lifted[uint8, float64](f)
	case func(uint16) uint16:
		return lifted[uint16, uint16](f)
	case func(uint32) uint32:
		return lifted[uint32, uint32](f)
	case func(uint64) uint64:
		return lifted[uint64, uint64](f)
	case func(bool) bool:
		return lifted[bool, bool](f)
	case func(int) int:
		return lifted[int64, int64](func(x int64) int64 { return int64(f(int(x))) })
	case func(int) float64:
		return lifted[int64, float64](func(x int64) float64 { return f(int(x)) })
	case func(float64) int:
		return lifted[float64, int64](func(x float64) int64 { return int64(f(x)) })
	case func(int) bool:
		return lifted[int64, bool](func(x int64) bool { return f(int(x)) })
	}
	return nil
}
