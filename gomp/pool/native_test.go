package pool_test

import (
	"fmt"
	"testing"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// heed is for how long a doomed task of a native worker may go on.
const heed = 100e6

// newNative is a pool whose workers are goroutines of one process: of the test's.
func newNative(t *testing.T, workers int) *crew {
	c := &crew{Family: family.New(t), TB: t, now: 1000}
	b, s := family.Make(c.Me, arena.Pool, uint64(workers), limit, 1)
	c.want(s, step.Done)
	c.block, c.pool = b, segment.At[pool.Pool](arena.Body(b.Off()))
	for i := range workers {
		c.hire(i)
	}
	return c
}

func (c *crew) buryFor(i int, spare bool) {
	c.Helper()
	c.want(c.run(func(f step.Flags, w *step.Wait) (s step.Status) {
		_, _, s = c.pool.Bury(c.Me, i, 77, -9, spare, c.now, f, w)
		return s
	}), step.Done)
}

// watch is what one who has seen that alarm is told.
func (c *crew) watch(seen uint32) (now uint32, s step.Status) {
	s = c.run(func(f step.Flags, w *step.Wait) (s step.Status) {
		now, s = c.pool.Watch(seen, f, w)
		return s
	})
	return now, s
}

func (c *crew) statuses(job uint64) (all []pool.Status) {
	for _, r := range family.Answers(c.Me, c.pool, job) {
		for len(all) <= int(r.Index) {
			all = append(all, pool.Pending)
		}
		all[r.Index] = r.Status
	}
	return all
}

func equal[T comparable](t testing.TB, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%v, not %v", got, want)
	}
}

// TestDoomIsOverWithTheTask: a late answer is not taken, and the worker goes on.
func TestDoomIsOverWithTheTask(t *testing.T) {
	c := newNative(t, 1)
	job := c.submit(family.Call{Text: "late", Timeout: 50}, family.Call{Text: "next"})
	c.take(0)
	c.now += 60
	doomed, next := c.overdue()
	equal(t, len(doomed), 0)
	equal(t, next, c.now+heed)
	equal(t, c.pool.Doomed(0), true)
	c.want(c.answer(0, "@too late"), step.TimedOut)
	equal(t, c.pool.Doomed(0), false)
	equal(t, c.take(0), "next")
	c.want(c.answer(0, "next"), step.Done)
	got := c.statuses(job)
	equal(t, got[0], pool.Expired)
	equal(t, got[1], pool.Returned)
	c.free(job)
}

// TestEachDoomHasItsOwnTime: a task is to be killed once it has not heeded for its own time,
// whatever was doomed before it in the same place or beside it.
func TestEachDoomHasItsOwnTime(t *testing.T) {
	c := newNative(t, 2)
	job := c.submit(family.Call{Text: "a", Timeout: 10}, family.Call{Text: "b", Timeout: heed}, family.Call{Text: "c", Timeout: 10})
	c.take(0)
	c.take(1)
	c.now += 20
	c.overdue()
	c.now += heed - 1
	doomed, next := c.overdue()
	equal(t, len(doomed), 0) // and b is doomed now
	equal(t, next, c.now+1)
	c.want(c.answer(0, "a"), step.TimedOut)
	c.take(0)
	c.now += 20
	doomed, next = c.overdue() // c is doomed now
	equal(t, len(doomed), 0)
	equal(t, next, c.now-20+heed)
	c.now = next
	doomed, _ = c.overdue()
	equal(t, len(doomed), 1)
	equal(t, doomed[0], 1)
	c.buryFor(0, true)
	c.buryFor(1, true)
	got := c.statuses(job)
	equal(t, got[0], pool.Expired)
	equal(t, got[1], pool.Expired)
	equal(t, got[2], pool.Expired)
	c.free(job)
}

// TestSpareTasksAreQueuedAgain: those of a process that was ended for another one's sake, whatever
// their retries; with it they may have been lost, too.
func TestSpareTasksAreQueuedAgain(t *testing.T) {
	for _, spare := range []bool{true, false} {
		t.Run(fmt.Sprint(spare), func(t *testing.T) { testSpare(t, spare) })
	}
}

