package sweep_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/barrier"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/cond"
	"github.com/gomp-project/gomp/gomp/event"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// scenario is an operation in the middle of which a process dies.
type scenario struct {
	name string
	// setup is what the survivor does before.
	setup func(w *world)
	// act is what the process does before, and returns the operation.
	act func(me registry.Owner, objects []uint64) func()
	// verify is how the survivor finds the family after its sweep. It says how
	// far the operation got, from 0 to last, which only ever increases: the
	// store that commits an operation cannot be taken back.
	verify func(w *world) int
	last   int
	// first is an operation in which another process has died before, when it
	// had changed the memory so many times.
	first   func(me registry.Owner, objects []uint64) func()
	changes int
}

// nothing is how far an operation gets that leaves no trace.
const nothing = 0

// putting is a scenario of putting texts into a channel that holds before, and
// has passed the texts of first.
func putting(name string, first, before, texts []string) scenario {
	return scenario{
		name: name,
		setup: func(w *world) {
			c := body[channel.Channel](uint64(w.make(arena.Channel).Off()))
			put(w.Me, c, first...)
			put(w.Me, c, before...)
			for range first {
				records, s := family.Get(w.Me, c, 1, family.NoBell, patience)
				w.want(s, step.Done)
				family.Unpack(w.Me, records)
			}
		},
		act: func(me registry.Owner, objects []uint64) func() {
			c := body[channel.Channel](objects[0])
			records := pack(me, texts)
			return func() { family.Put(me, c, records, family.NoBell, patience) }
		},
		verify: func(w *world) int {
			taken, got := w.queue(body[channel.Channel](w.objects[0]), before, texts)
			if taken != 0 {
				w.Errorf("%d messages are lost", taken)
			}
			return got
		},
		last: len(texts),
	}
}

// getting is a scenario of taking up to n messages at once.
func getting(name string, before []string, n int) scenario {
	s := putting(name, nil, before, nil)
	s.act = func(me registry.Owner, objects []uint64) func() {
		c := body[channel.Channel](objects[0])
		return func() {
			if _, s := family.Get(me, c, n, family.NoBell, patience); s != step.Done {
				panic("get")
			}
		}
	}
	s.verify = func(w *world) int {
		taken, _ := w.queue(body[channel.Channel](w.objects[0]), before, nil)
		return taken
	}
	s.last = n
	return s
}

func long(c string) string { return strings.Repeat(c, 600) }

// making is a scenario of making an object: whoever dies half way leaves nothing.
func making(name string, kind arena.Kind, params ...uint64) scenario {
	return scenario{
		name:  name,
		setup: func(*world) {},
		act: func(me registry.Owner, _ []uint64) func() {
			return func() { family.Make(me, kind, params...) }
		},
		verify: func(*world) int { return nothing },
	}
}

// dropping is a scenario of taking down an object that the process alone holds.
func dropping(name string, kind arena.Kind, fill func(me registry.Owner, object uint64), params ...uint64) scenario {
	s := making(name, kind, params...)
	s.act = func(me registry.Owner, _ []uint64) func() {
		b, _ := family.Make(me, kind, params...)
		fill(me, uint64(b.Off()))
		return func() { family.Drop(me, b) }
	}
	return s
}

// enter makes the calling process wait n times, without waiting.
func enter(me registry.Owner, c *cond.Cond, n int) {
	for range n {
		do(me, condEnter(me, c))
	}
}

func condEnter(me registry.Owner, c *cond.Cond) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status { return c.Enter(me, f, w) }
}

func condWait(me registry.Owner, c *cond.Cond) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status { return c.Wait(me, f, w) }
}

func condNotify(me registry.Owner, c *cond.Cond, n int) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status {
		_, s := c.Notify(me, n, f, w)
		return s
	}
}

func acquire(me registry.Owner, l *lock.Sem) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status { return l.Acquire(me, f, w) }
}

func release(me registry.Owner, l *lock.Sem) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status { return l.ReleaseLedger(me, f, w) }
}

func arrive(me registry.Owner, b *barrier.Barrier) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status {
		_, s := b.Arrive(me, f, w)
		return s
	}
}

func barrierWait(me registry.Owner, b *barrier.Barrier) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status { return b.Wait(me, f, w) }
}

