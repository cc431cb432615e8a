package lock_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

const (
	turns    = 1000
	patience = 30 * time.Second
)

func at[T any](object uint64) *T { return segment.At[T](arena.Body(segment.Off(object))) }

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"count": func(me registry.Owner, args []uint64) { count(me, args) },
		"hold": func(me registry.Owner, args []uint64) {
			for _, object := range args {
				acquire(me, at[lock.Sem](object), patience)
			}
			family.Mark()
			family.End(me)
			family.Mark()
			_ = unix.Pause()
		},
	})
}

func acquire(me registry.Owner, l *lock.Sem, timeout time.Duration) step.Status {
	return family.Run(family.Thread(me, 1), timeout, func(f step.Flags, w *step.Wait) step.Status {
		return l.Acquire(family.Thread(me, 1), f, w)
	})
}

func releaseLedger(me registry.Owner, l *lock.Sem) step.Status {
	return family.Run(me, patience, func(f step.Flags, w *step.Wait) step.Status { return l.ReleaseLedger(me, f, w) })
}

// release is the boundary's: one store, and a wake if somebody sleeps.
func release(l *lock.Sem) {
	half := segment.At[uint32](segment.Offset(&l.Word))
	if l.Kind == lock.Semaphore {
		if atomic.AddUint64(&l.Word, 1)>>32 != 0 {
			robust.Wake(half, 1)
		}
	} else if atomic.SwapUint64(&l.Word, 0)&1 != 0 {
		robust.Wake(half, 1)
	}
}

// count counts in plain memory under a lock: two at once would lose turns.
func count(me registry.Owner, objects []uint64) {
	l, n := at[lock.Sem](objects[0]), at[uint64](objects[1])
	for range turns {
		if s := acquire(me, l, patience); s != step.Done {
			panic(s)
		}
		*n++
		if l.Kind == lock.Semaphore && l.Policy == lock.Release {
			releaseLedger(me, l)
		} else {
			release(l)
		}
	}
}

func newSem(t *testing.T, f *family.Family, params ...uint64) (*lock.Sem, uint64) {
	t.Helper()
	b, s := family.Make(f.Me, arena.Lock, params...)
	if s != step.Done {
		t.Fatal(s)
	}
	return at[lock.Sem](uint64(b.Off())), uint64(b.Off())
}

func TestProcessesExcludeEachOther(t *testing.T) {
	for name, params := range map[string][]uint64{
		"lock":      {lock.Mutex, 1, 1},
		"recursive": {lock.Recursive, 1, 1},
		"semaphore": {lock.Semaphore, 1, 1},
		"ledger":    {lock.Semaphore, 1, 1, lock.Release},
	} {
		t.Run(name, func(t *testing.T) {
			f := family.New(t)
			l, object := newSem(t, f, params...)
			n, _ := family.Make(f.Me, arena.Memory, 8)
			objects := []uint64{object, uint64(n.Off())}
			a := f.Start(t, "count", objects)
			b := f.Start(t, "count", objects)
			count(f.Me, objects)
			a.Wait(t)
			b.Wait(t)
			if got := *at[uint64](objects[1]); got != 3*turns {
				t.Errorf("%d of %d turns", got, 3*turns)
			}
			f.Verify(t)
			if s := acquire(f.Me, l, 0); s != step.Done {
				t.Errorf("status %d in the end", s)
			}
		})
	}
}

func TestRecursion(t *testing.T) {
	f := family.New(t)
	l, _ := newSem(t, f, lock.Recursive, 1, 1)
	for range 3 {
		if s := acquire(f.Me, l, 0); s != step.Done {
			t.Fatal(s)
		}
	}
	if l.Depth != 2 {
		t.Errorf("depth %d", l.Depth)
	}
	other := family.Thread(f.Me, 2)
	if s := l.Acquire(other, step.Last, &step.Wait{}); s != step.TimedOut {
		t.Errorf("another thread: %d", s)
	}
}

func TestSemaphoreCounts(t *testing.T) {
	f := family.New(t)
	l, _ := newSem(t, f, lock.Semaphore, 2, 5)
	for i, want := range []step.Status{step.Done, step.Done, step.TimedOut} {
		if s := acquire(f.Me, l, 5*time.Millisecond); s != want {
			t.Errorf("acquire %d: %d", i, s)
		}
	}
	if l.Word != 0 {
		t.Errorf("word %#x: somebody seems to sleep", l.Word)
	}
	var w step.Wait
	_ = l.Acquire(f.Me, 0, &w)
	release(l)
	if s := l.Acquire(f.Me, 0, &w); s != step.Done || l.Word != 0 {
		t.Errorf("status %d, word %#x", s, l.Word)
	}
}

