package kernel

import (
	"context"
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/ugorji/go/codec"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/parcel"
)

func reflectValue(f any) reflect.Value { return reflect.ValueOf(f) }

func pack(t testing.TB, v any) []byte {
	t.Helper()
	data, err := marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func packed(t testing.TB, d descriptor) []byte { return extend(extArray, pack(t, &d)) }

func floats(part, inline, offset int, shape, strides []int) descriptor {
	return descriptor{Element: "float64", Part: part, Inline: make([]byte, inline), Offset: offset, Shape: shape, Strides: strides}
}

func TestExtensions(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 4, 8, 16, 17, 255, 256, 65535, 65536} {
		data := slices.Repeat([]byte{7}, n)
		for _, raw := range [][]byte{extend(5, data), pack(t, &codec.RawExt{Tag: 5, Data: data})} {
			kind, got, ok := extension(raw)
			if !ok || kind != 5 || !slices.Equal(got, data) {
				t.Errorf("%d bytes: %d, %d bytes, %v", n, kind, len(got), ok)
			}
			for _, wrong := range [][]byte{raw[:len(raw)-1], append(slices.Clone(raw), 0)} {
				if _, _, ok := extension(wrong); ok {
					t.Errorf("%d bytes instead of %d", len(wrong), len(raw))
				}
			}
		}
	}
	for _, raw := range []string{"", "\xc7", "\xc8\x00", "\xc9\xff\xff\xff\xff", "\xc9\xff\xff\xff\xff\x01", "\xd8", "\x01", "\xc0"} {
		if _, _, ok := extension([]byte(raw)); ok {
			t.Errorf("%x is none", raw)
		}
	}
}

func TestMemoryOfArrays(t *testing.T) {
	for _, one := range []struct {
		d    descriptor
		want int // bytes; -1: an error
	}{
		{floats(-1, 80, 0, []int{10}, []int{8}), 80},
		{floats(-1, 80, 8, []int{9}, []int{8}), 72},
		{floats(-1, 80, 8, []int{2, 2}, []int{40, 16}), 64},
		{floats(-1, 8, 0, nil, nil), 8},
		{floats(-1, 0, 0, []int{0}, []int{8}), 0},
		{floats(-1, 0, 0, []int{3, 0}, []int{8, 8}), 0},
		{floats(-1, 8, 0, []int{1}, []int{1 << 40}), 8},
		{floats(-1, 0, 0, nil, nil), -1},
		{floats(-1, 80, 0, []int{11}, []int{8}), -1},
		{floats(-1, 80, 80, []int{1}, []int{8}), -1},
		{floats(-1, 80, -8, []int{1}, []int{8}), -1},
		{floats(-1, 80, 0, []int{10}, []int{4}), -1},
		{floats(-1, 80, 0, []int{2}, []int{-8}), -1},
		{floats(-1, 80, 0, []int{-2}, []int{8}), -1},
		{floats(-1, 80, 0, []int{2}, nil), -1},
		{floats(-1, 80, 0, []int{1 << 40}, []int{0}), -1},
		{floats(-1, 80, 0, []int{4, 4}, []int{8, 8}), -1},
		{floats(-1, 80, 0, []int{2, 2}, []int{math.MaxInt &^ 7, math.MaxInt &^ 7}), -1},
		{floats(-1, 80, 0, []int{math.MaxInt, math.MaxInt}, []int{0, 0}), -1},
		{floats(-1, 80, 0, []int{0, math.MaxInt}, []int{8, 8}), -1},
		{floats(0, 0, 0, []int{1}, []int{8}), -1},
		{floats(math.MaxInt, 0, 0, []int{1}, []int{8}), -1},
		{descriptor{Element: "string", Part: -1, Inline: make([]byte, 80), Shape: []int{1}, Strides: []int{8}}, -1},
	} {
		data, err := one.d.bytesAt(&message{})
		if (err != nil) != (one.want < 0) || err == nil && len(data) != one.want {
			t.Errorf("%+v: %d bytes, %v", one.d, len(data), err)
		}
	}
}

