package family

import (
	"encoding/binary"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// NoBell is the end of a channel without descriptors.
var NoBell = channel.End{ReadFD: -1, WriteFD: -1}

// Pack makes a record whose data is inline.
func Pack(data string) []byte {
	b := make([]byte, 8+(len(data)+7)&^7)
	binary.LittleEndian.PutUint64(b, uint64(len(data))|channel.Inline<<32)
	copy(b[8:], data)
	return b
}

// PackRemote makes a record whose data is a block of me's.
func PackRemote(me registry.Owner, data string) ([]byte, step.Status) {
	block, s := Alloc(me, arena.Payload, uint64(len(data)))
	if s != step.Done {
		return nil, s
	}
	copy(segment.Bytes(block.Body(), uint64(len(data))), data)
	b := make([]byte, 24)
	binary.LittleEndian.PutUint64(b, 16|channel.Remote<<32)
	binary.LittleEndian.PutUint64(b[8:], uint64(block.Off()))
	binary.LittleEndian.PutUint64(b[16:], uint64(len(data)))
	return b, step.Done
}

// Unpack gives the messages of packed records; it frees their blocks, which are me's.
func Unpack(me registry.Owner, records []byte) (texts []string) {
	for len(records) > 0 {
		h := binary.LittleEndian.Uint64(records)
		n := uint64(uint32(h))
		data := records[8 : 8+n]
		if uint8(h>>32) == channel.Remote {
			block := BlockOf(records)
			text := string(segment.Bytes(block.Body(), binary.LittleEndian.Uint64(data[8:])))
			if !Free(me, block) {
				text = "<the block is not the getter's> " + text
			}
			texts = append(texts, text)
		} else {
			texts = append(texts, string(data))
		}
		records = records[8+(n+7)&^7:]
	}
	return texts
}

// Put puts packed records and says how many bytes of them it has put.
func Put(me registry.Owner, c *channel.Channel, records []byte, end channel.End, timeout time.Duration) (done int, s step.Status) {
	s = Run(me, timeout, func(f step.Flags, w *step.Wait) step.Status {
		n, s := c.Put(me, records[done:], end, f, w)
		done += n
		return s
	})
	return done, s
}

// Get takes up to n messages, as packed records.
func Get(me registry.Owner, c *channel.Channel, n int, end channel.End, timeout time.Duration) (records []byte, s step.Status) {
	buf := make([]byte, 64<<10)
	s = Run(me, timeout, func(f step.Flags, w *step.Wait) step.Status {
		k, _, s := c.Get(me, buf, n, end, f, w)
		records = buf[:k]
		return s
	})
	return records, s
}

// BlockOf is the block of a record that PackRemote made.
func BlockOf(record []byte) *arena.Block {
	return arena.At(segment.Off(binary.LittleEndian.Uint64(record[8:])))
}
