package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// The bytes of MessagePack that begin what the codec would take for another value.
const (
	null    = 0xc0 // for the zero of every type
	uint64s = 0xcf // for a negative number where it is 2^63 or more and no unsigned type is asked for
)

// holds looks whether a value of MessagePack has what the type cannot hold and the codec would not say: None where there is
// no number, string and the like, and integers of 2^63 and more for what is not unsigned. Such bytes are rare, and
// only then is the value looked at as a whole.
func (d *Type) holds(raw []byte) error {
	if d.Kind == "bytes" || bytes.IndexByte(raw, null) < 0 && bytes.IndexByte(raw, uint64s) < 0 {
		return nil
	}
	var v any
	if err := decodeBy(&naked, raw, &v); err != nil {
		return err
	}
	return d.fits(v)
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
