package cond

import (
	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// Cond is the object.
type Cond struct {
	mutex   robust.Lock
	Spin    uint32 // core/layout.h mirrors the place
	_       uint32
	waiting waitlist.List
}

// Size of the body.
const Size = 256

func (c *Cond) object() segment.Off { return arena.ObjectOf(c) }

func (c *Cond) repair() { c.waiting.Repair(c.object()) }

// Enter is a step of becoming a waiter; Done when w.Entry is set.
func (c *Cond) Enter(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if f.Has(step.Cancel) {
		return step.TimedOut
	}
	if !w.Seize(&c.mutex, me, f, c.repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	if s := w.Enter(&c.waiting, me, c.object()); s != step.Again {
		return s
	}
	return step.Done
}

// Wait is a step of waiting to be notified; it leaves the list when it ends.
func (c *Cond) Wait(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	e := c.waiting.Find(w.Entry)
	if e == nil {
		return step.Invalid
	}
	if e.Waiting() && f == 0 {
		return c.sleep(e, w)
	}
	if !w.Seize(&c.mutex, me, f, c.repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	if e.Owner != uint64(me) {
		w.Entry = 0 // a signal handler of this thread has cancelled it
		return step.TimedOut
	}
	notified := !e.Waiting()
	if !notified && f&(step.Last|step.Cancel) == 0 {
		w.Dead = c.waiting.DeadProcess(me, func(e *waitlist.Entry) bool { return !e.Waiting() })
		return c.sleep(e, w)
	}
	w.Entry = 0
	if notified && f.Has(step.Cancel) {
		c.waiting.PassOn(e) // it will not be consumed here
		return step.TimedOut
	}
	c.waiting.Leave(e)
	if !notified {
		return step.TimedOut
	}
	return step.Done
}

// Cancel is a step of a thread that was interrupted between Enter and Wait.
func (c *Cond) Cancel(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&c.mutex, me, f, c.repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	c.waiting.Withdraw(func(e *waitlist.Entry) bool { return e.Is(me) })
	return step.Done
}

// sleep: only a notification that nobody consumes needs a look.
func (c *Cond) sleep(e *waitlist.Entry, w *step.Wait) step.Status {
	w.OnEntry(e)
	w.Unless(c.waiting.Pending())
	return step.Again
}

// Notify is a step of waking n waiters; found is how many there were.
func (c *Cond) Notify(me registry.Owner, n int, f step.Flags, w *step.Wait) (found int, s step.Status) {
	if !w.Seize(&c.mutex, me, f, c.repair) {
		return 0, step.Again
	}
	defer c.mutex.Unlock()
	return c.waiting.Notify(n, 0), step.Done
}

// Sleeping counts those who wait and were not notified.
func (c *Cond) Sleeping() int { return c.waiting.Count((*waitlist.Entry).Waiting) }

// Sweep forgets a dead process; what it was notified of goes to others.
func (c *Cond) Sweep(dead, me registry.Owner) {
	c.mutex.Lock(me, c.repair)
	defer c.mutex.Unlock()
	c.waiting.Sweep(dead)
}

// Chunks calls f for each block that belongs to the condition.
func (c *Cond) Chunks(f func(*arena.Block)) { c.waiting.Chunks(f) }

// Check reports a broken invariant.
func (c *Cond) Check(me registry.Owner) error {
	c.mutex.Lock(me, c.repair)
	defer c.mutex.Unlock()
	return c.waiting.Check()
}
