package member

import (
	"sync/atomic"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// slice is how long a wait lasts before one looks whether others are alive: less than the
// 100 ms that the fault model promises.
const slice = 70 * time.Millisecond

// Step is an operation's step.
type Step func(step.Flags, *step.Wait) step.Status

// Forever is no deadline.
const Forever = int64(-1)

// Op is an operation that is waited for.
type Op struct {
	Me       registry.Owner
	Deadline int64       // CLOCK_MONOTONIC ns; 0: do not wait; Forever
	Spin     *uint32     // the object's budget of spinning, or nil
	Stop     func() bool // gives up when it is true, which Wake tells; or nil
	wait     step.Wait
	asleep   atomic.Uintptr // the word that it sleeps on; or 0
}

// Run takes steps until they are done, the time is up, or Stop is true: TimedOut.
func (o *Op) Run(take Step) step.Status {
	var flags step.Flags
	if o.Deadline == 0 {
		flags = step.Last
	}
	for {
		s := o.take(take, flags)
		switch s {
		case step.NeedBlock:
			if s := o.giveBlock(); s != step.Done {
				o.cancel(take)
				return s
			}
			continue
		case step.Again:
		default:
			o.dropSpare()
			return s
		}
		if o.stopped() {
			o.cancel(take)
			return step.TimedOut
		}
		flags = o.pause(flags)
	}
}

func (o *Op) take(take Step, flags step.Flags) step.Status {
	s := take(flags, &o.wait)
	o.tidy()
	return s
}

// tidy does what a step found to be done that it could not do itself.
func (o *Op) tidy() {
	if o.wait.Garbage != 0 {
		b := arena.At(o.wait.Garbage)
		o.wait.Garbage = 0
		Free(o.Me, b)
	}
	if dead := o.wait.Dead; dead != 0 {
		o.wait.Dead = 0
		sweep.Process(dead.Process(), o.Me)
	}
}

func (o *Op) giveBlock() step.Status {
	o.dropSpare()
	b, s := Alloc(o.Me, arena.Kind(o.wait.Kind), o.wait.Want)
	if s == step.Done {
		o.wait.Spare = b.Off()
	}
	return s
}

func (o *Op) dropSpare() {
	if o.wait.Spare != 0 {
		Free(o.Me, arena.At(o.wait.Spare))
		o.wait.Spare = 0
	}
}

// cancel makes the step leave its lists.
func (o *Op) cancel(take Step) {
	flags := step.Cancel
	for o.take(take, flags) == step.Again {
		Sleep(&o.wait, slice/2)
		flags = step.Cancel | step.Check
	}
	o.dropSpare()
}

func (o *Op) stopped() bool { return o.Stop != nil && o.Stop() }

// Wake has an operation that runs look at Stop. One that is just about to sleep sleeps for a slice.
func (o *Op) Wake() {
	if at := o.asleep.Load(); at != 0 {
		robust.Wake(word(at), 1<<30)
	}
}

// sleep waits as the last step asks, and says whether the time was up.
func (o *Op) sleep(d time.Duration) bool {
	o.asleep.Store(o.wait.Word)
	defer o.asleep.Store(0)
	return !o.stopped() && Sleep(&o.wait, d)
}

func (o *Op) over() bool { return o.Deadline >= 0 && Now() >= o.Deadline }

// pause waits between two steps; it returns the flags for the next one.
func (o *Op) pause(before step.Flags) step.Flags {
	if o.Spin != nil && !before.Has(step.Check) && spin(&o.wait, o.Me, o.Spin) {
		return o.last(0)
	}
	left := slice
	if o.Deadline >= 0 {
		if until := time.Duration(o.Deadline - Now()); until > 0 { // past it, the last step met a busy lock
			left = min(left, until)
		}
	}
	for o.sleep(left) { // a slice in vain
		if o.over() || o.stopped() || !o.quiet() {
			return o.last(step.Check)
		}
	}
	return o.last(0)
}

func (o *Op) last(flags step.Flags) step.Flags {
	if o.over() {
		flags |= step.Last
	}
	return flags
}

// quiet reports whether a step would find nothing new after a slice in vain.
func (o *Op) quiet() bool {
	w := &o.wait
	if changed(w) || hinted(w) || int(w.Watched) > len(w.Watch) {
		return false
	}
	for _, p := range w.Watch[:w.Watched] {
		if p.Status() != registry.Alive {
			return false
		}
	}
	return true
}

// Alloc allocates a block for the process of me.
func Alloc(me registry.Owner, kind arena.Kind, size uint64) (b *arena.Block, s step.Status) {
	o := Op{Me: me, Deadline: Forever}
	s = o.Run(func(f step.Flags, w *step.Wait) (s step.Status) {
		b, s = sweep.Alloc(me, kind, size, f, w)
		return s
	})
	return b, s
}

// Free frees a block of the process of me.
func Free(me registry.Owner, b *arena.Block) { sweep.Free(b, arena.OwnedByProcess(me), me) }
