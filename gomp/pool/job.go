package pool

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/robust"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// Status of a task. core/layout.h mirrors it.
type Status uint8

// What became of a task.
const (
	Pending   Status = iota
	Returned         // the answer is what it returned
	Raised           // the answer is an exception
	Lost             // its worker died: Pid and Code
	Expired          // it ran for longer than its Timeout
	Cancelled        // the parent did not want it any more
	Refused          // the parent could not submit it
)

// Flags of a job.
const (
	notify    = 1 << iota // its parent wants to be told when it is complete
	announced             // it is, or was, in the list that says so
	abandoned             // nobody waits for it
)

// Job is a call of the program. core/layout.h mirrors it. It lies in a page.
type Job struct {
	Serial   uint64 // names it within the pool
	Total    uint64 // tasks, as far as they are submitted
	Posted   uint64 // of these, those that are answered; derived
	Taken    uint64 // of these, those whose answer the parent has taken
	answers  uint64 // the others, the newest first
	Want     uint64 // a waiter sleeps until Posted reaches it
	Epoch    uint32 // futex
	Sleepers uint32 // somebody may sleep on it
	Function uint64 // offset of the record of the function; 0: each task has its own
	link     uint64 // in ready or reap
	flags    uint32
	Open     uint32 // more tasks may come
}

// Task is a part of a job. core/layout.h mirrors it. After it come the record of
// the arguments and the room for the answer.
type Task struct {
	next      uint64 // in the queue
	job       uint64
	link      uint64 // among the job's answers
	page      uint64 // the block that it lies in
	Index     uint32 // in the job
	Items     uint32 // calls that it stands for
	Status    Status
	spared    uint8  // its worker was lost for another one's sake, or it is tried again: see Pool.spared
	passed    uint16 // the arguments' block is, or was, the worker's
	Retries   uint32 // how often it may be tried again
	Timeout   int64  // ns; 0: none
	Submitted int64  // ns
	Arguments uint32 // bytes of the record
	Room      uint32 // bytes for the answer
	Pid       uint32 // of the worker that died
	Code      int32  // its exit code, as Python has it
}

// Sizes of the structures; core/layout.h mirrors them.
const (
	pageHeader = 16
	JobSize    = 80
	TaskSize   = 80
	SpecSize   = 32
)

// page is what a block of kind JobPage starts with. The parent alone uses it.
type page struct {
	Left uint64 // tasks, and jobs, in it that the parent has not done with
	_    uint64
}

func (t *Task) arguments() []byte {
	return segment.Bytes(segment.Offset(t)+TaskSize, uint64(t.Arguments))
}

// Arguments is the record of the arguments of the task at off, and Function that of its job's
// function; nil if it has none. Precondition: the caller has taken the task.
func Arguments(off uint64) []byte { return task(off).arguments() }

// Function is the record of the function of the task's job; see Arguments.
func Function(off uint64) []byte {
	at := segment.Off(job(task(off).job).Function)
	if at == 0 {
		return nil
	}
	return segment.Bytes(at, channel.Space(segment.Bytes(at, recordHeader)))
}

// Serial names the task's job within the pool; see Arguments.
func Serial(off uint64) uint64 { return job(task(off).job).Serial }

// Room is how many bytes the task has for the record of its answer; see Arguments.
func Room(off uint64) int { return int(task(off).Room) }

const recordHeader = 8

func (t *Task) answer() []byte {
	return segment.Bytes(segment.Offset(t)+TaskSize+segment.Off(t.Arguments), uint64(t.Room))
}

// weight is the memory that a task keeps while it waits.
func (t *Task) weight() uint64 {
	n := TaskSize + uint64(t.Arguments) + uint64(t.Room)
	if channel.BlockOf(t.arguments()) != nil {
		n += channel.Weight(t.arguments())
	}
	return n
}

// spec is what the boundary says of a task to be submitted: 32 bytes, followed by
// the record of the arguments.
type spec []byte

func (s spec) index() uint32   { return binary.LittleEndian.Uint32(s) }
func (s spec) items() uint32   { return binary.LittleEndian.Uint32(s[4:]) }
func (s spec) retries() uint32 { return binary.LittleEndian.Uint32(s[8:]) }
func (s spec) room() uint32    { return binary.LittleEndian.Uint32(s[12:]) }
func (s spec) timeout() int64  { return int64(binary.LittleEndian.Uint64(s[16:])) }
func (s spec) refused() bool   { return s[24] != 0 }
func (s spec) record() []byte  { return s[SpecSize : SpecSize+channel.Space(s[SpecSize:])] }
func (s spec) size() uint64    { return SpecSize + channel.Space(s[SpecSize:]) }
func (s spec) space() uint64   { return TaskSize + channel.Space(s[SpecSize:]) + uint64(s.room()) }

// Batch is what a Submit submits.
type Batch struct {
	Job      uint64 // 0: a new one
	Function []byte // record of the new job's function, or none
	Specs    []byte
	Open     bool   // more will come
	Limit    uint64 // wait while more bytes than that are queued; 0: the pool's
	Now      int64
}

