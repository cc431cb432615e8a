package lock

import (
	"fmt"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

func (s *Sem) object() segment.Off { return arena.ObjectOf(s) }

// Repair finishes the change that a dead process had begun.
func (s *Sem) Repair() {
	s.apply()
	s.waiting.Repair(s.object())
	s.serve()
}

// change sets the value and what a slot holds, as one.
func (s *Sem) change(slot int, count, value uint32) {
	s.journal.slot, s.journal.count, s.journal.value = uint32(slot), count, value
	atomic.StoreUint32(&s.journal.valid, 1)
	s.apply()
}

func (s *Sem) apply() {
	if atomic.LoadUint32(&s.journal.valid) == 0 {
		return
	}
	s.changes++
	s.Ledger[s.journal.slot] = s.journal.count
	atomic.StoreUint64(&s.Word, uint64(s.journal.value))
	atomic.StoreUint32(&s.journal.valid, 0)
}

// serve wakes as many waiters as there are permits that no notified waiter is
// on its way to take.
func (s *Sem) serve() {
	coming := s.waiting.Count(func(e *waitlist.Entry) bool { return !e.Waiting() })
	if s.waiting.Notify(int(uint32(s.Word))-coming, 0) > 0 {
		s.changes++
	}
}

func (s *Sem) acquireLedger(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&s.Mutex, me, f, s.Repair) {
		return step.Again
	}
	defer s.Mutex.Unlock()
	e := w.Waiter()
	value := uint32(s.Word)
	switch {
	case f.Has(step.Cancel):
	case value > 0:
		s.change(me.Slot(), s.Ledger[me.Slot()]+1, value-1)
		s.drop(e, w)
		return step.Done
	case !f.Has(step.Last) && e == nil:
		return s.watch(me, w.Enter(&s.waiting, me, s.object()), w)
	case !f.Has(step.Last):
		w.Dead = s.deadHolder(me, f)
		s.waiting.Rearm(e)
		return s.watch(me, w.OnEntry(e), w)
	}
	s.drop(e, w)
	s.serve()
	return step.TimedOut
}

// watch names those whose death would free a permit, or a notification.
func (s *Sem) watch(me registry.Owner, answer step.Status, w *step.Wait) step.Status {
	w.While(&s.changes)
	s.waiting.Count(func(e *waitlist.Entry) bool {
		if o := registry.Owner(e.Owner).Process(); !e.Waiting() && o != me.Process() {
			w.For(o)
		}
		return true
	})
	for slot, count := range s.Ledger {
		if count != 0 && slot != me.Slot() {
			w.For(registry.OwnerAt(slot))
		}
	}
	return answer
}

func (s *Sem) drop(e *waitlist.Entry, w *step.Wait) {
	if e != nil {
		s.waiting.Leave(e)
		w.Entry = 0
	}
}

// deadHolder looks, once a slice, for a process that died with a permit or
// with a notification. What it finds is swept by the caller.
func (s *Sem) deadHolder(me registry.Owner, f step.Flags) registry.Owner {
	if !f.Has(step.Check) {
		return 0
	}
	for slot, count := range s.Ledger {
		if count == 0 || slot == me.Slot() {
			continue
		}
		if o := registry.OwnerAt(slot); o.Status() != registry.Alive {
			return o
		}
	}
	return s.waiting.DeadProcess(me, func(e *waitlist.Entry) bool { return !e.Waiting() })
}

// ReleaseLedger is a step of releasing a permit of a semaphore with a ledger. A
// permit that the process does not hold is a new one.
func (s *Sem) ReleaseLedger(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&s.Mutex, me, f, s.Repair) {
		return step.Again
	}
	defer s.Mutex.Unlock()
	value := uint32(s.Word)
	if value >= s.Max {
		return step.TooMany
	}
	held := s.Ledger[me.Slot()]
	s.change(me.Slot(), held-min(held, 1), value+1)
	s.serve()
	return step.Done
}

// Sweep returns the permits of a dead process and forgets it as a waiter. Also
// those of a process that ended in order: the policy says so.
func (s *Sem) Sweep(dead, me registry.Owner) {
	if !s.hasLedger() {
		return
	}
	s.Mutex.Lock(me, s.Repair)
	defer s.Mutex.Unlock()
	if held := s.Ledger[dead.Slot()]; held > 0 {
		s.change(dead.Slot(), 0, min(s.Max, uint32(s.Word)+held))
	}
	s.waiting.Sweep(dead)
	s.serve()
}

// Chunks calls f for each block that belongs to the semaphore.
func (s *Sem) Chunks(f func(*arena.Block)) {
	if s.hasLedger() {
		s.waiting.Chunks(f)
	}
}

// Check reports a broken invariant.
func (s *Sem) Check(me registry.Owner) error {
	if s.hasLedger() {
		s.Mutex.Lock(me, s.Repair)
		defer s.Mutex.Unlock()
	}
	switch {
	case s.Kind > Semaphore || s.Policy > Release:
		return fmt.Errorf("kind %d, policy %d", s.Kind, s.Policy)
	case s.Kind == Semaphore && uint32(s.Word) > s.Max:
		return fmt.Errorf("value %d is above the maximum %d", uint32(s.Word), s.Max)
	case s.hasLedger() && s.journal.valid != 0:
		return fmt.Errorf("a change was left half done")
	case s.hasLedger():
		return s.waiting.Check()
	}
	return nil
}
