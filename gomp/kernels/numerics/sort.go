package numerics

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/gomp-project/gomp/gomp/kernel"
)

const (
	digit   = 11 // bits: the counts of all digits stay in the cache
	buckets = 1 << digit
	passes  = (64 + digit - 1) / digit
	few     = 1 << 11 // below this many elements, counting costs more than comparing
)

// Sort gives values sorted along the last axis, ascending, NaN last; of the same shape. -0 comes
// before 0.
//
// It fails if values has no axis.
//
// Method: least-significant-digit radix sort on the bits of the numbers; quicksort for short rows.
//
//gomp:kernel sort
func Sort(ctx context.Context, values kernel.Array[float64]) (kernel.Array[float64], error) {
	var none kernel.Array[float64]
	d := len(values.Shape)
	if d == 0 {
		return none, errors.New("values must have at least 1 dimension, not 0")
	}
	out := kernel.New[float64](ctx, values.Shape...)
	in, n := values.Flat(), values.Shape[d-1]
	keys, spare := make([]uint64, n), make([]uint64, n)
	for lo := 0; lo < len(in); lo += n {
		for i, v := range in[lo : lo+n] {
			keys[i] = key(v)
		}
		sorted, err := sortKeys(ctx, keys, spare)
		if err != nil {
			return none, err
		}
		for i, k := range sorted {
			out.Data[lo+i] = number(k)
		}
	}
	return out, nil
}

// key maps a number to bits that compare as unsigned integers the way numbers do.
func key(v float64) uint64 {
	if v != v {
		return math.MaxUint64 // whatever its sign
	}
	bits := math.Float64bits(v)
	return bits ^ (uint64(int64(bits)>>63) | 1<<63)
}

func number(key uint64) float64 {
	if key == math.MaxUint64 {
		return math.NaN()
	}
	return math.Float64frombits(key ^ (uint64(^int64(key)>>63) | 1<<63))
}

// sortKeys returns the keys in order, in the one slice or the other.
func sortKeys(ctx context.Context, keys, spare []uint64) ([]uint64, error) {
	if len(keys) < few {
		slices.Sort(keys)
		return keys, ctx.Err()
	}
	var counts [passes][buckets]int
	for _, k := range keys {
		for p := range counts {
			counts[p][k>>(p*digit)%buckets]++
		}
	}
	for p := range counts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		shift, places := p*digit, &counts[p]
		if places[keys[0]>>shift%buckets] == len(keys) {
			continue // all have the same digit
		}
		at := 0
		for b, n := range places {
			places[b], at = at, at+n
		}
		for _, k := range keys {
			place := &places[k>>shift%buckets]
			spare[*place] = k
			*place++
		}
		keys, spare = spare, keys
	}
	return keys, nil
}
