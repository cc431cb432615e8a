package arena

import (
	"errors"
	"math/bits"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Block is the header of every block; core/layout.h mirrors it.
type Block struct {
	Owner  uint64
	Kind   Kind
	Class  uint32 // log2 of the block's size in bytes, this header included
	Size   uint64 // bytes in use after this header
	Serial uint64 // tells a stale handle from a living one
	next   uint64 // free list
	prev   uint64
	Target segment.Off // of a Reference: the object that it keeps
	refs   uint32      // how many References keep this object
	holds  uint32      // how often a holder was added
}

// HeaderSize is what precedes a block's body.
const HeaderSize = 64

// Kind says what a block holds.
type Kind uint32

// Kinds of blocks. Those up to LastShared are objects with holders.
const (
	None Kind = iota
	Lock
	Condition
	Event
	Barrier
	Channel
	Memory
	Buffer // memory whose data begin at a page: an array, or what a message had in a buffer
	Pool
	Payload   // a message too large for its ring
	Parcel    // a message with parts of its own
	Reference // keeps an object for as long as a message that names it
	JobPage   // tasks of a pool
	Ring      // a channel's ring
	Waiters   // an overflow of a wait list
	Raw       // an object that is not made yet
)

// BufferData is where the data of a Buffer start, counted from its header: no
// page of theirs has anything else, so a process can map them as it likes.
const BufferData = pageSize

// LastShared is the last kind with holders.
const LastShared = Pool

// sharedBy is the owner word of an object that its holders answer for. It has the
// object's serial: who saw the last holder go must not take down an object that
// was made in the same place since.
func sharedBy(serial uint64) uint64 { return serial<<2 | 1 }

// Shared reports whether the block is an object that its holders answer for.
func (b *Block) Shared() bool { return b.LoadOwner()&3 == 1 }

// OwnedBy is the owner word of a part of the object at off.
func OwnedBy(off segment.Off) uint64 { return uint64(off) | 2 }

// OwnedByProcess is the owner word of a block that a process answers for.
func OwnedByProcess(o registry.Owner) uint64 { return uint64(o.Process()) }

// At is the block at off.
func At(off segment.Off) *Block { return segment.At[Block](off) }

// Off is where the block lies.
func (b *Block) Off() segment.Off { return segment.Offset(b) }

// Body is where the contents of a block without holders start.
func (b *Block) Body() segment.Off { return b.Off() + HeaderSize }

// SharedBody is where those of an object start: after its holders.
const SharedBody = HeaderSize + segment.Slots/8

// Body is where the contents of the object at off start.
func Body(off segment.Off) segment.Off { return off + SharedBody }

// ObjectOf is the object whose body is p.
func ObjectOf[T any](p *T) segment.Off { return segment.Offset(p) - SharedBody }

// LoadOwner reads the owner word.
func (b *Block) LoadOwner() uint64 { return atomic.LoadUint64(&b.Owner) }

// SetOwner passes the block on. Precondition: the caller answers for it.
func (b *Block) SetOwner(w uint64) { atomic.StoreUint64(&b.Owner, w) }

// Pass passes the block on if from still answers for it.
func (b *Block) Pass(from, to uint64) bool {
	return atomic.CompareAndSwapUint64(&b.Owner, from, to)
}

// Errors of the allocator.
var (
	ErrFull = errors.New("the family's shared memory is full")
	ErrBusy = errors.New("the allocator's lock is taken")
)

type holders [segment.Slots / 64]uint64

func (b *Block) holders() *holders {
	return segment.At[holders](b.Off() + HeaderSize)
}

// Hold records that process o holds the object.
func (b *Block) Hold(o registry.Owner) {
	atomic.OrUint64(&b.holders()[o.Slot()/64], 1<<(o.Slot()%64))
	atomic.AddUint32(&b.holds, 1)
}

// Holds reports whether the process in o's slot holds the object.
func (b *Block) Holds(o registry.Owner) bool {
	return atomic.LoadUint64(&b.holders()[o.Slot()/64])&(1<<(o.Slot()%64)) != 0
}

// Holders counts the processes that hold the object.
func (b *Block) Holders() int {
	n := 0
	h := b.holders()
	for i := range h {
		n += bits.OnesCount64(atomic.LoadUint64(&h[i]))
	}
	return n
}

// forsaken reports whether nobody holds the object and no message refers to it. Who
// holds it, or has a message that does, may add a holder and let go himself
// meanwhile: then holds has changed, and it is looked at again.
func (b *Block) forsaken() bool {
	for {
		n := atomic.LoadUint32(&b.holds)
		if b.Holders() != 0 || atomic.LoadUint32(&b.refs) != 0 {
			return false
		}
		if atomic.LoadUint32(&b.holds) == n {
			return true
		}
	}
}

// Drop records that the process in o's slot no longer holds the object. It
// reports whether the caller, me, now has to take the object down: nobody
// holds it any more, and the block is me's.
//
// If the process dies between the two steps the object has no holder; the next
// sweep finds it so (Claim) and ends the same way.
func (b *Block) Drop(o, me registry.Owner) bool {
	word := b.LoadOwner()
	atomic.AndUint64(&b.holders()[o.Slot()/64], ^uint64(1<<(o.Slot()%64)))
	return b.forsaken() && b.Pass(word, OwnedByProcess(me))
}

// Claim makes an object without holders me's, to be taken down. Precondition: the
// allocator's lock is held, so the block is what it seems.
func (b *Block) Claim(me registry.Owner) bool {
	word := b.LoadOwner()
	return word&3 == 1 && b.forsaken() && b.Pass(word, OwnedByProcess(me))
}

// Publish turns a block that me has made, of kind Raw, into an object that me
// holds. Only now does it get its kind: what dies half made is not taken down as
// if it were whole.
func (b *Block) Publish(me registry.Owner, kind Kind) {
	b.Kind = kind
	b.Hold(me)
	b.SetOwner(sharedBy(b.Serial))
}

// Adopt turns a Buffer that came as a part of a message into an object that me
// alone holds.
//
// If the process dies before the last store, the Buffer is still the message's.
func (b *Block) Adopt(me registry.Owner) {
	*b.holders() = holders{}
	b.Publish(me, Buffer)
}
