package family

import (
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// slice is how long a wait lasts before the step looks who is alive.
const slice = 10 * time.Millisecond

// Step is an operation's step.
type Step func(step.Flags, *step.Wait) step.Status

// Run takes steps until they are done or the time is up.
func Run(me registry.Owner, timeout time.Duration, take Step) step.Status {
	var w step.Wait
	return Resume(me, timeout, &w, take)
}

// Resume is Run for an operation that remembers an entry of w.
func Resume(me registry.Owner, timeout time.Duration, w *step.Wait, take Step) step.Status {
	deadline := time.Now().Add(timeout)
	var flags step.Flags
	if timeout == 0 {
		flags = step.Last
	}
	for {
		s := take(flags, w)
		tidy(me, w)
		switch s {
		case step.NeedBlock:
			b, s := Alloc(me, arena.Kind(w.Kind), w.Want)
			if s != step.Done {
				Cancel(me, w, take)
				return s
			}
			w.Spare = b.Off()
			continue
		case step.Again:
		default:
			if w.Spare != 0 {
				Free(me, arena.At(w.Spare))
				w.Spare = 0
			}
			return s
		}
		flags = 0
		left := time.Until(deadline)
		if left <= 0 { // the last step met a busy lock: let that pass
			left = slice
		}
		if member.Sleep(w, min(left, slice)) {
			flags |= step.Check
		}
		if !time.Now().Before(deadline) {
			flags |= step.Last
		}
	}
}

// Cancel makes the step leave its lists.
func Cancel(me registry.Owner, w *step.Wait, take Step) {
	flags := step.Cancel
	for take(flags, w) == step.Again {
		member.Sleep(w, slice)
		flags |= step.Check
	}
	tidy(me, w)
}

// tidy does what a step found to be done.
func tidy(me registry.Owner, w *step.Wait) {
	if w.Garbage != 0 {
		b := arena.At(w.Garbage)
		w.Garbage = 0
		Free(me, b)
	}
	if dead := w.Dead; dead != 0 {
		w.Dead = 0
		sweep.Process(dead.Process(), me)
	}
}

// Make makes an object that me holds.
func Make(me registry.Owner, kind arena.Kind, params ...uint64) (b *arena.Block, s step.Status) {
	var p sweep.Params
	copy(p[:], params)
	s = Run(me, time.Minute, func(f step.Flags, w *step.Wait) (s step.Status) {
		b, s = sweep.New(me, kind, p, f, w)
		return s
	})
	return b, s
}

// Drop ends me's hold of an object.
func Drop(me registry.Owner, b *arena.Block) {
	if b.Drop(me, me) {
		sweep.TakeDown(b, me)
	}
}

// Alloc allocates a block for me.
func Alloc(me registry.Owner, kind arena.Kind, size uint64) (b *arena.Block, s step.Status) {
	s = Run(me, time.Minute, func(f step.Flags, w *step.Wait) (s step.Status) {
		b, s = sweep.Alloc(me, kind, size, f, w)
		return s
	})
	return b, s
}

// Free frees a block of me's, and says whether it was that.
func Free(me registry.Owner, b *arena.Block) bool {
	mine := b.LoadOwner() == arena.OwnedByProcess(me)
	sweep.Free(b, arena.OwnedByProcess(me), me)
	return mine
}
