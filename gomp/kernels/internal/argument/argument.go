package argument

import (
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// Finite fails if a value is NaN or infinite.
func Finite(name string, value float64) error {
	if value-value != 0 {
		return fmt.Errorf("%s must be finite, not %g", name, value)
	}
	return nil
}

// Positive fails unless a value is finite and greater than zero.
func Positive(name string, value float64) error {
	if !(value > 0) || math.IsInf(value, 1) {
		return fmt.Errorf("%s must be positive and finite, not %g", name, value)
	}
	return nil
}

// NotNegative fails unless a value is finite and at least zero.
func NotNegative(name string, value float64) error {
	if !(value >= 0) || math.IsInf(value, 1) {
		return fmt.Errorf("%s must be at least 0 and finite, not %g", name, value)
	}
	return nil
}

// AtLeast fails if a number is less than least.
func AtLeast(name string, value, least int) error {
	if value < least {
		return fmt.Errorf("%s must be at least %d, not %d", name, least, value)
	}
	return nil
}

// Matrix gives the elements of a two-dimensional array in C order, all of them finite,
// and the numbers of its rows and columns.
func Matrix(name string, a kernel.Array[float64]) (data []float64, rows, columns int, err error) {
	if err := a.Dims(name, 2); err != nil {
		return nil, 0, 0, err
	}
	data = a.Flat()
	return data, a.Shape[0], a.Shape[1], allFinite(name, data)
}

// Vector gives the elements of a one-dimensional array of this length, all of them finite.
func Vector(name string, a kernel.Array[float64], length int) ([]float64, error) {
	if err := a.Dims(name, 1); err != nil {
		return nil, err
	}
	if a.Shape[0] != length {
		return nil, fmt.Errorf("%s must have %d elements, not %d", name, length, a.Shape[0])
	}
	data := a.Flat()
	return data, allFinite(name, data)
}

func allFinite(name string, values []float64) error {
	for i, v := range values {
		if v-v != 0 {
			return fmt.Errorf("%s must be finite: element %d, in C order, is %g", name, i, v)
		}
	}
	return nil
}

// First gives the first error of a list, if there is any.
func First(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