func TestWhatBecomesOfALockWhoseOwnerDies(t *testing.T) {
	f := family.New(t)
	var objects []uint64
	for range 2 {
		_, object := newSem(t, f, lock.Recursive, 1, 1)
		objects = append(objects, object)
	}
	p := f.Trace(t, "hold", objects)
	l := at[lock.Sem](objects[0])
	if s := acquire(f.Me, l, 30*time.Millisecond); s != step.TimedOut {
		t.Fatalf("status %d while the owner lives", s)
	}
	p.Kill()
	start := time.Now()
	var w step.Wait
	me := family.Thread(f.Me, 1)
	s := family.Resume(me, patience, &w, func(fl step.Flags, w *step.Wait) step.Status { return l.Acquire(me, fl, w) })
	if s != step.OwnerDied || w.Pid != uint32(p.Pid) {
		t.Errorf("status %d, pid %d, not %d", s, w.Pid, p.Pid)
	}
	if d := time.Since(start); d > time.Second {
		t.Errorf("it took %v", d)
	}
	// The sweep that followed has marked the other one.
	other := at[lock.Sem](objects[1])
	if s := acquire(f.Me, other, 0); s != step.OwnerDied {
		t.Errorf("the other lock: %d", s)
	}
	release(other)
	if s := acquire(f.Me, other, 0); s != step.Done {
		t.Errorf("the news is told twice: %d", s)
	}
}

func TestALockOutlivesAnOrderlyEnd(t *testing.T) {
	f := family.New(t)
	l, object := newSem(t, f, lock.Mutex, 1, 1)
	p := f.Trace(t, "hold", []uint64{object})
	p.Run() // past End
	p.Kill()
	if s := acquire(f.Me, l, 30*time.Millisecond); s != step.TimedOut {
		t.Errorf("status %d", s)
	}
	f.Reap(p.Owner)
	if s := acquire(f.Me, l, 30*time.Millisecond); s != step.TimedOut {
		t.Errorf("status %d after the sweep", s)
	}
	release(l)
	if s := acquire(f.Me, l, 0); s != step.Done {
		t.Errorf("status %d after a release", s)
	}
}

func TestADeadProcessReturnsItsPermits(t *testing.T) {
	f := family.New(t)
	l, object := newSem(t, f, lock.Semaphore, 2, 2, lock.Release)
	p := f.Trace(t, "hold", []uint64{object, object})
	if s := acquire(f.Me, l, 0); s != step.TimedOut {
		t.Fatalf("status %d while they are held", s)
	}
	p.Kill()
	for range 2 {
		if s := acquire(f.Me, l, patience); s != step.Done {
			t.Errorf("status %d", s)
		}
	}
	if s := acquire(f.Me, l, 0); s != step.TimedOut {
		t.Errorf("status %d for a third permit", s)
	}
}

// Three processes take and give permits of one ledger; the model knows who has
// how many.
func TestLedgerAgreesWithModel(t *testing.T) {
	f := family.New(t)
	const most = 6
	l, _ := newSem(t, f, lock.Semaphore, 3, most, lock.Release)
	owners := []registry.Owner{f.Me, family.Reserve(f.Me), family.Reserve(f.Me)}
	held, value := map[registry.Owner]int{}, 3
	rng := rand.New(rand.NewPCG(9, 9))
	for range 3000 {
		o := owners[rng.IntN(len(owners))]
		switch rng.IntN(5) {
		case 0, 1:
			want := step.Done
			if value == 0 {
				want = step.TimedOut
			} else {
				held[o]++
				value--
			}
			if s := acquire(o, l, 0); s != want {
				t.Fatalf("acquire: %d, not %d", s, want)
			}
		case 2, 3:
			want := step.Done
			if value == most {
				want = step.TooMany
			} else {
				held[o] = max(0, held[o]-1)
				value++
			}
			if s := releaseLedger(o, l); s != want {
				t.Fatalf("release: %d, not %d", s, want)
			}
		case 4:
			if o != f.Me && rng.IntN(4) == 0 {
				l.Sweep(o, f.Me)
				value = min(most, value+held[o])
				held[o] = 0
			}
		}
		if got := int(uint32(l.Word)); got != value {
			t.Fatalf("%d permits are there, not %d", got, value)
		}
		if err := l.Check(f.Me); err != nil {
			t.Fatal(err)
		}
	}
}
