package arena_test

import (
	"testing"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

func buffer(t *testing.T, me registry.Owner) *arena.Block {
	t.Helper()
	b, s := family.Make(me, arena.Buffer, 100)
	if s != step.Done {
		t.Fatal(s)
	}
	return b
}

func refer(t *testing.T, me registry.Owner, b *arena.Block) *arena.Block {
	t.Helper()
	r, err := arena.Refer(me, b.Off(), false)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func inUse(t *testing.T, f *family.Family, want uint64) {
	t.Helper()
	f.Verify(t)
	if used := segment.Head().Used; used != want {
		t.Errorf("%d bytes are in use, not %d", used, want)
	}
}

func TestWhatIsReferredToStays(t *testing.T) {
	f := family.New(t)
	b := buffer(t, f.Me)
	first, second := refer(t, f.Me, b), refer(t, f.Me, b)
	used := segment.Head().Used
	family.Drop(f.Me, b)
	inUse(t, f, used)
	family.Free(f.Me, first)
	inUse(t, f, used-128)
	family.Free(f.Me, second)
	inUse(t, f, 0)
}

func TestWhatIsHeldOutlivesItsReferences(t *testing.T) {
	f := family.New(t)
	b := buffer(t, f.Me)
	used := segment.Head().Used
	family.Free(f.Me, refer(t, f.Me, b))
	inUse(t, f, used)
	family.Drop(f.Me, b)
	inUse(t, f, 0)
}

func TestRepairCountsReferences(t *testing.T) {
	f := family.New(t)
	b := buffer(t, f.Me)
	r := refer(t, f.Me, b)
	// As if their process had died when the Reference was no longer there and the count still was, or the other way about.
	word := r.LoadOwner()
	r.SetOwner(0)
	arena.Repair()
	f.Verify(t)
	r.SetOwner(word)
	arena.Repair()
	f.Verify(t)
	family.Drop(f.Me, b)
	if !b.Shared() {
		t.Error("the Buffer is gone, and its Reference is there")
	}
	family.Free(f.Me, r)
	inUse(t, f, 0)
}

func TestABufferMayHoldAnything(t *testing.T) {
	f := family.New(t)
	for _, anything := range []uint64{0, 1} {
		b, s := family.Make(f.Me, arena.Buffer, 100_000, anything)
		if s != step.Done || b.Size != arena.BufferData-arena.HeaderSize+100_000 || b.Holders() != 1 {
			t.Fatalf("status %d, %d bytes, %d holders", s, b.Size, b.Holders())
		}
		data := segment.Bytes(b.Off()+arena.BufferData, 100_000)
		if anything == 0 && (data[0] != 0 || data[99_999] != 0) {
			t.Error("the data are not zero")
		}
		data[0], data[99_999] = 1, 1
		family.Drop(f.Me, b)
	}
	inUse(t, f, 0)
	if _, s := family.Make(f.Me, arena.Buffer, ^uint64(0)); s == step.Done {
		t.Error("a Buffer without end was made")
	}
}
