package pool

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// Take is a step by which worker i takes the oldest task: its offset. Broken: the
// worker is to end.
//
// The block of its arguments belongs to the worker from then on, if the task is
// not to be tried again.
func (p *Pool) Take(me registry.Owner, i int, now int64, f step.Flags, w *step.Wait) (uint64, step.Status) {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return 0, step.Again
	}
	defer p.mutex.Unlock()
	if f.Has(step.Cancel) {
		w.Leave(&p.idle, false)
		return 0, step.TimedOut
	}
	if !p.valid(i) || p.worker(i).Owner != me.Process() {
		w.Leave(&p.idle, false)
		return 0, step.Invalid
	}
	switch {
	case p.worker(i).Doom != 0 || p.State >= Terminated || p.State == Closed && p.head == 0 || p.orphaned(p.worker(i), now, f):
		w.Leave(&p.idle, false)
		return 0, step.Broken
	case p.next() != 0:
		off := p.head
		p.claim(p.worker(i), me, now)
		w.Leave(&p.idle, true)
		if p.next() != 0 {
			p.rouse(1)
		}
		p.admit()
		return off, step.Done
	case f.Has(step.Last):
		w.Leave(&p.idle, true)
		return 0, step.TimedOut
	}
	s := p.await(&p.idle, me, w)
	if s == step.Again {
		// A wake may be lost on a worker that was stopped: who has slept for a
		// slice looks for himself.
		w.Unless(segment.At[uint32](segment.Offset(&p.Queued)))
		w.For(p.Parent)
	}
	return 0, s
}

// patience is for how long a worker takes tasks without a look at its parent.
const patience = 50e6

// orphaned reports whether the parent has died: then nobody collects any more.
func (p *Pool) orphaned(x *Worker, now int64, f step.Flags) bool {
	if !f.Has(step.Check) && now-x.looked < patience {
		return false
	}
	x.looked = now
	return p.Parent.Status() != registry.Alive
}

// admit wakes those who wait for room, if there is some.
func (p *Pool) admit() {
	if p.room.Len() > 0 && p.Bytes <= p.low {
		p.low = 0
		p.room.NotifyAll(0)
	}
}

// claim: who dies before pop has not taken the task, which is still the first of
// the queue; who dies after it holds the task, and the arguments' block stays the
// pool's if it was not passed.
func (p *Pool) claim(x *Worker, me registry.Owner, now int64) {
	t := task(p.head)
	x.Since = now
	x.Bytes += channel.Weight(t.arguments())
	atomic.StoreUint64(&x.claim, p.head)
	p.pop()
	if t.Retries == 0 && p.native == 0 {
		t.pass(me)
	}
}

// pass gives the arguments' block to the worker of me.
func (t *Task) pass(me registry.Owner) {
	channel.PassBlock(t.arguments(), arena.OwnedByProcess(me))
	t.passed = 1
}

// Answer is a step by which worker i answers the task that it has taken. The
// record must fit into the task's Room; its block, if it names one, must belong to
// the process of me. TimedOut: the answer comes too late, and is not taken.
func (p *Pool) Answer(me registry.Owner, i int, s Status, record []byte, now int64, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return step.Again
	}
	defer p.mutex.Unlock()
	if !p.valid(i) || p.worker(i).Owner != me.Process() || p.worker(i).claim == 0 {
		return step.Invalid
	}
	x := p.worker(i)
	t := task(x.claim)
	if len(record) > int(t.Room) || s != Returned && s != Raised {
		return step.Invalid
	}
	if x.Doom != 0 { // what it was doomed for has come before the answer
		p.settle(x, Status(x.Doom), now)
		if p.native != 0 {
			x.Doom = 0
		}
		return step.TimedOut
	}
	copy(t.answer(), record)
	x.Bytes += channel.Weight(record)
	x.Busy += now - x.Since
	x.Done++
	p.post(t, s, now)
	channel.PassBlock(record, p.owned())
	atomic.StoreUint64(&x.claim, 0)
	return step.Done
}

// settle answers the task that a worker holds in its place.
func (p *Pool) settle(x *Worker, s Status, now int64) {
	t := task(x.claim)
	x.Busy += now - x.Since
	p.post(t, s, now)
	atomic.StoreUint64(&x.claim, 0)
}

// Bury is a step by which the parent settles what the dead worker i held: the task
// is queued again, first of all, if it may be tried again; or it is answered as
// Lost, or as what the worker was doomed for. It frees the entry.
//
// spare says that the worker was ended for the sake of another one of its process: its task
// is queued again whatever it says of that.
//
// It reports how far the worker had come, and whether tasks wait.
func (p *Pool) Bury(me registry.Owner, i int, pid uint32, code int32, spare bool, now int64, f step.Flags, w *step.Wait) (stage Stage, waiting bool, s step.Status) {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return Absent, false, step.Again
	}
	defer p.mutex.Unlock()
	if !p.valid(i) || p.Parent != me.Process() {
		return Absent, false, step.Invalid
	}
	x := p.worker(i)
	stage = x.stage()
	if x.claim != 0 {
		if spare && x.Doom == 0 {
			task(x.claim).Retries++
		}
		p.lose(x, pid, code, now)
	}
	*x = Worker{}
	return stage, p.head != 0, step.Done
}

