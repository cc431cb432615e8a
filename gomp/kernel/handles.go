package kernel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/ugorji/go/codec"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// Errors of handles; errors.Is tells them.
var (
	ErrFull      = errors.New("the queue is full")
	ErrEmpty     = errors.New("the queue is empty")
	ErrClosed    = errors.New("the handle is closed")
	ErrOwnerDied = errors.New("the process that held the lock has died")
)

// handleFields is how many fields of a handle there are in a message.
var handleFields = map[string]int{"queue": reflect.TypeFor[queueHandle]().NumField() - 1, "value": reflect.TypeFor[valueHandle]().NumField() - 1}

// decodeHandle makes the handle that raw describes, for as long as the call lasts.
func (c *call) decodeHandle(m *message, raw codec.Raw, d *Type) (reflect.Value, error) {
	kind, data, ok := extension(raw)
	var fields []codec.Raw
	if !ok || kind != extHandle {
		return reflect.Value{}, fmt.Errorf("%s needs a gomp object", d.Go)
	}
	var said string
	if unmarshal(data, &fields) != nil || len(fields) != handleFields[d.Kind] || unmarshal(fields[0], &said) != nil || said != d.Kind {
		return reflect.Value{}, fmt.Errorf("%s from a handle of another kind", d.Go)
	}
	if d.Kind == "queue" {
		q, err := c.openQueue(m, data)
		return reflect.ValueOf(q), err
	}
	v, err := c.openValue(m, data)
	return reflect.ValueOf(v), err
}

// object is the one that a part of the message refers to. The call holds it from now on: the sweep
// mends what its process leaves in the objects that it holds. Until then the message keeps it.
func (c *call) object(m *message, part int, kind arena.Kind) (segment.Off, error) {
	if part < 0 || part >= len(m.parts) {
		return 0, fmt.Errorf("a handle in part %d of %d", part, len(m.parts))
	}
	off := target(m.parts[part])
	if !sweep.Object(off, kind) {
		return 0, fmt.Errorf("a handle to what is no object of kind %d", kind)
	}
	held.add(c.me, off)
	c.ends = append(c.ends, func() { held.drop(c.me, off) })
	return off, nil
}

// held counts the calls of this process that hold each object: the object has one bit for all.
var held holds

type holds struct {
	mutex sync.Mutex
	calls map[segment.Off]int
}

func (h *holds) add(me registry.Owner, off segment.Off) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.calls == nil {
		h.calls = map[segment.Off]int{}
	}
	if h.calls[off]++; h.calls[off] == 1 {
		arena.At(off).Hold(me)
	}
}

func (h *holds) drop(me registry.Owner, off segment.Off) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.calls[off]--; h.calls[off] > 0 {
		return
	}
	delete(h.calls, off)
	if b := arena.At(off); b.Drop(me, me) {
		sweep.TakeDown(b, me)
	}
}

// handle is what a Queue and a Value are: what a kernel may use until it is closed.
type handle struct {
	me     registry.Owner
	closed atomic.Bool
	mutex  sync.Mutex // held to begin an operation, and to close
	ops    sync.WaitGroup
	waits  map[*member.Op]bool // those of the operations that wait
}

// MarshalBinary fails. The codec asks for it where a handle is hidden in an any.
func (h *handle) MarshalBinary() ([]byte, error) { return nil, errors.New("a handle cannot be sent") }

// UnmarshalBinary fails: the codec asks for both or for none.
func (h *handle) UnmarshalBinary([]byte) error { return errors.New("a handle cannot be received here") }

// begin starts an operation.
func (h *handle) begin() error {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.closed.Load() {
		return ErrClosed
	}
	h.ops.Add(1)
	return nil
}

func (h *handle) close() {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.closed.Store(true)
	for o := range h.waits {
		o.Wake()
	}
}

// enlist notes an operation, for close to wake it, and leave forgets it.
func (h *handle) enlist(o *member.Op) (leave func()) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	if h.waits == nil {
		h.waits = map[*member.Op]bool{}
	}
	h.waits[o] = true
	return func() {
		h.mutex.Lock()
		defer h.mutex.Unlock()
		delete(h.waits, o)
	}
}

// noWait is the context of an operation that does not wait.
var noWait context.Context

// run takes steps until they are done: TimedOut if that is not before the context is, or the handle
// is closed.
func (h *handle) run(ctx context.Context, me registry.Owner, spin *uint32, take member.Step) step.Status {
	o := member.Op{Me: me}
	if s := o.Run(take); s != step.TimedOut || ctx == noWait {
		return s
	}
	waiting := &member.Op{Me: me, Deadline: member.Forever, Spin: spin, Stop: func() bool { return h.closed.Load() || ctx.Err() != nil }}
	defer h.enlist(waiting)()
	defer context.AfterFunc(ctx, waiting.Wake)()
	return waiting.Run(take)
}

// why says why an operation was given up: other is the error for want of time.
func (h *handle) why(ctx context.Context, other error) error {
	switch {
	case h.closed.Load():
		return ErrClosed
	case ctx == noWait:
		return other
	}
	return fmt.Errorf("%w: %w", other, context.Cause(ctx))
}

// certainly does what needs no waiting but for an internal lock.
func certainly(me registry.Owner, take member.Step) step.Status {
	o := member.Op{Me: me, Deadline: member.Forever}
	return o.Run(take)
}
