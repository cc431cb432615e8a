package arena

import (
	"math/bits"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
)

const (
	// MinClass is the smallest block: a header and as much again.
	MinClass = 7
	// largeClass is where blocks are large enough for their pages to be
	// given back: a system call for 1 MiB or more.
	largeClass = 20
	pageSize   = 4096
)

// Mutex is the allocator's lock, for waiting on it.
func Mutex() *robust.Lock {
	return segment.At[robust.Lock](segment.Offset(&segment.Head().ArenaLock))
}

// Format makes a new segment's heap one free block.
func Format() {
	h := segment.Head()
	b := At(segment.HeapOff)
	b.Class = uint32(bits.Len64(h.Heap) - 1)
	h.Serial = h.Key
	push(h, b)
}

func classOf(size uint64) uint32 {
	return uint32(max(MinClass, bits.Len64(size-1)))
}

// cost is what a block counts against the cap: large ones by page, since what
// lies behind the last page used is never touched.
func cost(size uint64, class uint32) uint64 {
	if class < 12 {
		return 1 << class
	}
	return (size + pageSize - 1) &^ (pageSize - 1)
}

// Alloc gives a block with size bytes after its header, owned by me's process. The
// body's contents are whatever was there. ErrBusy: wait for the allocator's
// lock and try again.
func Alloc(me registry.Owner, kind Kind, size uint64, check bool) (*Block, error) {
	return alloc(me, kind, size, 0, check)
}

func alloc(me registry.Owner, kind Kind, size uint64, target segment.Off, check bool) (*Block, error) {
	total := size + HeaderSize
	h := segment.Head()
	if size > h.Heap || total > h.Heap {
		return nil, ErrFull
	}
	l := Mutex()
	switch r, _ := l.TryLock(me, check); r {
	case robust.Busy:
		return nil, ErrBusy
	case robust.Recovered:
		Repair()
	}
	defer l.Unlock()
	class := classOf(total)
	c := cost(total, class)
	if h.Used+c > h.Cap {
		return nil, ErrFull
	}
	b := take(h, class)
	if b == nil {
		return nil, ErrFull
	}
	h.Used += c
	h.Serial++
	b.Kind, b.Size, b.Serial, b.Target, b.refs = kind, size, h.Serial, target, 0
	b.countReference(1)
	b.SetOwner(OwnedByProcess(me))
	return b, nil
}

// take removes a block of the class from the free lists, splitting as needed.
func take(h *segment.Header, class uint32) *Block {
	mask := atomic.LoadUint64(&h.FreeMask) >> class << class
	if mask == 0 {
		return nil
	}
	b := At(segment.Off(h.Free[bits.TrailingZeros64(mask)]))
	unlink(h, b)
	if b.Class >= largeClass {
		h.Warm -= min(h.Warm, 1<<max(class, largeClass))
	}
	for b.Class > class {
		// The new half's header is whole before the first half shrinks:
		// a walk sees either one block or two.
		half := At(b.Off() + 1<<(b.Class-1))
		half.Owner, half.Class = 0, b.Class-1
		atomic.StoreUint32(&b.Class, b.Class-1)
		push(h, half)
	}
	return b
}

// Free gives a block back if owner still answers for it, and reports whether
// it did. It waits for the allocator's lock. orphan is the object that only this
// Reference kept: it is me's now, to be taken down.
func Free(b *Block, owner uint64, me registry.Owner) (freed bool, orphan *Block) {
	if b.LoadOwner() != owner {
		return false, nil
	}
	kept := keepWarm(b)
	l := Mutex()
	l.Lock(me, Repair)
	defer l.Unlock()
	c := cost(b.Size+HeaderSize, b.Class)
	if !b.Pass(owner, 0) {
		return false, nil
	}
	if target := b.countReference(-1); target != nil && target.Claim(me) {
		orphan = target
	}
	h := segment.Head()
	h.Used -= min(h.Used, c)
	if kept {
		h.Warm += 1 << b.Class
	}
	merge(h, b)
	return true, orphan
}

// keepWarm reports whether a large block counts as warm from now on. Where too
// many do, it gives the block's pages back, before the lock is taken since that
// takes time. The first page stays: the header is on it.
func keepWarm(b *Block) bool {
	if b.Class < largeClass {
		return false
	}
	h := segment.Head()
	size := uint64(1) << b.Class
	if atomic.LoadUint64(&h.Warm)+size <= warmBudget(h) {
		return true
	}
	_ = segment.Discard(b.Off()+pageSize, size-pageSize)
	return false
}

// warmBudget is how much memory may be kept in free blocks: enough for a few
// large arrays in flight.
func warmBudget(h *segment.Header) uint64 { return min(h.Cap/8, 512<<20) }

// keep is how many bytes of each small class stay in its list unmerged: making
// and dropping one object over and over must not split and merge the heap.
const keep = 64 << 10

// merge puts a free block into the lists, joined with its free neighbours unless
// its class is short of blocks.
func merge(h *segment.Header, b *Block) {
	top := uint32(bits.Len64(h.Heap) - 1)
	for b.Class < top && h.Count[b.Class] >= keep>>b.Class {
		rel := uint64(b.Off() - segment.HeapOff)
		n := At(segment.HeapOff + segment.Off(rel^1<<b.Class))
		if n.LoadOwner() != 0 || n.Class != b.Class {
			break
		}
		unlink(h, n)
		if n.Off() < b.Off() {
			b = n
		}
		atomic.StoreUint32(&b.Class, b.Class+1)
		if b.Class == largeClass {
			keepOrDiscard(h, b)
		}
	}
	push(h, b)
}

// keepOrDiscard: many small blocks have become a large one.
func keepOrDiscard(h *segment.Header, b *Block) {
	if h.Warm+1<<largeClass > warmBudget(h) {
		_ = segment.Discard(b.Off()+pageSize, 1<<largeClass-pageSize)
		return
	}
	h.Warm += 1 << largeClass
}

func push(h *segment.Header, b *Block) {
	first := h.Free[b.Class]
	b.next, b.prev = first, 0
	if first != 0 {
		At(segment.Off(first)).prev = uint64(b.Off())
	}
	h.Free[b.Class] = uint64(b.Off())
	h.Count[b.Class]++
	atomic.StoreUint64(&h.FreeMask, h.FreeMask|1<<b.Class)
}

func unlink(h *segment.Header, b *Block) {
	h.Count[b.Class]--
	if b.next != 0 {
		At(segment.Off(b.next)).prev = b.prev
	}
	if b.prev != 0 {
		At(segment.Off(b.prev)).next = b.next
	} else {
		h.Free[b.Class] = b.next
		if b.next == 0 {
			atomic.StoreUint64(&h.FreeMask, h.FreeMask&^(1<<b.Class))
		}
	}
}
