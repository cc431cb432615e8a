package arena_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{"churn": func(me registry.Owner, args []uint64) {
		c := churn{me: me, rng: rand.New(rand.NewPCG(args[0], 0))}
		c.run(int(args[1]))
		c.freeAll()
		if c.wrong != "" {
			panic(c.wrong)
		}
	}})
}

// churn allocates and frees at random. The model beside the allocator is what a
// block was filled with: it is still there if no two blocks overlap.
type churn struct {
	me    registry.Owner
	rng   *rand.Rand
	live  []filled
	wrong string
}

type filled struct {
	block *arena.Block
	body  []byte
	with  byte
}

func (c *churn) run(n int) {
	for range n {
		if c.rng.IntN(100) < 55 {
			c.alloc()
		} else if len(c.live) > 0 {
			c.free(c.rng.IntN(len(c.live)))
		}
	}
}

func (c *churn) alloc() {
	size := uint64(1) << c.rng.IntN(12)
	switch c.rng.IntN(50) {
	case 0:
		size = 3 << 20
	case 1:
		size = 100 << 10
	}
	size += uint64(c.rng.IntN(int(size)))
	b, s := family.Alloc(c.me, arena.Payload, size)
	switch {
	case s == step.Full:
		return
	case s != step.Done || b.Size != size || b.LoadOwner() != arena.OwnedByProcess(c.me) || b.Off()%128 != 0:
		c.wrong = "a block is not as it was asked for"
		return
	}
	f := filled{b, segment.Bytes(b.Body(), size), byte(c.rng.Uint32())}
	for i := range f.body[:min(len(f.body), 8192)] { // the rest of a large one takes time
		f.body[i] = f.with
	}
	c.live = append(c.live, f)
}

func (c *churn) free(i int) {
	f := c.live[i]
	if n := min(len(f.body), 8192); !bytes.Equal(f.body[:n], bytes.Repeat([]byte{f.with}, n)) {
		c.wrong = "a block was written to"
	}
	if !family.Free(c.me, f.block) {
		c.wrong = "a block cannot be freed"
	}
	c.live[i] = c.live[len(c.live)-1]
	c.live = c.live[:len(c.live)-1]
}

func (c *churn) freeAll() {
	for len(c.live) > 0 {
		c.free(len(c.live) - 1)
	}
}

func TestAllocatorAgreesWithModel(t *testing.T) {
	f := family.New(t)
	c := churn{me: f.Me, rng: rand.New(rand.NewPCG(1, 2))}
	for range 50 {
		c.run(100)
		f.Verify(t)
	}
	c.freeAll()
	f.Verify(t)
	if c.wrong != "" {
		t.Error(c.wrong)
	}
	if used := segment.Head().Used; used != 0 {
		t.Errorf("%d bytes are left in use", used)
	}
	// Whatever was split is large again, but for a few small ones that are kept.
	if b, s := family.Alloc(f.Me, arena.Payload, Most-arena.HeaderSize); s != step.Done {
		t.Errorf("what is free cannot be allocated: %d", s)
	} else {
		family.Free(f.Me, b)
	}
}

// Most is what one block may have of the family's memory.
const Most = family.Memory

func TestTwoProcessesAtOnce(t *testing.T) {
	f := family.New(t)
	h := f.Start(t, "churn", nil, 7, 2000)
	c := churn{me: f.Me, rng: rand.New(rand.NewPCG(8, 0))}
	for range 20 {
		c.run(100)
		f.Verify(t)
	}
	c.freeAll()
	h.Wait(t)
	f.Verify(t)
	if c.wrong != "" {
		t.Error(c.wrong)
	}
	if used := segment.Head().Used; used != 0 {
		t.Errorf("%d bytes are left in use", used)
	}
}

func TestFull(t *testing.T) {
	f := family.New(t)
	for _, size := range []uint64{Most, 1 << 40, 1<<64 - 1, 1<<64 - arena.HeaderSize} {
		if _, s := family.Alloc(f.Me, arena.Payload, size); s != step.Full {
			t.Errorf("%d bytes: %d", size, s)
		}
	}
	var blocks []*arena.Block
	for {
		b, s := family.Alloc(f.Me, arena.Payload, 1<<19)
		if s == step.Full {
			break
		}
		blocks = append(blocks, b)
	}
	if n := uint64(len(blocks)); n < Most>>20 || n > Most>>19 {
		t.Errorf("%d blocks of half a megabyte in %d bytes", n, Most)
	}
	for _, b := range blocks {
		family.Free(f.Me, b)
	}
	f.Verify(t)
}

func TestPagesOfLargeBlocksAreGivenBack(t *testing.T) {
	f := family.New(t)
	b, _ := family.Alloc(f.Me, arena.Payload, Most/2)
	clear(segment.Bytes(b.Body(), b.Size))
	if n := len(f.Pages(t)); n < Most/2/4096 {
		t.Fatalf("%d pages exist", n)
	}
	family.Free(f.Me, b)
	if n := len(f.Pages(t)); n > Most/8/4096+100 {
		t.Errorf("%d pages are kept", n)
	}
}

func TestOnlyTheOwnerFrees(t *testing.T) {
	f := family.New(t)
	b, _ := family.Alloc(f.Me, arena.Payload, 10)
	other := family.Reserve(f.Me)
	if freed, _ := arena.Free(b, arena.OwnedByProcess(other), f.Me); freed {
		t.Error("freed for another process")
	}
	if !b.Pass(arena.OwnedByProcess(f.Me), arena.OwnedByProcess(other)) || family.Free(f.Me, b) {
		t.Error("freed after it was passed on")
	}
	for _, want := range []bool{true, false} {
		if freed, _ := arena.Free(b, arena.OwnedByProcess(other), f.Me); freed != want {
			t.Error("not freed exactly once")
		}
	}
	f.Verify(t)
}

func TestTheLastHolderTakesDown(t *testing.T) {
	f := family.New(t)
	b, _ := family.Make(f.Me, arena.Event)
	other := family.Reserve(f.Me)
	b.Hold(other)
	b.Hold(other)
	if n := b.Holders(); n != 2 {
		t.Errorf("%d holders", n)
	}
	if b.Drop(f.Me, f.Me) || !b.Holds(other) || b.Holds(f.Me) {
		t.Error("taken down while it is held")
	}
	if !b.Drop(other, f.Me) {
		t.Error("not taken down by who clears the last")
	}
}

// Repair has to do with nothing but the blocks' headers.
func TestRepairRebuildsWhatIsDerived(t *testing.T) {
	f := family.New(t)
	c := churn{me: f.Me, rng: rand.New(rand.NewPCG(3, 4))}
	c.run(300)
	h := segment.Head()
	used := h.Used
	for i := range h.Free {
		h.Free[i], h.Count[i] = 0xdead, 77
	}
	h.FreeMask, h.Used, h.Warm = 1<<64-1, 5, 1<<60
	arena.Repair()
	f.Verify(t)
	if h.Used != used {
		t.Errorf("%d bytes are in use, not %d", h.Used, used)
	}
	arena.Repair()
	f.Verify(t)
	c.freeAll()
	f.Verify(t)
}

func TestCheckSeesACorruptHeader(t *testing.T) {
	f := family.New(t)
	b, _ := family.Alloc(f.Me, arena.Payload, 10)
	for _, class := range []uint32{0, 6, 40, 1 << 31} {
		good := b.Class
		b.Class = class
		if arena.Check(f.Me) == nil {
			t.Errorf("class %d passes", class)
		}
		b.Class = good
	}
	segment.Head().Used++
	if arena.Check(f.Me) == nil {
		t.Error("a wrong sum passes")
	}
}
