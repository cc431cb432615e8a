// The pack that the tests of kernels use: a kernel for every type, and one for every way to go wrong.
package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Point is a struct that travels by the names of its tags.
type Point struct {
	X     float64        `codec:"x"`
	Y     float64        `codec:"y"`
	Names []string       `codec:"names"`
	Marks map[string]int `codec:"marks"`
}

// Cloud has an array in it.
type Cloud struct {
	Name   string                `codec:"name"`
	Points kernel.Array[float64] `codec:"points"`
}

func echo[T any](x T) T { return x }

// spread is every element of an array that a kernel has made itself.
func spread[T kernel.Element](ctx context.Context, a kernel.Array[T]) kernel.Array[T] {
	out := kernel.New[T](ctx, a.Shape...)
	copy(out.Data, a.Flat())
	return out
}

func registerTypes() {
	x := kernel.Params("x")
	kernel.Register("bool", echo[bool], x)
	kernel.Register("int", func(x int) (int, error) { return x, nil }, x)
	kernel.Register("int8", func(x int8) (int8, error) { return x, nil }, x)
	kernel.Register("int16", func(x int16) (int16, error) { return x, nil }, x)
	kernel.Register("int32", func(x int32) (int32, error) { return x, nil }, x)
	kernel.Register("int64", func(x int64) (int64, error) { return x, nil }, x)
	kernel.Register("uint", func(x uint) (uint, error) { return x, nil }, x)
	kernel.Register("uint8", func(x uint8) (uint8, error) { return x, nil }, x)
	kernel.Register("uint16", func(x uint16) (uint16, error) { return x, nil }, x)
	kernel.Register("uint32", func(x uint32) (uint32, error) { return x, nil }, x)
	kernel.Register("uint64", func(x uint64) (uint64, error) { return x, nil }, x)
	kernel.Register("float32", func(x float32) (float32, error) { return x, nil }, x)
	kernel.Register("float64", func(x float64) (float64, error) { return x, nil }, x)
	kernel.Register("string", echo[string], x)
	kernel.Register("bytes", echo[[]byte], x)
	kernel.Register("time", echo[time.Time], x)
	kernel.Register("any", echo[any], x)
	kernel.Register("floats", echo[[]float64], x)
	kernel.Register("ints", echo[[]int], x)
	kernel.Register("int16s", echo[[]int16], x)
	kernel.Register("bools", echo[[]bool], x)
	kernel.Register("strings", echo[[]string], x)
	kernel.Register("rows", echo[[][]float64], x)
	kernel.Register("table", echo[map[string][]int], x)
	kernel.Register("counts", echo[map[int]string], x)
	kernel.Register("point", echo[Point], x)
	kernel.Register("points", echo[[]Point], x)
	kernel.Register("cloud", echo[Cloud], x)
	kernel.Register("clouds", echo[map[string][]Cloud], x)
}

func registerArrays() {
	a := kernel.Params("a")
	kernel.Register("array_bool", spread[bool], a)
	kernel.Register("array_int8", spread[int8], a)
	kernel.Register("array_int16", spread[int16], a)
	kernel.Register("array_int32", spread[int32], a)
	kernel.Register("array_int64", spread[int64], a)
	kernel.Register("array_uint8", spread[uint8], a)
	kernel.Register("array_uint16", spread[uint16], a)
	kernel.Register("array_uint32", spread[uint32], a)
	kernel.Register("array_uint64", spread[uint64], a)
	kernel.Register("array_float32", spread[float32], a)
	kernel.Register("array_float64", spread[float64], a)
	kernel.Register("array_complex64", spread[complex64], a)
	kernel.Register("array_complex128", spread[complex128], a)
	kernel.Register("same", echo[kernel.Array[float64]], a)
	kernel.Register("strides", func(a kernel.Array[float64]) ([]int, []int, bool) { return a.Shape, a.Strides, a.ReadOnly }, a)
	kernel.Register("twice", func(ctx context.Context, n int) (kernel.Array[float64], kernel.Array[float64]) {
		out := kernel.New[float64](ctx, n)
		for i := range out.Data {
			out.Data[i] = float64(i)
		}
		return out, out
	}, kernel.Params("n"))
	kernel.Register("no_array", func() kernel.Array[float64] { return kernel.Array[float64]{} })
	kernel.Register("huge", func(ctx context.Context) kernel.Array[float64] { return kernel.New[float64](ctx, 1<<40, 1<<40) })
	kernel.Register("large", func(ctx context.Context, mb int) kernel.Array[uint8] { return kernel.New[uint8](ctx, mb<<20) }, kernel.Params("mb"))
	kernel.Register("large_or_error", func(ctx context.Context, n int) (kernel.Array[uint8], error) {
		if n < 0 {
			return kernel.Array[uint8]{}, errors.New("n is negative")
		}
		return kernel.New[uint8](ctx, n), nil
	}, kernel.Params("n"))
}