// started gives the wait of an operation whose first step enters a list.
func started(me registry.Owner, take family.Step) *step.Wait {
	var w step.Wait
	for take(0, &w) == step.NeedBlock {
		b, _ := family.Alloc(me, arena.Kind(w.Kind), w.Want)
		w.Spare = b.Off()
	}
	return &w
}

func ledgerValue(w *world) uint32 { return uint32(body[lock.Sem](w.objects[0]).Word) }

// ledger is a scenario with a semaphore of two permits, one of which the
// survivor has; whatever the other process had is returned.
func ledger(name string, act func(me registry.Owner, s *lock.Sem) func()) scenario {
	return scenario{
		name: name,
		setup: func(w *world) {
			s := body[lock.Sem](uint64(w.make(arena.Lock, lock.Semaphore, 2, 2, lock.Release).Off()))
			do(w.Me, acquire(w.Me, s))
		},
		act: func(me registry.Owner, objects []uint64) func() { return act(me, body[lock.Sem](objects[0])) },
		verify: func(w *world) int {
			s := body[lock.Sem](w.objects[0])
			if v := ledgerValue(w); v != 1 {
				w.Errorf("%d permits are there", v)
			}
			do(w.Me, acquire(w.Me, s))
			do(w.Me, release(w.Me, s))
			do(w.Me, release(w.Me, s))
			if v := ledgerValue(w); v != 2 {
				w.Errorf("%d permits are there in the end", v)
			}
			return nothing
		},
	}
}

// mutex is a scenario of taking a plain lock.
func mutex(name string, kind uint64) scenario {
	return scenario{
		name:  name,
		setup: func(w *world) { w.make(arena.Lock, kind, 1, 1) },
		act: func(me registry.Owner, objects []uint64) func() {
			return func() { do(me, acquire(family.Thread(me, 7), body[lock.Sem](objects[0]))) }
		},
		verify: func(w *world) int {
			s := family.Run(w.Me, patience, acquire(family.Thread(w.Me, 7), body[lock.Sem](w.objects[0])))
			if s == step.OwnerDied {
				return 1
			}
			w.want(s, step.Done)
			return 0
		},
		last: 1,
	}
}

// atCondition is a scenario with a condition on which the survivor waits n times.
func atCondition(name string, n, last int, act func(me registry.Owner, c *cond.Cond) func()) scenario {
	return scenario{
		name: name,
		setup: func(w *world) {
			c := body[cond.Cond](uint64(w.make(arena.Condition).Off()))
			for range n {
				w.waits = append(w.waits, *started(w.Me, condEnter(w.Me, c)))
			}
		},
		act: func(me registry.Owner, objects []uint64) func() { return act(me, body[cond.Cond](objects[0])) },
		verify: func(w *world) int {
			c := body[cond.Cond](w.objects[0])
			notified := 0
			for i := range w.waits {
				if w.notified(i) {
					notified++
					w.want(w.resume(i, patience, condWait(w.Me, c)), step.Done)
				}
			}
			if s := c.Sleeping(); s != n-notified {
				w.Errorf("%d wait, not %d", s, n-notified)
			}
			for i := notified; i < n; i++ { // the oldest were notified
				w.cancel(i, condWait(w.Me, c))
			}
			return notified
		},
		last: last,
	}
}

// conserving is a scenario with one notification, given to a process that does
// not consume it: exactly one of two others gets it.
func conserving(name string, act func(me registry.Owner, objects []uint64) func()) scenario {
	s := atCondition(name, 2, 0, nil)
	verify := s.verify
	s.act = act
	s.verify = func(w *world) int {
		if n := verify(w); n != 1 {
			w.Errorf("%d are notified", n)
		}
		return nothing
	}
	return s
}

// atBarrier is a scenario with a barrier for three, at which two threads of the
// survivor have arrived. It gets as far as 1 if the round ends as it should.
func atBarrier(name string, good step.Status, act func(me registry.Owner, b *barrier.Barrier) func()) scenario {
	return scenario{
		name: name,
		setup: func(w *world) {
			b := body[barrier.Barrier](uint64(w.make(arena.Barrier, 3).Off()))
			for range 2 {
				w.waits = append(w.waits, *started(w.Me, arrive(w.Me, b)))
			}
		},
		act: func(me registry.Owner, objects []uint64) func() { return act(me, body[barrier.Barrier](objects[0])) },
		verify: func(w *world) int {
			b := body[barrier.Barrier](w.objects[0])
			if !w.notified(0) && !w.notified(1) {
				if b.Broken != 0 {
					w.Error("the barrier is broken and nobody tells")
				}
				w.cancel(0, barrierWait(w.Me, b))
				w.want(w.resume(1, patience, barrierWait(w.Me, b)), step.Broken)
				return 0
			}
			first := w.resume(0, patience, barrierWait(w.Me, b))
			w.want(w.resume(1, patience, barrierWait(w.Me, b)), first)
			if first == good {
				return 1
			}
			w.want(first, step.Broken)
			return 0
		},
		last: 1,
	}
}

