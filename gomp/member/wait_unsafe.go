package member

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// word is the 32-bit word at an address of the segment's mapping, outside Go's heap.
func word(at uintptr) *uint32 { return *(**uint32)(unsafe.Pointer(&at)) }

// changed reports whether what w waits for has happened. A listed waiter's word is Awake or,
// once it has slept, Asleep: only Notified ends its wait.
func changed(w *step.Wait) bool {
	now := atomic.LoadUint32(word(w.Word))
	if w.Listed != 0 {
		return now == waitlist.Notified
	}
	return now != w.Value
}

func hinted(w *step.Wait) bool { return w.Hint != 0 && atomic.LoadUint32(word(w.Hint)) != w.HintValue }

// Sleep waits as w asks and says whether the time was up.
func Sleep(w *step.Wait, d time.Duration) bool {
	at, value := word(w.Word), w.Value
	if w.Listed != 0 {
		if !atomic.CompareAndSwapUint32(at, value, waitlist.Asleep) && atomic.LoadUint32(at) != waitlist.Asleep {
			return false
		}
		value = waitlist.Asleep
	}
	const futexWait = 0
	ts := unix.NsecToTimespec(int64(d))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(at)), futexWait, uintptr(value), uintptr(unsafe.Pointer(&ts)), 0, 0)
	return errno == unix.ETIMEDOUT
}

// The budget of spinning, in ns; the boundary's wait.c says why these, and why it yields.
const (
	spinMost  = 80000
	spinLeast = 4000
	spinProbe = 64
	spinLooks = 64
)

var turn atomic.Uint32

// spin looks again and again, within a budget that follows what past spins have won, and
// reports whether that paid.
func spin(w *step.Wait, me registry.Owner, budget *uint32) bool {
	most := atomic.LoadUint32(budget)
	if most == 0 {
		most = spinMost
	}
	if most < spinLeast { // it does not pay; look now and then whether that has changed
		if turn.Add(1)%spinProbe != 0 {
			return false
		}
		most = spinMost / 2
	}
	seat := takeSeat(me)
	if seat == nil {
		return false
	}
	won := spinUntil(w, Now()+int64(most))
	atomic.StoreUint64(seat, 0)
	if won {
		most += (spinMost - most) / 4
	} else {
		most -= most / 8
	}
	atomic.StoreUint32(budget, most)
	return won
}

func spinUntil(w *step.Wait, end int64) bool {
	for {
		for range spinLooks {
			if changed(w) {
				return true
			}
			pause()
		}
		if Now() >= end {
			return false
		}
		_, _, _ = unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
}

// takeSeat: not more spin than there are CPUs. One who dies in a seat leaves it to the sweep.
func takeSeat(me registry.Owner) *uint64 {
	h := segment.Head()
	for i := range min(h.NSeats, segment.Seats) {
		if atomic.LoadUint64(&h.Seats[i]) == 0 && atomic.CompareAndSwapUint64(&h.Seats[i], 0, uint64(me.Process())) {
			return &h.Seats[i]
		}
	}
	return nil
}
