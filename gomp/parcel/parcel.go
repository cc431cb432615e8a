package parcel

import (
	"fmt"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Envelope is what the body of a message's block begins with; core/layout.h mirrors it.
// The pickle follows, and after it, padded to 8 bytes, the table.
type Envelope struct {
	Length uint64 // of the pickle, in bytes
	Parts  uint64 // entries of the table
}

// Part is an entry of the table; core/layout.h mirrors it.
type Part struct {
	Block  segment.Off // a Buffer or a Reference; 0: the receiver has it
	Place  segment.Off // of the data
	Length uint64      // of the data, in bytes
}

const (
	envelopeSize = 16
	partSize     = 24
)

// parts calls f for each entry of the table.
func parts(b *arena.Block, f func(*Part)) {
	e := segment.At[Envelope](b.Body())
	table := b.Body() + envelopeSize + segment.Off((e.Length+7)&^7)
	for i := range e.Parts {
		f(segment.At[Part](table + segment.Off(i*partSize)))
	}
}

// Seal makes a message that is complete, with its table, a parcel that owns its parts. It
// reports whether all of them were the process of me's: in a child that was forked in the
// middle of pickling they are its parent's.
//
// The kind comes first: what a parcel owns is found when its process dies.
func Seal(b *arena.Block, me registry.Owner) bool {
	b.Kind = arena.Parcel
	all := true
	parts(b, func(p *Part) {
		all = all && arena.At(p.Block).Pass(arena.OwnedByProcess(me), arena.OwnedBy(b.Off()))
	})
	return all
}

// Open makes me a holder of what the parcel refers to and, if take is set, of its Buffers,
// which are no longer the parcel's then. Precondition: the parcel is me's process's.
func Open(b *arena.Block, me registry.Owner, take bool) {
	parts(b, func(p *Part) {
		if p.Block == 0 {
			return
		}
		switch part := arena.At(p.Block); {
		case part.Kind == arena.Reference:
			arena.At(part.Target).Hold(me)
		case take:
			part.Adopt(me)
			atomic.StoreUint64((*uint64)(&p.Block), 0)
		}
	})
}

// Blocks calls f, which may free it, for each block that belongs to the parcel.
// Precondition: nobody has begun to free them.
func Blocks(b *arena.Block, f func(*arena.Block)) {
	parts(b, func(p *Part) {
		if p.Block != 0 {
			f(arena.At(p.Block))
		}
	})
}

// Size is the size of the body of a message with so many bytes and parts.
func Size(length, parts int) uint64 { return uint64(envelopeSize + (length+7)&^7 + parts*partSize) }

// Write makes the body of a message, whose block is the caller's; Seal follows if it has parts.
func Write(b *arena.Block, data []byte, table []Part) {
	*segment.At[Envelope](b.Body()) = Envelope{uint64(len(data)), uint64(len(table))}
	copy(segment.Bytes(b.Body()+envelopeSize, uint64(len(data))), data)
	next := 0
	parts(b, func(p *Part) { *p = table[next]; next++ })
}

// owns reports whether there is a block at off that is the parcel's.
func owns(b *arena.Block, off segment.Off) bool {
	return segment.Valid(off, arena.HeaderSize) && arena.At(off).LoadOwner() == arena.OwnedBy(b.Off())
}

// Read gives a message's bytes and, of a parcel, its table. It fails where they do not lie in the
// block and in the heap.
func Read(b *arena.Block) (data []byte, table []Part, err error) {
	e := *segment.At[Envelope](b.Body())
	if b.Size < envelopeSize || e.Length > b.Size-envelopeSize {
		return nil, nil, fmt.Errorf("a message of %d bytes in a block of %d", e.Length, b.Size)
	}
	data = segment.Bytes(b.Body()+envelopeSize, e.Length)
	if b.Kind != arena.Parcel {
		return data, nil, nil
	}
	if room := (max(b.Size-envelopeSize, (e.Length+7)&^7) - (e.Length+7)&^7) / partSize; e.Parts > room {
		return nil, nil, fmt.Errorf("a table of %d parts where %d have room", e.Parts, room)
	}
	parts(b, func(p *Part) {
		inside := p.Length <= segment.Head().Size && segment.Valid(p.Place&^7, p.Length+uint64(p.Place&7))
		if !inside || p.Block != 0 && !owns(b, p.Block) {
			err = fmt.Errorf("a part of %d bytes at %#x in block %#x", p.Length, uint64(p.Place), uint64(p.Block))
		}
		table = append(table, *p)
	})
	return data, table, err
}
