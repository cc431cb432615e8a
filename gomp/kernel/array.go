package kernel

import (
	"context"
	"fmt"
	"math"
	"slices"
)

// Element is what an Array may be made of. In numpy: bool, int8 to int64, uint8 to uint64,
// float32, float64, complex64, complex128.
type Element interface {
	bool | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64 | float32 | float64 | complex64 | complex128
}

// Array is an n-dimensional array: in Python a numpy array, or a memoryview where numpy
// is not installed.
type Array[T Element] struct {
	Data     []T   // element (i, j, ...) is Data[i*Strides[0] + j*Strides[1] + ...]
	Shape    []int // its length is the number of dimensions
	Strides  []int // in elements
	ReadOnly bool  // the array is not writable in Python

	origin origin // where Data lies in shared memory
}

// New makes an array of zeros. With the context of a kernel it lies in shared memory, so
// that it need not be copied to be returned; it is then valid until the kernel returns.
//
// It panics if a dimension is negative, or if there is no memory.
func New[T Element](ctx context.Context, shape ...int) Array[T] {
	n := size(shape)
	if c := callOf(ctx); c != nil {
		data, at := allocate[T](c, n)
		a := Of(data, shape...)
		a.origin = at
		return a
	}
	return Of(make([]T, n), shape...)
}

// Of makes an array of data, in C order. It panics if there are not as many as the shape
// has elements.
func Of[T Element](data []T, shape ...int) Array[T] {
	if n := size(shape); n != len(data) {
		panic(fmt.Sprintf("kernel.Of: %d elements do not make shape %v", len(data), shape))
	}
	return Array[T]{Data: data, Shape: slices.Clone(shape), Strides: contiguous(shape)}
}

// size is the number of elements.
func size(shape []int) int {
	if slices.ContainsFunc(shape, func(d int) bool { return d < 0 }) {
		panic(fmt.Sprintf("kernel: negative dimension in shape %v", shape))
	}
	if slices.Contains(shape, 0) {
		return 0
	}
	n := 1
	for _, d := range shape {
		if n > math.MaxInt/16/d { // 16 bytes have the largest elements
			panic(fmt.Sprintf("kernel: shape %v has more elements than memory has", shape))
		}
		n *= d
	}
	return n
}

// contiguous gives the strides of C order.
func contiguous(shape []int) []int {
	strides, n := make([]int, len(shape)), 1
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n *= max(shape[i], 1)
	}
	return strides
}

// Len is the number of elements.
func (a Array[T]) Len() int { return size(a.Shape) }

// last is where the last element is, if there is any.
func (a Array[T]) last() int {
	at := 0
	for i, d := range a.Shape {
		at += (d - 1) * a.Strides[i]
	}
	return at
}

// Dims fails unless the array has n dimensions; name is the parameter's, for the error.
func (a Array[T]) Dims(name string, n int) error {
	if len(a.Shape) != n {
		return fmt.Errorf("%s must have %d dimensions, not %d", name, n, len(a.Shape))
	}
	return nil
}

// Contiguous reports whether the elements lie in C order without gaps.
func (a Array[T]) Contiguous() bool {
	want := contiguous(a.Shape)
	for i, d := range a.Shape {
		if d > 1 && a.Strides[i] != want[i] {
			return false
		}
	}
	return true
}

// Flat gives the elements in C order: Data itself where it is so, otherwise a copy.
func (a Array[T]) Flat() []T {
	n := a.Len()
	if n == 0 {
		return nil
	}
	if a.Contiguous() {
		return a.Data[:n]
	}
	out := make([]T, 0, n)
	return a.gather(out, 0, 0)
}

func (a Array[T]) gather(out []T, at, axis int) []T {
	if axis == len(a.Shape) {
		return append(out, a.Data[at])
	}
	for i := range a.Shape[axis] {
		out = a.gather(out, at+i*a.Strides[axis], axis+1)
	}
	return out
}

// At is the element with these indices.
func (a Array[T]) At(index ...int) T { return a.Data[a.offset(index)] }

// Set stores an element.
func (a Array[T]) Set(v T, index ...int) { a.Data[a.offset(index)] = v }

func (a Array[T]) offset(index []int) int {
	if len(index) != len(a.Shape) {
		panic(fmt.Sprintf("kernel: %d indices for %d dimensions", len(index), len(a.Shape)))
	}
	at := 0
	for k, i := range index {
		if i < 0 || i >= a.Shape[k] {
			panic(fmt.Sprintf("kernel: index %d is out of range for axis %d of size %d", i, k, a.Shape[k]))
		}
		at += i * a.Strides[k]
	}
	return at
}

// Sub is the part of the array at index i of its first axis, over the same data.
func (a Array[T]) Sub(i int) Array[T] {
	if i < 0 || i >= a.Shape[0] {
		panic(fmt.Sprintf("kernel: index %d is out of range for axis 0 of size %d", i, a.Shape[0]))
	}
	return Array[T]{Data: a.Data[i*a.Strides[0]:], Shape: a.Shape[1:], Strides: a.Strides[1:], ReadOnly: a.ReadOnly}
}
