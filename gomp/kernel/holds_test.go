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
		{[]byte{0xc0, 0xcf, 255, 255, 255, 255, 255, 255, 255, 255}, []byte(nil), ""},
		{[]float64{-2, -2}, []float64(nil), ""},
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

// TestExtents: values follow one another, whatever their kinds and lengths.
func TestExtents(t *testing.T) {
	for _, value := range []any{
		true, 1, -1, 200, -200, 70_000, -70_000, 1 << 40, -1 << 40, float32(1.5), 2.5, "", strings.Repeat("a", 31),
		strings.Repeat("b", 200), strings.Repeat("c", 300), strings.Repeat("d", 70_000), []byte("e"), make([]byte, 300), make([]byte, 70_000),
		time.Unix(1, 0), time.Unix(1, 1), time.Unix(1<<40, 1), []int{1}, make([]int, 20), make([]int, 70_000), map[string]int{"f": 1},
	} {
		raw, err := marshal([]any{value, true})
		if err != nil {
			t.Fatal(err)
		}
		last := 0
		for at := 0; at < len(raw); at += extent(raw[at:]) {
			last = at
		}
		if last != len(raw)-1 || raw[last] != 0xc3 || suspicious(raw) {
			t.Errorf("%T: the last of %d bytes begins at %d", value, len(raw), last)
		}
		if !suspicious(append(raw[:last:last], 0xc0)) {
			t.Errorf("%T: what comes after it is not found", value)
		}
	}
	for _, size := range []int{1, 2, 4, 8, 16, 3, 300, 70_000} {
		raw := extend(extArray, make([]byte, size))
		if n := extent(raw); n != len(raw) {
			t.Errorf("an extension of %d: %d", len(raw), n)
		}
	}
	for n, b := range map[int]byte{3: 0xd4, 4: 0xd5, 6: 0xd6, 10: 0xd7, 18: 0xd8} {
		if got := extent([]byte{b}); got != n {
			t.Errorf("%#x: %d, not %d", b, got, n)
		}
	}
}

// TestBytesThatAreNil are empty, wherever they are.
func TestBytesThatAreNil(t *testing.T) {
	type holder struct {
		B []byte `codec:"b"`
	}
	for _, v := range []any{[]byte(nil), [][]byte{nil}, map[string][]byte{"b": nil}, holder{}} {
		d, err := describe(reflect.TypeOf(v), nil)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := (&call{}).encode(reflect.ValueOf(v), d, &message{})
		if err != nil || string(raw[len(raw)-2:]) != "\xc4\x00" {
			t.Errorf("%T: % x, %v", v, []byte(raw), err)
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
