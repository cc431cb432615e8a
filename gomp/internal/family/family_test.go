package family_test

import (
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
)

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"alloc": func(me registry.Owner, _ []uint64) {
			family.Mark()
			family.Alloc(me, arena.Payload, 1000)
			family.Mark()
		},
		"end": func(registry.Owner, []uint64) {},
	})
}

func TestHelperEndsInOrder(t *testing.T) {
	f := family.New(t)
	h := f.Start(t, "end", nil)
	h.Wait(t)
	if s := h.Owner.Status(); s != registry.Orderly {
		t.Errorf("status %d", s)
	}
	f.Reap(h.Owner)
	if s := h.Owner.Status(); s != registry.Gone {
		t.Errorf("status %d after the sweep", s)
	}
}

// A traced operation passes through states of which the first has nothing
// allocated and the last has the block, which goes with its process.
func TestTracedHelperChangesMemoryStepByStep(t *testing.T) {
	f := family.New(t)
	p := f.Trace(t, "alloc", nil)
	state := family.Save(f.Pages(t))
	first := state
	states, steps := 0, 0
	start := time.Now()
	for p.Step() {
		steps++
		now, changed := state.Next()
		if changed {
			state = now
			states++
		}
	}
	t.Log(states, "states in", steps, "instructions,", time.Since(start)/time.Duration(steps), "each")
	if states < 10 || states > steps {
		t.Errorf("%d states in %d instructions", states, steps)
	}
	p.Kill()
	if s := p.Owner.Status(); s != registry.Dead {
		t.Errorf("status %d", s)
	}
	f.Reap(p.Owner)
	f.Verify(t)
	first.Restore()
	if s := p.Owner.Status(); s != registry.Dead {
		t.Errorf("status %d", s)
	}
	f.Reap(p.Owner)
	f.Verify(t)
}
