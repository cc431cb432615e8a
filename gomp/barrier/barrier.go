package barrier

import (
	"fmt"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// Outcomes, the Arg of a notification.
const (
	tripped = 1
	broken  = 2
)

// Barrier is the object; core/layout.h mirrors the part before arrived.
type Barrier struct {
	mutex   robust.Lock
	Spin    uint32
	Parties uint32
	Broken  uint32
	ending  uint32 // outcome being told to a round, 0 otherwise
	arrived waitlist.List
}

// Size of the body.
const Size = 256

func (b *Barrier) object() segment.Off { return arena.ObjectOf(b) }

// repair: an arrival whose process died on the way is in the list or not; a
// round of which only some have been told its end is told to the rest.
func (b *Barrier) repair() {
	b.arrived.Repair(b.object())
	switch {
	case b.Broken != 0: // perhaps nobody has been told yet
		b.tell(broken)
	case b.ending != 0:
		b.tell(b.ending)
	}
}

// tell ends the round. Under the lock, so all who wait are of this round.
func (b *Barrier) tell(outcome uint32) {
	atomic.StoreUint32(&b.ending, outcome)
	b.arrived.NotifyAll(outcome)
	atomic.StoreUint32(&b.ending, 0)
	robust.Wake(&b.Broken, 1<<30)
}

// Waiting counts those who have arrived in this round.
func (b *Barrier) Waiting() int { return b.arrived.Count((*waitlist.Entry).Waiting) }

// Arrive is a step of arriving. Done gives the index; the party with the last
// index has to Trip or Break.
func (b *Barrier) Arrive(me registry.Owner, f step.Flags, w *step.Wait) (index int, s step.Status) {
	if f.Has(step.Cancel) {
		return 0, step.TimedOut
	}
	if !w.Seize(&b.mutex, me, f, b.repair) {
		return 0, step.Again
	}
	defer b.mutex.Unlock()
	if b.Broken != 0 {
		return 0, step.Broken
	}
	index = b.Waiting()
	if index >= int(b.Parties) {
		// The round is full and its action is running: wait for the end.
		return 0, b.awaitTrip(w)
	}
	if s := w.Enter(&b.arrived, me, b.object()); s != step.Again {
		return 0, s
	}
	return index, step.Done
}

// awaitTrip makes a party of the next round wait until this one is over.
func (b *Barrier) awaitTrip(w *step.Wait) step.Status {
	w.OnWord(&b.Broken, 0)
	w.While(b.arrived.Changes())
	return step.Again
}

// Wait is a step of a party that has arrived: Done, Broken or Again. A timeout
// breaks the barrier.
func (b *Barrier) Wait(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	e := b.arrived.Find(w.Entry)
	if e == nil {
		return step.Invalid
	}
	if !w.Seize(&b.mutex, me, f, b.repair) {
		return step.Again
	}
	defer b.mutex.Unlock()
	if e.Owner != uint64(me) {
		w.Entry = 0 // a signal handler of this thread has cancelled it
		return step.Broken
	}
	if e.Waiting() {
		if f&(step.Last|step.Cancel) != 0 {
			b.shatter()
		} else {
			return b.sleep(e, f, w)
		}
	}
	outcome := e.Arg
	b.arrived.Leave(e)
	w.Entry = 0
	if outcome == tripped {
		return step.Done
	}
	return step.Broken
}

// watched is how many of the others a waiter looks after. With each looking
// after its neighbours, any death is seen by somebody.
const watched = 6

// sleep: the death of a party that has arrived needs a look, and so does the
// arrival of another.
func (b *Barrier) sleep(e *waitlist.Entry, f step.Flags, w *step.Wait) step.Status {
	w.OnEntry(e)
	w.While(b.arrived.Changes())
	for _, o := range b.arrived.Neighbours(e, watched) {
		if f.Has(step.Check) && o.Status() != registry.Alive {
			w.Dead = o
		}
		w.For(o)
	}
	return step.Again
}

// shatter breaks the barrier: all who have arrived learn of it.
func (b *Barrier) shatter() {
	b.Broken = 1
	b.tell(broken)
}

// Trip is a step of the last party: it releases everybody of the round. Broken:
// somebody broke the barrier meanwhile.
func (b *Barrier) Trip(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	met := false
	s := b.end(me, f, w, func() {
		e := b.arrived.Find(w.Entry)
		if met = b.Broken == 0 && e != nil && e.Owner == uint64(me) && e.Waiting(); met {
			b.tell(tripped)
		}
	})
	if s == step.Done && !met {
		return step.Broken
	}
	return s
}

// Break is a step of breaking the barrier.
func (b *Barrier) Break(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	return b.end(me, f, w, b.shatter)
}

// Cancel is a step of a party that was interrupted on its way. If it had arrived
// it leaves, which breaks the barrier.
func (b *Barrier) Cancel(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	return b.end(me, f, w, func() {
		b.depart(func(e *waitlist.Entry) bool { return e.Is(me) })
	})
}

// Reset is a step of making the barrier whole; who waits is told it broke.
func (b *Barrier) Reset(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	return b.end(me, f, w, func() {
		b.tell(broken)
		b.Broken = 0
	})
}

func (b *Barrier) end(me registry.Owner, f step.Flags, w *step.Wait, do func()) step.Status {
	if !w.Seize(&b.mutex, me, f, b.repair) {
		return step.Again
	}
	defer b.mutex.Unlock()
	do()
	if e := b.arrived.Find(w.Entry); e != nil {
		b.arrived.Leave(e) // the last to arrive does not wait
	}
	return step.Done
}

// Sweep: a dead process that had arrived breaks the barrier.
func (b *Barrier) Sweep(dead, me registry.Owner) {
	b.mutex.Lock(me, b.repair)
	defer b.mutex.Unlock()
	b.depart(func(e *waitlist.Entry) bool { return e.Of(dead) })
}

// depart removes the parties for which f holds. If the round has not ended for
// them it is broken, and first of all: they are what tells the next to come, if
// this process dies meanwhile, that there is something to break.
func (b *Barrier) depart(f func(*waitlist.Entry) bool) {
	if b.arrived.Count(func(e *waitlist.Entry) bool { return f(e) && e.Waiting() }) > 0 {
		b.shatter()
	}
	b.arrived.Remove(f)
}

// Chunks calls f for each block that belongs to the barrier.
func (b *Barrier) Chunks(f func(*arena.Block)) { b.arrived.Chunks(f) }

// Check reports a broken invariant.
func (b *Barrier) Check(me registry.Owner) error {
	b.mutex.Lock(me, b.repair)
	defer b.mutex.Unlock()
	if n := b.Waiting(); n > int(b.Parties) {
		return fmt.Errorf("%d of %d parties have arrived", n, b.Parties)
	}
	return b.arrived.Check()
}
