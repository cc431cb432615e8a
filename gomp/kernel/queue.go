package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// Queue is a gomp.Queue(codec="msgpack"), or a JoinableQueue: Python and Go put and get alike. A
// kernel has it as a parameter, and uses it until it returns, from as many goroutines as it likes.
//
// A queue has no end that others could close: close() in Python says that its own process is done,
// and what was put stays there. So a Get waits until there is a message or its context is done, also
// when nobody is left who would put one; a producer that ends tells so by a message, as in Python. The
// context of the kernel is done when the pool, or the process that has started the kernel, ends.
type Queue struct {
	handle
	channel *channel.Channel
	end     channel.End
	call    *call // whose arguments in shared memory need not be copied
}

// queueHandle is what a message says of a queue.
type queueHandle struct {
	//lint:ignore U1000 the codec reads its tag
	_struct bool `codec:",toarray"`

	Kind  string
	Part  int // of the message: a Reference to the channel
	Pid   int // a process that has the queue's pipe,
	FD    int // as this descriptor; -1: none
	Inode uint64
}

func (c *call) openQueue(m *message, data []byte) (*Queue, error) {
	var h queueHandle
	if err := unmarshal(data, &h); err != nil {
		return nil, err
	}
	off, err := c.object(m, h.Part, arena.Channel)
	if err != nil {
		return nil, err
	}
	fd := h.pipe()
	q := &Queue{
		handle: handle{me: c.me}, channel: segment.At[channel.Channel](arena.Body(off)),
		end: channel.End{ReadFD: int32(fd), WriteFD: int32(fd)}, call: c,
	}
	c.ends = append(c.ends, q.finish)
	return q, nil
}