// Stage is how far a worker has come.
type Stage uint32

// Stages of a worker.
const (
	Absent Stage = iota
	Starting
	Ready
)

func (x *Worker) stage() Stage {
	switch {
	case x.Owner == 0:
		return Absent
	case x.Ready == 0:
		return Starting
	}
	return Ready
}

func (p *Pool) lose(x *Worker, pid uint32, code int32, now int64) {
	t := task(x.claim)
	t.Pid, t.Code = pid, code
	switch {
	case x.Doom != 0:
		p.settle(x, Status(x.Doom), now)
	case t.Retries > 0:
		t.Retries--
		p.Retried++
		if p.native != 0 && t.spared == 0 {
			t.spared = 1
			p.spared++
		}
		t.next = p.head
		if p.head == 0 {
			p.tail = x.claim
		}
		p.head = x.claim
		p.Queued++
		p.Bytes += t.weight()
		p.idle.Notify(1, 0)
	default:
		p.settle(x, Lost, now)
	}
}

// doom says that a worker's task is not wanted any more. The alarm after it: who is told
// looks at Doom.
func (p *Pool) doom(x *Worker, why Status, now int64) {
	x.doomed = now
	atomic.StoreUint32(&x.Doom, uint32(why))
	p.raiseAlarm()
}

func (p *Pool) raiseAlarm() {
	if p.native != 0 {
		atomic.AddUint32(&p.alarm, 1)
		robust.Wake(&p.alarm, 1<<30)
	}
}

// Doomed reports whether the task that worker i runs is not wanted any more.
func (p *Pool) Doomed(i int) bool { return atomic.LoadUint32(&p.worker(i).Doom) != 0 }

// Watch is a step of waiting for the alarm to be another than seen; Broken: the workers are to
// end at once.
func (p *Pool) Watch(seen uint32, f step.Flags, w *step.Wait) (uint32, step.Status) {
	now := atomic.LoadUint32(&p.alarm)
	switch {
	case atomic.LoadUint32(&p.State) >= Terminated || f.Has(step.Check) && p.Parent.Status() != registry.Alive:
		return now, step.Broken
	case now != seen:
		return now, step.Done
	case f&(step.Last|step.Cancel) != 0:
		return now, step.TimedOut
	}
	s := w.OnWord(&p.alarm, seen)
	w.While(&p.State)
	w.For(p.Parent)
	return now, s
}

// heed is for how long a task of a native worker may go on after its context was cancelled, in ns.
const heed = 100e6

// Overdue is a step that dooms the workers whose task has run for longer than its
// Timeout, and returns how many are to be killed, whose indices are in out, and when the
// next one will be; 0: none that runs has a timeout. Those are the doomed; of a native pool,
// the ones that have not heeded it.
func (p *Pool) Overdue(me registry.Owner, now int64, out []uint32, f step.Flags, w *step.Wait) (n int, next int64, s step.Status) {
	if s := p.seize(me, f, w); s != step.Done {
		return 0, 0, s
	}
	defer p.mutex.Unlock()
	for i := range int(p.Workers) {
		x := p.worker(i)
		if x.claim == 0 || task(x.claim).Timeout == 0 && x.Doom == 0 {
			continue
		}
		end := x.Since + task(x.claim).Timeout
		if x.Doom == 0 && end <= now {
			p.doom(x, Expired, now)
		}
		if x.Doom != 0 {
			end = x.doomed
			if p.native != 0 {
				end += heed
			}
		}
		switch {
		case x.Doom != 0 && end <= now && n < len(out):
			out[n] = uint32(i)
			n++
		case end > now && (next == 0 || end < next):
			next = end
		}
	}
	return n, next, step.Done
}

// Cancel is a step of cancelling what is left of a job, or of all if off is 0: tasks
// that wait are answered as Cancelled, and the workers that run others are doomed, as
// many as out has room for. It returns how many these are, whose indices are in out,
// and how many tasks it has reached in all.
func (p *Pool) Cancel(me registry.Owner, off uint64, now int64, out []uint32, f step.Flags, w *step.Wait) (n int, reached uint64, s step.Status) {
	if s := p.seize(me, f, w); s != step.Done {
		return 0, 0, s
	}
	defer p.mutex.Unlock()
	reached = p.withdraw(off, now)
	for i := range int(p.Workers) {
		x := p.worker(i)
		if x.claim != 0 && (off == 0 || task(x.claim).job == off) && x.Doom == 0 && n < len(out) {
			p.doom(x, Cancelled, now)
			out[n] = uint32(i)
			n++
			reached++
		}
	}
	p.admit()
	return n, reached, step.Done
}

// await puts the caller on a list, or keeps it there.
func (p *Pool) await(l *waitlist.List, me registry.Owner, w *step.Wait) step.Status {
	s := step.Again
	if e := w.Waiter(); e != nil {
		l.Rearm(e)
		s = w.OnEntry(e)
	} else {
		s = w.Enter(l, me, p.object())
	}
	w.While(&p.State)
	return s
}

func (p *Pool) leaveRoom(w *step.Wait) { w.Leave(&p.room, true) }
