package philox

import (
	"slices"
	"testing"
)

// From the file kat_vectors of Random123: counter, key, result.
func TestKnownAnswers(t *testing.T) {
	for _, vector := range []struct {
		seed, stream, block uint64
		want                [4]uint32
	}{
		{0, 0, 0, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{1<<64 - 1, 1<<64 - 1, 1<<64 - 1, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		a, b, c, d := New(vector.seed, vector.stream).Block(vector.block)
		if got := [4]uint32{a, b, c, d}; got != vector.want {
			t.Errorf("%x, not %x", got, vector.want)
		}
	}
}

func TestPairIsTheBlock(t *testing.T) {
	s := New(1, 2)
	a, b, c, d := s.Block(3)
	if x, y := s.Pair(3); uint32(x) != a || x>>32 != uint64(b) || uint32(y) != c || y>>32 != uint64(d) {
		t.Error(x, y)
	}
}

func TestPermutation(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1000} {
		order := New(1, 0).Permutation(n)
		slices.Sort(order)
		for i, v := range order {
			if i != v {
				t.Fatalf("%d of %d is %d", i, n, v)
			}
		}
	}
	if slices.Equal(New(1, 0).Permutation(100), New(2, 0).Permutation(100)) {
		t.Error("two seeds give one order")
	}
}

// Each of the six orders of three comes up as often as the others: chi-squared with five
// degrees of freedom is below 20.5 in 99.9 % of cases, and the seeds are fixed.
func TestPermutationIsUniform(t *testing.T) {
	const seeds = 60000
	count := map[[3]int]float64{}
	for seed := range uint64(seeds) {
		count[[3]int(New(seed, 0).Permutation(3))]++
	}
	chi := 0.0
	for _, n := range count {
		chi += (n - seeds/6) * (n - seeds/6) / (seeds / 6)
	}
	if len(count) != 6 || chi > 20.5 {
		t.Errorf("chi squared %g: %v", chi, count)
	}
}

func BenchmarkBlock(b *testing.B) {
	s, sum := New(1, 2), uint32(0)
	for i := range b.N {
		v, _, _, _ := s.Block(uint64(i))
		sum += v
	}
	sink = sum
}

var sink uint32
