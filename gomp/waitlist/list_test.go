package waitlist_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// list is a wait list beside its model: the waiters by age, and who of them
// has been notified.
type list struct {
	*testing.T
	*family.Family
	*waitlist.List
	object   segment.Off
	model    []*waitlist.Entry
	notified map[*waitlist.Entry]bool
}

func newList(t *testing.T) *list {
	f := family.New(t)
	b, s := family.Make(f.Me, arena.Memory, 1024)
	if s != step.Done {
		t.Fatal(s)
	}
	l := segment.At[waitlist.List](arena.Body(b.Off()))
	return &list{t, f, l, b.Off(), nil, map[*waitlist.Entry]bool{}}
}

func (l *list) enter(me registry.Owner) *waitlist.Entry {
	e := l.Enter(me)
	if e == nil {
		b, s := family.Alloc(l.Me, arena.Waiters, waitlist.ChunkSize)
		if s != step.Done {
			l.Fatal(s)
		}
		waitlist.Clear(b)
		l.Grow(b, l.object)
		e = l.Enter(me)
	}
	if slices.Contains(l.model, e) || !e.Waiting() || waitlist.EntryAt(e.Place()) != e {
		l.Fatal("the new entry is not a new one")
	}
	l.model = append(l.model, e)
	return e
}

// notify is what Notify does to the model.
func (l *list) notify(n int) (found int) {
	for _, e := range l.model {
		if found < n && !l.notified[e] {
			l.notified[e] = true
			found++
		}
	}
	return found
}

func (l *list) forget(i int) {
	delete(l.notified, l.model[i])
	l.model = slices.Delete(l.model, i, i+1)
}

func (l *list) compare() {
	l.Helper()
	if err := l.List.Check(); err != nil {
		l.Fatal(err)
	}
	for i, e := range l.model {
		if e.Waiting() == l.notified[e] {
			l.Fatalf("waiter %d of %d: notified is not %t", i, len(l.model), l.notified[e])
		}
	}
	if l.Len() != len(l.model) || int(*l.Pending()) != len(l.notified) {
		l.Fatalf("%d waiters, %d notified, not %d, %d", l.Len(), *l.Pending(), len(l.model), len(l.notified))
	}
}

func TestListAgreesWithModel(t *testing.T) {
	l := newList(t)
	rng := rand.New(rand.NewPCG(5, 6))
	for round := range 5000 {
		switch growing := round%1000 < 500; rng.IntN(7) {
		case 0, 1:
			if growing {
				l.enter(family.Thread(l.Me, 1+rng.IntN(9)))
			}
		case 2:
			n := rng.IntN(3)
			if got, want := l.Notify(n, 0), l.notify(n); got != want {
				t.Fatalf("%d were notified, not %d", got, want)
			}
		case 3, 4:
			if len(l.model) > 0 {
				i := rng.IntN(len(l.model))
				l.Leave(l.model[i])
				l.forget(i)
			}
		case 5:
			if len(l.model) > 0 {
				i := rng.IntN(len(l.model))
				if e := l.model[i]; l.notified[e] {
					l.PassOn(e)
					l.forget(i)
					l.notify(1)
				}
			}
		case 6:
			if len(l.model) > 0 {
				e := l.model[rng.IntN(len(l.model))]
				l.Rearm(e)
				delete(l.notified, e)
			}
		}
		l.compare()
		if round%100 == 0 {
			l.Repair(l.object) // what is whole stays as it is
			l.compare()
		}
	}
}

func TestManyWaiters(t *testing.T) {
	l := newList(t)
	for range 1000 {
		l.enter(l.Me)
	}
	chunks := 0
	l.Chunks(func(b *arena.Block) {
		chunks++
		if b.LoadOwner() != arena.OwnedBy(l.object) {
			t.Error("a block of entries is not the object's")
		}
	})
	if chunks != 8 {
		t.Errorf("%d blocks of entries", chunks)
	}
	l.NotifyAll(9)
	for _, e := range l.model {
		if e.Waiting() || e.Arg != 9 {
			t.Fatal("not all are notified")
		}
	}
}

// The notifications of those who withdraw go to others, as many as there are.
func TestNotificationsAreConserved(t *testing.T) {
	l := newList(t)
	leaver, stayer := family.Thread(l.Me, 1), family.Thread(l.Me, 2)
	for _, o := range []registry.Owner{leaver, leaver, stayer, leaver, stayer, stayer} {
		l.enter(o)
	}
	l.Notify(2, 0)
	l.Withdraw(func(e *waitlist.Entry) bool { return e.Is(leaver) })
	got := []bool{}
	for _, i := range []int{2, 4, 5} {
		got = append(got, !l.model[i].Waiting())
	}
	if !slices.Equal(got, []bool{true, true, false}) || l.Len() != 3 {
		t.Errorf("notified: %v, of %d", got, l.Len())
	}
	l.Remove(func(e *waitlist.Entry) bool { return e.Is(stayer) })
	if l.Len() != 0 || *l.Pending() != 0 {
		t.Errorf("%d left", l.Len())
	}
}
