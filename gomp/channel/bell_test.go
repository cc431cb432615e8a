package channel_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
)

// bell is a pipe that helpers inherit.
type bell struct{ channel.End }

// helpersBell is the end that a helper has.
var helpersBell = channel.End{ReadFD: 4, WriteFD: 5}

func newBell(t *testing.T, f *family.Family) bell {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	f.Files = []*os.File{r, w}
	return bell{channel.End{ReadFD: int32(r.Fd()), WriteFD: int32(w.Fd())}}
}

func (b bell) readable() bool {
	p := []unix.PollFd{{Fd: b.ReadFD, Events: unix.POLLIN}}
	n, _ := unix.Poll(p, 0)
	return n == 1
}

func arm(me registry.Owner, c *channel.Channel, end channel.End) {
	s := family.Run(me, patience, func(f step.Flags, w *step.Wait) step.Status { return c.Arm(me, end, f, w) })
	if s != step.Done {
		panic(s)
	}
}

// While messages are there the descriptor is readable; when none is, it is not.
func TestTheBellFollowsTheMessages(t *testing.T) {
	f := family.New(t)
	c, object := newChannel(t, f)
	b := newBell(t, f)
	family.Put(f.Me, c, family.Pack("unarmed"), b.End, 0)
	if b.readable() {
		t.Error("it rings and nobody has asked")
	}
	arm(f.Me, c, b.End)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range 500 {
		if b.readable() != (c.Len() > 0) {
			t.Fatalf("round %d: %d messages, readable: %t", i, c.Len(), b.readable())
		}
		if rng.IntN(2) == 0 {
			family.Put(f.Me, c, family.Pack("x"), b.End, 0)
		} else {
			family.Get(f.Me, c, 1+rng.IntN(2), b.End, 0)
		}
		if rng.IntN(10) == 0 {
			arm(f.Me, c, b.End)
		}
		if rng.IntN(20) == 0 {
			c.Repair() // as after a death: the bell may ring once more than need be
			family.Put(f.Me, c, family.Pack("x"), b.End, 0)
		}
	}
	end(t, f, object)
}

// A process dies after each change that its operation makes: wherever messages
// are there somebody who has armed the bell sees it, or whoever arms it next.
func TestTheBellOutlivesADeath(t *testing.T) {
	for _, c := range []struct {
		role     string
		messages int
		armed    bool
	}{
		{"put", 0, true},
		{"get", 1, true},
		{"arm", 1, false},
	} {
		for over, changes := false, 0; !over; changes++ {
			t.Run(fmt.Sprintf("%s after %d changes", c.role, changes), func(t *testing.T) {
				over = true // should the test not get to its end
				over = dieRinging(t, c.role, c.messages, c.armed, changes)
			})
		}
	}
}

func dieRinging(t *testing.T, role string, messages int, armed bool, changes int) (over bool) {
	f := family.New(t)
	c, object := newChannel(t, f)
	b := newBell(t, f)
	if armed {
		arm(f.Me, c, b.End)
	}
	for range messages {
		family.Put(f.Me, c, family.Pack("x"), b.End, 0)
	}
	p := f.Trace(t, role, []uint64{object})
	over = !p.StepChanges(f, changes)
	p.Kill()
	f.Reap(p.Owner)
	if armed && c.Len() > 0 && !b.readable() {
		t.Error("a message is there and the bell is silent")
	}
	family.Put(f.Me, c, family.Pack("y"), b.End, 0)
	if armed && !b.readable() {
		t.Error("a message was put and the bell is silent")
	}
	arm(f.Me, c, b.End)
	if !b.readable() {
		t.Error("the bell was armed and is silent")
	}
	family.Get(f.Me, c, 10, b.End, 0)
	arm(f.Me, c, b.End)
	if b.readable() {
		t.Error("the bell goes on when nothing is there")
	}
	end(t, f, object)
	return over
}
