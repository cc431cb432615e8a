package segment

import (
	"errors"
	"fmt"
)

// Off is an offset from the start of the segment; 0 means none.
type Off uint64

// Layout constants. Layout is increased by every change of a structure in
// shared memory.
const (
	Magic  = 0x31706d6f67 // "gomp1"
	Layout = 4

	Slots    = 1024            // processes alive at once in a family
	SlotSize = 64              // bytes of one process slot
	SlotsOff = 4096            // where the process table starts
	HeapOff  = Off(128 << 10)  // where the heap starts
	minHeap  = uint64(1) << 26 // less is not worth starting with
	maxHeap  = uint64(1) << 38 // 256 GiB of address space
	Seats    = 8               // spinners at once, see Header.Seats
	Classes  = 48              // size classes of the heap, by log2
)

// Header is at offset 0. Fields up to Key never change after birth.
type Header struct {
	Magic  uint64
	Layout uint32
	Slots  uint32
	Size   uint64 // bytes of the mapping
	Cap    uint64 // bytes of the heap that may be in use
	Key    uint64 // names the family
	Heap   uint64 // bytes of the heap, a power of two

	// Seats are claimed by processes that spin instead of sleeping, so that
	// not more spin than there are CPUs. Each is an owner word: a dead
	// spinner's seat is told from a living one's.
	Seats  [Seats]uint64
	NSeats uint64

	ArenaLock uint64
	SweepLock uint64
	Serial    uint64 // next serial of an object
	Used      uint64 // bytes of blocks in use
	Warm      uint64 // estimate: bytes of large free blocks whose pages exist
	FreeMask  uint64 // bit k: Free[k] is not empty
	Free      [Classes]uint64
	Count     [Classes]uint64 // blocks in each list

	Sweeps     uint64 // counters for statistics
	Recoveries uint64
}

// ErrFormat says that a mapping is not a segment of this version.
var ErrFormat = errors.New("not a gomp segment")

// Mapping describes the mapped segment to the boundary, which keeps it over a
// fork.
type Mapping struct {
	FD   int
	Base uintptr
	Size uint64
	Key  uint64
}

// Create makes and maps a new segment whose heap may use up to limit bytes.
//
// The heap's address space is four times the limit, rounded up to a power of
// two, since the buddy allocator rounds sizes up; it is halved for as long as
// the kernel refuses (RLIMIT_AS, RLIMIT_FSIZE).
//
// A limit of 0 stands for three quarters of what the process may use at most.
func Create(limit, key uint64, seats int) (Mapping, error) {
	if limit == 0 {
		limit = available() / 4 * 3
	}
	heap := minHeap
	for heap < 4*limit && heap < maxHeap {
		heap <<= 1
	}
	for ; ; heap >>= 1 {
		m, err := create(heap)
		if err == nil {
			if limit > heap {
				limit = heap
			}
			format(heap, limit, key, seats)
			m.Key = key
			return m, nil
		}
		if heap <= minHeap {
			return Mapping{}, fmt.Errorf("cannot map %d bytes of shared memory: %w", heap, err)
		}
	}
}

func format(heap, limit, key uint64, seats int) {
	h := Head()
	h.Layout, h.Slots, h.Key = Layout, Slots, key
	h.Size, h.Heap, h.Cap = uint64(HeapOff)+heap, heap, limit
	h.NSeats = uint64(min(max(seats, 0), Seats))
	h.Magic = Magic
}

// Validate reports whether the mapped header is one that this version wrote.
func Validate(size uint64) error {
	h := Head()
	switch {
	case h.Magic != Magic:
		return fmt.Errorf("%w: magic %#x", ErrFormat, h.Magic)
	case h.Layout != Layout:
		return fmt.Errorf("%w: layout %d, want %d", ErrFormat, h.Layout, Layout)
	case h.Size != size || h.Size != uint64(HeapOff)+h.Heap || h.Heap&(h.Heap-1) != 0 || h.Slots != Slots:
		return fmt.Errorf("%w: header and mapping disagree about the size", ErrFormat)
	case h.Cap == 0 || h.Cap > h.Heap || h.NSeats > Seats:
		return fmt.Errorf("%w: limits are corrupt", ErrFormat)
	}
	return nil
}

// Valid reports whether a structure of size bytes at off lies in the heap.
func Valid(off Off, size uint64) bool {
	end := uint64(HeapOff) + Head().Heap
	return off >= HeapOff && off&7 == 0 && size <= end && uint64(off) <= end-size
}
