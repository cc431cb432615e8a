package segment_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/segment"
)

// end is the first offset past the heap.
func end() segment.Off { return segment.HeapOff + segment.Off(segment.Head().Heap) }

func TestCreate(t *testing.T) {
	f := family.New(t)
	h := segment.Head()
	if h.Cap != family.Memory || h.Heap < 4*h.Cap || h.Heap&(h.Heap-1) != 0 || h.Size != f.Size || h.Key != f.Key {
		t.Errorf("%+v", *h)
	}
	if err := segment.Validate(f.Size); err != nil {
		t.Error(err)
	}
}

func TestCreateWithoutALimit(t *testing.T) {
	f := family.New(t)
	m, err := segment.Create(0, 1, 100)
	if err != nil {
		t.Fatal(err)
	}
	h := segment.Head()
	if h.Cap < 1<<20 || h.Cap > h.Heap || h.NSeats > segment.Seats {
		t.Errorf("cap %d of %d, %d seats", h.Cap, h.Heap, h.NSeats)
	}
	family.Unmap(m.Base, m.Size)
	unix.Close(m.FD)
	segment.Use(f.Base)
}

func TestOffsetsAndPointersAgree(t *testing.T) {
	f := family.New(t)
	for _, off := range []segment.Off{0, 8, segment.HeapOff, end() - 8} {
		if got := segment.Offset(segment.At[uint64](off)); got != off || segment.Addr(off) != f.Base+uintptr(off) {
			t.Errorf("%#x becomes %#x", off, got)
		}
	}
}

func TestValidIsTheHeap(t *testing.T) {
	family.New(t)
	size := segment.Head().Heap
	for _, c := range []struct {
		off  segment.Off
		size uint64
		want bool
	}{
		{segment.HeapOff, size, true},
		{segment.HeapOff, size + 1, false},
		{segment.HeapOff - 8, 8, false},
		{segment.HeapOff + 4, 8, false},
		{end() - 8, 8, true},
		{end() - 8, 9, false},
		{end(), 0, true},
		{end() + 8, 0, false},
		{segment.HeapOff, 1<<64 - 1, false},
		{1<<64 - 8, 8, false},
		{0, 0, false},
	} {
		if got := segment.Valid(c.off, c.size); got != c.want {
			t.Errorf("%d bytes at %#x: %t", c.size, c.off, got)
		}
	}
}

func TestDiscardedPagesReadAsZeros(t *testing.T) {
	f := family.New(t)
	off := segment.HeapOff + 1<<20
	before := len(f.Pages(t))
	b := segment.Bytes(off, 8192)
	for i := range b {
		b[i] = 7
	}
	if n := len(f.Pages(t)); n != before+2 {
		t.Errorf("%d pages exist, not %d", n, before+2)
	}
	if err := segment.Discard(off, 8192); err != nil {
		t.Fatal(err)
	}
	if n := len(f.Pages(t)); n != before || b[0] != 0 || b[8191] != 0 {
		t.Errorf("%d pages exist, not %d; the first byte is %d", n, before, b[0])
	}
}

// Two mappings of one descriptor are the same memory.
func TestAttach(t *testing.T) {
	f := family.New(t)
	segment.Head().Warm = 42
	m, err := segment.Attach(f.FD)
	if err != nil || m.Key != f.Key || m.Base == f.Base || segment.Head().Warm != 42 {
		t.Errorf("%+v, %v", m, err)
	}
	family.Unmap(m.Base, m.Size)
	segment.Use(f.Base)
}

func TestAttachToWhatIsNoSegment(t *testing.T) {
	f := family.New(t)
	defer segment.Use(f.Base)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, size := range []int64{0, 100, 1 << 20, 1 << 27} {
		if err := file.Truncate(size); err != nil {
			t.Fatal(err)
		}
		if _, err := segment.Attach(int(file.Fd())); !errors.Is(err, segment.ErrFormat) || segment.Mapped() && size >= 1<<27 {
			t.Errorf("%d bytes: %v", size, err)
		}
		segment.Use(f.Base)
	}
	if _, err := segment.Attach(1 << 20); err == nil {
		t.Error("a descriptor that is not open passes")
	}
}

// A header that says anything else than what this version writes is refused;
// whatever passes describes the mapping.
func FuzzValidate(f *testing.F) {
	f.Add(uint8(0), uint64(0))
	f.Add(uint8(2), uint64(1)<<63)
	f.Add(uint8(5), uint64(1)<<26)
	f.Add(uint8(30), uint64(7))
	f.Fuzz(func(t *testing.T, word uint8, value uint64) {
		m := family.New(t)
		at := segment.Off(word%40) * 8
		*segment.At[uint64](at) = value
		h := segment.Head()
		err := segment.Validate(m.Size)
		good := h.Magic == segment.Magic && h.Layout == segment.Layout && h.Slots == segment.Slots && h.Size == m.Size &&
			h.Heap == m.Size-uint64(segment.HeapOff) && h.Cap > 0 && h.Cap <= h.Heap && h.NSeats <= segment.Seats
		if good != (err == nil) {
			t.Errorf("word %d is %#x: %v", word%40, value, err)
		}
	})
}
