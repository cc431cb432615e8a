package sweep_test

import (
	"testing"

	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"wreck": wreck,
		"act": func(me registry.Owner, args []uint64) {
			n := len(args) - 1
			operation := scenarios[args[n]].act(me, args[:n])
			family.Mark()
			operation()
			family.Mark()
		},
	})
}

// TestDeathAtEveryStore runs each operation one instruction at a time. Wherever
// the family's memory has changed, it is kept: it is what a death there leaves.
// The process is then killed, and the survivor finds itself in each of these
// states in turn.
func TestDeathAtEveryStore(t *testing.T) {
	for i, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			w, states, victim := record(t, i)
			progress := 0
			for k, state := range states {
				state.Restore()
				w.survive(victim, s, &progress)
				if t.Failed() {
					t.Fatalf("in state %d of %d", k, len(states))
				}
			}
			if progress != s.last {
				t.Errorf("the whole operation gets as far as %d, not %d", progress, s.last)
			}
			t.Log(len(states), "states")
		})
	}
}

// record gives the states that an operation goes through.
func record(t *testing.T, i int) (*world, []family.State, registry.Owner) {
	var pages []segment.Off
	t.Run("find the pages", func(t *testing.T) {
		w := newWorld(t)
		p := w.trace(i)
		p.Run()
		pages = w.Pages(t)
	})
	w := newWorld(t)
	p := w.trace(i)
	states := []family.State{family.Save(pages)}
	for p.Step() {
		if now, changed := states[len(states)-1].Next(); changed {
			states = append(states, now)
		}
	}
	p.Kill()
	return w, states, p.Owner
}

// trace starts the process that is to die.
func (w *world) trace(i int) *family.Traced {
	scenarios[i].setup(w)
	return w.Trace(w, "act", w.objects, uint64(i))
}

// survive sweeps the dead process and looks what it has left.
func (w *world) survive(victim registry.Owner, s scenario, progress *int) {
	w.Helper()
	w.Reap(victim)
	w.Verify(w)
	n := s.verify(w)
	if n < *progress {
		w.Errorf("the operation gets as far as %d, and later only as far as %d", *progress, n)
	}
	*progress = n
	w.Verify(w)
	w.end()
}
