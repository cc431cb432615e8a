package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync"

	"github.com/ugorji/go/codec"

	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Extension types of MessagePack; python/gomp/_packing.py mirrors them.
const (
	extArray  = 1
	extHandle = 2
)

var (
	handleOf  = newHandle()
	requestOf = newHandle() // for what does not outlive its message
	nakedOf   = newHandle() // for a look at values whatever their types
)

func init() {
	requestOf.ZeroCopy = true
	nakedOf.ZeroCopy, nakedOf.SignedInteger = true, false
	nakedOf.MapType = nil // map[any]any
}

func newHandle() *codec.MsgpackHandle {
	h := &codec.MsgpackHandle{WriteExt: true}
	h.Raw, h.SignedInteger = true, true
	h.NilCollectionToZeroLength = true // what is no slice in Go is an empty list in Python
	h.MapType = reflect.TypeFor[map[string]any]()
	h.MaxDepth = 64
	h.MaxInitLen = 1 << 16
	if err := h.SetBytesExt(reflect.TypeFor[hidden](), extArray, hidden{}); err != nil {
		panic(err)
	}
	return h
}

// hidden is what the codec makes of an array in a value of type any: an error.
type hidden struct{}

func (hidden) WriteExt(any) []byte { panic("kernel: no value has this type") }

func (hidden) ReadExt(any, []byte) { panic(errors.New("an array in a value of type any")) }

// Decoders and encoders are kept: making one costs more than a small message.
var (
	decoders = sync.Pool{New: func() any { return codec.NewDecoderBytes(nil, handleOf) }}
	readers  = sync.Pool{New: func() any { return codec.NewDecoderBytes(nil, requestOf) }}
	naked    = sync.Pool{New: func() any { return codec.NewDecoderBytes(nil, nakedOf) }}
	encoders = sync.Pool{New: func() any {
		e := &encoder{}
		e.Encoder = codec.NewEncoderBytes(&e.out, handleOf)
		return e
	}}
)

// encoder is one with what it writes to.
type encoder struct {
	*codec.Encoder
	out []byte
}

const usual = 64 // bytes of a small message

func unmarshal(data []byte, to any) error { return decodeBy(&decoders, data, to) }

// read is unmarshal for what refers to data: it must not outlive them.
func read(data []byte, to any) error { return decodeBy(&readers, data, to) }

func decodeBy(kept *sync.Pool, data []byte, to any) error {
	d := kept.Get().(*codec.Decoder)
	d.ResetBytes(data)
	if err := d.Decode(to); err != nil {
		return err
	}
	d.ResetBytes(nil)
	kept.Put(d)
	return nil
}

func marshal(v any) ([]byte, error) {
	e := encoders.Get().(*encoder)
	e.out = make([]byte, 0, usual)
	e.ResetBytes(&e.out)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	data := e.out
	e.out = nil
	encoders.Put(e)
	return data, nil
}

// descriptor says where an array lies. It travels as an extension: its fields in this order.
type descriptor struct {
	//lint:ignore U1000 the codec reads its tag
	_struct bool `codec:",toarray"`

	Element  string // the name of its type
	Part     int    // of the message; -1: the data are in Inline
	Inline   []byte
	Offset   int // of the first element in the part, in bytes
	Shape    []int
	Strides  []int // in bytes
	ReadOnly bool
}

// extension splits an extension value of MessagePack; ok is false for other values.
func extension(raw []byte) (kind int8, data []byte, ok bool) {
	head := func(n int) []byte {
		if len(raw) < n {
			return nil
		}
		return raw[:n]
	}
	var size, skip int
	switch b := head(1); {
	case b == nil:
		return 0, nil, false
	case b[0] >= 0xd4 && b[0] <= 0xd8:
		size, skip = 1<<(b[0]-0xd4), 1
	case b[0] == 0xc7 && len(raw) >= 2:
		size, skip = int(raw[1]), 2
	case b[0] == 0xc8 && len(raw) >= 3:
		size, skip = int(binary.BigEndian.Uint16(raw[1:])), 3
	case b[0] == 0xc9 && len(raw) >= 5:
		size, skip = int(binary.BigEndian.Uint32(raw[1:])), 5
	default:
		return 0, nil, false
	}
	if size < 0 || len(raw) != skip+1+size {
		return 0, nil, false
	}
	return int8(raw[skip]), raw[skip+1:], true
}