var scenarios = slices.Concat([]scenario{
	putting("put", nil, []string{"a", "b"}, []string{"x"}),
	putting("put into a new channel", nil, nil, []string{"x"}),
	putting("put past the ring's end", []string{long("1"), long("2"), long("3")}, []string{"a"}, []string{long("x")}),
	putting("put that grows the ring", nil, []string{long("a"), long("b"), long("c")}, []string{long("x")}),
	putting("put of a block", nil, []string{"@a"}, []string{"@x"}),
	putting("put of many", []string{long("1"), long("2")}, []string{"a"}, []string{"x", "@y", long("z")}),
	getting("get", []string{"a", "b", "c"}, 1),
	getting("get of the last", []string{"a"}, 1),
	getting("get of a block", []string{"@a", "@b"}, 1),
	getting("get of many", []string{"a", "@b", "c", "d"}, 3),
	{
		name: "get that empties a large ring",
		setup: func(w *world) {
			c := body[channel.Channel](uint64(w.make(arena.Channel).Off()))
			put(w.Me, c, strings.Repeat("1", 1<<20), "a")
			do(w.Me, func(f step.Flags, wait *step.Wait) step.Status {
				_, _, s := c.Get(w.Me, make([]byte, 2<<20), 1, family.NoBell, f, wait)
				return s
			})
		},
		act: getting("", nil, 1).act,
		verify: func(w *world) int {
			taken, _ := w.queue(body[channel.Channel](w.objects[0]), []string{"a"}, nil)
			return taken
		},
		last: 1,
	},
	{
		name:  "wait for a message",
		setup: func(w *world) { w.make(arena.Channel) },
		act: func(me registry.Owner, objects []uint64) func() {
			return func() { started(me, getStep(me, objects[0])) }
		},
		verify: func(w *world) int {
			w.queue(body[channel.Channel](w.objects[0]), nil, nil)
			return nothing
		},
	},
	{
		name:  "put for one who waits",
		setup: func(w *world) { w.begin(getStep(w.Me, uint64(w.make(arena.Channel).Off()))) },
		act:   putting("", nil, nil, []string{"x"}).act,
		verify: func(w *world) int {
			c := body[channel.Channel](w.objects[0])
			if c.Len() == 0 {
				w.cancel(0, getStep(w.Me, w.objects[0]))
				return 0
			}
			if !w.notified(0) {
				w.Error("the message is there and nobody tells")
			}
			w.want(w.resume(0, patience, getStep(w.Me, w.objects[0])), step.Done)
			return 1
		},
		last: 1,
	},
	{
		name: "get that makes room for one who waits",
		setup: func(w *world) {
			c := w.make(arena.Channel, 1)
			put(w.Me, body[channel.Channel](uint64(c.Off())), "a")
			w.begin(putStep(w.Me, uint64(c.Off()), "b"))
		},
		act: getting("", nil, 1).act,
		verify: func(w *world) int {
			c := body[channel.Channel](w.objects[0])
			if c.Len() == 1 {
				w.cancel(0, putStep(w.Me, w.objects[0], "b"))
				return 0
			}
			if !w.notified(0) {
				w.Error("there is room and nobody tells")
			}
			w.want(w.resume(0, patience, putStep(w.Me, w.objects[0], "b")), step.Done)
			if texts := w.drain(c); len(texts) != 1 || texts[0] != "b" {
				w.Errorf("the channel holds %q", texts)
			}
			return 1
		},
		last: 1,
	},
	{
		name: "the last task is done",
		setup: func(w *world) {
			c := body[channel.Channel](uint64(w.make(arena.Channel).Off()))
			put(w.Me, c, "a")
			w.drain(c)
			w.begin(func(f step.Flags, wait *step.Wait) step.Status { return c.Join(w.Me, f, wait) })
		},
		act: func(me registry.Owner, objects []uint64) func() {
			c := body[channel.Channel](objects[0])
			return func() { do(me, func(f step.Flags, w *step.Wait) step.Status { return c.TaskDone(me, f, w) }) }
		},
		verify: func(w *world) int {
			c := body[channel.Channel](w.objects[0])
			join := func(f step.Flags, wait *step.Wait) step.Status { return c.Join(w.Me, f, wait) }
			if c.NDone == 0 {
				w.cancel(0, join)
				return 0
			}
			w.want(w.resume(0, patience, join), step.Done)
			return 1
		},
		last: 1,
	},

	{
		name:  "alloc",
		setup: func(*world) {},
		act: func(me registry.Owner, _ []uint64) func() {
			return func() { family.Alloc(me, arena.Payload, 1000) }
		},
		verify: func(*world) int { return nothing },
	},
	{
		name:  "free",
		setup: func(*world) {},
		act: func(me registry.Owner, _ []uint64) func() {
			b, _ := family.Alloc(me, arena.Payload, 1000)
			family.Alloc(me, arena.Payload, 100)
			return func() { family.Free(me, b) }
		},
		verify: func(*world) int { return nothing },
	},
	{
		name:  "free that merges",
		setup: func(*world) {},
		act: func(me registry.Owner, _ []uint64) func() {
			b, _ := family.Alloc(me, arena.Payload, 200<<10)
			return func() { family.Free(me, b) }
		},
		verify: func(*world) int { return nothing },
	},
	{
		name:  "free of pages that are not kept",
		setup: func(*world) {},
		act: func(me registry.Owner, _ []uint64) func() {
			b, _ := family.Alloc(me, arena.Payload, 3<<20)
			return func() { family.Free(me, b) }
		},
		verify: func(*world) int { return nothing },
	},

	making("make a lock", arena.Lock, lock.Mutex, 1, 1),
	making("make a barrier", arena.Barrier, 2),
	making("make a channel", arena.Channel),
	making("make large memory", arena.Memory, 2<<20),
	dropping("take down a channel", arena.Channel, func(me registry.Owner, object uint64) {
		put(me, body[channel.Channel](object), "a", "@b", "@c")
		for range 5 { // the fifth entry is in a block of its own
			started(me, func(f step.Flags, w *step.Wait) step.Status {
				return body[channel.Channel](object).Join(me, f, w)
			})
		}
	}),
	dropping("take down a condition", arena.Condition, func(me registry.Owner, object uint64) {
		enter(me, body[cond.Cond](object), 4+126+126+1) // three blocks of entries
	}),

	mutex("acquire a lock", lock.Mutex),
	mutex("acquire a recursive lock", lock.Recursive),
	ledger("acquire a permit", func(me registry.Owner, s *lock.Sem) func() {
		return func() { do(me, acquire(me, s)) }
	}),
	ledger("release a permit", func(me registry.Owner, s *lock.Sem) func() {
		do(me, acquire(me, s))
		return func() { do(me, release(me, s)) }
	}),
	{
		name: "release a permit for one who waits",
		setup: func(w *world) {
			w.make(arena.Lock, lock.Semaphore, 1, 1, lock.Release)
		},
		act: func(me registry.Owner, objects []uint64) func() {
			s := body[lock.Sem](objects[0])
			do(me, acquire(me, s))
			started(me, acquire(me, s)) // a waiter of its own, which dies with it
			return func() { do(me, release(me, s)) }
		},
		verify: func(w *world) int {
			s := body[lock.Sem](w.objects[0])
			if v := ledgerValue(w); v != 1 {
				w.Errorf("%d permits are there", v)
			}
			do(w.Me, acquire(w.Me, s))
			do(w.Me, release(w.Me, s))
			return nothing
		},
	},
	{
		name: "set an event",
		setup: func(w *world) {
			e := body[event.Event](uint64(w.make(arena.Event).Off()))
			w.begin(e.Wait)
		},
		act: func(_ registry.Owner, objects []uint64) func() { return body[event.Event](objects[0]).Set },
		verify: func(w *world) int {
			e := body[event.Event](w.objects[0])
			if w.resume(0, 0, e.Wait) == step.Done {
				return 1
			}
			return 0
		},
		last: 1,
	},

	atCondition("enter a condition", 2, 0, func(me registry.Owner, c *cond.Cond) func() {
		return func() { enter(me, c, 1) }
	}),
	atCondition("enter a condition that is full", 4, 0, func(me registry.Owner, c *cond.Cond) func() {
		return func() { enter(me, c, 1) }
	}),
	atCondition("notify", 3, 2, func(me registry.Owner, c *cond.Cond) func() {
		return func() { do(me, condNotify(me, c, 2)) }
	}),
	{
		name:  "consume a notification",
		setup: func(w *world) { w.make(arena.Condition) },
		act: func(me registry.Owner, objects []uint64) func() {
			c := body[cond.Cond](objects[0])
			first := started(me, condEnter(me, c))
			enter(me, c, 1)
			do(me, condNotify(me, c, 1))
			return func() { family.Resume(me, patience, first, condWait(me, c)) }
		},
		verify: func(w *world) int {
			if n := body[cond.Cond](w.objects[0]).Sleeping(); n != 0 {
				w.Errorf("%d dead wait", n)
			}
			return nothing
		},
	},

	conserving("give a notification up", givingUp),
	conserving("be interrupted with a notification", func(me registry.Owner, objects []uint64) func() {
		givingUp(me, objects)
		c := body[cond.Cond](objects[0])
		enter(me, c, 1)
		return func() { do(me, func(f step.Flags, w *step.Wait) step.Status { return c.Cancel(me, f, w) }) }
	}),

	atBarrier("arrive at a barrier", step.Broken, func(me registry.Owner, b *barrier.Barrier) func() {
		return func() { do(me, arrive(me, b)) }
	}),
	atBarrier("give up at a barrier", step.Broken, func(me registry.Owner, b *barrier.Barrier) func() {
		mine := started(me, arrive(me, b))
		return func() { family.Cancel(me, mine, barrierWait(me, b)) }
	}),
	atBarrier("be interrupted at a barrier", step.Broken, func(me registry.Owner, b *barrier.Barrier) func() {
		started(me, arrive(me, b))
		return func() { do(me, func(f step.Flags, w *step.Wait) step.Status { return b.Cancel(me, f, w) }) }
	}),
	atBarrier("trip a barrier", step.Done, func(me registry.Owner, b *barrier.Barrier) func() {
		last := started(me, arrive(me, b))
		return func() {
			family.Resume(me, patience, last, func(f step.Flags, w *step.Wait) step.Status { return b.Trip(me, f, w) })
		}
	}),
	atBarrier("break a barrier", step.Broken, func(me registry.Owner, b *barrier.Barrier) func() {
		return func() { do(me, func(f step.Flags, w *step.Wait) step.Status { return b.Break(me, f, w) }) }
	}),
	atBarrier("reset a barrier", step.Broken, func(me registry.Owner, b *barrier.Barrier) func() {
		return func() { do(me, func(f step.Flags, w *step.Wait) step.Status { return b.Reset(me, f, w) }) }
	}),
}, parcels, handles, pools, nested)

