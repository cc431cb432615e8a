package parcel_test

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

func alloc(t testing.TB, f *family.Family, kind arena.Kind, n int) *arena.Block {
	t.Helper()
	b, s := family.Alloc(f.Me, kind, uint64(n))
	if s != step.Done {
		t.Fatal(s)
	}
	return b
}

// TestWhatIsWrittenIsRead: with data of each length modulo the table's alignment.
func TestWhatIsWrittenIsRead(t *testing.T) {
	f := family.New(t)
	for n := range 20 {
		buffer := alloc(t, f, arena.Buffer, 100)
		table := []parcel.Part{{Block: buffer.Off(), Place: buffer.Body(), Length: 100}}
		b := alloc(t, f, arena.Payload, int(parcel.Size(n, len(table))))
		data := slices.Repeat([]byte{7}, n)
		parcel.Write(b, data, table)
		if !parcel.Seal(b, f.Me) {
			t.Error("it has not got its part")
		}
		got, parts, err := parcel.Read(b)
		if err != nil || !slices.Equal(got, data) || !slices.Equal(parts, table) {
			t.Errorf("%d bytes: %v %v %v", n, got, parts, err)
		}
		family.Free(f.Me, b)
	}
}

// FuzzRead reads whatever: what it gives lies in the block, and in the heap.
func FuzzRead(f *testing.F) {
	fam := family.New(f)
	b := alloc(f, fam, arena.Payload, 256)
	b.Kind = arena.Parcel
	word := binary.LittleEndian.AppendUint64
	for _, words := range [][]uint64{
		{0, 0}, {5, 1, 0, 0, uint64(b.Body()), 8}, {240, 0}, {241, 0}, {1 << 63, 1}, {^uint64(0), ^uint64(0)}, {233, 1}, {0, 1 << 61},
		{0, 1, 0, uint64(b.Body()), ^uint64(0)}, {0, 1, ^uint64(0), uint64(b.Body()), 8}, {0, 1, uint64(b.Off()), uint64(b.Body()), 8},
	} {
		var raw []byte
		for _, w := range words {
			raw = word(raw, w)
		}
		f.Add(raw, uint64(256))
	}
	f.Fuzz(func(t *testing.T, raw []byte, size uint64) {
		b.Size = size % 257
		memory := segment.Bytes(b.Body(), 256)
		clear(memory)
		copy(memory, raw)
		data, parts, err := parcel.Read(b)
		if err != nil {
			return
		}
		if uint64(len(data))+uint64(24*len(parts))+16 > b.Size {
			t.Errorf("%d bytes and %d parts in %d", len(data), len(parts), b.Size)
		}
		for _, p := range parts {
			if p.Length > 0 && !segment.Valid(p.Place&^7, p.Length) {
				t.Errorf("%+v", p)
			}
		}
	})
}
