package channel

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
)

// Put is a step of putting packed records (see ring.go) and returns how many
// bytes of them it has put: all, or, with Again, some.
//
// A Remote record's block must belong to the process of me.
func (c *Channel) Put(me registry.Owner, records []byte, end End, f step.Flags, w *step.Wait) (done int, s step.Status) {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return 0, step.Again
	}
	defer c.mutex.Unlock()
	if f.Has(step.Cancel) {
		w.Leave(&c.putters, false)
		return 0, step.TimedOut
	}
	if !mine(records, me) {
		return 0, step.Invalid
	}
	done, need := c.place(me, records, end, f, w)
	c.retire(me, w)
	switch {
	case done == len(records):
		w.Leave(&c.putters, true)
		if c.room(0) {
			c.putters.Notify(1, 0)
		}
		return done, step.Done
	case need > 0:
		w.Want, w.Kind = need, uint32(arena.Ring)
		return done, step.NeedBlock
	case f.Has(step.Last):
		w.Leave(&c.putters, false)
		return done, step.TimedOut
	}
	return done, c.await(&c.putters, &c.NGet, me, w)
}

// mine reports whether the blocks of Remote records belong to the process of me:
// in a child that was forked in the middle of pickling they are its parent's.
func mine(records []byte, me registry.Owner) bool {
	for len(records) > 0 {
		h := readHeader(records)
		if h.kind() == Remote {
			block, _ := remote(records)
			if arena.At(block).LoadOwner() != arena.OwnedByProcess(me) {
				return false
			}
		}
		records = records[h.space():]
	}
	return true
}

// room reports whether the bounds leave room for one more message of n bytes.
// A message larger than MaxBytes passes when it is alone.
func (c *Channel) room(n uint64) bool {
	return (c.MaxItems == 0 || c.Len() < c.MaxItems) &&
		(c.MaxBytes == 0 || c.Bytes == 0 || c.Bytes+n <= c.MaxBytes)
}

// place puts as many of the records as the bounds allow. It returns the bytes
// that it has put, and the size of the ring that it needs if that is what stops
// it.
func (c *Channel) place(me registry.Owner, records []byte, end End, f step.Flags, w *step.Wait) (done int, need uint64) {
	for done < len(records) {
		record := records[done:]
		h := readHeader(record)
		if !c.room(weight(record)) {
			return done, 0
		}
		r := c.ring()
		pos, ok := r.fits(h.space())
		if !ok {
			b := w.Take(arena.Ring, c.wanted(h.space()))
			if b == nil {
				return done, c.wanted(h.space())
			}
			c.retire(me, w) // one that a crash has left
			c.replace(b)
			continue
		}
		c.ringBell(end, f)
		r.place(pos, record, c.NPut)
		c.commit(r, pos+h.space(), record)
		done += int(h.space())
		c.getters.Notify(1, 0)
		c.watchers.NotifyAll(0)
	}
	return done, 0
}

// wanted is the size of the next ring: twice the present one, and enough.
func (c *Channel) wanted(n uint64) uint64 {
	size := uint64(firstRing)
	for r := c.ring(); size < n || size <= r.size; {
		size = 2*(size+arena.HeaderSize) - arena.HeaderSize
	}
	return size
}

// commit publishes the record that was placed before tail.
func (c *Channel) commit(r *ring, tail uint64, record []byte) {
	atomic.StoreUint64(&r.tail, tail)
	atomic.StoreUint64(&c.NPut, c.NPut+1)
	c.Bytes += weight(record)
	if readHeader(record).kind() == Remote {
		block, _ := remote(record)
		arena.At(block).SetOwner(arena.OwnedBy(c.object()))
	}
}