func getStep(me registry.Owner, object uint64) family.Step {
	c, buf := body[channel.Channel](object), make([]byte, 4096)
	return func(f step.Flags, w *step.Wait) step.Status {
		_, _, s := c.Get(me, buf, 1, family.NoBell, f, w)
		return s
	}
}

func putStep(me registry.Owner, object uint64, text string) family.Step {
	c := body[channel.Channel](object)
	return func(f step.Flags, w *step.Wait) step.Status {
		_, s := c.Put(me, family.Pack(text), family.NoBell, f, w)
		return s
	}
}

// mending is a get from a channel into which another process was putting: its
// lock is taken over and the channel repaired by one that dies in turn.
func mending(changes int) scenario {
	before, added := []string{"a"}, []string{"x", "@y", long("z")}
	first := putting("", []string{long("1"), long("2")}, before, added)
	then := getting(fmt.Sprintf("get after %d changes of a put", changes), before, 1)
	then.setup, then.first, then.changes = first.setup, first.act, changes
	then.verify = func(w *world) int {
		taken, _ := w.queue(body[channel.Channel](w.objects[0]), before, added)
		return taken
	}
	return then
}

// counting is an acquisition after a release that was not finished.
func counting(changes int) scenario {
	releasing := func(me registry.Owner, s *lock.Sem) func() {
		do(me, acquire(me, s))
		return func() { do(me, release(me, s)) }
	}
	then := ledger(fmt.Sprintf("acquire after %d changes of a release", changes), func(me registry.Owner, s *lock.Sem) func() {
		return func() { do(me, acquire(me, s)) }
	})
	then.first, then.changes = ledger("", releasing).act, changes
	return then
}

