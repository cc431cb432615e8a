package channel

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// Channel is the object; core/layout.h mirrors the part before rings.
type Channel struct {
	mutex    robust.Lock
	Spin     uint32
	Armed    uint32 // somebody selects on the descriptor
	NPut     uint64 // messages ever put, taken and done
	NGet     uint64
	NDone    uint64
	Bytes    uint64 // of the messages that are there
	MaxItems uint64 // bounds; 0 is none
	MaxBytes uint64
	Hangups  uint32 // how often an end was closed
	Rung     uint32 // bytes that may be in the descriptor

	rings  [2]ring
	active uint32 // which of the rings
	doubt  uint32 // whether the bell was rung is not known: its ringer died

	getters  waitlist.List // each takes a message
	watchers waitlist.List // want to know of one
	putters  waitlist.List
	joiners  waitlist.List
}

// Size of the body.
const Size = 768

// firstRing is the body of a new channel's ring: small, since many channels
// never hold more than a few messages.
const firstRing = 1<<11 - arena.HeaderSize

// largeRing is where an empty ring is given up for a small one.
const largeRing = 1 << 18

// ring describes a ring buffer.
type ring struct {
	block uint64 // of kind Ring; 0: none
	size  uint64 // bytes, a multiple of 8
	head  uint64 // where the next record is taken
	tail  uint64 // where the next is put
}

func (c *Channel) object() segment.Off { return arena.ObjectOf(c) }

func (c *Channel) ring() *ring { return &c.rings[c.active] }

// Len is the number of messages.
func (c *Channel) Len() uint64 {
	return atomic.LoadUint64(&c.NPut) - atomic.LoadUint64(&c.NGet)
}

// Init makes a fresh, cleared body a channel.
func (c *Channel) Init(maxItems, maxBytes uint64) {
	c.MaxItems, c.MaxBytes = maxItems, maxBytes
}

// End describes how the caller reaches the descriptors of the bell: its own
// numbers, -1 for none. core/layout.h mirrors it.
type End struct {
	ReadFD  int32
	WriteFD int32
}

// Hangup is a step of waking everybody, so that each looks whether the other
// end is still there.
func (c *Channel) Hangup(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	atomic.AddUint32(&c.Hangups, 1)
	c.getters.NotifyAll(0)
	c.watchers.NotifyAll(0)
	c.putters.NotifyAll(0)
	return step.Done
}

// await puts the caller on a list, or keeps it there. What it waits for cannot be
// while counter is what it is.
func (c *Channel) await(l *waitlist.List, counter *uint64, me registry.Owner, w *step.Wait) (s step.Status) {
	if e := w.Waiter(); e != nil {
		l.Rearm(e)
		s = w.OnEntry(e)
	} else {
		s = w.Enter(l, me, c.object())
	}
	w.While(segment.At[uint32](segment.Offset(counter)))
	return s
}

// Settle is a step after which Len is right: nobody is in the middle of a get or
// put, or died there.
func (c *Channel) Settle(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return step.Again
	}
	c.mutex.Unlock()
	return step.Done
}

// TaskDone is a step of counting a message as dealt with.
func (c *Channel) TaskDone(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	if c.NDone == c.NPut {
		return step.TooMany
	}
	c.NDone++
	if c.NDone == c.NPut {
		c.joiners.NotifyAll(0)
	}
	return step.Done
}

// Join is a step of waiting until all messages are dealt with.
func (c *Channel) Join(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	switch {
	case c.NDone == c.NPut && !f.Has(step.Cancel):
		w.Leave(&c.joiners, true)
		return step.Done
	case f&(step.Last|step.Cancel) != 0:
		w.Leave(&c.joiners, true)
		return step.TimedOut
	}
	return c.await(&c.joiners, &c.NDone, me, w)
}

// Sweep forgets a dead process as a waiter and passes on what it was told.
func (c *Channel) Sweep(dead, me registry.Owner) {
	c.mutex.Lock(me, c.Repair)
	defer c.mutex.Unlock()
	c.getters.Sweep(dead)
	c.putters.Sweep(dead)
	c.watchers.Sweep(dead)
	c.joiners.Sweep(dead)
}
