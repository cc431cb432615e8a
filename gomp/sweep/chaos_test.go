package sweep_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/cond"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

const permits = 3

// TestChaos kills processes that do everything at once, at times that nobody
// chose, while others go on and sweep. In the end all is whole and nothing is
// left.
func TestChaos(t *testing.T) {
	w := newWorld(t)
	w.make(arena.Channel, 10)
	w.make(arena.Lock, lock.Semaphore, permits, permits, lock.Release)
	w.make(arena.Lock, lock.Mutex, 1, 1)
	w.make(arena.Condition)
	duration := 4 * time.Second
	if testing.Short() {
		duration = time.Second
	}
	var helpers []*family.Helper
	deaths := 0
	for start := time.Now(); time.Since(start) < duration && !t.Failed(); {
		for len(helpers) < 4 {
			helpers = append(helpers, w.Start(t, "chaos", w.objects))
		}
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		if i := rand.IntN(len(helpers)); helpers[i].Live() {
			helpers[i].MustKill(t)
			if rand.IntN(2) == 0 {
				w.Reap(helpers[i].Owner)
			}
			helpers = append(helpers[:i], helpers[i+1:]...)
			deaths++
		}
		w.Verify(t)
	}
	for _, h := range helpers {
		h.MustKill(t)
	}
	t.Log(deaths, "deaths")
	sweep.All(w.Me)
	w.Verify(t)
	if v := uint32(body[lock.Sem](w.objects[1]).Word); v != permits {
		t.Errorf("%d of %d permits are there", v, permits)
	}
	if s := family.Run(w.Me, patience, acquire(w.Me, body[lock.Sem](w.objects[2]))); s != step.Done && s != step.OwnerDied {
		t.Errorf("the lock: %d", s)
	}
	if n := body[cond.Cond](w.objects[3]).Sleeping(); n != 0 {
		t.Errorf("%d dead wait", n)
	}
	w.end()
}

// chaos does what comes to its mind until it is killed.
func chaos(me registry.Owner, objects []uint64) {
	const moment = 2 * time.Millisecond
	c := body[channel.Channel](objects[0])
	for {
		switch rand.IntN(8) {
		case 0:
			family.Put(me, c, family.Pack("x"), family.NoBell, moment)
		case 1:
			record, s := family.PackRemote(me, "a block")
			if s != step.Done {
				panic(s)
			}
			if _, s = family.Put(me, c, record, family.NoBell, moment); s != step.Done {
				family.Free(me, family.BlockOf(record))
			}
		case 2:
			if records, s := family.Get(me, c, 1+rand.IntN(3), family.NoBell, moment); s == step.Done {
				family.Unpack(me, records)
			}
		case 3:
			if l := body[lock.Sem](objects[1]); family.Run(me, moment, acquire(me, l)) == step.Done {
				do(me, release(me, l))
			}
		case 4:
			l := body[lock.Sem](objects[2])
			if s := family.Run(me, moment, acquire(me, l)); s == step.Done || s == step.OwnerDied {
				if atomic.SwapUint64(&l.Word, 0)&1 != 0 {
					robust.Wake(segment.At[uint32](segment.Offset(&l.Word)), 1)
				}
			}
		case 5:
			c := body[cond.Cond](objects[3])
			var w step.Wait
			if s := family.Resume(me, patience, &w, condEnter(me, c)); s != step.Done {
				panic(s)
			}
			family.Resume(me, moment, &w, condWait(me, c))
		case 6:
			do(me, condNotify(me, body[cond.Cond](objects[3]), 1))
		case 7:
			if b, s := family.Make(me, arena.Channel); s == step.Done {
				put(me, body[channel.Channel](uint64(b.Off())), "a", "@b")
				family.Drop(me, b)
			}
			sweep.All(me)
		}
	}
}
