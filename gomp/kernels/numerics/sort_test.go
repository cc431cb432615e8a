package numerics

import (
	"math"
	"slices"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func TestSort(t *testing.T) {
	for _, n := range []int{0, 1, 10, few, 3*few + 1} {
		in := random(1, 2, n)
		if n > 4 {
			copy(in.Data, []float64{math.Inf(1), math.Inf(-1), -1e-320, math.MaxFloat64, -math.MaxFloat64})
		}
		got, err := Sort(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for row := range got.Shape[0] {
			want := slices.Sorted(slices.Values(in.Data[row*n:][:n]))
			near(t, got.Data[row*n:][:n], want, 0)
		}
	}
}

func TestSortPutsNaNLast(t *testing.T) {
	nan := math.NaN()
	in := []float64{math.Copysign(nan, -1), 1, nan, math.Inf(1), 0, math.Copysign(0, -1)}
	for _, times := range []int{1, few} {
		got, err := Sort(t.Context(), kernel.Of(slices.Repeat(in, times), times*len(in)))
		if err != nil {
			t.Fatal(err)
		}
		var want []float64
		for _, v := range []float64{math.Copysign(0, -1), 0, 1, math.Inf(1), nan, nan} {
			want = append(want, slices.Repeat([]float64{v}, times)...)
		}
		near(t, got.Data, want, 0)
		if !math.Signbit(got.Data[times-1]) || math.Signbit(got.Data[times]) {
			t.Error("-0 does not come before 0")
		}
	}
}

func TestSortRefuses(t *testing.T) {
	_, err := Sort(t.Context(), random(1))
	fails(t, err, "at least 1 dimension")
	for _, n := range []int{2, few} {
		_, err = Sort(cancelled(), random(1, n))
		fails(t, err, "canceled")
	}
}

func BenchmarkSort(b *testing.B) {
	in := random(1, 1_000_000)
	for b.Loop() {
		if _, err := Sort(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}
