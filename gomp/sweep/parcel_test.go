package sweep_test

import (
	"encoding/binary"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// mark is what the parts of a parcel hold.
const mark = 0x6b72616d

// marked makes a Buffer that me holds, or allocates one, in memory that was used before.
func marked(me registry.Owner, object bool) *arena.Block {
	b, s := family.Alloc(me, arena.Buffer, arena.SharedBody)
	for i := range b.Size {
		*segment.At[byte](b.Body() + segment.Off(i)) = 0xff
	}
	if object {
		family.Free(me, b)
		b, s = family.Make(me, arena.Buffer, 8)
	}
	if s != step.Done {
		panic(s)
	}
	*segment.At[uint64](arena.Body(b.Off())) = mark
	return b
}

// sendParcel puts a parcel with two Buffers and a Reference to the one at target.
func sendParcel(me registry.Owner, c *channel.Channel, target segment.Off) {
	var table []parcel.Part
	for range 2 {
		b := marked(me, false)
		table = append(table, parcel.Part{Block: b.Off(), Place: arena.Body(b.Off()), Length: 8})
	}
	var reference *arena.Block
	do(me, func(f step.Flags, w *step.Wait) (s step.Status) {
		reference, s = sweep.Refer(me, target, f, w)
		return s
	})
	table = append(table, parcel.Part{Block: reference.Off(), Place: arena.Body(target), Length: 8})
	record, s := family.PackRemote(me, string(make([]byte, 16+8+24*len(table))))
	if s != step.Done {
		panic(s)
	}
	b := family.BlockOf(record)
	*segment.At[parcel.Envelope](b.Body()) = parcel.Envelope{Length: 3, Parts: uint64(len(table))}
	for i := range table {
		*segment.At[parcel.Part](b.Body() + 24 + segment.Off(24*i)) = table[i]
	}
	if !parcel.Seal(b, me) {
		panic("a part is not the process's")
	}
	if _, s := family.Put(me, c, record, family.NoBell, patience); s != step.Done {
		panic(s)
	}
}

// receiveParcel takes a parcel, if there is one, looks at its parts and lets go of what
// me did not hold before.
func receiveParcel(me registry.Owner, c *channel.Channel, timeout time.Duration) bool {
	record, s := family.Get(me, c, 1, family.NoBell, timeout)
	if s != step.Done {
		return false
	}
	b := family.BlockOf(record)
	if n := binary.LittleEndian.Uint64(record[16:]); n != b.Size {
		panic("a record that is not the parcel's")
	}
	target := arena.At(segment.At[parcel.Part](b.Body()+24+2*24).Place - arena.SharedBody)
	before := target.Holds(me)
	parcel.Open(b, me, true)
	var held []*arena.Block
	for i := range 3 {
		p := segment.At[parcel.Part](b.Body() + 24 + segment.Off(24*i))
		if *segment.At[uint64](p.Place) != mark {
			panic("a part that was written over")
		}
		held = append(held, arena.At(p.Place-arena.SharedBody))
	}
	family.Free(me, b)
	for _, b := range held {
		if b != target || !before {
			family.Drop(me, b)
		}
	}
	return true
}

// lastSent puts a parcel that is the only one to keep what it refers to.
func lastSent(me registry.Owner, c *channel.Channel) {
	target := marked(me, true)
	sendParcel(me, c, target.Off())
	family.Drop(me, target)
}

// arrived drains a channel that may hold a parcel.
func arrived(w *world) int {
	c := body[channel.Channel](w.objects[0])
	if !receiveParcel(w.Me, c, 0) {
		return 0
	}
	if receiveParcel(w.Me, c, 0) {
		w.Error("the message comes twice")
	}
	return 1
}

// parcels are the operations on messages that have parts.
var parcels = []scenario{
	{
		name:  "send a parcel",
		setup: func(w *world) { w.make(arena.Channel) },
		act: func(me registry.Owner, objects []uint64) func() {
			return func() { lastSent(me, body[channel.Channel](objects[0])) }
		},
		verify: arrived,
		last:   1,
	},
	{
		name: "send what others hold",
		setup: func(w *world) {
			w.make(arena.Channel)
			b := marked(w.Me, true)
			w.objects = append(w.objects, uint64(b.Off()))
		},
		act: func(me registry.Owner, objects []uint64) func() {
			return func() { sendParcel(me, body[channel.Channel](objects[0]), segment.Off(objects[1])) }
		},
		verify: arrived,
		last:   1,
	},
	{
		name: "receive a parcel",
		setup: func(w *world) {
			w.make(arena.Channel)
			lastSent(w.Me, body[channel.Channel](w.objects[0]))
		},
		act: func(me registry.Owner, objects []uint64) func() {
			return func() { receiveParcel(me, body[channel.Channel](objects[0]), patience) }
		},
		verify: func(w *world) int { return 1 - arrived(w) },
		last:   1,
	},
	dropping("drop a channel with parcels", arena.Channel, func(me registry.Owner, object uint64) {
		lastSent(me, body[channel.Channel](object))
		lastSent(me, body[channel.Channel](object))
	}),
}
