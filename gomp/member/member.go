package member

import (
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Join maps the family's memory, which is behind fd, and takes the slot that token, an owner
// word, was reserved as. fd may be closed afterwards.
func Join(fd int, key, token uint64) (registry.Owner, error) {
	m, err := segment.Attach(fd)
	if err != nil {
		return 0, err
	}
	if m.Key != key {
		return 0, fmt.Errorf("descriptor %d has family %d, not %d", fd, m.Key, key)
	}
	me := registry.Owner(token)
	if err := comeAlive(me); err != nil {
		return 0, err
	}
	return me, nil
}

// comeAlive: the pid comes before the state, so that who sees a living process can look at it.
func comeAlive(me registry.Owner) error {
	s := registry.At(me.Slot())
	state, gen := s.Load()
	if me != me.Process() || registry.MakeOwner(me.Slot(), gen) != me || state != registry.Reserved {
		return fmt.Errorf("token %d names no slot that waits for a process", uint64(me))
	}
	s.Identify(unix.Getpid())
	if !atomic.CompareAndSwapUint64(&s.State, gen<<8|registry.Reserved, gen<<8|registry.Live) {
		return fmt.Errorf("the process that has reserved token %d has died", uint64(me))
	}
	return nil
}

// End marks the end of the process of me as orderly: the last thing that it does.
func End(me registry.Owner) {
	s := registry.At(me.Slot())
	_, gen := s.Load()
	atomic.StoreUint64(&s.State, gen<<8|registry.Ended)
}

// Thread names thread n, from 1, of a process: each goroutine that takes steps has its own.
func Thread(me registry.Owner, n int) registry.Owner { return me.Process() | registry.Owner(n)<<1 }

// start is one instant on two clocks: the family's, and Go's own, whose readings need no system call.
var start = struct {
	family int64
	own    time.Time
}{monotonic(), time.Now()}

func monotonic() int64 {
	var t unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return t.Nano()
}

// Now is CLOCK_MONOTONIC in ns, the clock of the family.
func Now() int64 { return start.family + int64(time.Since(start.own)) }
