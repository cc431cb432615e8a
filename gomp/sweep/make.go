package sweep

import (
	"fmt"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/barrier"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/cond"
	"github.com/gomp-project/gomp/gomp/event"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// Params describes an object to be made; what the fields mean depends on the
// kind: Lock: kind, value, maximum, policy. Barrier: parties. Channel: most
// messages, most bytes. Memory: bytes. Buffer: bytes, 1 if they may hold
// anything. Pool: workers, bytes that may wait, 1 if it is native.
type Params [4]uint64

func bodySize(kind arena.Kind, p Params) (uint64, error) {
	switch kind {
	case arena.Lock:
		if p[0] > lock.Semaphore || p[1] > p[2] || p[2] > 1<<32-1 || p[3] > lock.Release {
			return 0, fmt.Errorf("lock parameters %v", p)
		}
		if p[0] == lock.Semaphore && p[3] == lock.Release {
			return lock.LedgerSize, nil
		}
		return lock.Size, nil
	case arena.Condition:
		return cond.Size, nil
	case arena.Event:
		return event.Size, nil
	case arena.Barrier:
		if p[0] == 0 || p[0] > 1<<31 {
			return 0, fmt.Errorf("%d parties", p[0])
		}
		return barrier.Size, nil
	case arena.Channel:
		return channel.Size, nil
	case arena.Memory:
		return p[0], nil
	case arena.Buffer:
		return min(p[0], 1<<62) + arena.BufferData - arena.SharedBody, nil
	case arena.Pool:
		if p[0] == 0 || p[0] > pool.MaxWorkers {
			return 0, fmt.Errorf("%d workers", p[0])
		}
		return pool.Size(p[0]), nil
	}
	return 0, fmt.Errorf("kind %d", kind)
}

// New is a step of making an object, held by me.
func New(me registry.Owner, kind arena.Kind, p Params, f step.Flags, w *step.Wait) (*arena.Block, step.Status) {
	if f.Has(step.Cancel) {
		return nil, step.TimedOut
	}
	size, err := bodySize(kind, p)
	if err != nil || size > 1<<62 {
		return nil, step.Invalid
	}
	b, s := Alloc(me, arena.Raw, segment.Slots/8+size, f, w)
	if s != step.Done {
		return nil, s
	}
	if kind == arena.Buffer && p[1] != 0 {
		clear(segment.Bytes(b.Body(), arena.BufferData-arena.HeaderSize))
	} else {
		wipe(b)
	}
	initialise(me, kind, arena.Body(b.Off()), p)
	b.Publish(me, kind)
	return b, step.Done
}

// Alloc is a step of allocating a block for the process of me. When memory is
// short it first sweeps processes that have died unnoticed.
func Alloc(me registry.Owner, kind arena.Kind, size uint64, f step.Flags, w *step.Wait) (*arena.Block, step.Status) {
	return allocate(me, f, w, func(check bool) (*arena.Block, error) { return arena.Alloc(me, kind, size, check) })
}

func allocate(me registry.Owner, f step.Flags, w *step.Wait, try func(check bool) (*arena.Block, error)) (*arena.Block, step.Status) {
	if f.Has(step.Cancel) {
		return nil, step.TimedOut
	}
	b, err := try(f.Has(step.Check))
	if err == arena.ErrFull && All(me) > 0 {
		b, err = try(true)
	}
	switch err {
	case nil:
		return b, step.Done
	case arena.ErrBusy:
		return nil, w.OnLock(arena.Mutex())
	}
	return nil, step.Full
}

// Refer is a step of making a Reference; see package arena.
func Refer(me registry.Owner, target segment.Off, f step.Flags, w *step.Wait) (*arena.Block, step.Status) {
	return allocate(me, f, w, func(check bool) (*arena.Block, error) { return arena.Refer(me, target, check) })
}

// wipe zeroes what is after a block's header. The whole pages of a large block
// are given back instead, which reads as zeros.
func wipe(b *arena.Block) {
	const page, large = 4096, 1 << 20
	if b.Size < large {
		clear(segment.Bytes(b.Body(), b.Size))
		return
	}
	first := b.Off() + page
	end := (b.Body() + segment.Off(b.Size) + page - 1) &^ (page - 1)
	clear(segment.Bytes(b.Body(), uint64(first-b.Body())))
	if segment.Discard(first, uint64(end-first)) != nil {
		clear(segment.Bytes(first, uint64(end-first)))
	}
}

func initialise(me registry.Owner, kind arena.Kind, body segment.Off, p Params) {
	switch kind {
	case arena.Lock:
		segment.At[lock.Sem](body).Init(uint32(p[0]), uint32(p[1]), uint32(p[2]), uint32(p[3]))
	case arena.Barrier:
		segment.At[barrier.Barrier](body).Parties = uint32(p[0])
	case arena.Channel:
		segment.At[channel.Channel](body).Init(p[0], p[1])
	case arena.Pool:
		segment.At[pool.Pool](body).Init(me, p[0], p[1], p[2] != 0)
	}
}

// Valid reports whether a handle names an object of the family that me holds:
// who pickled it recorded that me would.
func Valid(me registry.Owner, off segment.Off, kind arena.Kind, serial uint64) bool {
	return Object(off, kind) && arena.At(off).Serial == serial && arena.At(off).Holds(me)
}

// Object reports whether an object of that kind is at off.
func Object(off segment.Off, kind arena.Kind) bool {
	if off&(1<<arena.MinClass-1) != 0 || kind == arena.None || kind > arena.LastShared || !segment.Valid(off, arena.SharedBody) {
		return false
	}
	b := arena.At(off)
	return b.Shared() && b.Kind == kind && b.Class < segment.Classes && segment.Valid(off, 1<<b.Class)
}
