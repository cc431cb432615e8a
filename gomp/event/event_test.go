package event_test

import (
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/event"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

func at(object uint64) *event.Event {
	return segment.At[event.Event](arena.Body(segment.Off(object)))
}

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"pong": func(me registry.Owner, args []uint64) {
			ping, pong := at(args[0]), at(args[1])
			for range rounds {
				if family.Run(me, time.Minute, ping.Wait) != step.Done {
					panic("no ping")
				}
				ping.Clear()
				pong.Set()
			}
		},
	})
}

const rounds = 200

func setup(t *testing.T) (*family.Family, uint64) {
	f := family.New(t)
	b, _ := family.Make(f.Me, arena.Event)
	return f, uint64(b.Off())
}

func TestSetAndClear(t *testing.T) {
	f, object := setup(t)
	e := at(object)
	wait := func(want step.Status) {
		t.Helper()
		if s := family.Run(f.Me, 20*time.Millisecond, e.Wait); s != want {
			t.Errorf("status %d, not %d", s, want)
		}
	}
	wait(step.TimedOut)
	e.Set()
	e.Set()
	wait(step.Done)
	wait(step.Done)
	e.Clear()
	e.Clear()
	wait(step.TimedOut)
	if e.Waiters != 0 {
		t.Errorf("%d waiters are left", e.Waiters)
	}
}

// Who waited when the event was set is released, although it is clear by now.
func TestAPulseReleases(t *testing.T) {
	_, object := setup(t)
	e := at(object)
	var w step.Wait
	if s := e.Wait(0, &w); s != step.Again {
		t.Fatal(s)
	}
	e.Set()
	e.Clear()
	if s := e.Wait(0, &w); s != step.Done {
		t.Errorf("status %d", s)
	}
	if s := e.Wait(step.Last, &w); s != step.TimedOut || e.Waiters != 0 {
		t.Errorf("status %d, %d waiters", s, e.Waiters)
	}
}

func TestCancelLeaves(t *testing.T) {
	f, object := setup(t)
	e := at(object)
	var w step.Wait
	_ = e.Wait(0, &w)
	family.Cancel(f.Me, &w, e.Wait)
	if e.Waiters != 0 || w.Entry != 0 {
		t.Errorf("%d waiters", e.Waiters)
	}
}

func TestTwoProcessesTakeTurns(t *testing.T) {
	f, ping := setup(t)
	b, _ := family.Make(f.Me, arena.Event)
	pong := uint64(b.Off())
	h := f.Start(t, "pong", []uint64{ping, pong})
	for i := range rounds {
		at(ping).Set()
		if s := family.Run(f.Me, 30*time.Second, at(pong).Wait); s != step.Done {
			t.Fatalf("round %d: %d", i, s)
		}
		at(pong).Clear()
	}
	h.Wait(t)
}
