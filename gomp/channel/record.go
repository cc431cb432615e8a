package channel

import "github.com/gomp-project/gomp/gomp/arena"

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
