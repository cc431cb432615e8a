package channel

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// Kinds of records. core/layout.h mirrors them.
const (
	Inline = 1 // the data follows
	Remote = 2 // the offset of a payload block and its length follow
	skip   = 3 // nothing more up to the end of the ring
)

// headerSize of a record: length (32 bits), kind (8), sequence number (24).
const headerSize = 8

const sequenceMask = 1<<24 - 1

type header uint64

func makeHeader(length uint32, kind uint8, seq uint64) header {
	return header(uint64(length) | uint64(kind)<<32 | (seq&sequenceMask)<<40)
}

func (h header) length() uint64 { return uint64(uint32(h)) }
func (h header) kind() uint8    { return uint8(h >> 32) }
func (h header) seq() uint64    { return uint64(h >> 40) }

// space is what a record takes in the ring.
func (h header) space() uint64 { return headerSize + (h.length()+7)&^7 }

func readHeader(b []byte) header     { return header(binary.LittleEndian.Uint64(b)) }
func writeHeader(b []byte, h header) { binary.LittleEndian.PutUint64(b, uint64(h)) }

// remote reads the data of a Remote record.
func remote(b []byte) (block segment.Off, length uint64) {
	return segment.Off(binary.LittleEndian.Uint64(b[headerSize:])), binary.LittleEndian.Uint64(b[headerSize+8:])
}

// weight is what a record counts against MaxBytes.
func weight(b []byte) uint64 {
	h := readHeader(b)
	if h.kind() == Remote {
		_, n := remote(b)
		return n
	}
	return h.length()
}

// at is the ring's memory from the place of a position to its end.
func (r *ring) at(pos uint64) []byte {
	place := pos % r.size
	return segment.Bytes(arena.At(segment.Off(r.block)).Body()+segment.Off(place), r.size-place)
}

// first is the first record and its position, past a skip mark.
func (r *ring) first() (b []byte, pos uint64) {
	b = r.at(r.head)
	if readHeader(b).kind() == skip {
		return r.at(r.head + uint64(len(b))), r.head + uint64(len(b))
	}
	return b, r.head
}

// fits reports whether a record of n bytes has room, and where it would start:
// records do not wrap.
func (r *ring) fits(n uint64) (pos uint64, ok bool) {
	if r.size == 0 {
		return 0, false
	}
	pos = r.tail
	if left := r.size - pos%r.size; left < n {
		pos += left
	}
	return pos, pos+n-r.head <= r.size
}

// place writes a record at pos, where it fits, and a skip mark before it if it
// starts past the ring's end. Nothing of it is seen before tail is stored.
func (r *ring) place(pos uint64, record []byte, seq uint64) {
	if pos != r.tail {
		writeHeader(r.at(r.tail), makeHeader(0, skip, 0))
	}
	h := readHeader(record)
	b := r.at(pos)
	copy(b, record[:h.space()])
	writeHeader(b, makeHeader(uint32(h.length()), h.kind(), seq))
}

// each calls f for each record between head and tail.
func (r *ring) each(f func(record []byte)) {
	for pos := r.head; pos < r.tail; {
		b := r.at(pos)
		h := readHeader(b)
		if h.kind() == skip {
			pos += uint64(len(b))
			continue
		}
		f(b)
		pos += h.space()
	}
}

// copyTo fills an empty ring with the records of r.
func (r *ring) copyTo(to *ring) {
	r.each(func(record []byte) {
		pos, _ := to.fits(readHeader(record).space())
		to.place(pos, record, readHeader(record).seq())
		to.tail = pos + readHeader(record).space()
	})
}

// replace makes the block, which the caller owns, the channel's ring, with the
// records of the present one, and leaves the old one to retire.
//
// If the process dies before active is stored, the block is still its own; if
// it dies after, Repair does the rest.
func (c *Channel) replace(b *arena.Block) {
	next := &c.rings[1-c.active]
	*next = ring{block: uint64(b.Off()), size: b.Size &^ 7}
	c.ring().copyTo(next)
	atomic.StoreUint32(&c.active, 1-c.active)
	b.SetOwner(arena.OwnedBy(c.object()))
}

// retire gives a ring that was replaced to the caller, who frees it.
//
// The block changes hands before it is forgotten: if the process dies in
// between, the block is swept with it, and Repair sees that it is not ours.
func (c *Channel) retire(me registry.Owner, w *step.Wait) {
	old := &c.rings[1-c.active]
	if old.block == 0 || w.Garbage != 0 {
		return
	}
	w.Garbage = segment.Off(old.block)
	arena.At(w.Garbage).SetOwner(arena.OwnedByProcess(me))
	old.block = 0
}
