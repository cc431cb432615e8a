package robust

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Lock is the lock word in shared memory; 0 is unlocked.
type Lock struct{ word uint64 }

// waiters marks that somebody may sleep on the word.
const waiters = 1

// spins bounds the busy wait of TryLock: half a microsecond, a few critical
// sections. A caller that gives up marks the lock, and makes its owner do a
// system call that costs as much.
const spins = 400

// Result of TryLock.
type Result int

// What TryLock did.
const (
	Busy      Result = iota // somebody else has it: wait on Word
	Locked                  // taken
	Recovered               // taken from a dead owner: repair before use
)

// TryLock takes the lock for me. With check it looks, when the lock is taken,
// whether its owner is alive; dead is the one from whom it was Recovered.
func (l *Lock) TryLock(me registry.Owner, check bool) (r Result, dead registry.Owner) {
	me = me.Process()
	for range spins {
		if atomic.LoadUint64(&l.word) == 0 && atomic.CompareAndSwapUint64(&l.word, 0, uint64(me)) {
			return Locked, 0
		}
	}
	v := atomic.LoadUint64(&l.word)
	if check && v != 0 && registry.Owner(v).Process().Status() != registry.Alive {
		// Only one of those who see the death wins the swap. The mark
		// stays: others may be asleep.
		if atomic.CompareAndSwapUint64(&l.word, v, uint64(me)|waiters) {
			atomic.AddUint64(&segment.Head().Recoveries, 1)
			return Recovered, registry.Owner(v).Process()
		}
	}
	return Busy, 0
}

// Await marks the lock as waited for and gives the value of Word to wait on;
// ok is false if the lock is free by now.
func (l *Lock) Await() (value uint32, ok bool) {
	for {
		v := atomic.LoadUint64(&l.word)
		if v == 0 {
			return 0, false
		}
		if v&waiters != 0 || atomic.CompareAndSwapUint64(&l.word, v, v|waiters) {
			return uint32(v | waiters), true
		}
	}
}

// Unlock releases the lock and wakes those who wait for it. All of them: a
// woken waiter that dies would otherwise keep the wake from the others, and
// waiting for an internal lock is rare.
func (l *Lock) Unlock() {
	if atomic.SwapUint64(&l.word, 0)&waiters != 0 {
		Wake(l.Word(), 1<<30)
	}
}

// Owner is the process that has the lock, 0 if none has.
func (l *Lock) Owner() registry.Owner {
	return registry.Owner(atomic.LoadUint64(&l.word)).Process()
}

// Lock takes the lock however long that takes, repairing with fix after a dead
// owner. It is for sweeping and for giving back, which nothing may interrupt.
// It looks after the owner before it sleeps: a sweep takes several locks that
// one dead process may have left, and those who wait for it have slept already.
func (l *Lock) Lock(me registry.Owner, fix func()) {
	for check := false; ; check = true {
		switch r, _ := l.TryLock(me, check); r {
		case Locked:
			return
		case Recovered:
			fix()
			return
		}
		if !check {
			continue
		}
		if v, ok := l.Await(); ok {
			wait(l.Word(), v, slice)
		}
	}
}
