package channel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

const sent = 2000

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{
		"produce": produce,
		"relay":   relay,
		"put": func(me registry.Owner, args []uint64) {
			family.Mark()
			family.Put(me, at(args[0]), family.Pack("x"), helpersBell, patience)
			family.Mark()
		},
		"get": func(me registry.Owner, args []uint64) {
			family.Mark()
			family.Get(me, at(args[0]), 1, helpersBell, patience)
			family.Mark()
		},
		"arm": func(me registry.Owner, args []uint64) {
			family.Mark()
			arm(me, at(args[0]), helpersBell)
			family.Mark()
		},
	})
}

// produce puts numbered messages until it has sent them all, or is killed.
// Arguments: the channel, the producer's name, how many messages.
func produce(me registry.Owner, args []uint64) {
	c := at(args[0])
	for i := uint64(0); i < args[2]; {
		var records []byte
		for n := rand.IntN(3); n >= 0 && i < args[2]; n-- {
			record := family.Pack(text(args[1], i))
			if rand.IntN(4) == 0 {
				record, _ = family.PackRemote(me, text(args[1], i))
			}
			records = append(records, record...)
			i++
		}
		if _, s := family.Put(me, c, records, family.NoBell, patience); s != step.Done {
			panic(s)
		}
	}
}

func text(producer, i uint64) string { return fmt.Sprintf("%d %d", producer, i) }

// relay takes from one channel and puts into another, for ever.
func relay(me registry.Owner, args []uint64) {
	for {
		records, s := family.Get(me, at(args[0]), 1, family.NoBell, patience)
		if s != step.Done {
			panic(s)
		}
		message := family.Unpack(me, records)[0]
		if _, s := family.Put(me, at(args[1]), family.Pack(message), family.NoBell, patience); s != step.Done {
			panic(s)
		}
	}
}

// order checks that the messages of each producer arrive in order, none twice.
type order map[uint64]uint64

func (o order) check(t *testing.T, message string) (producer, i uint64) {
	t.Helper()
	if _, err := fmt.Sscanf(message, "%d %d", &producer, &i); err != nil {
		t.Fatalf("%q: %v", message, err)
	}
	if next, known := o[producer]; known && i < next {
		t.Fatalf("message %d of producer %d comes after %d", i, producer, next-1)
	}
	o[producer] = i + 1
	return producer, i
}

func TestNothingIsLostBetweenProcesses(t *testing.T) {
	f := family.New(t)
	for _, bounds := range [][]uint64{{0, 0}, {3, 0}} {
		c, object := newChannel(t, f, bounds...)
		var helpers []*family.Helper
		for p := range uint64(3) {
			helpers = append(helpers, f.Start(t, "produce", []uint64{object}, p, sent))
		}
		o, got := order{}, 0
		for got < 3*sent {
			records, s := family.Get(f.Me, c, 5, family.NoBell, patience)
			if s != step.Done {
				t.Fatalf("status %d after %d messages", s, got)
			}
			for _, message := range family.Unpack(f.Me, records) {
				o.check(t, message)
				got++
			}
		}
		for p, next := range o {
			if next != sent {
				t.Errorf("the last message of producer %d is %d", p, next)
			}
		}
		for _, h := range helpers {
			h.Wait(t)
			f.Reap(h.Owner)
		}
		end(t, f, object)
	}
}

// TestKilledAtAnyTime kills producers and relays while they work, and starts
// others. What a process had in its hands is lost with it; nothing else may be,
// nor come twice, and the channels go on.
func TestKilledAtAnyTime(t *testing.T) {
	f := family.New(t)
	_, in := newChannel(t, f, 20)
	out, object := newChannel(t, f, 0, 1000)
	var producers, relays []*family.Helper
	name := uint64(0)
	start := func() {
		producers = append(producers, f.Start(t, "produce", []uint64{in}, name, 1<<40))
		relays = append(relays, f.Start(t, "relay", []uint64{in, object}))
		name++
	}
	kill := func(helpers *[]*family.Helper) {
		h := (*helpers)[0]
		*helpers = (*helpers)[1:]
		h.MustKill(t)
		if rand.IntN(2) == 0 {
			f.Reap(h.Owner) // else whoever waits for what it has finds out
		}
	}
	start()
	start()
	seen, got, killed := map[string]bool{}, 0, 0
	duration := 4 * time.Second
	if testing.Short() {
		duration = time.Second
	}
	for begin := time.Now(); time.Since(begin) < duration; {
		records, s := family.Get(f.Me, out, 3, family.NoBell, patience)
		if s != step.Done {
			t.Fatalf("status %d after %d messages and %d deaths", s, got, killed)
		}
		for _, message := range family.Unpack(f.Me, records) {
			if seen[message] {
				t.Fatalf("%q comes twice", message)
			}
			seen[message] = true
			got++
		}
		if rand.IntN(200) == 0 && relays[0].Live() && producers[0].Live() {
			kill(&producers)
			kill(&relays)
			killed += 2
			start()
		}
	}
	for len(producers) > 0 {
		kill(&producers)
		kill(&relays)
	}
	t.Log(got, "messages,", killed, "deaths")
	for i := range segment.Slots {
		if o := registry.OwnerAt(i); o != f.Me {
			f.Reap(o)
		}
	}
	family.Drop(f.Me, arena.At(segment.Off(in)))
	end(t, f, object)
	// A message that is not the last of its producer's can only be missing if a
	// relay died with it in its hands: of the relays killed, one each.
	last := map[uint64]uint64{}
	for message := range seen {
		var p, i uint64
		_, _ = fmt.Sscanf(message, "%d %d", &p, &i)
		last[p] = max(last[p], i+1)
	}
	total := 0
	for _, n := range last {
		total += int(n)
	}
	if missing, most := total-got, killed/2+2; missing > most {
		t.Errorf("%d of %d messages are missing: more than %d", missing, total, most)
	}
}
