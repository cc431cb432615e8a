package pool

import (
	"fmt"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Repair rebuilds what is derived after a process died inside the pool. Idempotent.
// The statistics it leaves: a death may cost them a task.
func (p *Pool) Repair() {
	p.idle.Repair(p.object())
	p.room.Repair(p.object())
	p.callers.Repair(p.object())
	for i := range int(p.Workers) {
		x := p.worker(i)
		if x.claim == 0 {
			continue
		}
		t := task(x.claim)
		switch j := job(t.job); {
		case x.claim == p.head: // it died before it took it
			atomic.StoreUint64(&x.claim, 0)
		case j.has(t): // it died after it answered
			if t.Status == Returned || t.Status == Raised {
				channel.PassBlock(t.answer(), p.owned())
			}
			p.recount(j)
			atomic.StoreUint64(&x.claim, 0)
		default: // it died while it held it
			t.Status = Pending
			// What it has not got stays the pool's: the sweep has looked by now what was the dead worker's.
			if b := channel.BlockOf(t.arguments()); b != nil && b.LoadOwner() == arena.OwnedByProcess(x.Owner) {
				t.passed = 1
			}
		}
	}
	p.Queued, p.Bytes, p.tail, p.spared = 0, 0, 0, 0
	for at := p.head; at != 0; at = task(at).next {
		p.Queued++
		p.Bytes += task(at).weight()
		p.spared += uint64(task(at).spared)
		p.tail = at
	}
	for i := range int(p.Workers) {
		if x := p.worker(i); x.claim != 0 {
			p.spared += uint64(task(x.claim).spared)
		}
	}
	p.idle.Notify(int(min(p.Queued, MaxWorkers)), 0)
	p.room.NotifyAll(0)
	p.callers.NotifyAll(0)
}

// has reports whether a task is among the answers that were not taken.
func (j *Job) has(t *Task) bool {
	for at := j.answers; at != 0; at = task(at).link {
		if task(at) == t {
			return true
		}
	}
	return false
}

// recount derives what follows from the answers of a job, and wakes its waiter, who
// may not have been told.
func (p *Pool) recount(j *Job) {
	posted := j.Taken
	for at := j.answers; at != 0; at = task(at).link {
		posted++
	}
	atomic.StoreUint64(&j.Posted, posted)
	off := uint64(segment.Offset(j))
	for _, list := range []uint64{p.ready, p.reap} {
		for at := list; at != 0; at = job(at).link {
			if at == off {
				j.flags |= announced
			}
		}
	}
	p.announce(j)
	j.wake(true)
}

// Check walks the queue and the table and reports a broken invariant.
func (p *Pool) Check(me registry.Owner) error {
	p.mutex.Lock(me, p.Repair)
	defer p.mutex.Unlock()
	var queued, bytes, last, spared uint64
	for at := p.head; at != 0; at = task(at).next {
		t := task(at)
		if t.Status != Pending {
			return fmt.Errorf("task %#x is queued with status %d", at, t.Status)
		}
		if arena.At(segment.Off(t.page)).LoadOwner() != p.owned() {
			return fmt.Errorf("the page of task %#x is not the pool's", at)
		}
		queued++
		bytes += t.weight()
		spared += uint64(t.spared)
		last = at
	}
	if queued != p.Queued || bytes != p.Bytes || p.head != 0 && last != p.tail {
		return fmt.Errorf("%d tasks of %d bytes are queued, the counters say %d of %d", queued, bytes, p.Queued, p.Bytes)
	}
	for i := range int(p.Workers) {
		x := p.worker(i)
		if x.claim == 0 {
			continue
		}
		t := task(x.claim)
		spared += uint64(t.spared)
		if t.Status != Pending {
			return fmt.Errorf("worker %d holds a task with status %d", i, t.Status)
		}
		if j := job(t.job); j.has(t) || j.Posted-j.Taken != j.answered() || j.Posted > j.Total {
			return fmt.Errorf("job %d: %d answers of %d tasks, %d taken", j.Serial, j.Posted, j.Total, j.Taken)
		}
	}
	if spared != p.spared {
		return fmt.Errorf("%d tasks run again, the counter says %d", spared, p.spared)
	}
	for _, err := range []error{p.idle.Check(), p.room.Check(), p.callers.Check()} {
		if err != nil {
			return err
		}
	}
	return nil
}

func (j *Job) answered() (n uint64) {
	for at := j.answers; at != 0; at = task(at).link {
		n++
	}
	return n
}
