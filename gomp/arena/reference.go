package arena

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Refer gives a Reference to the object at target, owned by me's process. As long as
// there is one, the object stays, whoever holds it. Precondition: me's process holds
// the object, or has a message that refers to it.
func Refer(me registry.Owner, target segment.Off, check bool) (*Block, error) {
	return alloc(me, Reference, 0, target, check)
}

// countReference adds n to the number of References to what b refers to, if b is a
// Reference, and returns that.
//
// Under the allocator's lock, before the Reference is there and after it has gone: who
// dies in between leaves a number that is too high until Repair counts, and never one
// too low, which would free what is referred to.
func (b *Block) countReference(n int32) *Block {
	if b.Kind != Reference {
		return nil
	}
	target := At(b.Target)
	atomic.AddUint32(&target.refs, uint32(n))
	return target
}

// recount counts the References anew. The numbers are stored once they are known: who
// looks meanwhile, without the lock, must not find fewer than there are.
func recount() {
	found := references()
	_ = walk(func(b *Block) {
		if b.Kind <= LastShared && b.LoadOwner() != 0 {
			atomic.StoreUint32(&b.refs, found[b.Off()])
		}
	})
}

// references counts the References to each block that has any.
func references() map[segment.Off]uint32 {
	found := map[segment.Off]uint32{}
	_ = walk(func(b *Block) {
		if b.Kind == Reference && b.LoadOwner() != 0 {
			found[b.Target]++
		}
	})
	return found
}
