package registry

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/segment"
)

// States of a slot, the low byte of Slot.State.
const (
	Free = iota
	Reserved
	Live
	Ended
)

// Slot describes one process. The boundary writes it too (fork handlers run
// where Go cannot): core/layout.h mirrors it.
type Slot struct {
	State   uint64 // generation<<8 | state
	Pid     uint32 // 0 until the child has written it
	_       uint32
	Start   uint64 // start time in clock ticks, field 22 of /proc/PID/stat
	Stack   uint64 // start of the stack, field 28: changes with exec
	Since   uint64 // CLOCK_MONOTONIC ns of the reservation
	Creator Owner  // who reserved it
	_       [16]byte
}

// Owner names a thread of a process: bit 0 is free for the lock's waiters mark,
// 1-22 thread id, 23-32 slot, 33-62 generation, 63 free for the lock's state.
type Owner uint64

const (
	threadBits = 22
	slotShift  = 1 + threadBits
	genShift   = slotShift + 10
	genMask    = 1<<30 - 1
	// processMask keeps slot and generation.
	processMask = Owner(1<<63-1) &^ (1<<slotShift - 1)
)

// MakeOwner names a process; Thread is 0.
func MakeOwner(slot int, gen uint64) Owner {
	return Owner(uint64(slot)<<slotShift | (gen&genMask)<<genShift)
}

// Process is the owner without its thread.
func (o Owner) Process() Owner { return o & processMask }

// Slot is the index of the owner's slot.
func (o Owner) Slot() int { return int(o>>slotShift) & (segment.Slots - 1) }

func (o Owner) gen() uint64 { return uint64(o>>genShift) & genMask }

// At is the slot of index i.
func At(i int) *Slot {
	return segment.At[Slot](segment.Off(segment.SlotsOff + i*segment.SlotSize))
}

// Load splits the slot's state.
func (s *Slot) Load() (state int, gen uint64) {
	v := atomic.LoadUint64(&s.State)
	return int(v & 0xff), v >> 8
}

// OwnerAt is the process that now has slot i.
func OwnerAt(i int) Owner {
	_, gen := At(i).Load()
	return MakeOwner(i, gen)
}

// Status is what is known of an owner.
type Status int

// What became of an owner.
const (
	Alive   Status = iota
	Dead           // it died without a word
	Orderly        // it ended in order
	Gone           // its slot was swept: whatever it left is mended
)

// Status looks whether the process of o is alive. It costs some system calls.
func (o Owner) Status() Status {
	s := At(o.Slot())
	state, gen := s.Load()
	if gen&genMask != o.gen() || state == Free {
		return Gone
	}
	if s.alive(state) {
		return Alive
	}
	// The process may have marked its end between the two looks.
	switch state, gen = s.Load(); {
	case gen&genMask != o.gen() || state == Free:
		return Gone
	case state == Ended:
		return Orderly
	}
	return Dead
}

// reservation is how long a slot may stay reserved without its process having
// appeared, when the creator is still alive: a fork that failed leaves such a
// slot, and a child writes its pid within microseconds of its birth.
const reservation = 60 * time.Second

func (s *Slot) alive(state int) bool {
	pid := atomic.LoadUint32(&s.Pid)
	if pid == 0 {
		return state == Reserved && s.awaited()
	}
	return processAlive(int(pid), s.Start, s.Stack)
}

func (s *Slot) awaited() bool {
	if s.Creator == 0 {
		return true
	}
	c := At(s.Creator.Slot())
	state, gen := c.Load()
	pid := atomic.LoadUint32(&c.Pid)
	creatorLives := gen&genMask == s.Creator.gen() && state == Live && processAlive(int(pid), c.Start, c.Stack)
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return creatorLives && uint64(now.Nano())-s.Since < uint64(reservation)
}

// processAlive: a pidfd tells a zombie from a process, and is not fooled by a
// leader that ended before its threads; /proc tells a recycled pid and an exec.
func processAlive(pid int, start, stack uint64) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return false
	}
	if err == nil {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		unix.Close(fd)
		if err == nil && n == 1 {
			return false
		}
	}
	gotStart, gotStack, ok := identity(pid)
	if !ok {
		return unix.Kill(pid, 0) != unix.ESRCH
	}
	return same(start, gotStart) && same(stack, gotStack)
}

// same: 0 stands for a value that could not be read.
func same(a, b uint64) bool { return a == 0 || b == 0 || a == b }
