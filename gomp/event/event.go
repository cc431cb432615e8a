package event

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/step"
)

// Event is the object; core/layout.h mirrors it.
type Event struct {
	Epoch   uint32 // odd: set
	Spin    uint32
	Waiters uint32 // how many may sleep; too high after one died, which only costs a system call
}

// Size of the body.
const Size = 64

// Set sets the event and wakes all.
func (e *Event) Set() {
	for {
		v := atomic.LoadUint32(&e.Epoch)
		if v&1 != 0 {
			return
		}
		if atomic.CompareAndSwapUint32(&e.Epoch, v, v+1) {
			if atomic.LoadUint32(&e.Waiters) != 0 {
				robust.Wake(&e.Epoch, 1<<30)
			}
			return
		}
	}
}

// Clear clears the event.
func (e *Event) Clear() {
	for {
		v := atomic.LoadUint32(&e.Epoch)
		if v&1 == 0 || atomic.CompareAndSwapUint32(&e.Epoch, v, v+1) {
			return
		}
	}
}

// Wait is a step of waiting for the event.
func (e *Event) Wait(f step.Flags, w *step.Wait) step.Status {
	v := atomic.LoadUint32(&e.Epoch)
	first := w.Entry == 0
	switch {
	case v&1 != 0 || !first && uint64(v)+1 != w.Entry && !f.Has(step.Cancel):
		e.leave(w)
		return step.Done
	case f.Has(step.Last) || f.Has(step.Cancel):
		e.leave(w)
		return step.TimedOut
	case first:
		w.Entry = uint64(v) + 1 // the epoch that it saw; not 0
		atomic.AddUint32(&e.Waiters, 1)
	}
	return w.OnWord(&e.Epoch, v)
}

func (e *Event) leave(w *step.Wait) {
	if w.Entry != 0 {
		w.Entry = 0
		atomic.AddUint32(&e.Waiters, ^uint32(0))
	}
}