// inheriting is a notification after one that was being given up: by then it is
// known to whom that goes.
func inheriting(changes int) scenario {
	then := atCondition(fmt.Sprintf("notify after %d changes of giving up", changes), 3, 1, func(me registry.Owner, c *cond.Cond) func() {
		return func() { do(me, condNotify(me, c, 1)) }
	})
	then.first, then.changes = givingUp, changes
	verify := then.verify
	then.verify = func(w *world) int { return verify(w) - 1 }
	return then
}

// givingUp is the cancellation of a wait that was notified.
func givingUp(me registry.Owner, objects []uint64) func() {
	c := body[cond.Cond](objects[0])
	mine := started(me, condEnter(me, c))
	mine.Waiter().Ticket = 0 // as if it had been there first
	do(me, condNotify(me, c, 1))
	return func() { family.Cancel(me, mine, condWait(me, c)) }
}

// nested are the operations that mend what a first death has left.
var nested = []scenario{
	mending(10), mending(25), counting(5), inheriting(3), inheriting(4),
	{
		name:   "sweep",
		setup:  leave,
		act:    sweeping,
		verify: mended,
	},
	{
		name: "sweep of one that never came alive",
		setup: func(w *world) {
			leave(w)
			s := registry.At(dead(w).Slot())
			_, gen := s.Load()
			s.State = gen<<8 | registry.Reserved
		},
		act:    sweeping,
		verify: mended,
	},
}

