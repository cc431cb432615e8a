package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// holds looks whether a value of MessagePack has what the type cannot hold and the codec would not say: None where there is
// no number, string and the like, for which it makes the zero, and integers of 2^63 and more where there is no unsigned
// type, for which it makes negative ones. They are rare, and only then is the value looked at as a whole.
func (d *Type) holds(raw []byte) error {
	if !suspicious(raw) {
		return nil
	}
	var v any
	if err := decodeBy(&naked, raw, &v); err != nil {
		return err
	}
	return d.fits(v)
}

// suspicious reports whether a nil or an integer of 2^63 or more is among the values.
func suspicious(raw []byte) bool {
	return among(raw, func(v []byte) bool { return v[0] == 0xc0 || v[0] == 0xcf && len(v) > 1 && v[1] >= 0x80 })
}

// hasArray reports whether an array is among the values.
func hasArray(raw []byte) bool {
	return among(raw, func(v []byte) bool {
		switch b := v[0]; {
		case b >= 0xd4 && b <= 0xd8: // an extension of 1, 2, 4, 8 or 16 bytes
			return len(v) > 1 && v[1] == extArray
		case b >= 0xc7 && b <= 0xc9: // its length in 1, 2 or 4
			kind := 1 + 1<<(b-0xc7)
			return len(v) > kind && v[kind] == extArray
		}
		return false
	})
}

// among looks at the values, which lie one after the other: a list comes before what is in it. What is malformed is for
// the decoder.
func among(raw []byte, found func(value []byte) bool) bool {
	for len(raw) > 0 {
		if found(raw) {
			return true
		}
		n := extent(raw)
		if n > len(raw) {
			return false
		}
		raw = raw[n:]
	}
	return false
}

// sizes are those of the values from 0xc0 to 0xdf, without what follows a length; of lists and maps, of their heads.
var sizes = [32]int{1, 1, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9, 2, 3, 5, 9, 3, 4, 6, 10, 18, 2, 3, 5, 3, 5, 3, 5}

// extent is how many bytes the first value has; of a list or a map, its head.
func extent(raw []byte) int {
	b := raw[0]
	switch {
	case b >= 0xa0 && b < 0xc0: // a short string
		return 1 + int(b&31)
	case b < 0xc0 || b >= 0xe0: // a small number, or the head of a short list or map
		return 1
	}
	n := sizes[b-0xc0]
	if len(raw) < n {
		return n
	}
	switch b {
	case 0xc4, 0xc7, 0xd9: // with the length in one byte: bytes, an extension, a string
		return n + int(raw[1])
	case 0xc5, 0xc8, 0xda: // in two
		return n + int(binary.BigEndian.Uint16(raw[1:]))
	case 0xc6, 0xc9, 0xdb: // in four
		return n + int(binary.BigEndian.Uint32(raw[1:]))
	}
	return n
}

// fits is holds for what was decoded without a type, where an integer that is not negative is a uint64.
func (d *Type) fits(v any) error {
	switch v := v.(type) {
	case nil:
		switch d.Kind {
		case "any", "slice", "map", "bytes":
		default:
			return fmt.Errorf("no %s is None", d.Go)
		}
	case uint64:
		if v > math.MaxInt64 && d.Kind != "uint" && d.Kind != "uint64" {
			return fmt.Errorf("%d does not fit %s: only uint64 has integers from 2**63 on", v, d.Go)
		}
	case []any:
		for _, one := range v {
			if err := d.inside(d.Elem).fits(one); err != nil {
				return err
			}
		}
	case map[any]any:
		for k, one := range v {
			if err := d.fitsPair(k, one); err != nil {
				return err
			}
		}
	}
	return nil
}

// fitsPair looks at an entry of a map or of a struct.
func (d *Type) fitsPair(key, value any) error {
	for _, f := range d.Fields {
		if key == f.Name {
			return f.Type.fits(value)
		}
	}
	return errors.Join(d.inside(d.Key).fits(key), d.inside(d.Elem).fits(value))
}

var anyType = &Type{Kind: "any", Go: "any"}

// inside is the type of what is in a value: that which is known of it, or any.
func (d *Type) inside(known *Type) *Type {
	if known == nil {
		return anyType
	}
	return known
}
