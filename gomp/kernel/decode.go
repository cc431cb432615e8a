package kernel

import (
	"fmt"
	"reflect"

	"github.com/ugorji/go/codec"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/segment"
)

// decode makes the value of type d that raw, a value of MessagePack, stands for.
func (c *call) decode(m *message, raw codec.Raw, d *Type) (reflect.Value, error) {
	if kind, data, ok := extension(raw); ok && kind == extArray {
		return c.decodeArray(m, data, d)
	}
	switch {
	case d.Kind == "queue" || d.Kind == "value":
		return c.decodeHandle(m, raw, d)
	case d.Kind == "array":
		return reflect.Value{}, fmt.Errorf("%s needs an array", d.Go)
	case len(raw) == 0: // the codec's Raw of nil
		return reflect.Zero(d.typ), d.fits(nil)
	case d.raw || d.Kind != "any" && hasArray(raw):
		return c.decodeInside(m, raw, d)
	}
	if err := d.holds(raw); err != nil {
		return reflect.Value{}, err
	}
	v := reflect.New(d.typ)
	return v.Elem(), unmarshal(raw, v.Interface())
}

// decodeInside decodes what has arrays or handles in it, element by element.
func (c *call) decodeInside(m *message, raw codec.Raw, d *Type) (reflect.Value, error) {
	v := reflect.New(d.typ).Elem()
	switch d.Kind {
	case "slice":
		var items []codec.Raw
		if err := unmarshal(raw, &items); err != nil {
			return v, err
		}
		v.Set(reflect.MakeSlice(d.typ, len(items), len(items)))
		for i, item := range items {
			one, err := c.decode(m, item, d.Elem)
			if err != nil {
				return v, err
			}
			v.Index(i).Set(one)
		}
	case "map":
		items := reflect.New(reflect.MapOf(d.Key.typ, reflect.TypeFor[codec.Raw]()))
		if err := unmarshal(raw, items.Interface()); err != nil {
			return v, err
		}
		v.Set(reflect.MakeMap(d.typ))
		for i := items.Elem().MapRange(); i.Next(); {
			one, err := c.decode(m, i.Value().Bytes(), d.Elem)
			if err != nil {
				return v, err
			}
			v.SetMapIndex(i.Key(), one)
		}
	case "struct":
		var items map[string]codec.Raw
		if err := unmarshal(raw, &items); err != nil {
			return v, err
		}
		for _, f := range d.Fields {
			item, given := items[f.Name]
			if !given {
				continue
			}
			one, err := c.decode(m, item, f.Type)
			if err != nil {
				return v, err
			}
			v.Field(f.index).Set(one)
		}
	default:
		return v, fmt.Errorf("%s from an array", d.Go)
	}
	return v, nil
}

// decodeArray makes an Array, a slice of numbers, or bytes, over the memory of an array where that
// is possible.
func (c *call) decodeArray(m *message, data []byte, d *Type) (reflect.Value, error) {
	var a descriptor
	if err := unmarshal(data, &a); err != nil {
		return reflect.Value{}, err
	}
	memory, err := a.bytesAt(m)
	if err != nil {
		return reflect.Value{}, err
	}
	c.remember(m, &a)
	switch d.Kind {
	case "array":
		if d.Elem.Kind != a.Element {
			return reflect.Value{}, fmt.Errorf("%s from an array of %s", d.Go, a.Element)
		}
		v := reflect.New(d.typ)
		v.Interface().(filler).fill(memory, &a)
		return v.Elem(), nil
	case "bytes", "slice":
		return nested(memory, &a, 0, 0, d)
	case "any":
		t, known := arrays[a.Element]
		if !known {
			return reflect.Value{}, fmt.Errorf("%s from an array of %s", d.Go, a.Element)
		}
		v := reflect.New(t)
		v.Interface().(filler).fill(memory, &a)
		return v.Elem(), nil
	}
	return reflect.Value{}, fmt.Errorf("%s from an array", d.Go)
}

