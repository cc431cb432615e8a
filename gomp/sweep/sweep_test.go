package sweep_test

import (
	"testing"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

func TestMakeAndTakeDownEveryKind(t *testing.T) {
	w := newWorld(t)
	for kind, params := range map[arena.Kind][]uint64{
		arena.Lock:      {lock.Semaphore, 1, 2, lock.Release},
		arena.Condition: nil,
		arena.Event:     nil,
		arena.Barrier:   {3},
		arena.Channel:   {1, 1},
		arena.Memory:    {5000},
		arena.Pool:      {3, 1 << 20},
	} {
		b := w.make(kind, params...)
		if b.Kind != kind || !b.Holds(w.Me) || b.Holders() != 1 || !sweep.Valid(w.Me, b.Off(), kind, b.Serial) {
			t.Errorf("kind %d: %+v", kind, *b)
		}
	}
	w.end()
}

func TestFreshMemoryIsZero(t *testing.T) {
	w := newWorld(t)
	for _, size := range []uint64{1, 1000, 100 << 10, 3 << 20} {
		for range 2 { // the second time the memory has been used
			b, s := family.Make(w.Me, arena.Memory, size)
			w.want(s, step.Done)
			bytes := segment.Bytes(arena.Body(b.Off()), size)
			for i := range bytes {
				if bytes[i] != 0 {
					t.Fatalf("byte %d of %d is %d", i, size, bytes[i])
				}
			}
			for i := range bytes {
				bytes[i] = 0xff
			}
			family.Drop(w.Me, b)
		}
	}
	w.end()
}

func TestWhatCannotBeMade(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		kind   arena.Kind
		params []uint64
		want   step.Status
	}{
		{arena.None, nil, step.Invalid},
		{arena.Payload, nil, step.Invalid},
		{arena.Raw, nil, step.Invalid},
		{99, nil, step.Invalid},
		{arena.Lock, []uint64{3, 1, 1}, step.Invalid},
		{arena.Lock, []uint64{lock.Semaphore, 2, 1}, step.Invalid},
		{arena.Lock, []uint64{lock.Semaphore, 1, 1 << 32}, step.Invalid},
		{arena.Lock, []uint64{lock.Mutex, 1, 1, 3}, step.Invalid},
		{arena.Barrier, []uint64{0}, step.Invalid},
		{arena.Pool, []uint64{0}, step.Invalid},
		{arena.Pool, []uint64{segment.Slots + 1}, step.Invalid},
		{arena.Memory, []uint64{1 << 63}, step.Invalid},
		{arena.Memory, []uint64{1 << 50}, step.Full},
	} {
		if _, s := family.Make(w.Me, c.kind, c.params...); s != c.want {
			t.Errorf("kind %d, %v: %d, not %d", c.kind, c.params, s, c.want)
		}
	}
	w.end()
}

func TestOnlyTheDeadAreSwept(t *testing.T) {
	w := newWorld(t)
	c := w.make(arena.Channel)
	w.Reap(w.Me)
	if !c.Holds(w.Me) || w.Me.Status() != registry.Alive {
		t.Error("a living process was swept")
	}
	w.end()
}

// What one process has died holding, all of it, is mended by whoever sweeps,
// however it is found.
func TestAllFindsTheDead(t *testing.T) {
	for name, find := range map[string]func(w *world){
		"all": func(w *world) {
			if n := sweep.All(w.Me); n != 1 {
				w.Errorf("%d were found", n)
			}
		},
		"pid":   func(w *world) { sweep.Pid(registry.At(dead(w).Slot()).Pid, w.Me) },
		"owner": func(w *world) { w.Reap(dead(w)) },
		"need": func(w *world) { // of memory, which the dead process has
			var blocks []*arena.Block
			for {
				b, s := family.Alloc(w.Me, arena.Payload, 1<<16)
				if s == step.Full {
					break
				}
				blocks = append(blocks, b)
			}
			for _, b := range blocks {
				family.Free(w.Me, b)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			leave(w)
			find(w)
			if s := dead(w).Status(); s != registry.Gone {
				t.Errorf("status %d", s)
			}
			mended(w)
			w.end()
		})
	}
}

func TestCheckSeesABrokenObject(t *testing.T) {
	w := newWorld(t)
	c := body[channel.Channel](uint64(w.make(arena.Channel).Off()))
	put(w.Me, c, "a", "b")
	for name, word := range map[string]*uint64{"NPut": &c.NPut, "NGet": &c.NGet, "Bytes": &c.Bytes} {
		*word++
		if len(sweep.Check(w.Me)) == 0 {
			t.Errorf("a wrong %s passes", name)
		}
		*word--
	}
	w.Verify(t)
}

func TestDescribe(t *testing.T) {
	w := newWorld(t)
	w.make(arena.Memory, 10000)
	o := family.Reserve(w.Me)
	r := sweep.Describe()
	if r.Key != w.Key || r.Used < 10000 || r.Cap != family.Memory || len(r.Processes) != 2 ||
		r.Processes[0].State != "live" || r.Processes[1].State != "reserved" || r.Processes[1].Slot != o.Slot() {
		t.Errorf("%+v", r)
	}
}

// FuzzValid: a handle comes from outside. Whatever it says, and whatever the
// memory it names happens to hold, is looked at without a fault; a handle that
// passes names a header that is one.
func FuzzValid(f *testing.F) {
	f.Add(uint64(segment.HeapOff), uint32(arena.Lock), uint64(0), []byte{}, false)
	f.Add(uint64(segment.HeapOff)+1<<26-128, uint32(arena.Event), uint64(3), []byte{13, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 7}, true)
	f.Add(uint64(1)<<63, uint32(arena.LastShared), uint64(1), []byte{5}, true)
	f.Add(^uint64(0), uint32(0), uint64(0), []byte(nil), false)
	f.Fuzz(func(t *testing.T, off uint64, kind uint32, serial uint64, header []byte, last bool) {
		w := newWorld(t)
		b := w.make(arena.Lock, lock.Mutex, 1, 1)
		me := w.Me
		if last { // the process whose bit is the last of the holders
			me = registry.MakeOwner(segment.Slots-1, 1)
		}
		for i := range segment.Slots - 1 {
			_ = sweep.Valid(registry.MakeOwner(i, 1), b.Off(), arena.Lock, b.Serial)
		}
		header = header[:min(len(header), 128)]
		at := segment.Off(off) &^ 7
		written := segment.Valid(at, uint64(len(header))) && at >= b.Off()+1<<b.Class
		if written {
			copy(segment.Bytes(at, uint64(len(header))), header)
		}
		if !sweep.Valid(me, segment.Off(off), arena.Kind(kind), serial) || segment.Off(off) == b.Off() {
			return
		}
		if got := arena.At(segment.Off(off)); !written || !got.Shared() || got.Serial != serial || got.Kind != arena.Kind(kind) {
			t.Errorf("%#x passes as an object of kind %d", off, kind)
		}
	})
}