func registerCalls() {
	kernel.Register("add", func(a, b int) int { return a + b }, kernel.Params("a", "b"), kernel.Doc("Add two numbers."))
	kernel.Register("total", func(first float64, rest ...float64) float64 {
		for _, x := range rest {
			first += x
		}
		return first
	}, kernel.Params("first", "rest"))
	kernel.Register("divide", func(a, b int) (int, int, error) {
		if b == 0 {
			return 0, 0, errors.New("b must not be 0")
		}
		return a / b, a % b, nil
	}, kernel.Params("a", "b"))
	kernel.Register("nothing", func() {})
	kernel.Register("nothing_of", func(x int) {}, kernel.Params("x"))
	kernel.Register("nil_slice", func() []float64 { return nil })
	kernel.Register("square", func(x float64) float64 { return x * x }, kernel.Params("x"))
	kernel.Register("negate", func(x int) int { return -x }, kernel.Params("x"))
	kernel.Register("positive", func(x float64) bool { return x > 0 }, kernel.Params("x"))
	kernel.Register("invert", func(x bool) bool { return !x }, kernel.Params("x"))
	kernel.Register("root32", func(x float32) float32 { return float32(math.Sqrt(float64(x))) }, kernel.Params("x"))
	kernel.Register("pid", func() int { return os.Getpid() })
	kernel.Register("pid_of", func(x int) (int, int) { return x, os.Getpid() }, kernel.Params("x"))
	kernel.Register("bad_text", func() (string, error) { return "", errors.New("no \xff UTF-8") })
	kernel.Register("bad_string", func() string { return "no \xff UTF-8" })
}

var calls atomic.Int64

func registerFaults() {
	x := kernel.Params("x")
	kernel.Register("panic", func(x int) int {
		var m map[string]int
		//lint:ignore SA5000 this is how it panics
		m["x"] = x
		return x
	}, x)
	kernel.Register("panic_aside", func(x int) int {
		go func() { panic("aside") }()
		time.Sleep(time.Minute)
		return x
	}, x)
	kernel.Register("goexit", func(x int) int {
		runtime.Goexit()
		return x
	}, x)
	kernel.Register("exit", func(code int) { os.Exit(code) }, kernel.Params("code"))
	kernel.Register("forever", func() {
		for {
			time.Sleep(time.Millisecond)
		}
	})
	kernel.Register("sleep", func(ctx context.Context, seconds float64) (float64, error) {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(time.Duration(seconds * float64(time.Second))):
			return seconds, nil
		}
	}, kernel.Params("seconds"))
	kernel.Register("nap", func(seconds float64) (float64, error) {
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		return seconds, nil
	}, kernel.Params("seconds"))
	kernel.Register("slow_square", func(x float64) float64 {
		for began := time.Now(); time.Since(began) < 10*time.Microsecond; {
		}
		return x * x
	}, x)
	kernel.Register("call_number", func(x int) (int, int) { return x, int(calls.Add(1)) }, x)
	kernel.Register("note", func(path string, x int, seconds float64) (int, error) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return 0, err
		}
		defer f.Close() //nolint:errcheck // the write has failed before
		if _, err = fmt.Fprintln(f, x); err != nil {
			return 0, err
		}
		time.Sleep(time.Duration(seconds * float64(time.Second)))
		return x, nil
	}, kernel.Params("path", "x", "seconds"))
	kernel.Register("recurse", recurse, x)
	kernel.Register("repeat", func(text string, n int) string { return strings.Repeat(text, n) }, kernel.Params("text", "n"))
}

//lint:ignore SA5007 this is how the stack overflows
func recurse(x int) int { return recurse(x+1) + 1 }

func main() {
	registerTypes()
	registerArrays()
	registerCalls()
	registerFaults()
	kernel.Main()
}
