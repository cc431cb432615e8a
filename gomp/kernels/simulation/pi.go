package simulation

import (
	"context"
	"fmt"
	"math/bits"

	"github.com/gomp-project/gomp/gomp/kernels/internal/philox"
)

// blocksPerLook is how many blocks of random numbers are used between two looks at the context:
// a millisecond's worth.
const blocksPerLook = 1 << 16

// MonteCarloPi throws points into the unit square and counts those within a quarter of the unit
// circle: 4*hits/samples estimates pi, with a standard error of 1.64/sqrt(samples).
//
// The counts of different streams of one seed are independent and can be added. A point is a pair
// of 32-bit numbers of Philox4x32-10, two points to a block. It is compared exactly,
// in whole numbers.
//
// It is an error if samples is negative.
//
//gomp:kernel monte_carlo_pi
func MonteCarloPi(ctx context.Context, samples int64, seed, stream uint64) (hits int64, err error) {
	if samples < 0 {
		return 0, fmt.Errorf("samples must be at least 0, not %d", samples)
	}
	source, blocks := philox.New(seed, stream), uint64(samples)/2
	for block := range blocks {
		if block%blocksPerLook == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		a, b, c, d := source.Block(block)
		hits += inside(a, b) + inside(c, d)
	}
	if samples%2 == 1 {
		a, b, _, _ := source.Block(blocks)
		hits += inside(a, b)
	}
	return hits, nil
}

// inside is 1 if x*x + y*y is less than 2**64, the square of the radius, that is if the sum
// does not overflow.
func inside(x, y uint32) int64 {
	_, outside := bits.Add64(uint64(x)*uint64(x), uint64(y)*uint64(y), 0)
	return 1 - int64(outside)
}
