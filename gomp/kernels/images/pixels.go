package images

import (
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// pixel is what images are made of.
type pixel interface{ uint8 | float32 }

// image is an array in C order. One without channels is as one with 1 channel.
type image[T pixel] struct {
	height, width, channels int
	data                    []T
}

// of gives the image that an array is; name is the parameter's, for the error.
func of[T pixel](name string, a kernel.Array[T]) (image[T], error) {
	switch d := len(a.Shape); d {
	case 2:
		return image[T]{a.Shape[0], a.Shape[1], 1, a.Flat()}, nil
	case 3:
		return image[T]{a.Shape[0], a.Shape[1], a.Shape[2], a.Flat()}, nil
	default:
		return image[T]{}, fmt.Errorf("%s must have 2 dimensions, or 3 with channels, not %d", name, d)
	}
}

// colour is the image of an array that must have three channels.
func colour[T pixel](name string, a kernel.Array[T]) (image[T], error) {
	if len(a.Shape) != 3 || a.Shape[2] != 3 {
		return image[T]{}, fmt.Errorf("%s must be of shape (height, width, 3), not %v", name, a.Shape)
	}
	return of(name, a)
}

// stride is how many elements a row has.
func (m image[T]) stride() int { return m.width * m.channels }

func (m image[T]) row(y int) []T { return m.data[y*m.stride():][:m.stride()] }

// reflect is the place within n that i is a mirror image of, in (d c b a | a b c d | d c b a).
func reflect(i, n int) int {
	i %= 2 * n
	if i < 0 {
		i += 2 * n
	}
	if i >= n {
		return 2*n - 1 - i
	}
	return i
}

// alone is how many elements are worth a goroutine.
const alone = 1 << 16

// inParts calls f for parts of 0 to n at once, if there are many elements, until one fails or
// all are done.
func inParts(n, elements int, f func(lo, hi int) error) error {
	parts := min(n, runtime.GOMAXPROCS(0), max(1, elements/alone))
	errs := make([]error, parts)
	var group sync.WaitGroup
	for p := range parts {
		group.Go(func() { errs[p] = f(n*p/parts, n*(p+1)/parts) })
	}
	group.Wait()
	return errors.Join(errs...)
}
