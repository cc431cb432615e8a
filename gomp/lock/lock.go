package lock

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// Kinds of Sem.
const (
	Mutex     = 0
	Recursive = 1
	Semaphore = 2
)

// Release is the policy by which a dead process's permits are returned. The
// others, to warn or to raise, are the boundary's business.
const Release = 2

// Sem is a lock or a semaphore; core/layout.h mirrors the part before Mutex.
type Sem struct {
	Word   uint64 // lock: owner word; semaphore: sleepers<<32 | value
	Kind   uint32
	Policy uint32
	Max    uint32
	Depth  uint32 // of an RLock beyond the first; only its owner touches it
	Pid    uint32 // of who died holding it
	Spin   uint32 // the boundary's budget

	Mutex   robust.Lock // from here on: semaphores with a ledger
	journal journal
	changes uint32 // of the ledger or of who was notified
	_       uint32
	waiting waitlist.List
	Ledger  [segment.Slots]uint32 // permits held, by process slot
}

// journal is the change in progress: applying it twice is applying it once.
type journal struct {
	valid, slot, count, value uint32
}

// Sizes of the body, without and with a ledger.
const (
	Size       = 64
	LedgerSize = 64 + 64 + 32*9 + 4*segment.Slots
)

const (
	asleep   = 1       // of a lock: somebody may sleep
	orphaned = 1 << 63 // of a lock: its owner died
	sleeper  = 1 << 32 // of a semaphore: one of them
)

// Init makes a fresh, cleared body a lock or semaphore.
func (s *Sem) Init(kind, value, maximum, policy uint32) {
	s.Kind, s.Max, s.Policy = kind, maximum, policy
	if kind == Semaphore {
		s.Word = uint64(value)
	}
}

func (s *Sem) hasLedger() bool { return s.Kind == Semaphore && s.Policy == Release }

// Acquire is a step of acquiring, after the fast path has failed.
func (s *Sem) Acquire(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	switch {
	case s.hasLedger():
		return s.acquireLedger(me, f, w)
	case s.Kind == Semaphore:
		return s.acquireSemaphore(f, w)
	}
	return s.acquireLock(me, f, w)
}

func (s *Sem) acquireLock(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if f.Has(step.Cancel) {
		return step.TimedOut
	}
	for {
		v := atomic.LoadUint64(&s.Word)
		switch {
		case v == 0:
			// Who has slept does not know whether others still do.
			if atomic.CompareAndSwapUint64(&s.Word, v, uint64(me)|w.Entry) {
				return step.Done
			}
			continue
		case v&orphaned != 0:
			if s.adopt(v, me) {
				w.Pid = s.Pid
				return step.OwnerDied
			}
			continue
		case s.Kind == Recursive && v&^asleep == uint64(me):
			s.Depth++
			return step.Done
		case f.Has(step.Check):
			f &^= step.Check
			owner := registry.Owner(v &^ asleep)
			if owner.Process() != me.Process() && owner.Status() == registry.Dead {
				pid := registry.At(owner.Slot()).Pid
				if s.adopt(v, me) {
					w.Dead, w.Pid = owner, pid
					return step.OwnerDied
				}
				continue
			}
		}
		if f.Has(step.Last) {
			return step.TimedOut
		}
		if v&asleep == 0 && !atomic.CompareAndSwapUint64(&s.Word, v, v|asleep) {
			continue
		}
		w.Entry = asleep
		w.OnWord(s.half(), uint32(v|asleep))
		w.For(registry.Owner(v &^ asleep))
		return step.Again
	}
}

// adopt takes a lock whose word is v from its dead owner.
func (s *Sem) adopt(v uint64, me registry.Owner) bool {
	if !atomic.CompareAndSwapUint64(&s.Word, v, uint64(me)|asleep) {
		return false
	}
	s.Depth = 0
	return true
}

// Release releases a lock that me has, and reports whether it had it. Of an RLock that me has taken
// more than once it takes one off. The boundary has its own, for semaphores too.
func (s *Sem) Release(me registry.Owner) bool {
	v := atomic.LoadUint64(&s.Word)
	if registry.Owner(v&^asleep) != me {
		return false
	}
	if s.Depth > 0 {
		s.Depth--
		return true
	}
	for !atomic.CompareAndSwapUint64(&s.Word, v, 0) { // somebody has marked it as waited for
		v = atomic.LoadUint64(&s.Word)
	}
	if v&asleep != 0 {
		robust.Wake(s.half(), 1)
	}
	return true
}

// half is the part of the word that sleepers sleep on.
func (s *Sem) half() *uint32 { return segment.At[uint32](segment.Offset(&s.Word)) }

func (s *Sem) acquireSemaphore(f step.Flags, w *step.Wait) step.Status {
	for !f.Has(step.Cancel) {
		v := atomic.LoadUint64(&s.Word)
		if uint32(v) == 0 {
			break
		}
		if atomic.CompareAndSwapUint64(&s.Word, v, v-1) {
			s.leave(w)
			return step.Done
		}
	}
	if f.Has(step.Last) || f.Has(step.Cancel) {
		s.leave(w)
		return step.TimedOut
	}
	if w.Entry == 0 {
		w.Entry = 1
		atomic.AddUint64(&s.Word, sleeper)
	}
	return w.OnWord(s.half(), 0)
}

func (s *Sem) leave(w *step.Wait) {
	if w.Entry != 0 {
		w.Entry = 0
		atomic.AddUint64(&s.Word, ^uint64(sleeper-1))
	}
}

// Orphan marks a lock that dead held when it died, pid, and wakes who waits.
func (s *Sem) Orphan(dead registry.Owner, pid uint32) {
	if s.Kind == Semaphore {
		return
	}
	for {
		v := atomic.LoadUint64(&s.Word)
		if v == 0 || v&orphaned != 0 || registry.Owner(v).Process() != dead.Process() {
			return
		}
		s.Pid = pid
		if atomic.CompareAndSwapUint64(&s.Word, v, v|orphaned) {
			robust.Wake(s.half(), 1<<30)
			return
		}
	}
}
