package numerics

import (
	"context"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func random(seed uint64, shape ...int) kernel.Array[float64] {
	source := rand.New(rand.NewPCG(seed, 1))
	a := kernel.New[float64](context.Background(), shape...)
	for i := range a.Data {
		a.Data[i] = source.NormFloat64()
	}
	return a
}

// fails checks that an error says what is wrong.
func fails(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("the error is %v, not one that says %q", err, text)
	}
}

// near checks values within a tolerance; NaN is near NaN.
func near(t *testing.T, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d values, not %d", len(got), len(want))
	}
	for i, v := range got {
		if !(math.Abs(v-want[i]) <= tolerance) && v != want[i] && !(math.IsNaN(v) && math.IsNaN(want[i])) {
			t.Fatalf("element %d is %v, not %v", i, v, want[i])
		}
	}
}

// product is the definition.
func product(a, b kernel.Array[float64]) []float64 {
	out := make([]float64, 0, a.Shape[0]*b.Shape[1])
	for i := range a.Shape[0] {
		for j := range b.Shape[1] {
			sum := 0.0
			for k := range a.Shape[1] {
				sum += a.At(i, k) * b.At(k, j)
			}
			out = append(out, sum)
		}
	}
	return out
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestMatmul(t *testing.T) {
	for _, shape := range [][3]int{{1, 1, 1}, {2, 3, 4}, {70, 65, 130}, {band + 3, 5, 7}, {0, 3, 2}, {2, 0, 3}, {2, 3, 0}} {
		a, b := random(1, shape[0], shape[1]), random(2, shape[1], shape[2])
		got, err := Matmul(t.Context(), a, b)
		if err != nil {
			t.Fatal(err)
		}
		near(t, got.Flat(), product(a, b), 1e-10)
	}
}

func TestMatmulOfStridedArrays(t *testing.T) {
	a, b := transposed(random(1, 9, 8)), transposed(random(2, 7, 9))
	got, err := Matmul(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	near(t, got.Flat(), product(a, b), 1e-12)
}

func TestMatmulSpreadsNaN(t *testing.T) {
	zero, nan := kernel.Of([]float64{0}, 1, 1), kernel.Of([]float64{math.NaN()}, 1, 1)
	for _, pair := range [][2]kernel.Array[float64]{{zero, nan}, {nan, zero}} {
		got, err := Matmul(t.Context(), pair[0], pair[1])
		if err != nil || !math.IsNaN(got.At(0, 0)) {
			t.Errorf("0 times NaN is %v, %v", got.Data, err)
		}
	}
}

func TestMatmulRefuses(t *testing.T) {
	_, err := Matmul(t.Context(), random(1, 2, 3), random(1, 2, 3))
	fails(t, err, "right must have as many rows as left has columns, 3, not 2")
	_, err = Matmul(t.Context(), random(1, 2), random(1, 2, 3))
	fails(t, err, "left must have 2 dimensions")
	_, err = Matmul(cancelled(), random(1, 2, 2), random(1, 2, 2))
	fails(t, err, "canceled")
}

func TestSolve(t *testing.T) {
	for _, n := range []int{1, 2, 5, 100} {
		matrix := random(3, n, n)
		for _, shape := range [][]int{{n}, {n, 3}} {
			x := random(4, shape...)
			columns := kernel.Of(x.Data, n, x.Len()/n)
			right := kernel.Of(product(matrix, columns), shape...)
			got, err := Solve(t.Context(), matrix, right)
			if err != nil {
				t.Fatal(err)
			}
			near(t, got.Flat(), x.Data, 1e-9)
		}
	}
}

func TestSolveOfNothing(t *testing.T) {
	for _, c := range []struct{ n, k int }{{0, 2}, {2, 0}} {
		got, err := Solve(t.Context(), random(1, c.n, c.n), random(1, c.n, c.k))
		if err != nil || got.Len() != 0 {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func TestSolveLeavesItsArguments(t *testing.T) {
	matrix, right := random(1, 3, 3), random(2, 3)
	if _, err := Solve(t.Context(), matrix, right); err != nil {
		t.Fatal(err)
	}
	near(t, matrix.Data, random(1, 3, 3).Data, 0)
	near(t, right.Data, random(2, 3).Data, 0)
}

func TestSolveRefuses(t *testing.T) {
	for text, c := range map[string][2]kernel.Array[float64]{
		"matrix is singular":            {kernel.Of([]float64{1, 2, 2, 4}, 2, 2), random(1, 2)},
		"matrix must be square":         {random(1, 2, 3), random(1, 2)},
		"as many rows as matrix":        {random(1, 2, 2), random(1, 3)},
		"1 or 2 dimensions":             {random(1, 2, 2), random(1, 2, 2, 2)},
		"matrix must be finite":         {kernel.Of([]float64{math.NaN()}, 1, 1), random(1, 1)},
		"right must be finite":          {random(1, 1, 1), kernel.Of([]float64{math.Inf(1)}, 1)},
		"matrix must have 2 dimensions": {random(1, 2), random(1, 2)},
	} {
		_, err := Solve(t.Context(), c[0], c[1])
		fails(t, err, text)
	}
}

func BenchmarkMatmul(b *testing.B) {
	const n = 512
	x, y := random(1, n, n), random(2, n, n)
	for b.Loop() {
		if _, err := Matmul(b.Context(), x, y); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(2*n*n*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
}