func testSpare(t *testing.T, spare bool) {
	c := newNative(t, 3)
	job := c.submit(family.Call{Text: "endless", Timeout: 10}, family.Call{Text: "@innocent"}, family.Call{Text: "retried", Retries: 1})
	for i := range 3 {
		c.take(i)
	}
	c.now += 20
	c.overdue()
	for i := range 3 {
		c.buryFor(i, spare)
		c.hire(i)
	}
	if err := c.pool.Check(c.Me); err != nil {
		t.Error(err)
	}
	texts := c.work(0)
	got := c.statuses(job)
	equal(t, got[0], pool.Expired)
	equal(t, got[2], pool.Returned)
	if spare {
		equal(t, len(texts), 2)
		equal(t, got[1], pool.Returned)
	} else {
		equal(t, len(texts), 1)
		equal(t, got[1], pool.Lost)
	}
	c.free(job)
}

// TestTasksThatRunAgainRunAlone: a neighbour that must be killed, too, could take the process from them for ever.
func TestTasksThatRunAgainRunAlone(t *testing.T) {
	c := newNative(t, 3)
	job := c.submit(family.Call{Text: "endless", Timeout: 10}, family.Call{Text: "spared"}, family.Call{Text: "also"})
	for i := range 3 {
		c.take(i)
	}
	others := c.submit(calls("other", "another")...)
	c.now += 20
	c.overdue()
	for i := range 3 {
		c.buryFor(i, true)
		c.hire(i)
	}
	none := func(i int) {
		t.Helper()
		_, _, s := family.Take(c.Me, c.pool, i, c.now, never)
		c.want(s, step.TimedOut)
	}
	equal(t, c.take(0), "also")
	equal(t, c.take(1), "spared")
	none(2)
	c.want(c.answer(0, "also!"), step.Done)
	none(0)
	if err := c.pool.Check(c.Me); err != nil {
		t.Error(err)
	}
	c.want(c.answer(1, "spared!"), step.Done)
	equal(t, len(c.work(0)), 2)
	got := c.statuses(job)
	equal(t, got[0], pool.Expired)
	equal(t, got[1], pool.Returned)
	equal(t, got[2], pool.Returned)
	c.statuses(others)
	c.free(job, others)
}

// TestAlarm: it is raised by a doom and by the pool's turns, and the end is told before all.
func TestAlarm(t *testing.T) {
	c := newNative(t, 1)
	seen, s := c.watch(0)
	c.want(s, step.TimedOut)
	job := c.submit(calls("a")...)
	c.take(0)
	c.cancel(job)
	now, s := c.watch(seen)
	c.want(s, step.Done)
	equal(t, now, seen+1)
	_, s = c.watch(now)
	c.want(s, step.TimedOut)
	c.want(c.answer(0, "a"), step.TimedOut)
	c.turn(pool.Terminated)
	_, s = c.watch(now)
	c.want(s, step.Broken)
	c.free(job)
}

// TestAlarmWakes: who sleeps is woken, and told when the parent dies.
func TestAlarmWakes(t *testing.T) {
	c := newNative(t, 1)
	told := make(chan step.Status)
	watch := func() {
		me := family.Thread(c.Me, 2)
		told <- family.Run(me, patience, func(f step.Flags, w *step.Wait) (s step.Status) {
			_, s = c.pool.Watch(0, f, w)
			return s
		})
	}
	go watch()
	c.submit(calls("a")...)
	c.take(0)
	c.cancel(0)
	c.want(<-told, step.Done)
	c.pool.Parent = registry.MakeOwner(segment.Slots-1, 3) // which is no more
	go func() {
		me := family.Thread(c.Me, 2)
		told <- family.Run(me, patience, func(f step.Flags, w *step.Wait) (s step.Status) {
			_, s = c.pool.Watch(1, f, w)
			return s
		})
	}()
	c.want(<-told, step.Broken)
}
