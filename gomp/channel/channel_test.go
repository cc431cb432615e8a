package channel_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

const patience = 30 * time.Second

func at(object uint64) *channel.Channel {
	return segment.At[channel.Channel](arena.Body(segment.Off(object)))
}

func newChannel(t *testing.T, f *family.Family, bounds ...uint64) (*channel.Channel, uint64) {
	t.Helper()
	b, s := family.Make(f.Me, arena.Channel, bounds...)
	if s != step.Done {
		t.Fatal(s)
	}
	return at(uint64(b.Off())), uint64(b.Off())
}

// end takes the channel down: nothing may be left in use.
func end(t *testing.T, f *family.Family, object uint64) {
	t.Helper()
	f.Verify(t)
	family.Drop(f.Me, arena.At(segment.Off(object)))
	f.Verify(t)
	if used := segment.Head().Used; used != 0 {
		t.Errorf("%d bytes are left in use", used)
	}
}

// model is a queue that is right by being simple.
type model struct {
	texts              []string
	bytes              int
	maxItems, maxBytes int
}

func (m *model) room(n int) bool {
	return (m.maxItems == 0 || len(m.texts) < m.maxItems) && (m.maxBytes == 0 || m.bytes == 0 || m.bytes+n <= m.maxBytes)
}

func TestChannelAgreesWithModel(t *testing.T) {
	for _, m := range []model{{}, {maxItems: 5}, {maxBytes: 4000}, {maxItems: 100, maxBytes: 100000}} {
		t.Run(fmt.Sprintf("%d items, %d bytes", m.maxItems, m.maxBytes), func(t *testing.T) {
			f := family.New(t)
			c, object := newChannel(t, f, uint64(m.maxItems), uint64(m.maxBytes))
			rng := rand.New(rand.NewPCG(uint64(m.maxItems), uint64(m.maxBytes)))
			serial := 0
			for round := range 3000 {
				if full := round%300 < 150; rng.IntN(10) < 5 == full || rng.IntN(10) < 3 {
					m.put(t, f, c, rng, &serial)
				} else {
					m.get(t, f, c, 1+rng.IntN(4))
				}
				if int(c.Len()) != len(m.texts) {
					t.Fatalf("round %d: %d messages, not %d", round, c.Len(), len(m.texts))
				}
				if round%50 == 0 {
					f.Verify(t)
				}
			}
			end(t, f, object) // with what is left in it
		})
	}
}

// put puts some messages without waiting: those go for which there is room.
func (m *model) put(t *testing.T, f *family.Family, c *channel.Channel, rng *rand.Rand, serial *int) {
	t.Helper()
	var records []byte
	var texts []string
	var blocks []*arena.Block
	for range 1 + rng.IntN(4) {
		*serial++
		text := fmt.Sprint(*serial) + strings.Repeat("x", rng.IntN(1<<rng.IntN(12)))
		record, block := family.Pack(text), (*arena.Block)(nil)
		if rng.IntN(5) == 0 {
			record, _ = family.PackRemote(f.Me, text)
			block = family.BlockOf(record)
		}
		records, texts, blocks = append(records, record...), append(texts, text), append(blocks, block)
	}
	done, s := family.Put(f.Me, c, records, family.NoBell, 0)
	for i, text := range texts {
		if m.room(len(text)) {
			m.texts, m.bytes = append(m.texts, text), m.bytes+len(text)
			done -= len(family.Pack(text))
			if blocks[i] != nil {
				done += len(family.Pack(text)) - 24
			}
			continue
		}
		if s != step.TimedOut || done != 0 {
			t.Fatalf("status %d; there is no room for message %d of %d, %d bytes too many went", s, i, len(texts), done)
		}
		for _, b := range blocks[i:] {
			if b != nil {
				family.Free(f.Me, b)
			}
		}
		return
	}
	if s != step.Done || done != 0 {
		t.Fatalf("status %d; all fit, and %d bytes more went", s, done)
	}
}

