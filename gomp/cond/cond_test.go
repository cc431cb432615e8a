package cond_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/cond"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

const patience = 30 * time.Second

func at(object uint64) *cond.Cond { return segment.At[cond.Cond](arena.Body(segment.Off(object))) }

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"wait": func(me registry.Owner, args []uint64) {
			w := enter(me, at(args[0]))
			if s := wait(me, at(args[0]), w, patience); s != step.Done {
				panic(s)
			}
		},
		"enter": func(me registry.Owner, args []uint64) {
			enter(me, at(args[0]))
			family.Mark()
			_ = unix.Pause()
		},
	})
}

func enter(me registry.Owner, c *cond.Cond) *step.Wait {
	var w step.Wait
	s := family.Resume(me, patience, &w, func(f step.Flags, w *step.Wait) step.Status { return c.Enter(me, f, w) })
	if s != step.Done {
		panic(s)
	}
	return &w
}

func wait(me registry.Owner, c *cond.Cond, w *step.Wait, timeout time.Duration) step.Status {
	return family.Resume(me, timeout, w, func(f step.Flags, w *step.Wait) step.Status { return c.Wait(me, f, w) })
}

func notify(me registry.Owner, c *cond.Cond, n int) (found int) {
	family.Run(me, patience, func(f step.Flags, w *step.Wait) (s step.Status) {
		found, s = c.Notify(me, n, f, w)
		return s
	})
	return found
}

func setup(t *testing.T) (*family.Family, *cond.Cond, uint64) {
	f := family.New(t)
	b, _ := family.Make(f.Me, arena.Condition)
	return f, at(uint64(b.Off())), uint64(b.Off())
}

func TestTheOldestAreNotified(t *testing.T) {
	f, c, _ := setup(t)
	var waits []*step.Wait
	for range 10 {
		waits = append(waits, enter(f.Me, c))
	}
	if n := notify(f.Me, c, 3); n != 3 || c.Sleeping() != 7 {
		t.Errorf("%d notified, %d sleep", n, c.Sleeping())
	}
	for i, w := range waits {
		want := step.Done
		if i >= 3 {
			want = step.TimedOut
		}
		if s := wait(f.Me, c, w, 5*time.Millisecond); s != want {
			t.Errorf("waiter %d: %d, not %d", i, s, want)
		}
	}
	if n := notify(f.Me, c, 5); n != 0 || c.Sleeping() != 0 {
		t.Errorf("%d notified, %d sleep", n, c.Sleeping())
	}
	f.Verify(t)
}

func TestWhoGivesUpPassesItOn(t *testing.T) {
	f, c, _ := setup(t)
	first, second := enter(f.Me, c), enter(f.Me, c)
	notify(f.Me, c, 1)
	family.Cancel(f.Me, first, func(fl step.Flags, w *step.Wait) step.Status { return c.Wait(f.Me, fl, w) })
	if s := wait(f.Me, c, second, 0); s != step.Done {
		t.Errorf("status %d", s)
	}
}

func TestWhoIsInterruptedPassesItOn(t *testing.T) {
	f, c, _ := setup(t)
	thread := family.Thread(f.Me, 5)
	enter(thread, c)
	other := enter(f.Me, c)
	notify(f.Me, c, 1)
	s := family.Run(thread, patience, func(f step.Flags, w *step.Wait) step.Status { return c.Cancel(thread, f, w) })
	if s != step.Done {
		t.Errorf("status %d", s)
	}
	if s := wait(f.Me, c, other, 0); s != step.Done {
		t.Errorf("the other: %d", s)
	}
}

func TestProcessesAreWoken(t *testing.T) {
	f, c, object := setup(t)
	var helpers []*family.Helper
	for range 3 {
		helpers = append(helpers, f.Start(t, "wait", []uint64{object}))
	}
	for start := time.Now(); c.Sleeping() < 3; time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			t.Fatal("nobody waits")
		}
	}
	if n := notify(f.Me, c, 1<<30); n != 3 {
		t.Errorf("%d notified", n)
	}
	for _, h := range helpers {
		h.Wait(t)
	}
	f.Verify(t)
}

// Nobody else sweeps: the waiter itself finds out that the one that was notified
// in its place is dead.
func TestANotificationOutlivesWhoGotIt(t *testing.T) {
	f, c, object := setup(t)
	p := f.Trace(t, "enter", []uint64{object})
	w := enter(f.Me, c)
	if n := notify(f.Me, c, 1); n != 1 {
		t.Fatal(n)
	}
	p.Kill()
	start := time.Now()
	if s := wait(f.Me, c, w, patience); s != step.Done {
		t.Errorf("status %d", s)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %v", d)
	}
	f.Verify(t)
}
