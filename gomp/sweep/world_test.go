package sweep_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// patience is how long a survivor may take for what it can do at once.
const patience = 10 * time.Second

// world is a family and what the test process, the survivor, has in it.
type world struct {
	*family.Family
	testing.TB
	objects []uint64
	job     uint64         // of a pool
	wrecked registry.Owner // a process that has died before
	waits   []step.Wait    // the survivor's own waits, by the order in which they began
}

func newWorld(t testing.TB) *world { return &world{Family: family.New(t), TB: t} }

// make makes an object that the process to die will hold too.
func (w *world) make(kind arena.Kind, params ...uint64) *arena.Block {
	w.Helper()
	b, s := family.Make(w.Me, kind, params...)
	w.want(s, step.Done)
	w.objects = append(w.objects, uint64(b.Off()))
	return b
}

func (w *world) want(got, want step.Status) {
	w.Helper()
	if got != want {
		w.Fatalf("the step's answer is %d, not %d", got, want)
	}
}

func body[T any](off uint64) *T { return segment.At[T](arena.Body(segment.Off(off))) }

// do takes the steps of an operation that has to succeed.
func do(me registry.Owner, take family.Step) {
	if s := family.Run(me, patience, take); s != step.Done {
		panic(fmt.Sprint("the step's answer is ", s))
	}
}

// begin takes an operation's first step, which has to wait; the test goes on
// with it later.
func (w *world) begin(take family.Step) {
	w.Helper()
	var wait step.Wait
	s := take(0, &wait)
	if s == step.NeedBlock {
		b, s := family.Alloc(w.Me, arena.Kind(wait.Kind), wait.Want)
		w.want(s, step.Done)
		wait.Spare = b.Off()
		w.want(take(0, &wait), step.Again)
	} else if wait.Entry == 0 {
		w.Fatalf("the step's answer is %d, and nothing to wait for", s)
	}
	w.waits = append(w.waits, wait)
}

// notified reports whether the survivor's wait number i has been notified.
func (w *world) notified(i int) bool {
	wait := w.waits[i]
	return !wait.Waiter().Waiting()
}

// resume goes on with wait number i.
func (w *world) resume(i int, timeout time.Duration, take family.Step) step.Status {
	wait := w.waits[i]
	return family.Resume(w.Me, timeout, &wait, take)
}

// cancel gives wait number i up.
func (w *world) cancel(i int, take family.Step) {
	wait := w.waits[i]
	family.Cancel(w.Me, &wait, take)
}

// scribble writes over memory that is free: it must not be in use.
func (w *world) scribble() {
	w.Helper()
	var blocks []*arena.Block
	for class := arena.MinClass; class < 14; class++ {
		for range 8 {
			b, s := family.Alloc(w.Me, arena.Payload, 1<<class-arena.HeaderSize)
			w.want(s, step.Done)
			bytes := segment.Bytes(b.Body(), b.Size)
			for i := range bytes {
				bytes[i] = 0xff
			}
			blocks = append(blocks, b)
		}
	}
	for _, b := range blocks {
		family.Free(w.Me, b)
	}
}

// end takes everything down: nothing may be left.
func (w *world) end() {
	w.Helper()
	for _, off := range w.objects {
		family.Drop(w.Me, arena.At(segment.Off(off)))
	}
	w.Verify(w)
	for _, b := range arena.Blocks(w.Me, func(*arena.Block) bool { return true }) {
		w.Errorf("a block of kind %d, owned by %#x, is left at %#x", b.Kind, b.Owner, b.Off())
	}
	if used := segment.Head().Used; used != 0 {
		w.Errorf("%d bytes are left in use", used)
	}
}

// put puts messages. One that begins with @ goes in a block of its own.
func put(me registry.Owner, c *channel.Channel, texts ...string) {
	if records := pack(me, texts); len(records) > 0 {
		if _, s := family.Put(me, c, records, family.NoBell, patience); s != step.Done {
			panic(fmt.Sprint("put: ", s))
		}
	}
}

func pack(me registry.Owner, texts []string) (records []byte) {
	for _, text := range texts {
		record := family.Pack(text)
		if text[0] == '@' {
			var s step.Status
			if record, s = family.PackRemote(me, text); s != step.Done {
				panic(fmt.Sprint("alloc: ", s))
			}
		}
		records = append(records, record...)
	}
	return records
}

// drain takes all messages.
func (w *world) drain(c *channel.Channel) (texts []string) {
	w.Helper()
	for {
		records, s := family.Get(w.Me, c, 1, family.NoBell, 0)
		if s == step.TimedOut {
			return texts
		}
		w.want(s, step.Done)
		texts = append(texts, family.Unpack(w.Me, records)...)
	}
}

// queue checks that a channel holds what it held, less some taken from the
// front, and some of what was added; it says how many were taken and added.
func (w *world) queue(c *channel.Channel, before, added []string) (taken, got int) {
	w.Helper()
	put(w.Me, c, "last") // before anything else: a put must do without a get
	texts := w.drain(c)
	for taken = 0; taken <= len(before); taken++ {
		for got = 0; got <= len(added); got++ {
			if slices.Equal(texts, slices.Concat(before[taken:], added[:got], []string{"last"})) {
				return taken, got
			}
		}
	}
	w.Fatalf("the channel holds %.50q", texts)
	return 0, 0
}
