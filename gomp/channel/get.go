package channel

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
)

// Get is a step of taking up to n messages into buf, as packed records. It
// returns the bytes filled and how many messages they are; at least one when it
// is Done. Blocks of Remote records belong to the process of me from then on.
//
// Precondition: buf has room for the largest inline record.
func (c *Channel) Get(me registry.Owner, buf []byte, n int, end End, f step.Flags, w *step.Wait) (filled, count int, s step.Status) {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return 0, 0, step.Again
	}
	defer c.mutex.Unlock()
	if f.Has(step.Cancel) {
		w.Leave(&c.getters, false)
		return 0, 0, step.TimedOut
	}
	filled, count = c.take(me, buf, n, end)
	switch {
	case count > 0:
		w.Leave(&c.getters, true)
		c.afterTake(me, count, w)
		return filled, count, step.Done
	case f.Has(step.Last):
		w.Leave(&c.getters, true)
		return 0, 0, step.TimedOut
	}
	return 0, 0, c.await(&c.getters, &c.NPut, me, w)
}

func (c *Channel) take(me registry.Owner, buf []byte, n int, end End) (filled, count int) {
	r := c.ring()
	head := r.head
	for count < n && r.head < r.tail {
		b, pos := r.first()
		space := readHeader(b).space()
		if filled+int(space) > len(buf) {
			break
		}
		copy(buf[filled:], b[:space])
		if readHeader(b).kind() == Remote {
			block, _ := remote(b)
			arena.At(block).SetOwner(arena.OwnedByProcess(me))
		}
		c.Bytes -= weight(b)
		filled += int(space)
		count++
		head = pos + space
		atomic.StoreUint64(&r.head, head) // the commit of this message
		atomic.StoreUint64(&c.NGet, c.NGet+1)
	}
	if count > 0 && head == r.tail {
		c.silence(end)
	}
	return filled, count
}

// afterTake wakes who can go on: others that wait for a message, if there are
// more, and those who wait for room.
func (c *Channel) afterTake(me registry.Owner, count int, w *step.Wait) {
	if c.putters.Len() > 0 {
		c.putters.Notify(count, 0)
	}
	// A large ring that has become empty is given up: the next put makes a
	// small one. The empty descriptor becomes the active one.
	if r := c.ring(); r.head == r.tail && r.size > largeRing && c.rings[1-c.active].block == 0 {
		c.rings[1-c.active] = ring{}
		atomic.StoreUint32(&c.active, 1-c.active)
	}
	c.retire(me, w)
}

// Await is a step of waiting until a message is there, without taking it.
func (c *Channel) Await(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	switch {
	case c.Len() > 0 && !f.Has(step.Cancel):
		w.Leave(&c.watchers, true)
		return step.Done
	case f&(step.Last|step.Cancel) != 0:
		w.Leave(&c.watchers, true)
		return step.TimedOut
	}
	return c.await(&c.watchers, &c.NPut, me, w)
}