// wreck is what a process leaves that dies with a hand on everything.
func wreck(me registry.Owner, objects []uint64) {
	put(me, body[channel.Channel](objects[0]), "x", "@y")
	pack(me, []string{"@never put"})
	started(me, getStep(me, objects[1]))
	do(me, acquire(me, body[lock.Sem](objects[2])))
	do(me, acquire(family.Thread(me, 5), body[lock.Sem](objects[3])))
	c := body[cond.Cond](objects[4])
	enter(me, c, 1)
	do(me, condNotify(me, c, 1))
	enter(me, c, 5)
	started(me, arrive(me, body[barrier.Barrier](objects[5])))
	family.Make(me, arena.Channel)
	family.Mark()
}

func leave(w *world) {
	w.make(arena.Channel)
	w.make(arena.Channel)
	w.make(arena.Lock, lock.Semaphore, 1, 1, lock.Release)
	w.make(arena.Lock, lock.Mutex, 1, 1)
	w.make(arena.Condition)
	w.make(arena.Barrier, 3)
	w.waits = append(w.waits, *started(w.Me, arrive(w.Me, body[barrier.Barrier](w.objects[5]))))
	p := w.Trace(w, "wreck", w.objects)
	p.Kill()
	w.waits = append(w.waits, *started(w.Me, condEnter(w.Me, body[cond.Cond](w.objects[4]))))
	w.wrecked = p.Owner
}

// dead is the process that leave has left; its slot follows the survivor's.
func dead(w *world) registry.Owner { return w.wrecked }

func sweeping(me registry.Owner, _ []uint64) func() {
	o := registry.OwnerAt(1)
	return func() { sweep.Process(o, me) }
}

func mended(w *world) int {
	w.Reap(dead(w))
	if s := dead(w).Status(); s != registry.Gone {
		w.Errorf("the first of the dead has status %d", s)
	}
	if texts := w.drain(body[channel.Channel](w.objects[0])); len(texts) != 2 || texts[0] != "x" || texts[1] != "@y" {
		w.Errorf("the channel holds %q", texts)
	}
	do(w.Me, acquire(w.Me, body[lock.Sem](w.objects[2])))
	s := family.Run(w.Me, patience, acquire(family.Thread(w.Me, 5), body[lock.Sem](w.objects[3])))
	w.want(s, step.OwnerDied)
	c := body[cond.Cond](w.objects[4])
	if !w.notified(1) {
		w.Error("the notification is lost")
	}
	w.want(w.resume(1, patience, condWait(w.Me, c)), step.Done)
	if n := c.Sleeping(); n != 0 {
		w.Errorf("%d dead wait", n)
	}
	b := body[barrier.Barrier](w.objects[5])
	if !w.notified(0) {
		w.Error("the barrier does not tell that a party died")
	}
	w.want(w.resume(0, patience, barrierWait(w.Me, b)), step.Broken)
	return nothing
}
