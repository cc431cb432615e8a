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
	_      uint64
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
	e.Ticket, e.Arg = l.tickets, 0
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

// Repair recounts, and takes possession of a chunk that was just linked.
func (l *List) Repair(object segment.Off) {
	for off := l.more; off != 0; {
		b := arena.At(segment.Off(off))
		b.SetOwner(arena.OwnedBy(object))
		off = segment.At[chunk](b.Body()).more
	}
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

// LeaveAll removes every entry of the thread of me and returns how many of them
// had been notified.
func (l *List) LeaveAll(me registry.Owner) (notified int) {
	l.each(func(e *Entry) bool {
		if e.Owner == uint64(me) {
			if !e.Waiting() {
				notified++
			}
			l.Leave(e)
		}
		return true
	})
	return notified
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

// Notify wakes the oldest n waiters with arg and returns how many it found.
func (l *List) Notify(n int, arg uint32) int {
	done := 0
	for ; done < n; done++ {
		var oldest *Entry
		if l.count != 0 {
			l.each(func(e *Entry) bool {
				if e.Waiting() && (oldest == nil || e.Ticket < oldest.Ticket) {
					oldest = e
				}
				return true
			})
		}
		if oldest == nil {
			break
		}
		l.notify(oldest, arg)
	}
	return done
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

// Sweep removes the waiters of a dead process and returns how many of them had
// been notified without having consumed it.
func (l *List) Sweep(dead registry.Owner) (removed, notified int) {
	l.each(func(e *Entry) bool {
		if e.Owner != 0 && registry.Owner(e.Owner).Process() == dead.Process() {
			removed++
			if !e.Waiting() {
				notified++
			}
			l.Leave(e)
		}
		return true
	})
	return removed, notified
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

// Chunks calls f for each overflow chunk when the object at off is taken down.
// It stops at one that is no longer the object's: somebody died taking it down.
func (l *List) Chunks(object segment.Off, f func(*arena.Block)) {
	for off := l.more; off != 0; {
		b := arena.At(segment.Off(off))
		if b.LoadOwner() != arena.OwnedBy(object) {
			return
		}
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
