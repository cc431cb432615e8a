package sweep_test

import (
	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
)

// Exit code and pid of the worker that dies.
const (
	deadPid  = 4321
	deadCode = -9
)

func poolAt(objects []uint64) *pool.Pool { return body[pool.Pool](objects[0]) }

// working is a scenario with a pool of two workers and a job of calls. The first
// worker dies in the operation that act returns; then the parent buries it, and is
// the second worker itself.
func working(name string, last int, act func(me registry.Owner, p *pool.Pool) func(), calls ...family.Call) scenario {
	return workingAs(0, name, last, act, calls...)
}

// native is the same with a pool whose workers are goroutines: the arguments' blocks stay the pool's.
func native(name string, last int, act func(me registry.Owner, p *pool.Pool) func(), calls ...family.Call) scenario {
	return workingAs(1, name, last, act, calls...)
}

// again is the same, where the first task runs again since its process was ended for another one's sake: until it is answered
// the second one waits.
func again(name string, last int, act func(me registry.Owner, p *pool.Pool) func(), calls ...family.Call) scenario {
	s := native(name, last, act, calls...)
	before := s.setup
	s.setup = func(w *world) {
		before(w)
		p := poolAt(w.objects)
		enterPool(w.Me, p, 0)
		_, _, taken := family.Take(w.Me, p, 0, 3, patience)
		w.want(taken, step.Done)
		do(w.Me, func(f step.Flags, wait *step.Wait) step.Status {
			_, _, s := p.Bury(w.Me, 0, deadPid, deadCode, true, 4, f, wait)
			return s
		})
	}
	return s
}

func workingAs(kind uint64, name string, last int, act func(me registry.Owner, p *pool.Pool) func(), calls ...family.Call) scenario {
	return scenario{
		name: name,
		setup: func(w *world) {
			w.make(arena.Pool, 2, 1<<20, kind)
			b := pool.Batch{Function: family.Pack("f"), Specs: family.Specs(w.Me, 0, calls...)}
			job, s := family.Submit(w.Me, poolAt(w.objects), b, patience)
			w.want(s, step.Done)
			do(w.Me, telling(w.Me, poolAt(w.objects).Notify, job))
			w.job = job
		},
		act: func(me registry.Owner, objects []uint64) func() {
			p := poolAt(objects)
			enterPool(me, p, 0)
			return act(me, p)
		},
		verify: func(w *world) int { return w.finishJob(calls) },
		last:   last,
	}
}

func telling(me registry.Owner, tell func(registry.Owner, uint64, step.Flags, *step.Wait) step.Status, job uint64) family.Step {
	return func(f step.Flags, w *step.Wait) step.Status { return tell(me, job, f, w) }
}

func enterPool(me registry.Owner, p *pool.Pool, i int) {
	do(me, func(f step.Flags, w *step.Wait) step.Status { return p.Enter(me, i, 1, f, w) })
	do(me, func(f step.Flags, w *step.Wait) step.Status { return p.Begin(me, i, 2, f, w) })
}

// finishJob buries the dead worker, does what is left to do and looks at the answers:
// each task has one. It says how far the dead worker got with the first task: 1 if it
// has cost it, 2 if it has answered it.
func (w *world) finishJob(calls []family.Call) int {
	w.Helper()
	p, job := poolAt(w.objects), w.job
	do(w.Me, func(f step.Flags, wait *step.Wait) step.Status {
		_, _, s := p.Bury(w.Me, 0, deadPid, deadCode, false, 5, f, wait)
		return s
	})
	w.Verify(w)
	enterPool(w.Me, p, 1)
	for {
		_, text, s := family.Take(w.Me, p, 1, 6, 0)
		if s == step.TimedOut {
			break
		}
		w.want(s, step.Done)
		w.want(family.Answer(w.Me, p, 1, text+" by the second", 7), step.Done)
	}
	w.want(family.Run(w.Me, 0, func(f step.Flags, wait *step.Wait) step.Status {
		return p.Await(w.Me, job, uint64(len(calls)), f, wait)
	}), step.Done)
	var ready uint64
	w.want(family.Run(w.Me, 0, func(f step.Flags, wait *step.Wait) (s step.Status) {
		ready, s = p.NextReady(w.Me, f, wait)
		return s
	}), step.Done)
	if ready != job {
		w.Error("another job is announced")
	}
	w.want(family.Run(w.Me, 0, func(f step.Flags, wait *step.Wait) (s step.Status) {
		ready, s = p.NextReady(w.Me, f, wait)
		return s
	}), step.TimedOut)
	return w.judge(calls, family.Answers(w.Me, p, job))
}

func (w *world) judge(calls []family.Call, results []family.Result) (got int) {
	w.Helper()
	if len(results) != len(calls) {
		w.Errorf("%d answers to %d tasks", len(results), len(calls))
	}
	seen := map[uint32]bool{}
	for _, r := range results {
		text := calls[r.Index].Text
		switch {
		case seen[r.Index]:
			w.Errorf("task %d is answered twice", r.Index)
		case r.Status == pool.Returned && r.Text == text+" by the second":
		case r.Index == 0 && r.Status == pool.Lost && r.Pid == deadPid && r.Code == deadCode && calls[0].Retries == 0:
			got = 1
		case r.Index == 0 && r.Status == pool.Returned && r.Text == text+" by the first":
			got = 2
		default:
			w.Errorf("the answer to task %d is %d: %.50q", r.Index, r.Status, r.Text)
		}
		seen[r.Index] = true
	}
	return got
}

