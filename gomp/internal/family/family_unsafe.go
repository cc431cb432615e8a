package family

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/segment"
)

// pointer is the inverse of segment.Addr: memory outside Go's heap.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// Unmap undoes a mapping.
func Unmap(base uintptr, size uint64) { _ = unix.MunmapPtr(pointer(base), uintptr(size)) }

// page is a page as it is now and as it will be: a string, since the race
// detector would note every byte of a slice that is compared.
func page(off segment.Off) string {
	return unsafe.String((*byte)(pointer(segment.Addr(off))), pageSize)
}
