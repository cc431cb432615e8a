package kernel

import (
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestWhatTheCodecWouldNotSay: None is no number, and an integer that is too large no negative one.
func TestWhatTheCodecWouldNotSay(t *testing.T) {
	const large = uint64(1 << 63)
	type point struct {
		X int64  `codec:"x"`
		N uint64 `codec:"n"`
	}
	for _, c := range []struct {
		value any
		zero  any // of the type
		why   string
	}{
		{large, int64(0), "9223372036854775808 does not fit int64"},
		{uint64(math.MaxUint64), int32(0), "18446744073709551615 does not fit int32"},
		{large, 0.0, "does not fit float64"},
		{large, uint64(0), ""},
		{uint64(math.MaxInt64), int64(0), ""},
		{[]any{1, large}, []int64(nil), "does not fit int64"},
		{[]any{1, large}, []uint64(nil), ""},
		{map[string]any{"a": large}, map[string]int(nil), "does not fit int"},
		{map[uint64]int{large: 1}, map[int64]int(nil), "does not fit int64"},
		{map[string]any{"x": 1, "n": large}, point{}, ""},
		{map[string]any{"x": large, "n": 1}, point{}, "does not fit int64"},
		{map[string]any{"x": nil, "n": 1}, point{}, "no int64 is None"},
		{nil, 0.0, "no float64 is None"},
		{nil, "", "no string is None"},
		{nil, time.Time{}, "no time.Time is None"},
		{nil, []float64(nil), ""},
		{[]any{1.5, nil}, []float64(nil), "no float64 is None"},
		{[][]float64{{1}, nil}, [][]float64(nil), ""},
		{strings.Repeat("\xc3\x80", 40), "", ""}, // the bytes of a string are no values
		{[]byte{null, uint64s, 255, 255, 255, 255, 255, 255, 255, 255}, []byte(nil), ""},
	} {
		raw, err := marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		d, err := describe(reflect.TypeOf(c.zero), nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = (&call{}).decode(&message{data: raw}, raw, d)
		if (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%v into %T: %v, not %q", c.value, c.zero, err, c.why)
		}
	}
}

// TestAnyHoldsWhatGoHas: an int64 is what an integer becomes there.
func TestAnyHoldsWhatGoHas(t *testing.T) {
	for value, why := range map[any]string{nil: "", int64(-1): "", uint64(1 << 63): "does not fit any"} {
		raw, err := marshal([]any{value})
		if err != nil {
			t.Fatal(err)
		}
		err = (&Type{Kind: "slice", Elem: &Type{Kind: "any", Go: "any"}}).holds(raw)
		if (err == nil) != (why == "") || err != nil && !strings.Contains(err.Error(), why) {
			t.Errorf("%v: %v, not %q", value, err, why)
		}
	}
}
