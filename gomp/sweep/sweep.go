package sweep

import (
	"fmt"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/barrier"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/cond"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
)

func mutex() *robust.Lock {
	return segment.At[robust.Lock](segment.Offset(&segment.Head().SweepLock))
}

// Process mends what the process of dead has left, unless it is alive or was
// swept before.
func Process(dead, me registry.Owner) {
	switch dead.Status() {
	case registry.Alive, registry.Gone:
		return
	}
	m := mutex()
	m.Lock(me, func() {})
	defer m.Unlock()
	status := dead.Status()
	if status == registry.Gone {
		return
	}
	slot := registry.At(dead.Slot())
	mend(dead, me, status == registry.Dead, slot.Pid)
	// A reserved slot whose creator is not stored yet counts as awaited. This
	// one must not, should the sweeper die before the slot is free.
	_, gen := slot.Load()
	atomic.StoreUint64(&slot.State, gen<<8|registry.Ended)
	atomic.StoreUint32(&slot.Pid, 0)
	slot.Creator = 0
	atomic.StoreUint64(&slot.State, (gen+1)<<8|registry.Free)
	atomic.AddUint64(&segment.Head().Sweeps, 1)
}

func mend(dead, me registry.Owner, abnormal bool, pid uint32) {
	// What is learned of a block under the allocator's lock stays true of two
	// sorts only: an object that the dead process holds, since nobody else clears
	// its bit, and a block that was its own, if it still is when it is taken.
	var held, owned, mine []*arena.Block
	arena.Each(me, func(b *arena.Block) {
		switch {
		case b.LoadOwner() == arena.OwnedByProcess(dead):
			owned = append(owned, b)
		case b.Kind > arena.LastShared || !b.Shared():
		case b.Holds(dead):
			held = append(held, b)
		case b.Claim(me): // its last holder died before it could take it down
			mine = append(mine, b)
		}
	})
	// Objects first: their repair decides to whom a block belongs that was
	// changing hands.
	for _, b := range held {
		forget(b, dead, me, abnormal, pid)
	}
	for _, b := range held {
		if b.Drop(dead, me) {
			mine = append(mine, b)
		}
	}
	for _, b := range mine {
		TakeDown(b, me)
	}
	for _, b := range owned {
		if b.Pass(arena.OwnedByProcess(dead), arena.OwnedByProcess(me)) {
			finish(b, me)
		}
	}
	for i := range segment.Head().Seats {
		atomic.CompareAndSwapUint64(&segment.Head().Seats[i], arena.OwnedByProcess(dead), 0)
	}
}

// forget removes a dead process from an object.
func forget(b *arena.Block, dead, me registry.Owner, abnormal bool, pid uint32) {
	switch body := arena.Body(b.Off()); b.Kind {
	case arena.Lock:
		s := segment.At[lock.Sem](body)
		s.Sweep(dead, me)
		if abnormal {
			s.Orphan(dead, pid)
		}
	case arena.Condition:
		segment.At[cond.Cond](body).Sweep(dead, me)
	case arena.Barrier:
		segment.At[barrier.Barrier](body).Sweep(dead, me)
	case arena.Channel:
		segment.At[channel.Channel](body).Sweep(dead, me)
	case arena.Pool:
		segment.At[pool.Pool](body).Sweep(dead, me)
	}
}

// TakeDown frees a block that me answers for and all that belongs to it. A
// block that another process got hold of since is not freed: it has another
// owner.
func TakeDown(b *arena.Block, me registry.Owner) {
	parts := arena.OwnedBy(b.Off())
	free := func(part *arena.Block) { Free(part, parts, me) }
	switch body := arena.Body(b.Off()); b.Kind {
	case arena.Lock:
		segment.At[lock.Sem](body).Chunks(free)
	case arena.Condition:
		segment.At[cond.Cond](body).Chunks(free)
	case arena.Barrier:
		segment.At[barrier.Barrier](body).Chunks(free)
	case arena.Channel:
		segment.At[channel.Channel](body).Blocks(free)
	case arena.Parcel:
		parcel.Blocks(b, free)
	case arena.Pool:
		freeParts(b, me)
	}
	release(b, arena.OwnedByProcess(me), me)
}

// release frees a block without what belongs to it. The last Reference to an object takes that down,
// too; if me dies before, the object is its own, and finished with what it has left.
func release(b *arena.Block, owner uint64, me registry.Owner) {
	if _, orphan := arena.Free(b, owner, me); orphan != nil {
		TakeDown(orphan, me)
	}
}

// Free frees a block that is not an object, with the parts that a parcel has, if owner
// still answers for it.
//
// A parcel becomes me's first: if me dies in the middle, the sweep finds it.
func Free(b *arena.Block, owner uint64, me registry.Owner) {
	switch {
	case b.LoadOwner() != owner:
	case b.Kind != arena.Parcel:
		release(b, owner, me)
	case b.Pass(owner, arena.OwnedByProcess(me)):
		TakeDown(b, me)
	}
}

// finish frees a block that a dead process answered for. If it is an object or a
// parcel, the process was taking it down and may have freed what leads to the other
// parts: they are found by whose they are.
func finish(b *arena.Block, me registry.Owner) {
	if b.Kind <= arena.LastShared && b.Kind != arena.Buffer || b.Kind == arena.Parcel {
		freeParts(b, me)
	}
	release(b, arena.OwnedByProcess(me), me)
}

// freeParts frees whatever says that it is the object's.
func freeParts(b *arena.Block, me registry.Owner) {
	parts := arena.OwnedBy(b.Off())
	for _, p := range arena.Blocks(me, func(p *arena.Block) bool { return p.LoadOwner() == parts }) {
		Free(p, parts, me)
	}
}

// All sweeps every process that has died. It returns how many it found.
func All(me registry.Owner) int {
	found := 0
	for i := range segment.Slots {
		state, gen := registry.At(i).Load()
		if o := registry.MakeOwner(i, gen); state != registry.Free && o != me.Process() && o.Status() != registry.Alive {
			Process(o, me)
			found++
		}
	}
	return found
}

// Pid sweeps the slots of a process that was reaped.
func Pid(pid uint32, me registry.Owner) {
	for i := range segment.Slots {
		s := registry.At(i)
		if state, gen := s.Load(); state != registry.Free && atomic.LoadUint32(&s.Pid) == pid {
			Process(registry.MakeOwner(i, gen), me)
		}
	}
}

// Check reports every broken invariant of the family. The objects that it looks
// at are held meanwhile, so that nobody takes them down.
func Check(me registry.Owner) []error {
	var found []error
	if err := arena.Check(me); err != nil {
		return []error{fmt.Errorf("arena: %w", err)}
	}
	var mine []*arena.Block
	arena.Each(me, func(b *arena.Block) {
		if b.Kind <= arena.LastShared && b.Shared() && b.Holds(me) {
			mine = append(mine, b)
		}
	})
	for _, b := range mine {
		var err error
		switch body := arena.Body(b.Off()); b.Kind {
		case arena.Lock:
			err = segment.At[lock.Sem](body).Check(me)
		case arena.Condition:
			err = segment.At[cond.Cond](body).Check(me)
		case arena.Barrier:
			err = segment.At[barrier.Barrier](body).Check(me)
		case arena.Channel:
			err = segment.At[channel.Channel](body).Check(me)
		case arena.Pool:
			err = segment.At[pool.Pool](body).Check(me)
		}
		if err != nil {
			found = append(found, fmt.Errorf("object of kind %d at %#x: %w", b.Kind, b.Off(), err))
		}
	}
	return found
}