func TestUnalignedArraysAreMoved(t *testing.T) {
	for _, element := range []string{"int16", "int32", "float64", "complex64", "complex128"} {
		size := elements[element].size
		whole := bytesOf(make([]uint64, 9))
		for offset := range 8 {
			d := descriptor{Element: element, Part: -1, Inline: whole, Offset: offset, Shape: []int{2}, Strides: []int{size}}
			whole[offset] = 9
			data, err := d.bytesAt(&message{})
			if err != nil || len(data) != 2*size || !aligned(data, min(size, 8)) || data[0] != 9 {
				t.Errorf("%s at %d: %d bytes, %v", element, offset, len(data), err)
			}
		}
	}
}

// TestArraysThatOverflow: no shape makes Go count wrongly.
func TestArraysThatOverflow(t *testing.T) {
	for _, shape := range [][]int{{math.MaxInt, 2}, {1 << 32, 1 << 32}, {-1}, {1 << 60}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("an array of shape %v is made", shape)
				}
			}()
			New[uint8](context.Background(), shape...)
		}()
	}
	if n := New[uint8](context.Background(), math.MaxInt, 0, math.MaxInt).Len(); n != 0 {
		t.Errorf("%d elements", n)
	}
	c := &call{}
	for _, a := range []Array[float64]{{}, {Shape: []int{2}, Strides: []int{1}, Data: []float64{1}}, {Shape: []int{2}}} {
		if _, err := a.emit(c, new([]parcel.Part)); err == nil {
			t.Errorf("%+v is returned", a)
		}
	}
}

// everyType has a parameter for each way that values are decoded.
func everyType(
	bool, int8, uint64, float32, string, []byte, any, []float64, [][]int32, []string, map[string][]float64, map[int]bool,
	inner, outer, Array[float64], Array[complex128], []Array[uint8], map[string]outer, []map[string]Array[int16],
) {
}

// FuzzDecode decodes whatever, for every type: there is an error, or a value.
func FuzzDecode(f *testing.F) {
	k, err := inspected(everyType)
	if err != nil {
		f.Fatal(err)
	}
	fam := family.New(f)
	buffer, _ := family.Alloc(fam.Me, arena.Buffer, 4096)
	for _, d := range []descriptor{
		floats(-1, 80, 0, []int{10}, []int{8}), floats(0, 0, 8, []int{2, 3}, []int{24, 8}), floats(1, 0, 0, []int{2}, []int{8}),
		floats(0, 0, 0, []int{0, 1 << 40}, []int{8, 8}), floats(0, 0, 0, []int{1 << 62}, []int{0}),
	} {
		f.Add(packed(f, d), uint64(0), uint64(80))
		f.Add(pack(f, []codec.Raw{packed(f, d)}), uint64(3), uint64(80))
		f.Add(pack(f, map[string]codec.Raw{"data": packed(f, d), "inner": pack(f, map[string]int{"a": 1})}), uint64(8), uint64(4000))
	}
	for _, v := range []any{nil, true, -1, uint64(math.MaxUint64), 1.5, "text", []byte("x"), []any{1, "a", []any{nil}}, map[string]any{"a": []int{1}}} {
		f.Add(pack(f, v), uint64(0), uint64(8))
	}
	f.Fuzz(func(t *testing.T, raw []byte, from, length uint64) {
		from %= 4096
		part := parcel.Part{Block: buffer.Off(), Place: buffer.Body(), Length: 0}
		part.Length = min(length, 4096-from)
		m := message{data: raw, parts: []parcel.Part{part}}
		for _, p := range k.Params {
			c := &call{me: fam.Me}
			v, err := c.decode(&m, raw, p.Type)
			if err != nil {
				continue
			}
			if _, err = c.encode(v, p.Type, &message{}); err != nil {
				t.Logf("%s: %v", p.Type.Go, err)
			}
			c.end()
		}
		var r request
		_ = unmarshal(raw, &r)
	})
}
