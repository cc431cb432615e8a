package arena

import (
	"errors"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// walk calls f for each block of the heap, in order. Precondition: the
// allocator's lock is held. It stops with an error at a header that cannot be.
func walk(f func(*Block)) error {
	h := segment.Head()
	top := uint32(bits.Len64(h.Heap) - 1)
	end := segment.HeapOff + segment.Off(h.Heap)
	for off := segment.HeapOff; off < end; {
		b := At(off)
		class := atomic.LoadUint32(&b.Class)
		if class < MinClass || class > top || uint64(off-segment.HeapOff)&(1<<class-1) != 0 {
			return fmt.Errorf("block at %#x: class %d is corrupt", off, class)
		}
		f(b)
		off += 1 << class
	}
	return nil
}

// Repair rebuilds what is derived after a process died inside the allocator.
// Idempotent.
func Repair() {
	h := segment.Head()
	h.Free, h.Count = [segment.Classes]uint64{}, [segment.Classes]uint64{}
	h.FreeMask, h.Used, h.Warm = 0, 0, 0
	_ = walk(func(b *Block) {
		if b.LoadOwner() == 0 {
			push(h, b)
			return
		}
		h.Used += cost(b.Size+HeaderSize, b.Class)
	})
	recount()
}

// Each calls f for each block in use, under the allocator's lock.
func Each(me registry.Owner, f func(*Block)) {
	l := Mutex()
	l.Lock(me, Repair)
	defer l.Unlock()
	_ = walk(func(b *Block) {
		if b.LoadOwner() != 0 {
			f(b)
		}
	})
}

// Blocks lists the blocks in use for which keep says so.
func Blocks(me registry.Owner, keep func(*Block) bool) []*Block {
	var found []*Block
	Each(me, func(b *Block) {
		if keep(b) {
			found = append(found, b)
		}
	})
	return found
}

// Check walks the heap and reports a broken invariant.
func Check(me registry.Owner) error {
	l := Mutex()
	l.Lock(me, Repair)
	defer l.Unlock()
	h := segment.Head()
	var used uint64
	var wrong error
	free, refs := map[uint64]uint32{}, references()
	err := walk(func(b *Block) {
		if b.LoadOwner() == 0 {
			free[uint64(b.Off())] = b.Class
			return
		}
		used += cost(b.Size+HeaderSize, b.Class)
		if n := refs[b.Off()]; b.Kind <= LastShared && b.refs != n && wrong == nil {
			wrong = fmt.Errorf("block at %#x: %d references, its header says %d", b.Off(), n, b.refs)
		}
	})
	if err = errors.Join(err, wrong); err != nil {
		return err
	}
	if used != h.Used {
		return fmt.Errorf("%d bytes are in use, the header says %d", used, h.Used)
	}
	return checkLists(h, free)
}

func checkLists(h *segment.Header, free map[uint64]uint32) error {
	for class := range h.Free {
		if (h.Free[class] != 0) != (h.FreeMask>>class&1 != 0) {
			return fmt.Errorf("class %d: list and mask disagree", class)
		}
		prev, count := uint64(0), uint64(0)
		for off := h.Free[class]; off != 0; {
			c, ok := free[off]
			b := At(segment.Off(off))
			if !ok || c != uint32(class) || b.prev != prev {
				return fmt.Errorf("class %d: block at %#x does not belong in its list", class, off)
			}
			delete(free, off)
			prev, off = off, b.next
			count++
		}
		if count != h.Count[class] {
			return fmt.Errorf("class %d: %d blocks are free, the header says %d", class, count, h.Count[class])
		}
	}
	if len(free) != 0 {
		return fmt.Errorf("%d free blocks are in no list", len(free))
	}
	return nil
}
