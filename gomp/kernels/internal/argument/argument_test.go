package argument

import (
	"math"
	"strings"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func TestScalars(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for name, test := range map[string]struct {
		check func(string, float64) error
		good  []float64
		bad   []float64
	}{
		"Finite":      {Finite, []float64{-1, 0, math.MaxFloat64}, []float64{nan, inf, -inf}},
		"Positive":    {Positive, []float64{1, math.SmallestNonzeroFloat64}, []float64{0, -1, nan, inf, -inf}},
		"NotNegative": {NotNegative, []float64{0, 1}, []float64{-1, nan, inf, -inf}},
	} {
		for _, v := range test.good {
			if err := test.check("v", v); err != nil {
				t.Errorf("%s(%g): %v", name, v, err)
			}
		}
		for _, v := range test.bad {
			if err := test.check("v", v); err == nil || !strings.HasPrefix(err.Error(), "v must be ") {
				t.Errorf("%s(%g): %v", name, v, err)
			}
		}
	}
	if AtLeast("k", 1, 1) != nil || AtLeast("k", 0, 1) == nil {
		t.Error("AtLeast")
	}
}

func TestMatrix(t *testing.T) {
	transposed := kernel.Array[float64]{Data: []float64{1, 2, 3, 4, 5, 6}, Shape: []int{3, 2}, Strides: []int{1, 3}}
	data, rows, columns, err := Matrix("m", transposed)
	if err != nil || rows != 3 || columns != 2 || data[1] != 4 || data[2] != 2 {
		t.Fatal(data, rows, columns, err)
	}
	transposed.Data[1] = math.NaN()
	if _, _, _, err = Matrix("m", transposed); err == nil || err.Error() != "m must be finite: element 2, in C order, is NaN" {
		t.Fatal(err)
	}
	if _, _, _, err = Matrix("m", kernel.Of([]float64{1}, 1)); err == nil {
		t.Fatal("one dimension")
	}
	if _, _, _, err = Matrix("m", kernel.Of([]float64{}, 0, 3)); err != nil {
		t.Fatal(err)
	}
}

func TestVector(t *testing.T) {
	if _, err := Vector("v", kernel.Of([]float64{1, 2}, 2), 2); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []kernel.Array[float64]{
		kernel.Of([]float64{1, 2}, 1, 2),
		kernel.Of([]float64{1}, 1),
		kernel.Of([]float64{1, math.Inf(-1)}, 2),
	} {
		if _, err := Vector("v", bad, 2); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}
