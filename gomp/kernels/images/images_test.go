package images

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func random(shape ...int) kernel.Array[uint8] {
	source := rand.New(rand.NewPCG(1, 1))
	a := kernel.New[uint8](context.Background(), shape...)
	for i := range a.Data {
		a.Data[i] = uint8(source.Uint32())
	}
	return a
}

func asFloat(a kernel.Array[uint8]) kernel.Array[float32] {
	return kernel.Of(floats(a.Flat()), a.Shape...)
}

// mirrored is the image that a strided array shows: its rows from right to left.
func mirrored(a kernel.Array[uint8]) kernel.Array[uint8] {
	out := kernel.New[uint8](context.Background(), a.Shape...)
	for y := range a.Shape[0] {
		for x := range a.Shape[1] {
			out.Set(a.At(y, a.Shape[1]-1-x), y, x)
		}
	}
	return out
}

func must[T any](t *testing.T) func(value T, err error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func fails(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("the error is %v, not one that says %q", err, text)
	}
}

func near[T pixel](t *testing.T, got, want []T, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, not %d", len(got), len(want))
	}
	for i, v := range got {
		if apart := math.Abs(float64(v) - float64(want[i])); !(apart <= tolerance) {
			t.Fatalf("element %d is %v, not %v", i, v, want[i])
		}
	}
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// Every kernel that takes an image of any shape and gives one of the same shape.
var sameShape = map[string]func(context.Context, kernel.Array[uint8]) ([]int, error){
	"gaussian_blur": func(ctx context.Context, a kernel.Array[uint8]) ([]int, error) {
		out, err := GaussianBlur(ctx, a, 1)
		return out.Shape, err
	},
	"gaussian_blur_f32": func(ctx context.Context, a kernel.Array[uint8]) ([]int, error) {
		out, err := GaussianBlurF32(ctx, asFloat(a), 1)
		return out.Shape, err
	},
	"sobel": func(ctx context.Context, a kernel.Array[uint8]) ([]int, error) {
		out, err := Sobel(ctx, a)
		return out.Shape, err
	},
	"sobel_f32": func(ctx context.Context, a kernel.Array[uint8]) ([]int, error) {
		out, err := SobelF32(ctx, asFloat(a))
		return out.Shape, err
	},
	"equalize": func(ctx context.Context, a kernel.Array[uint8]) ([]int, error) {
		out, err := Equalize(ctx, a)
		return out.Shape, err
	},
	"equalize_f32": func(ctx context.Context, a kernel.Array[uint8]) ([]int, error) {
		out, err := EqualizeF32(ctx, asFloat(a), 4)
		return out.Shape, err
	},
}

func TestShapes(t *testing.T) {
	for name, f := range sameShape {
		for _, shape := range [][]int{{0, 0}, {0, 3}, {3, 0, 2}, {2, 3, 0}, {1, 1}, {1, 5}, {5, 1, 4}, {6, 7, 3}} {
			got, err := f(t.Context(), random(shape...))
			if err != nil || !slices.Equal(got, shape) {
				t.Errorf("%s of %v gives %v, %v", name, shape, got, err)
			}
		}
		for _, shape := range [][]int{{}, {3}, {1, 2, 3, 4}} {
			_, err := f(t.Context(), random(shape...))
			fails(t, err, "image must have 2 dimensions, or 3 with channels")
		}
	}
}

func TestReflect(t *testing.T) {
	for n, want := range map[int][]int{1: {0, 0, 0, 0, 0, 0, 0}, 3: {2, 1, 0, 0, 1, 2, 2}} {
		for i, w := range want {
			if got := reflect(i-3, n); got != w {
				t.Errorf("%d within %d is %d, not %d", i-3, n, got, w)
			}
		}
	}
	if got := reflect(-100, 3); got != 2 {
		t.Errorf("-100 within 3 is %d", got)
	}
}