func takingFirst(me registry.Owner, p *pool.Pool) func() {
	var task uint64
	return func() { do(me, family.TakeStep(me, p, 0, 3, &task)) }
}

// answeringFirst answers the task with a text, in a block of its own if it has none
// yet.
func answeringFirst(text string) func(me registry.Owner, p *pool.Pool) func() {
	return func(me registry.Owner, p *pool.Pool) func() {
		takingFirst(me, p)()
		packed := family.PackAnswer(me, text+" by the first")
		return func() { do(me, family.AnswerStep(me, p, 0, packed, 4)) }
	}
}

// parting is a scenario in which the parent dies: its worker does what it can get
// and is told to end, and nothing is left behind.
func parting(name string, act func(me registry.Owner, p *pool.Pool) func()) scenario {
	return scenario{
		name: name,
		setup: func(w *world) {
			w.make(arena.Pool, 2, 1<<20)
			enterPool(w.Me, poolAt(w.objects), 1)
		},
		act: func(me registry.Owner, objects []uint64) func() {
			p := poolAt(objects)
			p.Parent = me.Process()
			return act(me, p)
		},
		verify: func(w *world) int {
			p := poolAt(w.objects)
			for range 4 {
				if _, text, s := family.Take(w.Me, p, 1, 6, 0); s == step.Done {
					w.want(family.Answer(w.Me, p, 1, text, 7), step.Done)
				}
			}
			_, _, s := family.Take(w.Me, p, 1, 8, patience)
			w.want(s, step.Broken)
			return nothing
		},
	}
}

func submitting(me registry.Owner, p *pool.Pool) func() {
	b := pool.Batch{
		Function: family.PackAnswer(me, "@f"),
		Specs:    family.Specs(me, 0, family.Call{Text: "a"}, family.Call{Text: "@b"}, family.Call{Text: "@c", Retries: 1}),
	}
	return func() {
		if _, s := family.Submit(me, p, b, patience); s != step.Done {
			panic(s)
		}
	}
}

// collecting answers three tasks of a job and leaves the rest of it to the operation.
func collecting(then func(me registry.Owner, p *pool.Pool, job uint64)) func(me registry.Owner, p *pool.Pool) func() {
	return func(me registry.Owner, p *pool.Pool) func() {
		b := pool.Batch{Function: family.Pack("f"), Specs: family.Specs(me, 0, family.Call{Text: "a"}, family.Call{Text: "@b"}, family.Call{Text: "c"})}
		job, s := family.Submit(me, p, b, patience)
		if s != step.Done {
			panic(s)
		}
		enterPool(me, p, 0)
		for range 2 {
			if _, text, s := family.Take(me, p, 0, 3, patience); s != step.Done || family.Answer(me, p, 0, text, 4) != step.Done {
				panic(s)
			}
		}
		return func() { then(me, p, job) }
	}
}

// pools are the operations of a pool.
var pools = []scenario{
	parting("submit a job", submitting),
	parting("collect answers", collecting(func(me registry.Owner, p *pool.Pool, job uint64) { family.Answers(me, p, job) })),
	parting("cancel a job", collecting(func(me registry.Owner, p *pool.Pool, job uint64) {
		do(me, func(f step.Flags, w *step.Wait) step.Status {
			_, _, s := p.Cancel(me, job, 5, nil, f, w)
			return s
		})
		family.FreeJob(me, p, job)
	})),
	working("take a task", 1, takingFirst, family.Call{Text: "a"}, family.Call{Text: "b"}),
	working("take a task with a block", 1, takingFirst, family.Call{Text: "@a"}, family.Call{Text: "@b"}),
	working("take the last task", 1, takingFirst, family.Call{Text: "@a"}),
	working("take a task that may be tried again", 0, takingFirst, family.Call{Text: "@a", Retries: 1}, family.Call{Text: "b"}),
	native("take a native task with a block", 1, takingFirst, family.Call{Text: "@a"}, family.Call{Text: "@b"}),
	native("answer a native task with a block", 2, answeringFirst("@a"), family.Call{Text: "@a"}, family.Call{Text: "@b"}),
	again("take a task that runs again", 1, takingFirst, family.Call{Text: "@a"}, family.Call{Text: "@b"}),
	again("answer a task that runs again", 2, answeringFirst("@a"), family.Call{Text: "@a"}, family.Call{Text: "@b"}),
	working("answer a task", 2, answeringFirst("a"), family.Call{Text: "a"}, family.Call{Text: "b"}),
	working("answer a task with a block", 2, answeringFirst("@a"), family.Call{Text: "@a"}, family.Call{Text: "@b"}),
	working("answer the last task", 2, answeringFirst("@a"), family.Call{Text: "@a"}),
	working("answer a task that may be tried again", 2, answeringFirst("@a"), family.Call{Text: "@a", Retries: 1}, family.Call{Text: "b"}),
}
