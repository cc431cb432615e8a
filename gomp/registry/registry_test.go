package registry_test

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"end":  func(registry.Owner, []uint64) {},
		"stay": func(registry.Owner, []uint64) { family.Mark(); _ = unix.Pause() },
	})
}

func TestOwnerWordKeepsItsParts(t *testing.T) {
	for range 1000 {
		slot, gen, thread := rand.IntN(segment.Slots), rand.Uint64N(1<<30), rand.IntN(1<<22)
		o := family.Thread(registry.MakeOwner(slot, gen), thread)
		if o.Slot() != slot || o.Process() != registry.MakeOwner(slot, gen) || o&1 != 0 || o>>63 != 0 {
			t.Fatalf("slot %d, generation %d, thread %d give %#x", slot, gen, thread, o)
		}
	}
}

func want(t *testing.T, o registry.Owner, s registry.Status) {
	t.Helper()
	if got := o.Status(); got != s {
		t.Errorf("status %d, not %d", got, s)
	}
}

func TestStatusFollowsAProcess(t *testing.T) {
	f := family.New(t)
	want(t, f.Me, registry.Alive)

	h := f.Start(t, "end", nil)
	h.Wait(t)
	want(t, h.Owner, registry.Orderly)
	f.Reap(h.Owner)
	want(t, h.Owner, registry.Gone)

	again := f.Start(t, "end", nil)
	if again.Owner.Slot() != h.Owner.Slot() || again.Owner == h.Owner {
		t.Errorf("%#x follows %#x", again.Owner, h.Owner)
	}
	want(t, h.Owner, registry.Gone) // the slot's next process is another owner
	again.Wait(t)
}

func TestStatusOfAKilledProcess(t *testing.T) {
	f := family.New(t)
	p := f.Trace(t, "stay", nil)
	want(t, p.Owner, registry.Alive)
	p.Kill()
	want(t, p.Owner, registry.Dead)
}

// A pid that has come to another process, and a process that has called exec,
// are told by what /proc says.
func TestStatusOfARecycledPid(t *testing.T) {
	f := family.New(t)
	s := registry.At(f.Me.Slot())
	start, stack := s.Start, s.Stack
	s.Start = start + 1
	want(t, f.Me, registry.Dead)
	s.Start, s.Stack = start, stack+4096
	want(t, f.Me, registry.Dead)
	s.Start, s.Stack = 0, 0 // could not be read
	want(t, f.Me, registry.Alive)
}

func TestAReservedSlotWaitsForItsProcess(t *testing.T) {
	f := family.New(t)
	o := family.Reserve(f.Me)
	want(t, o, registry.Alive)
	s := registry.At(o.Slot())
	s.Since -= 61e9 // the fork has failed
	want(t, o, registry.Dead)
	s.Since += 61e9

	p := f.Trace(t, "stay", nil)
	s.Creator = p.Owner
	want(t, o, registry.Alive)
	p.Kill()
	want(t, o, registry.Dead) // nobody is left who would fork
}

func TestEverySlotCanBeUsed(t *testing.T) {
	f := family.New(t)
	seen := map[registry.Owner]bool{f.Me: true}
	for range segment.Slots - 1 {
		o := family.Reserve(f.Me)
		if o == 0 || seen[o] {
			t.Fatalf("slot %d: owner %#x", len(seen), o)
		}
		seen[o] = true
	}
	if o := family.Reserve(f.Me); o != 0 {
		t.Errorf("one too many: %#x", o)
	}
}
