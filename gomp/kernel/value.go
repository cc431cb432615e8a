package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// Value is a gomp.Value or a gomp.Array of numbers, whose memory all processes share. A kernel has it
// as a parameter, and uses it until it returns.
//
// Nothing orders what several do to it but its lock, which is the one that Python uses: what reads and
// then writes takes it. Unlike in Python [Get] and [Set] do not.
type Value struct {
	handle
	data    []byte
	element string
	lock    *lock.Sem     // nil: none
	owner   atomic.Uint64 // as whom the lock is held; who holds it changes this
}

// valueHandle is what a message says of a value.
type valueHandle struct {
	//lint:ignore U1000 the codec reads its tag
	_struct bool `codec:",toarray"`

	Kind    string
	Part    int // of the message: a Reference to the memory
	Start   int // in it, in bytes
	Length  int // in bytes
	Element string
	Lock    int // the part that refers to the lock; -1: none
}

func (c *call) openValue(m *message, data []byte) (*Value, error) {
	var h valueHandle
	if err := unmarshal(data, &h); err != nil {
		return nil, err
	}
	e, known := elements[h.Element]
	off, err := c.object(m, h.Part, arena.Memory)
	if err != nil {
		return nil, err
	}
	size := arena.At(off).Size - segment.Slots/8
	if !known || h.Start < 0 || h.Length < 0 || uint64(h.Start) > size || uint64(h.Length) > size-uint64(h.Start) ||
		h.Start%e.size != 0 || h.Length%e.size != 0 {
		return nil, fmt.Errorf("%d bytes of %q from %d in %d bytes", h.Length, h.Element, h.Start, size)
	}
	v := &Value{handle: handle{me: c.me}, element: h.Element}
	v.data = segment.Bytes(arena.Body(off), size)[h.Start : h.Start+h.Length]
	if h.Lock >= 0 {
		if off, err = c.object(m, h.Lock, arena.Lock); err != nil {
			return nil, err
		}
		if v.lock = segment.At[lock.Sem](arena.Body(off)); v.lock.Kind == lock.Semaphore {
			return nil, errors.New("a semaphore instead of a lock")
		}
	}
	c.ends = append(c.ends, v.finish)
	return v, nil
}

// finish ends the handle when the call does. The lock is nobody's to release afterwards.
func (v *Value) finish() {
	v.close()
	v.ops.Wait()
	_ = v.release()
}

// Slice is the memory of v as a slice of its elements: of one for a Value. T is the type that the
// manual of Python's ctypes gives for the elements' type: float64 for c_double, int32 for c_int, ...
// It is valid until the kernel returns.
func Slice[T Element](v *Value) ([]T, error) {
	if v.closed.Load() {
		return nil, ErrClosed
	}
	if have := (Array[T]{}).element().String(); have != v.element {
		return nil, fmt.Errorf("elements of %s, not of %s", v.element, have)
	}
	return view[T](v.data), nil
}

// Get is element i, 0 for a Value. It fails if there is none, or if the elements are not of type T.
func Get[T Element](v *Value, i int) (x T, err error) {
	s, err := Slice[T](v)
	if err == nil && (i < 0 || i >= len(s)) {
		err = fmt.Errorf("index %d of %d elements", i, len(s))
	}
	if err == nil {
		x = s[i]
	}
	return x, err
}

// Set stores element i; see [Get].
func Set[T Element](v *Value, i int, x T) error {
	s, err := Slice[T](v)
	if err == nil && (i < 0 || i >= len(s)) {
		err = fmt.Errorf("index %d of %d elements", i, len(s))
	}
	if err == nil {
		s[i] = x
	}
	return err
}

// Len is the number of elements: 1 for a Value.
func (v *Value) Len() int { return len(v.data) / elements[v.element].size }

// lockers numbers those who take locks, beyond the threads of the process's workers.
var lockers atomic.Uint32

// Lock takes the lock of v, for the goroutine that calls. It waits until the context is done, and
// gives its error. Unlike Python's RLock it cannot be taken again by who has it: that waits.
//
// From a process that died while it held the lock it passes to the next, with a warning on standard
// error; with on_owner_death="raise" Lock gives ErrOwnerDied, and the lock is held.
func (v *Value) Lock(ctx context.Context) error {
	if v.lock == nil {
		return errors.New("the value has no lock")
	}
	if err := v.begin(); err != nil {
		return err
	}
	defer v.ops.Done()
	const first, most = 1 << 16, 1<<22 - 1<<16
	me := member.Thread(v.me, first+int(lockers.Add(1)%most))
	var pid uint32
	s := v.run(ctx, me, nil, func(f step.Flags, w *step.Wait) step.Status {
		s := v.lock.Acquire(me, f, w)
		pid = w.Pid
		return s
	})
	switch s {
	case step.Done:
		v.owner.Swap(uint64(me))
		return nil
	case step.OwnerDied:
		v.owner.Swap(uint64(me))
		return v.ownerDied(pid)
	}
	return v.why(ctx, errors.New("the lock was not to be had"))
}

func (v *Value) ownerDied(pid uint32) error {
	const raise = 1
	if v.lock.Policy == raise {
		return fmt.Errorf("%w: process %d", ErrOwnerDied, pid)
	}
	fmt.Fprintf(os.Stderr, "OwnerDiedWarning: process %d died while it held the lock of a value, which has a new owner now\n", pid)
	return nil
}

// Unlock releases the lock. It fails if no goroutine of the kernel holds it.
func (v *Value) Unlock() error {
	if !v.release() {
		return errors.New("the lock is not held")
	}
	return nil
}

func (v *Value) release() bool {
	me := registry.Owner(v.owner.Swap(0))
	return me != 0 && v.lock.Release(me)
}
