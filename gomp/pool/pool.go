package pool

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// States of a pool. core/layout.h mirrors them.
const (
	Running    = iota
	Closed     // workers end when the queue is empty
	Terminated // workers end now
	Broken     // its workers do not start
)

// Pool is the object; core/layout.h mirrors the part before idle.
type Pool struct {
	mutex      robust.Lock
	Spin       uint32 // budget of those who wait for a task
	SpinAnswer uint32 // and of those who wait for an answer
	State      uint32
	Workers    uint32 // how many the table has
	Parent     registry.Owner

	// Counters for statistics. Queued and Bytes are derived from the queue.
	Queued  uint64
	Bytes   uint64 // of tasks in the queue
	Limit   uint64 // a submitter waits while more are in it, unless it says how many
	Done    uint64 // tasks answered
	Failed  uint64 // of these, with an exception
	Lost    uint64 // of these, those that their worker's death has cost
	Retried uint64
	Latency [Buckets]uint32 // tasks by the time from submission to answer, see bucket

	head, tail uint64 // the queue
	ready      uint64 // jobs that are complete and whose parent wants to be told
	reap       uint64 // jobs that are complete and that nobody waits for
	jobs       uint64 // ever made
	low        uint64 // a submitter waits for Bytes to sink to that
	native     uint32 // its workers are goroutines, see Native
	alarm      uint32 // futex: changes when a native worker is doomed, and with State
	spared     uint64 // tasks of a native pool that run again; until they are answered only they run

	idle    waitlist.List // workers
	room    waitlist.List // submitters
	callers waitlist.List // who waits for a job in ready
}

// Worker is an entry of the table, which follows the Pool. core/layout.h mirrors
// it. Times are CLOCK_MONOTONIC ns.
type Worker struct {
	Owner   registry.Owner // 0: none
	claim   uint64         // the task that it holds
	Doom    uint32         // why it must end after its task: a Status; 0: it need not
	Ready   uint32         // its initializer has returned
	Since   int64          // when it took the task
	looked  int64          // when it last looked whether the parent lives
	Born    int64
	Started int64 // when it was ready
	Busy    int64 // time in tasks
	Done    uint64
	Bytes   uint64 // of arguments and answers
	doomed  int64  // since when Doom is set
}

// WorkerSize is the size of a Worker in the table.
const WorkerSize = 88

// headSize is where the table starts in the body.
const headSize = 2048

// Size of the body of a pool with n workers.
func Size(n uint64) uint64 { return headSize + n*WorkerSize }

// MaxWorkers is how many workers a pool may have.
const MaxWorkers = segment.Slots

// Init makes a fresh, cleared body a pool of n workers, whose parent is me. The workers of
// a native pool are goroutines: a process has several entries of the table, one that is
// doomed is told and may go on when it has answered, and the arguments' blocks stay the
// pool's, since a task that lost its process for another's sake is run again.
func (p *Pool) Init(me registry.Owner, n, limit uint64, native bool) {
	p.Parent, p.Workers, p.Limit = me.Process(), uint32(n), limit
	if native {
		p.native = 1
	}
}

func (p *Pool) object() segment.Off { return arena.ObjectOf(p) }

func (p *Pool) owned() uint64 { return arena.OwnedBy(p.object()) }

func (p *Pool) worker(i int) *Worker {
	return segment.At[Worker](segment.Offset(p) + headSize + segment.Off(i*WorkerSize))
}

// valid reports whether i is an index of the table.
func (p *Pool) valid(i int) bool { return i >= 0 && i < int(p.Workers) }

func task(off uint64) *Task { return segment.At[Task](segment.Off(off)) }
func job(off uint64) *Job   { return segment.At[Job](segment.Off(off)) }

// seize takes the lock for the parent; Invalid: the caller is another process, such as one that the parent has forked.
func (p *Pool) seize(me registry.Owner, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return step.Again
	}
	if p.Parent != me.Process() {
		p.mutex.Unlock()
		return step.Invalid
	}
	return step.Done
}

// next is the task to be taken; 0 if there is none. Those that run again are the first in the
// queue, and have the process to themselves: neighbours that must be killed could take it from them for ever.
func (p *Pool) next() uint64 {
	if p.spared != 0 && p.head != 0 && task(p.head).spared == 0 {
		return 0
	}
	return p.head
}

// push appends a task to the queue. Only the parent does; if it dies, nobody
// needs the queue any more.
func (p *Pool) push(t *Task) {
	off := uint64(segment.Offset(t))
	t.next = 0
	if p.head == 0 {
		p.head = off
	} else {
		task(p.tail).next = off
	}
	p.tail = off
	p.Queued++
	p.Bytes += t.weight()
}

// pop removes the first task; the store of head is the commit.
func (p *Pool) pop() {
	t := task(p.head)
	p.Queued--
	p.Bytes -= t.weight()
	atomic.StoreUint64(&p.head, t.next)
}

// withdraw answers the tasks of a job that wait in the queue as cancelled, or all if off is 0, and says how many there
// were. Only the parent does, see push.
func (p *Pool) withdraw(off uint64, now int64) (n uint64) {
	var before *Task
	for at := p.head; at != 0; {
		t := task(at)
		if off != 0 && t.job != off {
			before, at = t, t.next
			continue
		}
		at = t.next
		p.unlink(before, t)
		p.post(t, Cancelled, now)
		n++
	}
	return n
}

// unlink takes a task out of the queue, where it comes after before; nil: it is the first.
func (p *Pool) unlink(before, t *Task) {
	last := uint64(0)
	if before == nil {
		p.head = t.next
	} else {
		before.next = t.next
		last = uint64(segment.Offset(before))
	}
	if t.next == 0 {
		p.tail = last
	}
	p.Queued--
	p.Bytes -= t.weight()
}

// Enter is a step by which a worker takes its place in the table.
func (p *Pool) Enter(me registry.Owner, i int, now int64, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return step.Again
	}
	defer p.mutex.Unlock()
	if !p.valid(i) {
		return step.Invalid
	}
	*p.worker(i) = Worker{Owner: me.Process(), Born: now}
	return step.Done
}

// Begin is a step by which a worker says that it is ready for tasks.
func (p *Pool) Begin(me registry.Owner, i int, now int64, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return step.Again
	}
	defer p.mutex.Unlock()
	if !p.valid(i) || p.worker(i).Owner != me.Process() {
		return step.Invalid
	}
	p.worker(i).Ready, p.worker(i).Started = 1, now
	return step.Done
}

// Turn is a step of changing the pool's state, and of waking all whom that
// concerns.
func (p *Pool) Turn(me registry.Owner, state uint32, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return step.Again
	}
	defer p.mutex.Unlock()
	if p.Parent != me.Process() {
		return step.Invalid
	}
	atomic.StoreUint32(&p.State, state)
	p.raiseAlarm()
	p.idle.NotifyAll(0)
	p.room.NotifyAll(0)
	p.callers.NotifyAll(0)
	return step.Done
}

// Sweep forgets a dead process as a waiter. What a worker held stays claimed
// until the parent settles it.
func (p *Pool) Sweep(dead, me registry.Owner) {
	p.mutex.Lock(me, p.Repair)
	defer p.mutex.Unlock()
	p.idle.Sweep(dead)
	p.room.Sweep(dead)
	p.callers.Sweep(dead)
}

// Chunks calls f, which may free it, for each overflow of the wait lists.
func (p *Pool) Chunks(f func(*arena.Block)) {
	p.idle.Chunks(f)
	p.room.Chunks(f)
	p.callers.Chunks(f)
}
