package barrier_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/barrier"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

const (
	patience = 30 * time.Second
	rounds   = 100
)

func at[T any](object uint64) *T { return segment.At[T](arena.Body(segment.Off(object))) }

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"rounds": func(me registry.Owner, args []uint64) { meet(me, args) },
		"arrive": func(me registry.Owner, args []uint64) {
			arrive(me, at[barrier.Barrier](args[0]), patience)
			family.Mark()
			_ = unix.Pause()
		},
	})
}

func arrive(me registry.Owner, b *barrier.Barrier, timeout time.Duration) (index int, w *step.Wait, s step.Status) {
	w = &step.Wait{}
	s = family.Resume(me, timeout, w, func(f step.Flags, w *step.Wait) (s step.Status) {
		index, s = b.Arrive(me, f, w)
		return s
	})
	return index, w, s
}

func wait(me registry.Owner, b *barrier.Barrier, w *step.Wait, timeout time.Duration) step.Status {
	return family.Resume(me, timeout, w, func(f step.Flags, w *step.Wait) step.Status { return b.Wait(me, f, w) })
}

func trip(me registry.Owner, b *barrier.Barrier, w *step.Wait) step.Status {
	return family.Resume(me, patience, w, func(f step.Flags, w *step.Wait) step.Status { return b.Trip(me, f, w) })
}

// pass is what a party does. The last one adds up the round before it trips.
func pass(me registry.Owner, b *barrier.Barrier, action func()) step.Status {
	index, w, s := arrive(me, b, patience)
	if s != step.Done {
		return s
	}
	if index == int(b.Parties)-1 {
		action()
		return trip(me, b, w)
	}
	return wait(me, b, w, patience)
}

// meet passes the barrier again and again; the action, which nobody disturbs,
// counts the rounds.
func meet(me registry.Owner, objects []uint64) {
	b, n := at[barrier.Barrier](objects[0]), at[uint64](objects[1])
	for i := range rounds {
		if s := pass(me, b, func() { *n++ }); s != step.Done || *n < uint64(i)+1 || *n > uint64(i)+2 {
			panic(s)
		}
	}
}

func setup(t *testing.T, parties uint64) (*family.Family, *barrier.Barrier, uint64) {
	f := family.New(t)
	b, _ := family.Make(f.Me, arena.Barrier, parties)
	return f, at[barrier.Barrier](uint64(b.Off())), uint64(b.Off())
}

func TestProcessesMeet(t *testing.T) {
	f, _, object := setup(t, 3)
	n, _ := family.Make(f.Me, arena.Memory, 8)
	objects := []uint64{object, uint64(n.Off())}
	a, b := f.Start(t, "rounds", objects), f.Start(t, "rounds", objects)
	meet(f.Me, objects)
	a.Wait(t)
	b.Wait(t)
	if got := *at[uint64](objects[1]); got != rounds {
		t.Errorf("%d rounds", got)
	}
	f.Verify(t)
}

func TestATimeoutBreaks(t *testing.T) {
	f, b, _ := setup(t, 3)
	_, first, _ := arrive(f.Me, b, 0)
	_, second, _ := arrive(f.Me, b, 0)
	if n := b.Waiting(); n != 2 {
		t.Errorf("%d wait", n)
	}
	for _, w := range []*step.Wait{first, second} {
		if s := wait(f.Me, b, w, 10*time.Millisecond); s != step.Broken {
			t.Errorf("status %d", s)
		}
	}
	if _, _, s := arrive(f.Me, b, 0); s != step.Broken {
		t.Errorf("a late party: %d", s)
	}
	f.Verify(t)
}

func TestResetMendsAndTells(t *testing.T) {
	f, b, _ := setup(t, 2)
	_, w, _ := arrive(f.Me, b, 0)
	reset := func(fl step.Flags, w *step.Wait) step.Status { return b.Reset(f.Me, fl, w) }
	if s := family.Run(f.Me, patience, reset); s != step.Done {
		t.Fatal(s)
	}
	if s := wait(f.Me, b, w, 0); s != step.Broken {
		t.Errorf("who waited: %d", s)
	}
	first, w1, s1 := arrive(f.Me, b, 0)
	second, w2, s2 := arrive(f.Me, b, 0)
	if s1 != step.Done || s2 != step.Done || first != 0 || second != 1 {
		t.Fatalf("%d, %d: places %d, %d", s1, s2, first, second)
	}
	if s := trip(f.Me, b, w2); s != step.Done {
		t.Errorf("status %d", s)
	}
	if s := wait(f.Me, b, w1, 0); s != step.Done {
		t.Errorf("status %d", s)
	}
}

// A party that comes while the action runs belongs to the next round.
func TestAnEarlyPartyWaitsForItsRound(t *testing.T) {
	f, b, _ := setup(t, 1)
	_, w, _ := arrive(f.Me, b, 0)
	var early step.Wait
	if _, s := b.Arrive(family.Thread(f.Me, 2), 0, &early); s != step.Again || early.Entry != 0 {
		t.Errorf("status %d, entry %#x", s, early.Entry)
	}
	if s := trip(f.Me, b, w); s != step.Done {
		t.Errorf("status %d", s)
	}
	if i, _, s := arrive(family.Thread(f.Me, 2), b, patience); s != step.Done || i != 0 {
		t.Errorf("status %d, place %d", s, i)
	}
}

func TestTheDeathOfAPartyBreaks(t *testing.T) {
	f, b, object := setup(t, 3)
	p := f.Trace(t, "arrive", []uint64{object})
	index, w, s := arrive(f.Me, b, patience)
	if s != step.Done || index != 1 {
		t.Fatal(s, index)
	}
	p.Kill()
	start := time.Now()
	if s := wait(f.Me, b, w, patience); s != step.Broken {
		t.Errorf("status %d", s)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %v", d)
	}
	f.Verify(t)
}