// arrays are what an array becomes where any value fits, by the name of the element's type.
var arrays = map[string]reflect.Type{
	"bool": reflect.TypeFor[Array[bool]](), "int8": reflect.TypeFor[Array[int8]](), "int16": reflect.TypeFor[Array[int16]](),
	"int32": reflect.TypeFor[Array[int32]](), "int64": reflect.TypeFor[Array[int64]](), "uint8": reflect.TypeFor[Array[uint8]](),
	"uint16": reflect.TypeFor[Array[uint16]](), "uint32": reflect.TypeFor[Array[uint32]](), "uint64": reflect.TypeFor[Array[uint64]](),
	"float32": reflect.TypeFor[Array[float32]](), "float64": reflect.TypeFor[Array[float64]](),
	"complex64": reflect.TypeFor[Array[complex64]](), "complex128": reflect.TypeFor[Array[complex128]](),
}

// remember notes memory that all processes share: an answer can refer to it.
func (c *call) remember(m *message, a *descriptor) {
	if a.Part < 0 {
		return
	}
	p := m.parts[a.Part]
	if to := target(p); to != 0 {
		b := arena.At(to)
		c.spans = append(c.spans, span{to + arena.BufferData, to + arena.HeaderSize + segment.Off(b.Size), to})
	}
}

// nested makes the slice for an axis of an array and those after it.
func nested(memory []byte, a *descriptor, axis, at int, d *Type) (reflect.Value, error) {
	var v reflect.Value
	if axis >= len(a.Shape) {
		return v, fmt.Errorf("%s from an array of %d dimensions", d.Go, len(a.Shape))
	}
	n, stride := a.Shape[axis], a.Strides[axis]
	inner := d.typ.Elem()
	if n == 0 {
		return reflect.MakeSlice(d.typ, 0, 0), nil
	}
	if inner.Kind() != reflect.Slice {
		if axis != len(a.Shape)-1 || !matches(inner.Kind(), a.Element) {
			return v, fmt.Errorf("%s from an array of %s with %d dimensions", d.Go, a.Element, len(a.Shape))
		}
		e := elements[inner.Kind().String()]
		if n == 1 || stride == e.size {
			if whole := e.view(memory[at : at+n*e.size]); whole.Type().ConvertibleTo(d.typ) {
				return whole.Convert(d.typ), nil
			}
		}
		v = reflect.MakeSlice(d.typ, n, n)
		for i := range n {
			v.Index(i).Set(e.view(memory[at+i*stride:][:e.size]).Index(0).Convert(inner))
		}
		return v, nil
	}
	v = reflect.MakeSlice(d.typ, n, n)
	for i := range n {
		one, err := nested(memory, a, axis+1, at+i*stride, &Type{Go: d.Go, typ: inner})
		if err != nil {
			return v, err
		}
		v.Index(i).Set(one)
	}
	return v, nil
}

func matches(k reflect.Kind, element string) bool {
	return k.String() == element || k == reflect.Int && element == "int64" || k == reflect.Uint && element == "uint64"
}

// encode makes MessagePack of a result.
func (c *call) encode(v reflect.Value, d *Type, m *message) (codec.Raw, error) {
	if !d.raw && !d.octets {
		return marshal(v.Interface())
	}
	switch d.Kind {
	case "array":
		return v.Interface().(emitter).emit(c, &m.parts)
	case "bytes":
		return marshal(append([]byte{}, v.Bytes()...))
	case "slice":
		items := make([]codec.Raw, v.Len())
		for i := range items {
			one, err := c.encode(v.Index(i), d.Elem, m)
			if err != nil {
				return nil, err
			}
			items[i] = one
		}
		return marshal(items)
	case "map":
		items := reflect.MakeMap(reflect.MapOf(d.Key.typ, reflect.TypeFor[codec.Raw]()))
		for i := v.MapRange(); i.Next(); {
			one, err := c.encode(i.Value(), d.Elem, m)
			if err != nil {
				return nil, err
			}
			items.SetMapIndex(i.Key(), reflect.ValueOf(one))
		}
		return marshal(items.Interface())
	}
	items := map[string]codec.Raw{} // a struct
	for _, f := range d.Fields {
		one, err := c.encode(v.Field(f.index), f.Type, m)
		if err != nil {
			return nil, err
		}
		items[f.Name] = one
	}
	return marshal(items)
}
