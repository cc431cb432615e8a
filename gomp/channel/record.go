package channel

import (
	"encoding/binary"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Space is how many bytes the record at the start of b takes.
func Space(b []byte) uint64 { return readHeader(b).space() }

// Weight is how many bytes the message of the record at the start of b has.
func Weight(b []byte) uint64 { return weight(b) }

// BlockOf is the block that the record at the start of b names; nil if its data
// follow it.
func BlockOf(b []byte) *arena.Block {
	if readHeader(b).kind() != Remote {
		return nil
	}
	block, _ := remote(b)
	return arena.At(block)
}

// PassBlock passes the block that the record at the start of b names, if it does,
// to owner. Precondition: the caller answers for it.
func PassBlock(b []byte, owner uint64) {
	if block := BlockOf(b); block != nil {
		block.SetOwner(owner)
	}
}

// Data is what follows the header of the record at the start of b, whose data are in it.
func Data(b []byte) []byte { return b[headerSize : headerSize+readHeader(b).length()] }

// InlineRecord makes a record of data.
func InlineRecord(data []byte) []byte {
	b := make([]byte, headerSize+(len(data)+7)&^7)
	writeHeader(b, makeHeader(uint32(len(data)), Inline, 0))
	copy(b[headerSize:], data)
	return b
}

// RemoteRecord makes a record of the block at off, which stands for a message of so many bytes,
// its parts included.
func RemoteRecord(off segment.Off, length uint64) []byte {
	b := make([]byte, headerSize+16)
	writeHeader(b, makeHeader(16, Remote, 0))
	binary.LittleEndian.PutUint64(b[headerSize:], uint64(off))
	binary.LittleEndian.PutUint64(b[headerSize+8:], length)
	return b
}
