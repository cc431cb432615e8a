package kernel

import (
	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// message is what a record says: MessagePack, and the memory of its arrays.
type message struct {
	data   []byte
	parts  []parcel.Part
	passes bool // its memory is given back once it is decoded: arrays are copied
}

// Limits below which data travel in the record, and arrays in the message.
const (
	inlineMost  = 8192
	inlineArray = 64 << 10
)

// readRecord finds the message of a record, which is not the worker's to keep.
func readRecord(record []byte) (message, error) {
	b := channel.BlockOf(record)
	if b == nil {
		return message{data: channel.Data(record)}, nil
	}
	data, parts, err := parcel.Read(b)
	return message{data: data, parts: parts}, err
}

// writeRecord makes the record of a message in the room that there is. If it gets a block of its
// own, that is the process's, and returned.
func writeRecord(me registry.Owner, m message, room int) (record []byte, block *arena.Block, s step.Status) {
	if len(m.parts) == 0 && len(m.data) <= inlineMost {
		if record = channel.InlineRecord(m.data); len(record) <= room {
			return record, nil, step.Done
		}
	}
	block, s = member.Alloc(me, arena.Payload, parcel.Size(len(m.data), len(m.parts)))
	if s != step.Done {
		return nil, nil, s
	}
	parcel.Write(block, m.data, m.parts)
	if len(m.parts) > 0 {
		parcel.Seal(block, me)
	}
	weight := uint64(len(m.data))
	for _, p := range m.parts {
		weight += p.Length
	}
	return channel.RemoteRecord(block.Off(), weight), block, step.Done
}

// discard frees the parts of a message that is not to be.
func (m *message) discard(me registry.Owner) {
	for _, p := range m.parts {
		member.Free(me, arena.At(p.Block))
	}
	m.parts = nil
}

// target is the object that a part refers to; 0: the part is the message's own.
func target(p parcel.Part) segment.Off {
	if b := arena.At(p.Block); p.Block != 0 && b.Kind == arena.Reference {
		return b.Target
	}
	return 0
}
