package pool_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

func TestMain(m *testing.M) { family.Main(m, map[string]family.Role{"worker": worker}) }

// worker takes tasks and answers them until it is to end.
func worker(me registry.Owner, args []uint64) {
	p := segment.At[pool.Pool](arena.Body(segment.Off(args[0])))
	i := int(args[1])
	for _, set := range []func(registry.Owner, int, int64, step.Flags, *step.Wait) step.Status{p.Enter, p.Begin} {
		if s := family.Run(me, patience, func(f step.Flags, w *step.Wait) step.Status { return set(me, i, 1, f, w) }); s != step.Done {
			panic(s)
		}
	}
	for {
		_, text, s := family.Take(me, p, i, 1, time.Minute)
		if s != step.Done {
			return
		}
		if s = family.Answer(me, p, i, text+"!", 2); s != step.Done {
			panic(s)
		}
	}
}

// staff is a pool whose workers are processes.
type staff struct {
	*crew
	helpers []*family.Helper
}

func newStaff(t testing.TB, n int) *staff {
	s := &staff{crew: newCrew(t, n), helpers: make([]*family.Helper, n)}
	for i := range n {
		s.bury(i)
		s.employ(i)
	}
	return s
}

func (s *staff) employ(i int) {
	s.helpers[i] = s.Start(s, "worker", []uint64{uint64(s.block.Off())}, uint64(i))
}

// replace buries a worker that was killed and starts another one.
func (s *staff) replace(i int, sweepFirst bool) {
	if sweepFirst {
		s.Reap(s.helpers[i].Owner)
	}
	s.bury(i)
	s.Reap(s.helpers[i].Owner)
	s.employ(i)
}

// everything waits for a job, and checks that each task has one answer; it says how
// many were lost.
func (s *staff) everything(job uint64, all []family.Call) (lost int) {
	s.Helper()
	seen := make([]bool, len(all))
	for got := 0; got < len(all); {
		done := family.Run(s.Me, patience, func(f step.Flags, w *step.Wait) step.Status {
			return s.pool.Await(s.Me, job, uint64(got)+1, f, w)
		})
		s.want(done, step.Done)
		for _, r := range family.Answers(s.Me, s.pool, job) {
			got++
			switch {
			case seen[r.Index]:
				s.Errorf("task %d is answered twice", r.Index)
			case r.Status == pool.Lost && r.Pid == 77:
				lost++
			case r.Status != pool.Returned || r.Text != all[r.Index].Text+"!":
				s.Errorf("the answer to task %d is %d: %.40q", r.Index, r.Status, r.Text)
			}
			seen[r.Index] = true
		}
	}
	family.FreeJob(s.Me, s.pool, job)
	return lost
}

func many(n int, retries uint32) []family.Call {
	all := make([]family.Call, n)
	for i := range all {
		all[i] = family.Call{Text: fmt.Sprint("task ", i), Retries: retries}
		if i%3 == 0 {
			all[i].Text = "@" + all[i].Text
		}
	}
	return all
}

func TestWorkersInOtherProcesses(t *testing.T) {
	s := newStaff(t, 3)
	for range 5 {
		all := many(200, 0)
		if lost := s.everything(s.submit(all...), all); lost != 0 {
			t.Errorf("%d are lost", lost)
		}
	}
	s.turn(pool.Closed)
	for i, h := range s.helpers {
		h.Wait(t)
		s.Reap(h.Owner)
		s.bury(i)
	}
	s.free()
}

// TestWorkersAreKilled kills workers at any time: each task is answered once, or was
// lost with its worker, and nothing else is.
func TestWorkersAreKilled(t *testing.T) {
	s := newStaff(t, 3)
	duration := 3 * time.Second
	if testing.Short() {
		duration = time.Second
	}
	kills, lost := 0, 0
	for start := time.Now(); time.Since(start) < duration && !t.Failed(); {
		retries := rand.Uint32N(2) * 1000
		all := many(2000, retries)
		for _, h := range s.helpers {
			for !h.Live() {
				time.Sleep(time.Millisecond)
			}
		}
		job := s.submit(all...)
		for range 2 {
			time.Sleep(time.Duration(rand.IntN(4000)) * time.Microsecond)
			i := rand.IntN(len(s.helpers))
			s.helpers[i].MustKill(t)
			s.replace(i, rand.IntN(2) == 0)
			kills++
		}
		s.Verify(t)
		n := s.everything(job, all)
		if n > 2 || retries > 0 && n > 0 {
			t.Errorf("%d are lost", n)
		}
		lost += n
	}
	t.Log(kills, "kills,", lost, "lost")
	for i, h := range s.helpers {
		h.MustKill(t)
		s.Reap(h.Owner)
		s.bury(i)
	}
	s.free()
}

func TestWorkersEndWithTheirParent(t *testing.T) {
	s := newStaff(t, 2)
	job := s.submit(many(10, 0)...)
	s.everything(job, many(10, 0))
	s.pool.Parent = registry.MakeOwner(segment.Slots-1, 3) // which is no more
	for _, h := range s.helpers {
		h.Wait(t)
	}
}
