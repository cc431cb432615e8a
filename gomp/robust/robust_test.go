package robust_test

import (
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
)

const turns = 5000

// shared is what the processes of a test count under the lock.
type shared struct {
	lock  robust.Lock
	count uint64
	fixes uint64
}

func at(object uint64) *shared { return segment.At[shared](arena.Body(segment.Off(object))) }

func count(me registry.Owner, s *shared) {
	for range turns {
		s.lock.Lock(me, func() { s.fixes++ })
		s.count++
		s.lock.Unlock()
	}
}

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"count": func(me registry.Owner, args []uint64) { count(me, at(args[0])) },
		"die": func(me registry.Owner, args []uint64) {
			at(args[0]).lock.Lock(me, nil)
			family.Mark()
		},
	})
}

func setup(t *testing.T) (*family.Family, uint64) {
	f := family.New(t)
	b, _ := family.Make(f.Me, arena.Memory, 64)
	return f, uint64(b.Off())
}

func TestProcessesExcludeEachOther(t *testing.T) {
	f, object := setup(t)
	a := f.Start(t, "count", []uint64{object})
	b := f.Start(t, "count", []uint64{object})
	count(f.Me, at(object))
	a.Wait(t)
	b.Wait(t)
	if s := at(object); s.count != 3*turns || s.fixes != 0 || s.lock.Owner() != 0 {
		t.Errorf("%d turns, %d repairs, owner %#x", s.count, s.fixes, s.lock.Owner())
	}
}

func TestADeadOwnerIsSucceeded(t *testing.T) {
	f, object := setup(t)
	s := at(object)
	p := f.Trace(t, "die", []uint64{object})
	if r, _ := s.lock.TryLock(f.Me, true); r != robust.Busy {
		t.Errorf("result %d while the owner lives", r)
	}
	p.Kill()
	if r, _ := s.lock.TryLock(f.Me, false); r != robust.Busy {
		t.Errorf("result %d without a look", r)
	}
	if v, ok := s.lock.Await(); !ok || v&1 == 0 {
		t.Errorf("%#x, %t", v, ok)
	}
	r, dead := s.lock.TryLock(f.Me, true)
	if r != robust.Recovered || dead.Process() != p.Owner || s.lock.Owner() != f.Me {
		t.Errorf("result %d from %#x, owner %#x", r, dead, s.lock.Owner())
	}
	s.lock.Unlock()
	if _, ok := s.lock.Await(); ok {
		t.Error("it can be waited for though it is free")
	}
}

// Lock finds out by itself, within the time that the fault model promises.
func TestLockOutlivesItsOwner(t *testing.T) {
	f, object := setup(t)
	p := f.Trace(t, "die", []uint64{object})
	p.Kill()
	start := time.Now()
	at(object).lock.Lock(f.Me, func() { at(object).fixes++ })
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %v", d)
	}
	if n := at(object).fixes; n != 1 {
		t.Errorf("%d repairs", n)
	}
}