// extend makes an extension value.
func extend(kind int8, data []byte) []byte {
	out := append(make([]byte, 0, 6+len(data)), 0xc9)
	out = binary.BigEndian.AppendUint32(out, uint32(len(data)))
	return append(append(out, byte(kind)), data...)
}

// emptyMost is how many rows an array without elements may have.
const emptyMost = 1 << 20

// bytesAt gives the descriptor's memory from its first element on, after it has looked that every
// element lies in it.
func (d *descriptor) bytesAt(m *message) ([]byte, error) {
	data := d.Inline
	if d.Part >= 0 {
		if d.Part >= len(m.parts) {
			return nil, fmt.Errorf("an array in part %d of %d", d.Part, len(m.parts))
		}
		p := m.parts[d.Part]
		data = segment.Bytes(p.Place, p.Length)
	}
	e, known := elements[d.Element]
	if !known {
		return nil, fmt.Errorf("an array of %q", d.Element)
	}
	if len(d.Shape) != len(d.Strides) || len(d.Shape) > 64 || d.Offset < 0 || d.Offset > len(data) {
		return nil, errors.New("an array whose shape and strides do not agree")
	}
	empty := slices.Contains(d.Shape, 0)
	most := len(data) // elements that overlap could be any number, and so could those of an empty array's other axes
	if empty {
		most = emptyMost
	}
	last, count := d.Offset, 1
	for i, n := range d.Shape {
		s := d.Strides[i]
		if n < 0 || s < 0 || s%e.size != 0 {
			return nil, fmt.Errorf("an array with shape %v and strides %v", d.Shape, d.Strides)
		}
		if n <= 1 {
			continue
		}
		if s > (math.MaxInt-last)/(n-1) || n > most/count {
			return nil, fmt.Errorf("an array of shape %v and strides %v in %d bytes", d.Shape, d.Strides, len(data))
		}
		last += (n - 1) * s
		count *= n
	}
	if empty {
		return nil, nil
	}
	if last > len(data)-e.size || count > len(data)/e.size {
		return nil, fmt.Errorf("an array of shape %v and strides %v in %d bytes", d.Shape, d.Strides, len(data))
	}
	data = data[d.Offset : last+e.size]
	if m.passes || !aligned(data, min(e.size, 8)) {
		moved := bytesOf(make([]uint64, len(data)/8+1))[:len(data)]
		copy(moved, data)
		data = moved
	}
	return data, nil
}

// fill makes an array over memory.
func (a *Array[T]) fill(data []byte, d *descriptor) {
	size := len(bytesOf(make([]T, 1)))
	a.Data, a.Shape, a.ReadOnly = view[T](data), d.Shape, d.ReadOnly
	a.Strides = make([]int, len(d.Strides))
	for i, s := range d.Strides {
		a.Strides[i] = s / size
	}
}

type filler interface {
	fill(data []byte, d *descriptor)
}

// emit describes an array for the answer that c makes.
func (a Array[T]) emit(c *call, parts *[]parcel.Part) ([]byte, error) {
	if len(a.Strides) != len(a.Shape) {
		return nil, fmt.Errorf("an array with shape %v and strides %v: make it with kernel.New or kernel.Of", a.Shape, a.Strides)
	}
	if a.Len() > 0 && a.last() >= len(a.Data) {
		return nil, fmt.Errorf("an array with shape %v and strides %v of %d elements", a.Shape, a.Strides, len(a.Data))
	}
	d := descriptor{Element: a.element().String(), Part: -1, Shape: a.Shape, Strides: contiguous(a.Shape)}
	for i := range d.Strides {
		d.Strides[i] *= elements[d.Element].size
	}
	if flat := bytesOf(a.Flat()); len(flat) < inlineArray {
		d.Inline = flat
	} else {
		d.Part = len(*parts)
		*parts = append(*parts, c.part(flat, a.origin))
	}
	packed, err := marshal(&d)
	return extend(extArray, packed), err
}

// MarshalBinary fails. The codec asks for it where an array is hidden in an any: only what is declared
// as an array travels as one.
func (a Array[T]) MarshalBinary() ([]byte, error) {
	return nil, fmt.Errorf("an array of %s in a value of type any cannot be sent", a.element())
}

// UnmarshalBinary fails: the codec asks for both or for none.
func (a *Array[T]) UnmarshalBinary([]byte) error {
	return fmt.Errorf("an array of %s cannot be received here", a.element())
}

type emitter interface {
	emit(c *call, parts *[]parcel.Part) ([]byte, error)
}