// pipe opens the queue's pipe, whose bell tells those who select on it; -1 if it cannot be had any
// more. A FIFO that is open both ways neither blocks nor hangs up.
func (h *queueHandle) pipe() int {
	if h.FD < 0 {
		return -1
	}
	fd, err := unix.Open(fmt.Sprintf("/proc/%d/fd/%d", h.Pid, h.FD), unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO || st.Ino != h.Inode {
		unix.Close(fd)
		return -1
	}
	return fd
}

// finish ends the handle when the call does.
func (q *Queue) finish() {
	q.close()
	q.ops.Wait()
	if q.end.ReadFD >= 0 {
		unix.Close(int(q.end.ReadFD))
	}
}

// Close ends the use of this handle: what waits on it and what follows fails with ErrClosed. The queue
// and what is in it stay for others.
func (q *Queue) Close() { q.close() }

// Put puts a value of a type that a kernel can return, arrays included, which are copied unless they
// are arguments in shared memory. It waits for room until the context is done: ErrFull and the
// context's error. ErrClosed: see [Queue.Close].
func (q *Queue) Put(ctx context.Context, v any) error { return q.put(ctx, v) }

// TryPut is Put without waiting.
func (q *Queue) TryPut(v any) error { return q.put(noWait, v) }

func (q *Queue) put(ctx context.Context, v any) error {
	if err := q.begin(); err != nil {
		return err
	}
	defer q.ops.Done()
	m, err := q.encode(v)
	if err != nil {
		return err
	}
	record, block, s := writeRecord(q.me, m, recordMost)
	if s != step.Done {
		m.discard(q.me)
		return &memoryError{uint64(len(m.data))}
	}
	s = q.run(ctx, q.me, &q.channel.Spin, func(f step.Flags, w *step.Wait) step.Status {
		_, s := q.channel.Put(q.me, record, q.end, f, w)
		return s
	})
	if s == step.Done {
		return nil
	}
	if block != nil {
		member.Free(q.me, block)
	}
	if s == step.TimedOut {
		return q.why(ctx, ErrFull)
	}
	return &memoryError{uint64(len(m.data))}
}

// encode makes the message of a value: with copies of its arrays, since the kernel keeps them.
func (q *Queue) encode(v any) (m message, err error) {
	defer func() {
		if p := recover(); p != nil { // there is no memory for an array, or it is none
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			m.discard(q.me)
		}
	}()
	if v == nil {
		m.data, err = marshal(nil)
		return m, err
	}
	d, err := typeOf(reflect.TypeOf(v))
	if err != nil {
		return m, err
	}
	if handles(d) {
		return m, fmt.Errorf("a message cannot hold a handle, and %s is or has one", d.Go)
	}
	c := &call{me: q.me, spans: q.call.spans}
	m.data, err = c.encode(reflect.ValueOf(v), d, &m)
	return m, err
}

// Get takes a message and stores it in what into points to, of a type that a kernel can have as a
// parameter, or of a pointer to one, which becomes nil for Python's None; for the others None does not fit, unless they
// are an any, a slice or a map. Fields of a struct that a message lacks are zero. Arrays and bytes are the
// caller's own. It waits until the context is done: ErrEmpty and
// the context's error. ErrClosed: see [Queue.Close]. A message that does not fit the type is taken all
// the same, and is lost.
func (q *Queue) Get(ctx context.Context, into any) error { return q.get(ctx, into) }

// TryGet is Get without waiting.
func (q *Queue) TryGet(into any) error { return q.get(noWait, into) }

// recordMost is what the largest record takes.
const recordMost = inlineMost + 16

func (q *Queue) get(ctx context.Context, into any) error {
	to := reflect.ValueOf(into)
	if to.Kind() != reflect.Pointer || to.IsNil() {
		return fmt.Errorf("what Get stores in must be a pointer, not %T", into)
	}
	to = to.Elem()
	d, err := typeOf(to.Type())
	optional := err != nil && to.Kind() == reflect.Pointer
	if optional {
		d, err = typeOf(to.Type().Elem())
	}
	if err != nil {
		return err
	}
	if err := q.begin(); err != nil {
		return err
	}
	defer q.ops.Done()
	record := make([]byte, recordMost)
	s := q.run(ctx, q.me, &q.channel.Spin, func(f step.Flags, w *step.Wait) step.Status {
		_, _, s := q.channel.Get(q.me, record, 1, q.end, f, w)
		return s
	})
	switch s {
	case step.Done:
		return q.decode(record, d, to, optional)
	case step.TimedOut:
		return q.why(ctx, ErrEmpty)
	}
	return errors.New("the family's shared memory is full")
}

// decode stores the message of a record, whose block is the process's.
func (q *Queue) decode(record []byte, d *Type, to reflect.Value, optional bool) error {
	m, err := readRecord(record)
	if b := channel.BlockOf(record); b != nil {
		defer member.Free(q.me, b)
		m.data, m.passes = bytes.Clone(m.data), true
	}
	if err != nil {
		return err
	}
	if optional && len(m.data) == 1 && m.data[0] == 0xc0 { // nil
		to.SetZero()
		return nil
	}
	c := &call{me: q.me}
	v, err := c.decode(&m, m.data, d)
	if err != nil {
		return fmt.Errorf("a message that is no %s: %w", d.Go, err)
	}
	if optional {
		to.Set(reflect.New(d.typ))
		to = to.Elem()
	}
	to.Set(v)
	return nil
}

// Len is the number of messages.
func (q *Queue) Len() int {
	if q.begin() != nil {
		return 0
	}
	defer q.ops.Done()
	certainly(q.me, func(f step.Flags, w *step.Wait) step.Status { return q.channel.Settle(q.me, f, w) })
	return int(q.channel.Len())
}

// TaskDone counts one message as dealt with, for who waits in join() of a JoinableQueue. It fails if
// that was said of all of them.
func (q *Queue) TaskDone() error {
	if err := q.begin(); err != nil {
		return err
	}
	defer q.ops.Done()
	if certainly(q.me, func(f step.Flags, w *step.Wait) step.Status { return q.channel.TaskDone(q.me, f, w) }) != step.Done {
		return errors.New("TaskDone was called too many times")
	}
	return nil
}

var types sync.Map // *Type by reflect.Type

// typeOf describes a type; its description is kept.
func typeOf(t reflect.Type) (*Type, error) {
	if known, ok := types.Load(t); ok {
		return known.(*Type), nil
	}
	d, err := describe(t, nil)
	if err == nil {
		types.Store(t, d)
	}
	return d, err
}
