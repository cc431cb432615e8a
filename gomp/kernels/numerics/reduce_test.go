package numerics

import (
	"math"
	"math/big"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func exactSum(values []float64) float64 {
	total := new(big.Float).SetPrec(2000)
	for _, v := range values {
		total.Add(total, big.NewFloat(v))
	}
	sum, _ := total.Float64()
	return sum
}

func TestSum(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, 127, 128, 129, 1000, 100_003} {
		in := random(1, n)
		near(t, []float64{Sum(in)}, []float64{exactSum(in.Data)}, 1e-14*float64(n))
	}
	tenth := kernel.New[float64](t.Context(), 1000, 1000)
	for i := range tenth.Data {
		tenth.Data[i] = 0.1
	}
	near(t, []float64{Sum(tenth)}, []float64{1e5}, 1e-9) // one by one it would be off by 1e-6
}

func TestReductionsOfStridedArrays(t *testing.T) {
	in := kernel.Array[float64]{Data: []float64{1, 99, 2, 99, 6, 99}, Shape: []int{3}, Strides: []int{2}, ReadOnly: true}
	mean, _ := Mean(in)
	variance, _ := Variance(in, 1)
	low, _ := Min(in)
	high, _ := Max(in)
	dot, _ := Dot(in, in)
	near(t, []float64{Sum(in), mean, variance, low, high, dot}, []float64{9, 3, 7, 1, 6, 41}, 1e-15)
	near(t, Cumsum(t.Context(), in).Data, []float64{1, 3, 9}, 0)
}

func TestVarianceOfFarAwayValues(t *testing.T) {
	in := random(1, 1003)
	want, _ := Variance(in, 0)
	for i := range in.Data {
		in.Data[i] += 1e6
	}
	got, err := Variance(in, 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, []float64{got}, []float64{want}, 1e-9)
}

func TestReductionsOfNaN(t *testing.T) {
	nan := math.NaN()
	for _, data := range [][]float64{{nan, 1, 2}, {1, nan, 2}, {1, 2, nan}} {
		in := kernel.Of(data, 3)
		low, _ := Min(in)
		high, _ := Max(in)
		mean, _ := Mean(in)
		variance, _ := Variance(in, 0)
		near(t, []float64{low, high, mean, variance, Sum(in)}, []float64{nan, nan, nan, nan, nan}, 0)
	}
}

func TestMinAndMaxOfInfinities(t *testing.T) {
	for _, v := range []float64{math.Inf(1), math.Inf(-1)} {
		in := kernel.Of([]float64{v, v}, 2)
		low, _ := Min(in)
		high, _ := Max(in)
		near(t, []float64{low, high}, []float64{v, v}, 0)
	}
}

func TestReductionsOfNothing(t *testing.T) {
	empty := random(1, 3, 0)
	for _, reduce := range []func(kernel.Array[float64]) (float64, error){Mean, Min, Max} {
		_, err := reduce(empty)
		fails(t, err, "values must not be empty")
	}
	_, err := Variance(empty, 0)
	fails(t, err, "more than ddof elements")
	_, err = Variance(random(1, 1), 1)
	fails(t, err, "more than ddof elements")
	_, err = Variance(random(1, 1), -1)
	fails(t, err, "ddof must not be negative")
	if n := Cumsum(t.Context(), empty).Len(); n != 0 {
		t.Errorf("%d prefix sums", n)
	}
}

func TestDot(t *testing.T) {
	for _, n := range []int{0, 1, 3, 1001} {
		a, b := random(1, n), random(2, n)
		want := 0.0
		for i, v := range a.Data {
			want += v * b.Data[i]
		}
		got, err := Dot(a, b)
		if err != nil {
			t.Fatal(err)
		}
		near(t, []float64{got}, []float64{want}, 1e-11)
	}
	_, err := Dot(random(1, 2), random(1, 3))
	fails(t, err, "right must have as many elements as left, 2, not 3")
	_, err = Dot(random(1, 2), random(1, 2, 1))
	fails(t, err, "right must have 1 dimensions")
}

func BenchmarkSum(b *testing.B) {
	in := random(1, 1_000_000)
	b.SetBytes(8_000_000)
	for b.Loop() {
		Sum(in)
	}
}

func BenchmarkVariance(b *testing.B) {
	in := random(1, 1_000_000)
	b.SetBytes(8_000_000)
	for b.Loop() {
		if _, err := Variance(in, 0); err != nil {
			b.Fatal(err)
		}
	}
}