// size is the size of the page that the batch needs, and how many tasks it has.
func (b *Batch) size() (size, tasks uint64) {
	size = pageHeader
	if b.Job == 0 {
		size += JobSize + uint64(len(b.Function))
	}
	for s := spec(b.Specs); len(s) > 0; s = s[s.size():] {
		size += s.space()
		tasks++
	}
	return size, tasks
}

// Submit is a step of submitting tasks. It returns the offset of their job.
//
// The blocks that the records name must belong to the process of me.
func (p *Pool) Submit(me registry.Owner, b *Batch, f step.Flags, w *step.Wait) (uint64, step.Status) {
	if !w.Seize(&p.mutex, me, f, p.Repair) {
		return 0, step.Again
	}
	defer p.mutex.Unlock()
	if f.Has(step.Cancel) {
		p.leaveRoom(w)
		return 0, step.TimedOut
	}
	if p.Parent != me.Process() {
		return 0, step.Invalid
	}
	if p.State >= Terminated || p.State == Closed && b.Job == 0 { // its workers may have ended
		p.leaveRoom(w)
		return 0, step.Broken
	}
	limit := p.Limit
	if b.Limit != 0 {
		limit = b.Limit
	}
	if p.Bytes > limit {
		if f.Has(step.Last) {
			p.leaveRoom(w)
			return 0, step.TimedOut
		}
		p.low = max(p.low, limit/2)
		return 0, p.await(&p.room, me, w)
	}
	p.leaveRoom(w)
	size, tasks := b.size()
	block := w.Take(arena.JobPage, size)
	if block == nil {
		w.Want, w.Kind = size, uint32(arena.JobPage)
		return 0, step.NeedBlock
	}
	return p.place(block, b, tasks), step.Done
}

// place formats a page and queues its tasks.
//
// The page is the pool's before a task in it is queued: its workers may have one
// when the parent dies.
func (p *Pool) place(block *arena.Block, b *Batch, tasks uint64) uint64 {
	block.SetOwner(p.owned())
	head := segment.At[page](block.Body())
	*head = page{Left: tasks}
	at := block.Body() + pageHeader
	off := b.Job
	if off == 0 {
		head.Left++
		off = uint64(at)
		at = p.makeJob(at, b)
	}
	j := job(off)
	j.Open = 0
	if b.Open {
		j.Open = 1
	}
	j.Total += tasks
	queued := 0
	for s := spec(b.Specs); len(s) > 0; s = s[s.size():] {
		t := segment.At[Task](at)
		*t = Task{job: off, page: uint64(block.Off()), Index: s.index(), Items: s.items(), Retries: s.retries(),
			Timeout: s.timeout(), Submitted: b.Now, Arguments: uint32(len(s.record())), Room: s.room()}
		copy(t.arguments(), s.record())
		channel.PassBlock(s.record(), p.owned())
		at += segment.Off(s.space())
		if s.refused() {
			p.post(t, Refused, b.Now)
			continue
		}
		p.push(t)
		queued++
	}
	p.announce(j)
	p.rouse(queued)
	return off
}

// rouse wakes workers for n tasks that were queued, fewer those that were woken and
// have not come yet: who takes a task and leaves others behind rouses the next.
func (p *Pool) rouse(n int) {
	if n -= p.idle.Woken(); n > 0 {
		p.idle.NotifyWarm(n, 0)
	}
}

func (p *Pool) makeJob(at segment.Off, b *Batch) segment.Off {
	p.jobs++
	*segment.At[Job](at) = Job{Serial: p.jobs, Want: never}
	j := segment.At[Job](at)
	at += JobSize
	if len(b.Function) > 0 {
		j.Function = uint64(at)
		copy(segment.Bytes(at, uint64(len(b.Function))), b.Function)
		channel.PassBlock(b.Function, p.owned())
		at += segment.Off(len(b.Function))
	}
	return at
}

const never = 1<<64 - 1

// post gives a task's answer to its job. The store of answers is the commit; the
// rest is derived from it.
func (p *Pool) post(t *Task, s Status, now int64) {
	j := job(t.job)
	t.Status = s
	t.link = j.answers
	atomic.StoreUint64(&j.answers, uint64(segment.Offset(t)))
	atomic.StoreUint64(&j.Posted, j.Posted+1)
	p.count(t, s, now)
	p.announce(j)
	j.wake(false)
	if t.spared != 0 {
		p.unspare(t)
	}
}

// unspare: the last one lets the others go on. Who dies in here leaves the lock taken: Repair counts again those that are
// queued or held, which an answered one is not, and wakes the workers.
func (p *Pool) unspare(t *Task) {
	t.spared = 0
	if p.spared--; p.spared == 0 {
		p.rouse(int(min(p.Queued, MaxWorkers)))
	}
}

// wake wakes who waits for the job, if what he waits for is there.
func (j *Job) wake(force bool) {
	if j.Posted < j.Want && !force {
		return
	}
	j.Want = never
	atomic.AddUint32(&j.Epoch, 1)
	if atomic.SwapUint32(&j.Sleepers, 0) != 0 {
		robust.Wake(&j.Epoch, 1<<30)
	}
}

