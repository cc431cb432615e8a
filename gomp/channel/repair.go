package channel

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// Repair rebuilds what is derived after a process died inside the channel.
// Idempotent.
func (c *Channel) Repair() {
	r := c.ring()
	owner := arena.OwnedBy(c.object())
	if r.block != 0 {
		arena.At(segment.Off(r.block)).SetOwner(owner)
	}
	c.forgetInactive(r, owner)
	var count, bytes uint64
	last := c.NPut - 1
	r.each(func(record []byte) {
		count++
		bytes += weight(record)
		last = readHeader(record).seq()
		if readHeader(record).kind() == Remote {
			block, _ := remote(record)
			arena.At(block).SetOwner(owner)
		}
	})
	// The record that was put last tells whether NPut had been stored. Only
	// the low bits of its number are there; NPut is right or one too small.
	if (last+1)&sequenceMask != c.NPut&sequenceMask {
		c.NPut++
	}
	atomic.StoreUint64(&c.NGet, c.NPut-count)
	c.Bytes = bytes
	c.doubt = 1
	c.getters.Repair(c.object())
	c.watchers.Repair(c.object())
	c.putters.Repair(c.object())
	c.joiners.Repair(c.object())
	c.getters.Notify(int(count), 0)
	c.putters.Notify(1, 0)
}

// forgetInactive: a ring was replaced, and the old one may still be named. If
// it is still the channel's, a later step retires it.
func (c *Channel) forgetInactive(active *ring, owner uint64) {
	old := &c.rings[1-c.active]
	if old.block == active.block || old.block != 0 && arena.At(segment.Off(old.block)).LoadOwner() != owner {
		old.block = 0
	}
}

// Blocks calls f, which may free it, for each block that belongs to the channel.
func (c *Channel) Blocks(f func(*arena.Block)) {
	c.ring().each(func(record []byte) {
		if readHeader(record).kind() == Remote {
			block, _ := remote(record)
			f(arena.At(block))
		}
	})
	for i := range c.rings {
		if c.rings[i].block != 0 {
			f(arena.At(segment.Off(c.rings[i].block)))
		}
	}
	for _, l := range []*waitlist.List{&c.getters, &c.watchers, &c.putters, &c.joiners} {
		l.Chunks(f)
	}
}

// Check walks the ring and reports a broken invariant.
func (c *Channel) Check(me registry.Owner) error {
	c.mutex.Lock(me, c.Repair)
	defer c.mutex.Unlock()
	r := c.ring()
	var count, bytes uint64
	var err error
	r.each(func(record []byte) {
		h := readHeader(record)
		if err == nil && h.kind() != Inline && h.kind() != Remote {
			err = fmt.Errorf("record %d has kind %d", count, h.kind())
		}
		if want := (c.NGet + count) & sequenceMask; err == nil && h.seq() != want {
			err = fmt.Errorf("record %d has number %d, want %d", count, h.seq(), want)
		}
		if h.kind() == Remote {
			block, _ := remote(record)
			if b := arena.At(block); err == nil && b.LoadOwner() != arena.OwnedBy(c.object()) {
				err = fmt.Errorf("the block of record %d is not the channel's", count)
			}
		}
		count++
		bytes += weight(record)
	})
	switch {
	case err != nil:
		return err
	case r.tail-r.head > r.size:
		return fmt.Errorf("%d bytes in a ring of %d", r.tail-r.head, r.size)
	case count != c.Len() || bytes != c.Bytes:
		return fmt.Errorf("%d messages of %d bytes are there, the counters say %d of %d", count, bytes, c.Len(), c.Bytes)
	case c.NDone > c.NPut:
		return fmt.Errorf("%d of %d tasks are done", c.NDone, c.NPut)
	}
	return errors.Join(c.getters.Check(), c.watchers.Check(), c.putters.Check(), c.joiners.Check())
}
