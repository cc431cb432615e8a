package waitlist

import (
	"fmt"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
)

// States of an entry: the value of its futex word. core/layout.h mirrors them.
const (
	Awake    = 1
	Asleep   = 2
	Notified = 3
)

// Entry is one waiter.
type Entry struct {
	Owner  uint64 // 0 is free
	Ticket uint64 // the older the smaller
	State  uint32 // futex
	Arg    uint32 // what the notifier says
	heir   uint64 // ticket of who gets the notification that this one gives up
}

const (
	inline   = 4
	perChunk = 126
)

// List is a wait list in shared memory. The zero value is empty.
type List struct {
	tickets uint64
	more    uint64 // first overflow chunk
	count   uint32 // entries in use, derived
	pending uint32 // of these, those notified that have not left, derived
	first   [inline]Entry
}

type chunk struct {
	more    uint64
	entries [perChunk]Entry
}

// Len is the number of waiters, notified ones included.
func (l *List) Len() int { return int(l.count) }

// Changes is a word that changes when waiters come or go.
func (l *List) Changes() *uint32 { return &l.count }

// Pending is how many have been notified and have not left: nobody, but for
// moments, or until a notified process that died or was stopped is dealt with.
func (l *List) Pending() *uint32 { return &l.pending }

// Woken is how many have been notified and have not left.
func (l *List) Woken() int { return int(l.pending) }

// each calls f for every slot of the list until f returns false.
func (l *List) each(f func(*Entry) bool) {
	for i := range l.first {
		if !f(&l.first[i]) {
			return
		}
	}
	for off := l.more; off != 0; {
		c := segment.At[chunk](arena.At(segment.Off(off)).Body())
		for i := range c.entries {
			if !f(&c.entries[i]) {
				return
			}
		}
		off = c.more
	}
}

// Enter adds a waiter; nil if the list needs another chunk (Grow).
func (l *List) Enter(me registry.Owner) *Entry {
	var e *Entry
	l.each(func(x *Entry) bool {
		if x.Owner == 0 {
			e = x
		}
		return e == nil
	})
	if e == nil {
		return nil
	}
	l.tickets++
	e.Ticket, e.Arg, e.heir = l.tickets, 0, 0
	atomic.StoreUint32(&e.State, Awake)
	atomic.StoreUint64(&e.Owner, uint64(me))
	l.count++
	return e
}

// ChunkSize is the size of the block that Grow wants.
const ChunkSize = 8 + perChunk*32

// Clear makes a fresh block an empty chunk. No lock is needed.
func Clear(b *arena.Block) { clear(segment.Bytes(b.Body(), ChunkSize)) }

// Grow links a cleared chunk that me has allocated into the list of the object
// at off. If the process dies between the two stores, Repair does the second.
func (l *List) Grow(b *arena.Block, object segment.Off) {
	c := segment.At[chunk](b.Body())
	c.more = l.more
	l.more = uint64(b.Off())
	b.SetOwner(arena.OwnedBy(object))
}

// Repair recounts, takes possession of a chunk that was just linked and
// finishes what PassOn has begun.
func (l *List) Repair(object segment.Off) {
	for off := l.more; off != 0; {
		b := arena.At(segment.Off(off))
		b.SetOwner(arena.OwnedBy(object))
		off = segment.At[chunk](b.Body()).more
	}
	l.each(func(e *Entry) bool {
		if e.Owner != 0 && e.heir != 0 {
			l.inherit(e)
		}
		return true
	})
	l.count, l.pending = 0, 0
	l.each(func(e *Entry) bool {
		if e.Owner != 0 {
			l.count++
			if !e.Waiting() {
				l.pending++
			}
		}
		return true
	})
}

// Leave removes a waiter, if it is still there.
func (l *List) Leave(e *Entry) {
	if e.Owner == 0 {
		return
	}
	if !e.Waiting() {
		l.pending--
	}
	atomic.StoreUint64(&e.Owner, 0)
	l.count--
}

// PassOn removes a notified waiter that has not consumed the notification, which
// goes to the oldest of the others. The heir is named first: whoever finishes
// this after a death notifies that one and no other, so the notification is
// neither lost nor doubled.
func (l *List) PassOn(e *Entry) {
	if heir := l.oldest(); heir != nil {
		atomic.StoreUint64(&e.heir, heir.Ticket)
		l.notify(heir, 0)
	}
	l.Leave(e)
}

// inherit does again, for Repair, what comes after the naming of the heir.
func (l *List) inherit(from *Entry) {
	l.each(func(e *Entry) bool {
		if e.Ticket == from.heir && e.Waiting() {
			l.notify(e, 0)
		}
		return true
	})
	l.Leave(from)
}

// Withdraw removes the entries for which f holds. What they had been notified of
// without having consumed it goes to others: not to each other, so those that
// were not notified go first.
func (l *List) Withdraw(f func(*Entry) bool) {
	l.each(func(e *Entry) bool {
		if f(e) && e.Waiting() {
			l.Leave(e)
		}
		return true
	})
	l.each(func(e *Entry) bool {
		if f(e) {
			l.PassOn(e)
		}
		return true
	})
}

// Remove removes the entries for which f holds, notified or not.
func (l *List) Remove(f func(*Entry) bool) {
	l.each(func(e *Entry) bool {
		if f(e) {
			l.Leave(e)
		}
		return true
	})
}