func (j *Job) complete() bool { return j.Open == 0 && j.Posted == j.Total }

// announce puts a job that is complete where its parent looks for it.
func (p *Pool) announce(j *Job) {
	if j.flags&(notify|abandoned) == 0 || j.flags&announced != 0 || !j.complete() {
		return
	}
	list := &p.ready
	if j.flags&abandoned != 0 {
		list = &p.reap
	}
	j.link = *list
	atomic.StoreUint64(list, uint64(segment.Offset(j)))
	j.flags |= announced
	if list == &p.ready {
		p.callers.Notify(1, 0)
	}
}

// Await is a step of waiting until n tasks of a job are answered.
func (p *Pool) Await(me registry.Owner, off, n uint64, f step.Flags, w *step.Wait) step.Status {
	if s := p.seize(me, f, w); s != step.Done {
		return s
	}
	defer p.mutex.Unlock()
	j := job(off)
	switch {
	case j.Posted >= n || j.complete():
		return step.Done
	case p.State >= Terminated:
		return step.Broken
	case f&(step.Last|step.Cancel) != 0:
		return step.TimedOut
	}
	j.Want = min(j.Want, n)
	atomic.StoreUint32(&j.Sleepers, 1)
	s := w.OnWord(&j.Epoch, atomic.LoadUint32(&j.Epoch))
	w.While(&p.State)
	return s
}

// Answers is a step of taking all answers of a job that are there: the first of a
// chain of tasks by their links, the newest first.
func (p *Pool) Answers(me registry.Owner, off uint64, f step.Flags, w *step.Wait) (uint64, step.Status) {
	if s := p.seize(me, f, w); s != step.Done {
		return 0, s
	}
	defer p.mutex.Unlock()
	j := job(off)
	first := j.answers
	j.Taken = j.Posted
	j.answers = 0
	return first, step.Done
}

// End is a step that says that no more tasks will come for an open job, and wakes
// its waiter.
func (p *Pool) End(me registry.Owner, off uint64, f step.Flags, w *step.Wait) step.Status {
	if s := p.seize(me, f, w); s != step.Done {
		return s
	}
	defer p.mutex.Unlock()
	j := job(off)
	j.Open = 0
	p.announce(j)
	j.wake(true)
	return step.Done
}

// Notify is a step that asks for the job to be announced when it is complete.
func (p *Pool) Notify(me registry.Owner, off uint64, f step.Flags, w *step.Wait) step.Status {
	if s := p.seize(me, f, w); s != step.Done {
		return s
	}
	defer p.mutex.Unlock()
	j := job(off)
	if j.flags&announced != 0 { // to somebody else, before
		p.unlist(&p.ready, off)
	}
	j.flags = j.flags&^announced | notify
	p.announce(j)
	return step.Done
}

// Abandon is a step by which the parent says that nobody waits for a job any
// more. It reports whether the job is complete, and so the parent's to free; if
// not, Reap gives it when it is.
func (p *Pool) Abandon(me registry.Owner, off uint64, f step.Flags, w *step.Wait) (bool, step.Status) {
	if s := p.seize(me, f, w); s != step.Done {
		return false, s
	}
	defer p.mutex.Unlock()
	j := job(off)
	j.Open = 0
	if j.flags&announced != 0 {
		p.unlist(&p.ready, off)
		j.flags &^= announced
	}
	if j.complete() {
		return true, step.Done
	}
	j.flags = j.flags&^notify | abandoned
	return false, step.Done
}

func (p *Pool) unlist(list *uint64, off uint64) {
	for at := list; *at != 0; at = &job(*at).link {
		if *at == off {
			*at = job(off).link
			return
		}
	}
}

// Reap is a step of taking a job that was abandoned and is complete; 0 if there
// is none.
func (p *Pool) Reap(me registry.Owner, f step.Flags, w *step.Wait) (uint64, step.Status) {
	if s := p.seize(me, f, w); s != step.Done {
		return 0, s
	}
	defer p.mutex.Unlock()
	off := p.reap
	if off != 0 {
		p.reap = job(off).link
	}
	return off, step.Done
}

// NextReady is a step of waiting for a job that was announced.
func (p *Pool) NextReady(me registry.Owner, f step.Flags, w *step.Wait) (uint64, step.Status) {
	if s := p.seize(me, f, w); s != step.Done {
		return 0, s
	}
	defer p.mutex.Unlock()
	off := p.ready
	switch {
	case off != 0 && !f.Has(step.Cancel):
		p.ready = job(off).link
		w.Leave(&p.callers, true)
		return off, step.Done
	case f&(step.Last|step.Cancel) != 0:
		w.Leave(&p.callers, false)
		return 0, step.TimedOut
	case p.State >= Terminated:
		w.Leave(&p.callers, true)
		return 0, step.Broken
	}
	return 0, p.await(&p.callers, me, w)
}
