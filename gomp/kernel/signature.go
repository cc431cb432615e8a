package kernel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Type describes a Go type to Python.
type Type struct {
	Kind   string  `json:"kind"` // float64, string, bytes, time, any, slice, map, struct, array, queue, value, ...
	Go     string  `json:"go"`   // as Go writes it, for messages
	Elem   *Type   `json:"elem,omitempty"`
	Key    *Type   `json:"key,omitempty"`
	Fields []Field `json:"fields,omitempty"`

	typ    reflect.Type
	raw    bool // it holds arrays or handles, which the codec alone cannot decode
	octets bool // it holds bytes: the codec makes a string of those that are nil
}

// Field is one of a struct's.
type Field struct {
	Name string `json:"name"`
	Type *Type  `json:"type"`

	index int
}

// Param is one of a kernel's.
type Param struct {
	Name string `json:"name"`
	Type *Type  `json:"type"`
}

// function is a kernel; the exported fields are what its manifest says.
type function struct {
	Name        string  `json:"name"`
	Doc         string  `json:"doc"`
	Params      []Param `json:"params"`
	Variadic    bool    `json:"variadic"`
	Results     []*Type `json:"results"`
	Error       bool    `json:"error"`
	Elementwise bool    `json:"elementwise"`

	plain   any
	value   reflect.Value
	names   []string
	context bool
	vector  vector // of an element-wise kernel
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
	timeType    = reflect.TypeFor[time.Time]()
)

// inspect reads the signature.
func (f *function) inspect() error {
	t := f.value.Type()
	if t.Kind() != reflect.Func || f.value.IsNil() {
		return fmt.Errorf("%s is not a function", t)
	}
	first := 0
	if t.NumIn() > 0 && t.In(0) == contextType {
		f.context, first = true, 1
	}
	f.Variadic = t.IsVariadic()
	if err := f.inspectParams(t, first); err != nil {
		return err
	}
	n := t.NumOut()
	if n > 0 && t.Out(n-1) == errorType {
		f.Error = true
		n--
	}
	f.Results = []*Type{}
	for i := range n {
		r, err := describe(t.Out(i), nil)
		if err == nil && handles(r) {
			err = errors.New("a kernel takes handles, and does not return them")
		}
		if err != nil {
			return fmt.Errorf("result %d: %w", i, err)
		}
		f.Results = append(f.Results, r)
	}
	f.vector = vectorOf(f.plain)
	f.Elementwise = f.vector != nil
	return nil
}

func (f *function) inspectParams(t reflect.Type, first int) error {
	f.Params = []Param{}
	for i := first; i < t.NumIn(); i++ {
		name := fmt.Sprintf("arg%d", i-first)
		if i-first < len(f.names) {
			name = f.names[i-first]
		}
		p, err := describe(t.In(i), nil)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", name, err)
		}
		f.Params = append(f.Params, Param{name, p})
	}
	if len(f.names) > len(f.Params) {
		return fmt.Errorf("%d names for %d parameters", len(f.names), len(f.Params))
	}
	return nil
}

// arrayLike is what every Array is.
type arrayLike interface{ element() reflect.Type }

func (a Array[T]) element() reflect.Type { return reflect.TypeFor[T]() }

// shortened is how users write what reflection spells out.
var shortened = strings.NewReplacer("github.com/gomp-project/gomp/gomp/kernel.", "kernel.", "interface {}", "any")

// describe says what a type is; outer are those that it is inside of.
func describe(t reflect.Type, outer []reflect.Type) (*Type, error) {
	d := &Type{Go: shortened.Replace(t.String()), typ: t}
	for _, o := range outer {
		if o == t {
			return nil, fmt.Errorf("type %s contains itself", d.Go)
		}
	}
	outer = append(outer, t)
	switch {
	case t == timeType:
		d.Kind = "time"
		return d, nil
	case t == reflect.TypeFor[*Queue]():
		d.Kind, d.raw = "queue", true
		return d, nil
	case t == reflect.TypeFor[*Value]():
		d.Kind, d.raw = "value", true
		return d, nil
	case t.Implements(reflect.TypeFor[arrayLike]()):
		d.Kind, d.raw = "array", true
		return d, d.inner(&d.Elem, reflect.Zero(t).Interface().(arrayLike).element(), outer)
	}
	switch k := t.Kind(); k {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128, reflect.String:
		if (k == reflect.Complex64 || k == reflect.Complex128) && (len(outer) < 2 || !outer[len(outer)-2].Implements(reflect.TypeFor[arrayLike]())) {
			return nil, fmt.Errorf("type %s travels only in a kernel.Array", d.Go)
		}
		d.Kind = k.String()
		return d, nil
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			d.Kind, d.octets = "bytes", true
			return d, nil
		}
		d.Kind = "slice"
		return d, d.inner(&d.Elem, t.Elem(), outer)
	case reflect.Map:
		d.Kind = "map"
		if err := d.inner(&d.Key, t.Key(), outer); err != nil {
			return nil, err
		}
		if d.Key.raw || d.Key.Kind == "any" || d.Key.Kind == "struct" {
			return nil, fmt.Errorf("type %s: a key of a map must be a string, a number or a bool", d.Go)
		}
		return d, d.inner(&d.Elem, t.Elem(), outer)
	case reflect.Struct:
		d.Kind = "struct"
		return d, d.fields(outer)
	case reflect.Interface:
		if t.NumMethod() == 0 {
			d.Kind = "any"
			return d, nil
		}
	}
	return nil, fmt.Errorf("type %s cannot come from Python", d.Go)
}

func (d *Type) inner(to **Type, t reflect.Type, outer []reflect.Type) error {
	inner, err := describe(t, outer)
	if err != nil {
		return err
	}
	*to = inner
	d.raw, d.octets = d.raw || inner.raw, d.octets || inner.octets
	return nil
}

func (d *Type) fields(outer []reflect.Type) error {
	for i := range d.typ.NumField() {
		f := d.typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("codec"), ",")
		if name == "-" || !f.IsExported() && !f.Anonymous {
			continue
		}
		if name == "" {
			if f.Anonymous {
				return fmt.Errorf("field %s: what is embedded needs a name, as in `codec:\"name\"`", f.Name)
			}
			name = f.Name
		}
		inner, err := describe(f.Type, outer)
		if err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		d.raw, d.octets = d.raw || inner.raw, d.octets || inner.octets
		d.Fields = append(d.Fields, Field{name, inner, i})
	}
	return nil
}

// handles reports whether the type is, or holds, a handle.
func handles(d *Type) bool {
	if d == nil {
		return false
	}
	for _, f := range d.Fields {
		if handles(f.Type) {
			return true
		}
	}
	return d.Kind == "queue" || d.Kind == "value" || handles(d.Elem) || handles(d.Key)
}
