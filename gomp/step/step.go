package step

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// Status is what a step answers. core/layout.h mirrors the values.
type Status int32

// Answers of a step.
const (
	Done      Status = iota
	Again            // wait on Wait.Word while it is Wait.Value, then step again
	TimedOut         // gave up as Last asked
	OwnerDied        // done, and the previous owner died: Wait.Pid
	Broken           // the barrier is broken
	Full             // no memory
	TooMany          // released too often
	Invalid          // a handle or an argument that cannot be
	NeedBlock        // step again with a Spare of Want bytes and Kind
)

// Flags say how the last wait ended and what the caller wants.
type Flags uint32

// Flags of a step.
const (
	Check  Flags = 1 << iota // a slice went by: look whether others are alive
	Last                     // time is up: try once more, then give up
	Cancel                   // give up
	Eager                    // of a put: ring although nobody has asked for the descriptor
)

// Has reports whether all of g are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// Wait is what the boundary waits on; core/layout.h mirrors it.
type Wait struct {
	Word    uintptr // address of the 32-bit word in this process
	Value   uint32
	Listed  uint32         // the word is a wait list's entry: mark it Asleep first
	Entry   uint64         // what the step has to remember between two calls, or 0
	Dead    registry.Owner // a process found dead, to be swept; or 0
	Garbage segment.Off    // a block of the caller's, to be freed; or 0
	Spare   segment.Off    // a block that the caller allocated for the step; or 0
	Want    uint64         // with NeedBlock: bytes of the block to allocate
	Kind    uint32         // and its kind
	Pid     uint32         // of a dead owner

	// While a slice goes by in vain the boundary need not step again, which
	// costs Go's scheduler a fifth of a millisecond, as long as the word is
	// unchanged, *Hint is HintValue (0: no hint) and those in Watch are alive.
	Hint      uintptr
	HintValue uint32
	Watched   uint32 // how many are in Watch; more than fit: step each time
	Watch     [watch]registry.Owner
}

const watch = 6

// OnLock makes the caller wait for an internal lock. If that is free by now,
// the value is one that the word has only if the lock is taken and marked.
func (w *Wait) OnLock(l *robust.Lock) Status {
	v, ok := l.Await()
	if !ok {
		v = 1
	}
	w.on(segment.Addr(segment.Offset(l)), v, 0)
	w.For(l.Owner())
	return Again
}

func (w *Wait) on(word uintptr, value, listed uint32) {
	w.Word, w.Value, w.Listed = word, value, listed
	w.Hint, w.Watched = 0, 0
}

// For adds a process to those whose death ends the wait.
func (w *Wait) For(o registry.Owner) {
	if o != 0 && w.Watched < watch {
		w.Watch[w.Watched] = o.Process()
	}
	if o != 0 {
		w.Watched++
	}
}

// Unless makes the wait end when *word is not 0.
func (w *Wait) Unless(word *uint32) {
	w.Hint, w.HintValue = segment.Addr(segment.Offset(word)), 0
}

// While makes the wait end when *word is no longer what it is now.
func (w *Wait) While(word *uint32) {
	w.Hint, w.HintValue = segment.Addr(segment.Offset(word)), atomic.LoadUint32(word)
}

// Seize takes the lock of a structure. False: the answer is Again. After a dead
// owner it repairs the structure, and has the caller sweep the dead.
func (w *Wait) Seize(l *robust.Lock, me registry.Owner, f Flags, repair func()) bool {
	switch r, dead := l.TryLock(me, f.Has(Check)); r {
	case robust.Busy:
		w.OnLock(l)
		return false
	case robust.Recovered:
		repair()
		w.Dead = dead
	}
	return true
}

// OnWord makes the caller wait while *word is value.
func (w *Wait) OnWord(word *uint32, value uint32) Status {
	w.on(segment.Addr(segment.Offset(word)), value, 0)
	return Again
}

// OnEntry makes the caller wait for its entry to be notified.
func (w *Wait) OnEntry(e *waitlist.Entry) Status {
	w.Entry = uint64(e.Place())
	w.on(segment.Addr(segment.Offset(&e.State)), waitlist.Awake, 1)
	return Again
}

// Waiter is the caller's entry, or nil.
func (w *Wait) Waiter() *waitlist.Entry {
	if w.Entry == 0 {
		return nil
	}
	return waitlist.EntryAt(segment.Off(w.Entry))
}

// Take is the block that the step has asked for, nil if it has not got it yet.
func (w *Wait) Take(kind arena.Kind, size uint64) *arena.Block {
	if w.Spare == 0 {
		return nil
	}
	b := arena.At(w.Spare)
	if b.Kind != kind || b.Size < size {
		return nil
	}
	w.Spare = 0
	return b
}

// Enter enters the list, growing it by a chunk if it has to. The answer is
// Again, or NeedBlock.
func (w *Wait) Enter(l *waitlist.List, me registry.Owner, object segment.Off) Status {
	e := l.Enter(me)
	if e == nil {
		b := w.Take(arena.Waiters, waitlist.ChunkSize)
		if b == nil {
			w.Want, w.Kind = waitlist.ChunkSize, uint32(arena.Waiters)
			return NeedBlock
		}
		waitlist.Clear(b)
		l.Grow(b, object)
		e = l.Enter(me)
	}
	return w.OnEntry(e)
}

// Leave takes the caller off a list. A notification that it gives up without having
// consumed it goes to the next, since what it tells of may be there for that one.
func (w *Wait) Leave(l *waitlist.List, consumed bool) {
	e := w.Waiter()
	if e == nil {
		return
	}
	w.Entry = 0
	if consumed || e.Waiting() {
		l.Leave(e)
	} else {
		l.PassOn(e)
	}
}
