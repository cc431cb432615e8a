package sweep_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"wreck": wreck,
		"chaos": chaos,
		"act": func(me registry.Owner, args []uint64) {
			n := len(args) - 1
			between(scenarios[args[n]].act(me, args[:n]))
		},
		"first": func(me registry.Owner, args []uint64) {
			n := len(args) - 1
			between(scenarios[args[n]].first(me, args[:n]))
		},
	})
}

func between(operation func()) {
	family.Mark()
	operation()
	family.Mark()
}

// TestDeathAtEveryStore runs each operation one instruction at a time. Wherever
// the family's memory has changed, it is kept: it is what a death there leaves.
// The process is then killed, and the survivor finds itself in each of these
// states in turn.
func TestDeathAtEveryStore(t *testing.T) {
	for i, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			w, states, victim := record(t, i)
			progress, k := 0, 0
			defer func() {
				if t.Failed() {
					t.Logf("in state %d of %d", k, len(states))
				}
			}()
			stride := 1
			if testing.Short() {
				stride = 5
			}
			for last := len(states) - 1; k <= last; k = max(k+1, min(k+stride, last)) {
				states[k].Restore()
				n := w.survive(victim, s)
				if n < progress {
					t.Errorf("the operation gets as far as %d, and later only as far as %d", progress, n)
				}
				if t.Failed() {
					return
				}
				progress = n
			}
			if progress != s.last {
				t.Errorf("the whole operation gets as far as %d, not %d", progress, s.last)
			}
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
	s := scenarios[i]
	s.setup(w)
	if s.first != nil {
		w.dieFirst(i, s.changes)
	}
	return w.Trace(w, "act", w.objects, uint64(i))
}

// dieFirst lets a process die in the middle of the scenario's first operation.
func (w *world) dieFirst(i, changes int) {
	p := w.Trace(w, "first", w.objects, uint64(i))
	if !p.StepChanges(w.Family, changes) {
		w.Fatal("the first operation is over too soon")
	}
	p.Kill()
	w.wrecked = p.Owner
}

// survive sweeps the dead process, looks what it has left and takes it down.
func (w *world) survive(victim registry.Owner, s scenario) int {
	w.Helper()
	w.Reap(victim)
	if s.first != nil {
		w.Reap(w.wrecked)
	}
	w.scribble()
	w.Verify(w)
	n := s.verify(w)
	w.Verify(w)
	w.end()
	return n
}

// TestDeathAfterInstructions kills the process for good, after so many machine
// instructions: the more of these tests, the smaller the stride. What the
// operation does outside of the family's memory is as a death leaves it, too.
func TestDeathAfterInstructions(t *testing.T) {
	kills := deaths(t)
	for i, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			length := 0
			t.Run("whole", func(t *testing.T) {
				w := newWorld(t)
				p := w.trace(i)
				for p.Step() {
					length++
				}
				p.Kill()
				if n := w.survive(p.Owner, s); n != s.last {
					t.Errorf("it gets as far as %d, not %d", n, s.last)
				}
			})
			for k := range kills {
				after := length * (2*k + 1) / (2 * kills)
				t.Run(strconv.Itoa(after), func(t *testing.T) {
					w := newWorld(t)
					p := w.trace(i)
					for n := 0; n < after && p.Step(); n++ { // the scheduler may make it shorter
					}
					p.Kill()
					w.survive(p.Owner, s)
				})
			}
		})
	}
}

// deaths is how often each operation is killed: GOMP_TEST_DEATHS if it is set.
func deaths(t *testing.T) int {
	if text := os.Getenv("GOMP_TEST_DEATHS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if testing.Short() {
		return 1
	}
	return 2
}