// Rearm makes a waiter wait on at its old place if it was notified.
func (l *List) Rearm(e *Entry) {
	if !e.Waiting() {
		l.pending--
		atomic.StoreUint32(&e.State, Awake)
	}
}

// Waiting reports whether e is there and has not been notified.
func (e *Entry) Waiting() bool {
	return e.Owner != 0 && atomic.LoadUint32(&e.State) != Notified
}

// Of reports whether the entry is that of a thread of o's process.
func (e *Entry) Of(o registry.Owner) bool {
	return e.Owner != 0 && registry.Owner(e.Owner).Process() == o.Process()
}

// Is reports whether the entry is that of the thread of o.
func (e *Entry) Is(o registry.Owner) bool { return e.Owner == uint64(o) }

// oldest is the waiter to be notified next, or nil.
func (l *List) oldest() (oldest *Entry) {
	if l.count == 0 {
		return nil
	}
	l.each(func(e *Entry) bool {
		if e.Waiting() && (oldest == nil || e.Ticket < oldest.Ticket) {
			oldest = e
		}
		return true
	})
	return oldest
}

// Notify wakes the oldest n waiters with arg and returns how many it found.
func (l *List) Notify(n int, arg uint32) int {
	done := 0
	for ; done < n; done++ {
		oldest := l.oldest()
		if oldest == nil {
			break
		}
		l.notify(oldest, arg)
	}
	return done
}

// NotifyWarm wakes n waiters with arg, of those that are awake rather than asleep
// the one that came last: who was busy a moment ago is the quickest, and costs no
// system call. It returns how many it found.
func (l *List) NotifyWarm(n int, arg uint32) int {
	done := 0
	for ; done < n && l.count > l.pending; done++ {
		var best *Entry
		l.each(func(e *Entry) bool {
			if e.Waiting() && (best == nil || warmer(e, best)) {
				best = e
			}
			return true
		})
		if best == nil {
			break
		}
		l.notify(best, arg)
	}
	return done
}

func warmer(a, b *Entry) bool {
	if awake := atomic.LoadUint32(&a.State) == Awake; awake != (atomic.LoadUint32(&b.State) == Awake) {
		return awake
	}
	return a.Ticket > b.Ticket
}

// NotifyAll wakes all waiters with arg.
func (l *List) NotifyAll(arg uint32) {
	if l.count == 0 {
		return
	}
	l.each(func(e *Entry) bool {
		if e.Waiting() {
			l.notify(e, arg)
		}
		return true
	})
}

// notify: if the notifier dies before the wake, the waiter sees the word at the
// end of its slice.
func (l *List) notify(e *Entry, arg uint32) {
	l.pending++
	e.Arg = arg
	if atomic.SwapUint32(&e.State, Notified) == Asleep {
		robust.Wake(&e.State, 1)
	}
}

// Count counts the entries for which f holds.
func (l *List) Count(f func(*Entry) bool) int {
	n := 0
	l.each(func(e *Entry) bool {
		if e.Owner != 0 && f(e) {
			n++
		}
		return true
	})
	return n
}

// Sweep removes the waiters of a dead process; what they were notified of goes to
// others.
func (l *List) Sweep(dead registry.Owner) {
	l.Withdraw(func(e *Entry) bool { return e.Of(dead) })
}

// DeadProcess looks for an entry for which f holds and whose process has died;
// 0 if there is none. It costs system calls for each entry of another process.
func (l *List) DeadProcess(me registry.Owner, f func(*Entry) bool) registry.Owner {
	var dead registry.Owner
	l.each(func(e *Entry) bool {
		o := registry.Owner(e.Owner).Process()
		if o != 0 && o != me.Process() && f(e) && o.Status() != registry.Alive {
			dead = o
		}
		return dead == 0
	})
	return dead
}

// Neighbours are the processes of up to n waiters that follow e in the list,
// around its end, other than e's own.
func (l *List) Neighbours(e *Entry, n int) []registry.Owner {
	var before, after []registry.Owner
	side := &before
	own := registry.Owner(e.Owner).Process()
	l.each(func(x *Entry) bool {
		if x == e {
			side = &after
		} else if o := registry.Owner(x.Owner).Process(); x.Waiting() && o != own {
			*side = append(*side, o)
		}
		return len(after) < n
	})
	all := append(after, before...)
	return all[:min(n, len(all))]
}

// Find is the entry at a place if it is one of the list's, nil if not.
func (l *List) Find(place uint64) *Entry {
	var found *Entry
	l.each(func(e *Entry) bool {
		if uint64(e.Place()) == place {
			found = e
		}
		return found == nil
	})
	return found
}

// Chunks calls f, which may free it, for each overflow chunk.
func (l *List) Chunks(f func(*arena.Block)) {
	for off := l.more; off != 0; {
		b := arena.At(segment.Off(off))
		off = segment.At[chunk](b.Body()).more
		f(b)
	}
}

// Place names an entry for the boundary; it finds it again by EntryAt.
func (e *Entry) Place() segment.Off { return segment.Offset(e) }

// EntryAt is the entry that Place named.
func EntryAt(off segment.Off) *Entry { return segment.At[Entry](off) }

// Check reports a broken invariant.
func (l *List) Check() error {
	n := l.Count(func(*Entry) bool { return true })
	if n != int(l.count) {
		return fmt.Errorf("%d waiters are listed, the counter says %d", n, l.count)
	}
	return nil
}
