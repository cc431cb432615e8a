package family

import (
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Memory is what a family made by New may use: enough for every test, so that
// the heap has the least size there is.
const Memory = 16 << 20

// New makes a family of which the test process is the first, until the test
// ends. There is one at a time.
func New(t testing.TB) *Family {
	t.Helper()
	m, err := segment.Create(Memory, 0x1234567, 1)
	if err != nil {
		t.Fatal(err)
	}
	arena.Format()
	f := &Family{Mapping: m, Me: Reserve(0)}
	comeAlive(f.Me)
	t.Cleanup(f.close)
	return f
}

// Family is the test process's view of its family.
type Family struct {
	segment.Mapping
	Me registry.Owner
	// Files are inherited by helpers, as descriptors from 4 on.
	Files []*os.File
}

func (f *Family) close() {
	Unmap(f.Base, f.Size)
	unix.Close(f.FD)
	segment.Use(0)
}

// Reserve reserves a slot for a process to come; 0 if all are taken.
func Reserve(creator registry.Owner) registry.Owner {
	for i := range segment.Slots {
		s := registry.At(i)
		state, gen := s.Load()
		old := gen<<8 | uint64(state)
		gen = max(gen, 1) // owner word 0 is nobody
		if state != registry.Free || !atomic.CompareAndSwapUint64(&s.State, old, gen<<8|registry.Reserved) {
			continue
		}
		var now unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
		s.Start, s.Stack, s.Since = 0, 0, uint64(now.Nano())
		s.Creator = creator
		return registry.MakeOwner(i, gen)
	}
	return 0
}

// bind tells a reserved slot the pid of its process, which may die before it can
// do so itself.
func bind(o registry.Owner, pid int) {
	atomic.CompareAndSwapUint32(&registry.At(o.Slot()).Pid, 0, uint32(pid))
}

// comeAlive puts the calling process into its slot.
func comeAlive(o registry.Owner) {
	s := registry.At(o.Slot())
	s.Identify(unix.Getpid())
	setState(o, registry.Live)
}

func setState(o registry.Owner, state uint64) {
	s := registry.At(o.Slot())
	_, gen := s.Load()
	atomic.StoreUint64(&s.State, gen<<8|state)
}

// Thread names one thread of a process, as owner words of locks do.
func Thread(o registry.Owner, n int) registry.Owner { return o.Process() | registry.Owner(n)<<1 }
