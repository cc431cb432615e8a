package segment

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// base is where this process sees the segment: memory outside Go's heap. It
// is set once per life of the Go runtime, before any other call.
var base unsafe.Pointer

// Use makes an existing mapping the segment of this Go runtime: a forked child
// inherits the mapping, and its fresh runtime has to be told.
func Use(at uintptr) { base = *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// Mapped reports whether this runtime has a segment.
func Mapped() bool { return base != nil }

func create(heap uint64) (Mapping, error) {
	fd, err := unix.MemfdCreate("gomp", unix.MFD_CLOEXEC)
	if err != nil {
		return Mapping{}, err
	}
	size := uint64(HeapOff) + heap
	if err = unix.Ftruncate(fd, int64(size)); err == nil {
		if err = mapFD(fd, size); err == nil {
			return Mapping{FD: fd, Base: uintptr(base), Size: size}, nil
		}
	}
	unix.Close(fd)
	return Mapping{}, err
}

func mapFD(fd int, size uint64) error {
	p, err := unix.MmapPtr(fd, 0, nil, uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
	if err != nil {
		return err
	}
	// A core dump of one process must not write out the family's memory.
	_ = unix.Madvise(unsafe.Slice((*byte)(p), int(size)), unix.MADV_DONTDUMP)
	base = p
	return nil
}

// Attach maps the segment behind fd, which stays the caller's.
func Attach(fd int) (Mapping, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Mapping{}, err
	}
	if st.Size < int64(HeapOff)+int64(minHeap) {
		return Mapping{}, ErrFormat
	}
	size := uint64(st.Size)
	if err := mapFD(fd, size); err != nil {
		return Mapping{}, err
	}
	if err := Validate(size); err != nil {
		_ = unix.MunmapPtr(base, uintptr(size))
		base = nil
		return Mapping{}, err
	}
	return Mapping{FD: fd, Base: uintptr(base), Size: size, Key: Head().Key}, nil
}

// Head is the segment's header.
func Head() *Header { return (*Header)(base) }

// At gives the structure of type T at off. Precondition: a T lies there.
func At[T any](off Off) *T { return (*T)(unsafe.Add(base, off)) }

// Addr gives the address of off in this process, for the boundary.
func Addr(off Off) uintptr { return uintptr(unsafe.Add(base, off)) }

// Bytes gives n bytes at off. Precondition: they lie in the segment.
func Bytes(off Off, n uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(base, off)), int(n))
}

// Offset is the inverse of At, for a structure inside the segment.
func Offset[T any](p *T) Off { return Off(uintptr(unsafe.Pointer(p)) - uintptr(base)) }

// Discard gives the pages of a range back to the kernel; it reads as zeros
// afterwards. Both ends must be page-aligned.
func Discard(off Off, n uint64) error {
	return unix.Madvise(Bytes(off, n), unix.MADV_REMOVE)
}
