package kernel

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// call is a kernel's run: what it has of shared memory.
type call struct {
	me     registry.Owner
	mutex  sync.Mutex     // a kernel's goroutines may all allocate
	blocks []*arena.Block // allocated, and not returned yet
	spans  []span         // arrays that all processes share, of the arguments
	ends   []func()       // of the handles
}

// span is memory of an object that the arguments refer to.
type span struct {
	from, to segment.Off
	target   segment.Off
}

type callKey struct{}

func (c *call) context(parent context.Context) context.Context {
	return context.WithValue(parent, callKey{}, c)
}

// callOf is the call of a kernel's context, or nil.
func callOf(ctx context.Context) *call {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(callKey{}).(*call)
	return c
}

// origin is the block that an array's data lie in, if the call has allocated it.
type origin struct{ block *arena.Block }

const bufferHead = arena.BufferData - arena.HeaderSize

// allocate makes n zeros in shared memory.
func allocate[T Element](c *call, n int) ([]T, origin) {
	need := uint64(n) * uint64(len(bytesOf(make([]T, 1))))
	if need == 0 {
		return nil, origin{}
	}
	b := c.buffer(need)
	data := segment.Bytes(b.Off()+arena.BufferData, need)
	clear(data)
	return view[T](data), origin{b}
}

// buffer allocates a block for n bytes of an array.
func (c *call) buffer(n uint64) *arena.Block {
	b, s := member.Alloc(c.me, arena.Buffer, bufferHead+n)
	if s != step.Done {
		panic(&memoryError{n})
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.blocks = append(c.blocks, b)
	return b
}

// memoryError is what a call panics with where there is no room for so many bytes.
type memoryError struct{ bytes uint64 }

func (e *memoryError) Error() string {
	return fmt.Sprintf("the family's shared memory has no room for %d bytes (GOMP_MEMORY sets its cap)", e.bytes)
}

// give takes a block out of what the call will free, and reports whether it was there.
func (c *call) give(b *arena.Block) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i, other := range c.blocks {
		if other == b {
			c.blocks = append(c.blocks[:i], c.blocks[i+1:]...)
			return true
		}
	}
	return false
}

// end frees what was not returned.
func (c *call) end() {
	for _, b := range c.blocks {
		member.Free(c.me, b)
	}
	for _, end := range slices.Backward(c.ends) { // an object is let go of after the handle that uses it
		end()
	}
	c.blocks, c.ends = nil, nil
}

// shared is the object whose memory has all of these bytes, if the arguments refer to one.
func (c *call) shared(at segment.Off, n uint64) (target segment.Off, ok bool) {
	for _, s := range c.spans {
		if at >= s.from && at+segment.Off(n) <= s.to {
			return s.target, true
		}
	}
	return 0, false
}

// part makes the data of an array a part of the answer: where they lie if that is a block of the
// call's or an array that all processes share, otherwise as a copy.
func (c *call) part(data []byte, o origin) parcel.Part {
	at, inside := place(data)
	n := uint64(len(data))
	if inside && o.block != nil && at == o.block.Off()+arena.BufferData && c.give(o.block) {
		return parcel.Part{Block: o.block.Off(), Place: at, Length: n}
	}
	if inside {
		if target, ok := c.shared(at, n); ok {
			return parcel.Part{Block: c.refer(target).Off(), Place: at, Length: n}
		}
	}
	b := c.buffer(n)
	copy(segment.Bytes(b.Off()+arena.BufferData, n), data)
	c.give(b)
	return parcel.Part{Block: b.Off(), Place: b.Off() + arena.BufferData, Length: n}
}

// refer makes what keeps a shared object for as long as the answer is on its way.
func (c *call) refer(target segment.Off) (b *arena.Block) {
	o := member.Op{Me: c.me, Deadline: member.Forever}
	if s := o.Run(func(f step.Flags, w *step.Wait) (s step.Status) {
		b, s = sweep.Refer(c.me, target, f, w)
		return s
	}); s != step.Done {
		panic(&memoryError{arena.HeaderSize})
	}
	return b
}