func (m *model) get(t *testing.T, f *family.Family, c *channel.Channel, n int) {
	t.Helper()
	records, s := family.Get(f.Me, c, n, family.NoBell, 0)
	if len(m.texts) == 0 {
		if s != step.TimedOut {
			t.Fatalf("status %d of an empty channel", s)
		}
		return
	}
	texts := family.Unpack(f.Me, records)
	if s != step.Done || len(texts) != min(n, len(m.texts)) {
		t.Fatalf("status %d, %d messages of %d", s, len(texts), n)
	}
	for i, text := range texts {
		if text != m.texts[i] {
			t.Fatalf("%.20q instead of %.20q", text, m.texts[i])
		}
		m.bytes -= len(text)
	}
	m.texts = m.texts[len(texts):]
}

// tape is a source of random numbers that a fuzzer can choose.
type tape struct {
	bytes []byte
	rest  *rand.PCG
}

func (s *tape) Uint64() uint64 {
	if len(s.bytes) < 8 {
		s.bytes = nil
		return s.rest.Uint64()
	}
	n := binary.LittleEndian.Uint64(s.bytes)
	s.bytes = s.bytes[8:]
	return n
}

func FuzzChannel(f *testing.F) {
	f.Add(uint8(0), uint16(0), []byte{})
	f.Add(uint8(3), uint16(500), []byte("a sequence of numbers of which each is eight bytes long"))
	f.Add(uint8(1), uint16(1), bytes.Repeat([]byte{0xff, 0, 0x80, 1, 2, 3, 4}, 100))
	f.Fuzz(func(t *testing.T, maxItems uint8, maxBytes uint16, numbers []byte) {
		fam := family.New(t)
		c, object := newChannel(t, fam, uint64(maxItems), uint64(maxBytes))
		m := model{maxItems: int(maxItems), maxBytes: int(maxBytes)}
		source := &tape{numbers, rand.NewPCG(1, 1)}
		rng, serial := rand.New(source), 0
		for len(source.bytes) > 0 {
			if rng.IntN(2) == 0 {
				m.put(t, fam, c, rng, &serial)
			} else {
				m.get(t, fam, c, 1+rng.IntN(4))
			}
			c.Repair() // changes nothing
			fam.Verify(t)
		}
		end(t, fam, object)
	})
}

func TestALargeMessagePassesABoundAlone(t *testing.T) {
	f := family.New(t)
	c, object := newChannel(t, f, 0, 10)
	if _, s := family.Put(f.Me, c, family.Pack("much more than ten bytes"), family.NoBell, 0); s != step.Done {
		t.Errorf("status %d", s)
	}
	if _, s := family.Put(f.Me, c, family.Pack("x"), family.NoBell, 0); s != step.TimedOut {
		t.Errorf("status %d beside it", s)
	}
	end(t, f, object)
}

func TestABlockOfAnotherIsRefused(t *testing.T) {
	f := family.New(t)
	c, object := newChannel(t, f)
	record, _ := family.PackRemote(f.Me, "x")
	b := family.BlockOf(record)
	other := arena.OwnedByProcess(family.Reserve(f.Me))
	b.SetOwner(other)
	if _, s := family.Put(f.Me, c, record, family.NoBell, 0); s != step.Invalid {
		t.Errorf("status %d", s)
	}
	arena.Free(b, other, f.Me)
	end(t, f, object)
}

func TestTasks(t *testing.T) {
	f := family.New(t)
	c, object := newChannel(t, f)
	join := func(fl step.Flags, w *step.Wait) step.Status { return c.Join(f.Me, fl, w) }
	done := func(fl step.Flags, w *step.Wait) step.Status { return c.TaskDone(f.Me, fl, w) }
	expect := func(take family.Step, want step.Status) {
		t.Helper()
		if s := family.Run(f.Me, 5*time.Millisecond, take); s != want {
			t.Errorf("status %d, not %d", s, want)
		}
	}
	expect(join, step.Done)
	expect(done, step.TooMany)
	family.Put(f.Me, c, family.Pack("x"), family.NoBell, 0)
	family.Get(f.Me, c, 1, family.NoBell, 0)
	expect(join, step.TimedOut)
	expect(done, step.Done)
	expect(join, step.Done)
	end(t, f, object)
}
