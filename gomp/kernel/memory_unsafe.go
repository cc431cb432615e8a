package kernel

import (
	"reflect"
	"unsafe"

	"github.com/gomp-project/gomp/gomp/segment"
)

// view is memory of the segment, or of Go's heap, as elements. Precondition: it is aligned, and
// as long as whole elements.
func view[T any](b []byte) []T {
	if len(b) == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(*new(T))))
}

// bytesOf is the memory of elements.
func bytesOf[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(*new(T))))
}

// place is where memory of the segment lies in it; ok is false for other memory.
func place(b []byte) (off segment.Off, ok bool) {
	if len(b) == 0 {
		return 0, false
	}
	at := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	base := segment.Addr(0)
	if at < base || at-base >= uintptr(segment.Head().Size) {
		return 0, false
	}
	return segment.Off(at - base), true
}

func aligned(b []byte, n int) bool {
	return len(b) == 0 || uintptr(unsafe.Pointer(unsafe.SliceData(b)))%uintptr(n) == 0
}

// elements are what bytes are seen as, by the name of the element's type.
var elements = map[string]struct {
	size int
	view func([]byte) reflect.Value
}{
	"bool": {1, reflected[bool]}, "int8": {1, reflected[int8]}, "int16": {2, reflected[int16]}, "int32": {4, reflected[int32]},
	"int64": {8, reflected[int64]}, "int": {8, reflected[int]}, "uint8": {1, reflected[uint8]}, "uint16": {2, reflected[uint16]},
	"uint32": {4, reflected[uint32]}, "uint64": {8, reflected[uint64]}, "uint": {8, reflected[uint]},
	"float32": {4, reflected[float32]}, "float64": {8, reflected[float64]},
	"complex64": {8, reflected[complex64]}, "complex128": {16, reflected[complex128]},
}

func reflected[T any](b []byte) reflect.Value { return reflect.ValueOf(view[T](b)) }
