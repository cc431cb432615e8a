package member_test

import (
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

func TestMain(m *testing.M) { family.Main(m, nil) }

func TestNowIsTheFamilysClock(t *testing.T) {
	for range 20 {
		var clock unix.Timespec
		before := member.Now()
		if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &clock); err != nil {
			t.Fatal(err)
		}
		const apart = int64(time.Millisecond) // between the two looks at the start
		if after := member.Now(); clock.Nano() < before-apart || clock.Nano() > after+apart {
			t.Fatalf("%d is not from %d to %d", clock.Nano(), before, after)
		}
		time.Sleep(time.Millisecond)
	}
}

// waiting is a step that waits for a word of shared memory to change, and the word.
func waiting(t *testing.T) (*family.Family, *uint32, member.Step) {
	f := family.New(t)
	b, s := family.Make(f.Me, arena.Memory, 64)
	if s != step.Done {
		t.Fatal(s)
	}
	word := segment.At[uint32](arena.Body(b.Off()))
	return f, word, func(flags step.Flags, w *step.Wait) step.Status {
		switch {
		case atomic.LoadUint32(word) != 0:
			return step.Done
		case flags&(step.Last|step.Cancel) != 0:
			return step.TimedOut
		}
		return w.OnWord(word, 0)
	}
}

// TestSpinning: the budget shrinks with what it does not win, and what changes ends the wait.
func TestSpinning(t *testing.T) {
	f, word, take := waiting(t)
	var budget uint32
	run := func(within time.Duration) step.Status {
		o := member.Op{Me: f.Me, Deadline: member.Now() + int64(within), Spin: &budget}
		return o.Run(take)
	}
	for range 100 {
		if s := run(time.Millisecond); s != step.TimedOut {
			t.Fatal(s)
		}
	}
	if budget == 0 || budget > 20000 {
		t.Errorf("a budget of %d ns after many spins in vain", budget)
	}
	go atomic.StoreUint32(word, 1)
	if s := run(time.Minute); s != step.Done {
		t.Fatal(s)
	}
}

func TestStopping(t *testing.T) {
	f, _, take := waiting(t)
	var stopped atomic.Bool
	o := &member.Op{Me: f.Me, Deadline: member.Forever, Stop: stopped.Load}
	go func() {
		time.Sleep(20 * time.Millisecond)
		stopped.Store(true)
		o.Wake()
	}()
	if s := o.Run(take); s != step.TimedOut {
		t.Error(s)
	}
}
