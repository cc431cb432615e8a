package pool_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/step"
)

// modelTask and model say what a pool does, in the simplest way.
type modelTask struct {
	job     uint64
	index   uint32
	text    string
	retries uint32
	timeout time.Duration
}

type modelWorker struct {
	task  *modelTask
	since int64
	doom  pool.Status
}

type model struct {
	queue   []*modelTask
	workers []modelWorker
	answers map[uint64][]string
	left    map[uint64]int // tasks of a job that are not answered
}

func (m *model) post(t *modelTask, s pool.Status, text string) {
	m.answers[t.job] = append(m.answers[t.job], answered(int(t.index), s, text))
	m.left[t.job]--
}

func (m *model) bury(i int) {
	switch w := m.workers[i]; {
	case w.task == nil:
	case w.doom != 0:
		m.post(w.task, w.doom, "")
	case w.task.retries > 0:
		w.task.retries--
		m.queue = append([]*modelTask{w.task}, m.queue...)
	default:
		m.post(w.task, pool.Lost, "")
	}
	m.workers[i] = modelWorker{}
}

// TestAsTheModelSays does things at random to a pool and to its model.
func TestAsTheModelSays(t *testing.T) {
	const workers, length = 3, 400
	seeds := 30
	if testing.Short() {
		seeds = 5
	}
	for range seeds {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := &game{
				crew:  newCrew(t, workers),
				model: model{workers: make([]modelWorker, workers), answers: map[uint64][]string{}, left: map[uint64]int{}},
				rand:  rand.New(rand.NewPCG(seed, 0)),
			}
			for range length {
				g.now += g.rand.Int64N(100)
				g.move()
				g.Verify(t)
				if t.Failed() {
					return
				}
			}
			g.finish()
		})
	}
}

type game struct {
	*crew
	model
	rand *rand.Rand
}

// any is a job that is not complete, or 0.
func (g *game) any() uint64 {
	jobs := slices.DeleteFunc(slices.Sorted(maps.Keys(g.left)), func(job uint64) bool { return g.left[job] == 0 })
	if len(jobs) == 0 {
		return 0
	}
	return jobs[g.rand.IntN(len(jobs))]
}

func (g *game) move() {
	i := g.rand.IntN(len(g.workers))
	switch g.rand.IntN(12) {
	case 0, 1:
		g.submitSome()
	case 2, 3, 4:
		g.takeOne(i)
	case 5, 6, 7:
		g.answerOne(i)
	case 8:
		g.crew.bury(i)
		g.hire(i)
		g.model.bury(i)
	case 9:
		if job := g.any(); job != 0 && g.rand.IntN(4) == 0 {
			g.cancelOne(job)
		}
	case 10:
		g.expire()
	case 11:
		if job := g.any(); job != 0 {
			g.compare(job)
		}
	}
}

func (g *game) submitSome() {
	all := make([]family.Call, 1+g.rand.IntN(4))
	for k := range all {
		all[k] = family.Call{Text: fmt.Sprint("t", g.now, k), Retries: g.rand.Uint32N(3)}
		if g.rand.IntN(3) == 0 {
			all[k].Text = "@" + all[k].Text
		}
		if g.rand.IntN(4) == 0 {
			all[k].Timeout = 500
		}
	}
	job := g.submit(all...)
	for k, call := range all {
		g.queue = append(g.queue, &modelTask{job, uint32(k), call.Text, call.Retries, call.Timeout})
	}
	g.left[job] = len(all)
}

func (g *game) takeOne(i int) {
	w := &g.workers[i]
	if w.task != nil {
		return
	}
	_, text, s := family.Take(g.Me, g.pool, i, g.now, never)
	switch {
	case w.doom != 0:
		g.want(s, step.Broken)
	case len(g.queue) == 0:
		g.want(s, step.TimedOut)
	default:
		g.want(s, step.Done)
		w.task, w.since = g.queue[0], g.now
		g.queue = g.queue[1:]
		g.equal(text, w.task.text)
	}
}

func (g *game) answerOne(i int) {
	w := &g.workers[i]
	if w.task == nil {
		return
	}
	s := g.answer(i, w.task.text+"!")
	if w.doom != 0 {
		g.want(s, step.TimedOut)
		g.post(w.task, w.doom, "")
	} else {
		g.want(s, step.Done)
		g.post(w.task, pool.Returned, w.task.text+"!")
	}
	w.task = nil
}

func (g *game) cancelOne(job uint64) {
	doomed, reached := g.cancel(job)
	n := uint64(len(g.queue))
	g.queue = slices.DeleteFunc(g.queue, func(t *modelTask) bool {
		if t.job == job {
			g.post(t, pool.Cancelled, "")
		}
		return t.job == job
	})
	n -= uint64(len(g.queue))
	want := []uint32{}
	for i := range g.workers {
		if w := &g.workers[i]; w.task != nil && w.task.job == job && w.doom == 0 {
			w.doom = pool.Cancelled
			want = append(want, uint32(i))
			n++
		}
	}
	g.equal([]any{doomed, reached}, []any{want, n})
}

func (g *game) expire() {
	doomed, _ := g.overdue()
	want := []uint32{}
	for i := range g.workers {
		w := &g.workers[i]
		if w.task == nil || w.task.timeout == 0 && w.doom == 0 {
			continue
		}
		if w.doom == 0 && w.since+int64(w.task.timeout) <= g.now {
			w.doom = pool.Expired
		}
		if w.doom != 0 {
			want = append(want, uint32(i))
		}
	}
	g.equal(doomed, want)
}

func (g *game) compare(job uint64) {
	g.Helper()
	g.equal(g.collect(job), g.answers[job])
	g.answers[job] = nil
}

func (g *game) finish() {
	for i := range g.workers {
		g.crew.bury(i)
		g.hire(i)
		g.model.bury(i)
	}
	for len(g.queue) > 0 {
		g.takeOne(0)
		g.answerOne(0)
	}
	for job, left := range g.left {
		g.equal(left, 0)
		g.want(g.await(job, 1<<40), step.Done)
		g.compare(job)
	}
	g.free(slices.Collect(maps.Keys(g.left))...)
}
