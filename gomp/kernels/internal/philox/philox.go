package philox

import "math/bits"

// The multipliers, and the Weyl sequence that the key follows: the golden ratio and the
// square root of 3, minus 1.
const (
	multiplier0 = 0xD2511F53
	multiplier1 = 0xCD9E8D57
	weyl0       = 0x9E3779B9
	weyl1       = 0xBB67AE85
	rounds      = 10
)

// Stream is one of the 2**64 streams of a seed.
type Stream struct{ seed, number uint64 }

// New gives a stream.
func New(seed, number uint64) Stream { return Stream{seed, number} }

// Block gives four words.
func (s Stream) Block(i uint64) (a, b, c, d uint32) {
	a, b, c, d = uint32(i), uint32(i>>32), uint32(s.number), uint32(s.number>>32)
	k0, k1 := uint32(s.seed), uint32(s.seed>>32)
	for range rounds {
		p0, p1 := multiplier0*uint64(a), multiplier1*uint64(c)
		a, b, c, d = uint32(p1>>32)^b^k0, uint32(p1), uint32(p0>>32)^d^k1, uint32(p0)
		k0, k1 = k0+weyl0, k1+weyl1
	}
	return a, b, c, d
}

// Pair gives the same block as two numbers of 64 bits.
func (s Stream) Pair(i uint64) (uint64, uint64) {
	a, b, c, d := s.Block(i)
	return uint64(b)<<32 | uint64(a), uint64(d)<<32 | uint64(c)
}

// Permutation gives the numbers below n in random order, by Fisher's and Yates's shuffle. It is
// uniform but for a bias of n/2**64.
func (s Stream) Permutation(n int) []int {
	order := make([]int, n)
	for i := range order {
		random, _ := s.Pair(uint64(i))
		j, _ := bits.Mul64(random, uint64(i)+1)
		order[i] = order[j]
		order[j] = i
	}
	return order
}
