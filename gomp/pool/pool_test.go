package pool_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

const (
	patience = 20 * time.Second
	never    = time.Duration(0)
	limit    = 1 << 20
)

// crew is a pool whose parent, and whose workers, are the test process.
type crew struct {
	*family.Family
	testing.TB
	block *arena.Block
	pool  *pool.Pool
	now   int64
}

func newCrew(t testing.TB, workers int) *crew {
	c := &crew{Family: family.New(t), TB: t, now: 1000}
	b, s := family.Make(c.Me, arena.Pool, uint64(workers), limit)
	c.want(s, step.Done)
	c.block, c.pool = b, segment.At[pool.Pool](arena.Body(b.Off()))
	for i := range workers {
		c.hire(i)
	}
	return c
}

// hire makes the test process worker i.
func (c *crew) hire(i int) {
	c.Helper()
	c.want(c.run(func(f step.Flags, w *step.Wait) step.Status { return c.pool.Enter(c.Me, i, c.now, f, w) }), step.Done)
	c.want(c.run(func(f step.Flags, w *step.Wait) step.Status { return c.pool.Begin(c.Me, i, c.now, f, w) }), step.Done)
}

func (c *crew) want(got, want step.Status) {
	c.Helper()
	if got != want {
		c.Fatalf("the step's answer is %d, not %d", got, want)
	}
}

// run takes steps that need not wait.
func (c *crew) run(take family.Step) step.Status { return family.Run(c.Me, never, take) }

func calls(texts ...string) (all []family.Call) {
	for _, text := range texts {
		all = append(all, family.Call{Text: text})
	}
	return all
}

func (c *crew) submit(all ...family.Call) uint64 {
	c.Helper()
	return c.add(0, false, 0, all...)
}

// add submits more tasks of a job, whose indices start at first.
func (c *crew) add(job uint64, open bool, first uint32, all ...family.Call) uint64 {
	c.Helper()
	b := pool.Batch{Job: job, Specs: family.Specs(c.Me, first, all...), Open: open, Now: c.now}
	job, s := family.Submit(c.Me, c.pool, b, patience)
	c.want(s, step.Done)
	return job
}

// take takes a task that is there.
func (c *crew) take(i int) string {
	c.Helper()
	_, text, s := family.Take(c.Me, c.pool, i, c.now, never)
	c.want(s, step.Done)
	return text
}

func (c *crew) answer(i int, text string) step.Status {
	return family.Answer(c.Me, c.pool, i, text, c.now)
}

// work takes and answers tasks until there are none.
func (c *crew) work(i int) (texts []string) {
	c.Helper()
	for {
		_, text, s := family.Take(c.Me, c.pool, i, c.now, never)
		if s != step.Done {
			return texts
		}
		c.want(c.answer(i, text+"!"), step.Done)
		texts = append(texts, text)
	}
}

func (c *crew) bury(i int) (stage pool.Stage, waiting bool) {
	c.Helper()
	c.want(c.run(func(f step.Flags, w *step.Wait) (s step.Status) {
		stage, waiting, s = c.pool.Bury(c.Me, i, 77, -9, false, c.now, f, w)
		return s
	}), step.Done)
	return stage, waiting
}

func (c *crew) await(job, n uint64) step.Status {
	return c.run(func(f step.Flags, w *step.Wait) step.Status { return c.pool.Await(c.Me, job, n, f, w) })
}

func (c *crew) turn(state uint32) {
	c.Helper()
	c.want(c.run(func(f step.Flags, w *step.Wait) step.Status { return c.pool.Turn(c.Me, state, f, w) }), step.Done)
}

func (c *crew) tell(what func(registry.Owner, uint64, step.Flags, *step.Wait) step.Status, job uint64) {
	c.Helper()
	c.want(c.run(func(f step.Flags, w *step.Wait) step.Status { return what(c.Me, job, f, w) }), step.Done)
}

func (c *crew) next(which func(registry.Owner, step.Flags, *step.Wait) (uint64, step.Status)) (job uint64) {
	c.run(func(f step.Flags, w *step.Wait) (s step.Status) {
		job, s = which(c.Me, f, w)
		return s
	})
	return job
}

func (c *crew) cancel(job uint64) (doomed []uint32, reached uint64) {
	c.Helper()
	out := make([]uint32, 8)
	n := 0
	c.want(c.run(func(f step.Flags, w *step.Wait) (s step.Status) {
		n, reached, s = c.pool.Cancel(c.Me, job, c.now, out, f, w)
		return s
	}), step.Done)
	return out[:n], reached
}

func (c *crew) overdue() (doomed []uint32, next int64) {
	c.Helper()
	out := make([]uint32, 8)
	n := 0
	c.want(c.run(func(f step.Flags, w *step.Wait) (s step.Status) {
		n, next, s = c.pool.Overdue(c.Me, c.now, out, f, w)
		return s
	}), step.Done)
	return out[:n], next
}

// collect gives the answers that are there as "index status text".
func (c *crew) collect(job uint64) (told []string) {
	for _, r := range family.Answers(c.Me, c.pool, job) {
		told = append(told, fmt.Sprint(r.Index, r.Status, r.Text))
	}
	return told
}

func answered(index int, s pool.Status, text string) string { return fmt.Sprint(index, s, text) }

func (c *crew) equal(got, want any) {
	c.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		c.Errorf("%v, not %v", got, want)
	}
}

// free frees jobs that are complete; then nothing but the pool may be left.
func (c *crew) free(jobs ...uint64) {
	c.Helper()
	for _, job := range jobs {
		family.FreeJob(c.Me, c.pool, job)
	}
	c.Verify(c)
	for _, b := range arena.Blocks(c.Me, func(b *arena.Block) bool { return b != c.block && b.Kind != arena.Waiters }) {
		c.Errorf("a block of kind %d is left, owned by %#x", b.Kind, b.Owner)
	}
	family.Drop(c.Me, c.block)
	if used := segment.Head().Used; used != 0 {
		c.Errorf("%d bytes are left in use", used)
	}
}

func TestOldestTaskComesFirst(t *testing.T) {
	c := newCrew(t, 2)
	first, second := c.submit(calls("a", "@b")...), c.submit(calls("c")...)
	c.equal([]string{c.take(0), c.take(1)}, []string{"a", "@b"})
	c.want(c.answer(1, "@B"), step.Done)
	c.equal(c.take(1), "c")
	c.want(c.answer(1, "C"), step.Done)
	c.want(c.await(second, 1), step.Done)
	c.want(c.await(first, 1), step.Done)
	c.want(c.await(first, 2), step.TimedOut)
	c.want(c.answer(0, "A"), step.Done)
	c.equal(c.collect(first), []string{answered(1, pool.Returned, "@B"), answered(0, pool.Returned, "A")})
	c.equal(c.collect(first), []string(nil))
	c.free(first, second)
}

func TestJobThatIsOpenIsNotComplete(t *testing.T) {
	c := newCrew(t, 1)
	job := c.add(0, true, 0, calls("a")...)
	c.work(0)
	c.want(c.await(job, 1), step.Done)
	c.want(c.await(job, 2), step.TimedOut)
	c.equal(c.add(job, true, 1, calls("b", "@c")...), job)
	c.equal(c.work(0), []string{"b", "@c"})
	c.want(c.await(job, 4), step.TimedOut)
	c.tell(c.pool.End, job)
	c.want(c.await(job, 4), step.Done)
	c.equal(len(c.collect(job)), 3)
	c.free(job)
}

func TestRefusedTaskIsAnsweredAtOnce(t *testing.T) {
	c := newCrew(t, 1)
	job := c.submit(family.Call{Refused: true}, family.Call{Text: "a"})
	c.equal(c.collect(job), []string{answered(0, pool.Refused, "")})
	c.equal(c.work(0), []string{"a"})
	c.equal(c.collect(job), []string{answered(1, pool.Returned, "a!")})
	c.free(job)
}

func TestSubmitterWaitsForRoom(t *testing.T) {
	c := newCrew(t, 1)
	b := func(text string) pool.Batch {
		return pool.Batch{Specs: family.Specs(c.Me, 0, family.Call{Text: text}), Limit: 1000, Now: c.now}
	}
	first, s := family.Submit(c.Me, c.pool, b(string(make([]byte, 2000))), never)
	c.want(s, step.Done)
	if _, s := family.Submit(c.Me, c.pool, b("x"), 30*time.Millisecond); s != step.TimedOut {
		t.Fatalf("the queue is full, and the answer is %d", s)
	}
	submitted := make(chan uint64)
	go func() {
		job, _ := family.Submit(c.Me, c.pool, b("y"), patience)
		submitted <- job
	}()
	time.Sleep(20 * time.Millisecond)
	c.take(0)
	second := <-submitted
	c.want(c.answer(0, ""), step.Done)
	c.equal(c.work(0), []string{"y"})
	c.free(first, second)
}

func TestStates(t *testing.T) {
	c := newCrew(t, 1)
	job := c.submit(calls("a", "b")...)
	batch := func(job uint64, texts ...string) pool.Batch {
		return pool.Batch{Job: job, Open: true, Specs: family.Specs(c.Me, 0, calls(texts...)...)}
	}
	more, _ := family.Submit(c.Me, c.pool, batch(0), never)
	c.turn(pool.Closed)
	c.equal(c.work(0), []string{"a", "b"})
	_, _, s := family.Take(c.Me, c.pool, 0, c.now, never)
	c.want(s, step.Broken)
	_, s = family.Submit(c.Me, c.pool, batch(0, "x"), never) // nobody may be left to run it
	c.want(s, step.Broken)
	_, s = family.Submit(c.Me, c.pool, batch(more, "c"), never) // who feeds an iterable goes on
	c.want(s, step.Done)
	c.turn(pool.Terminated)
	_, _, s = family.Take(c.Me, c.pool, 0, c.now, patience)
	c.want(s, step.Broken)
	c.want(c.await(more, 1), step.Broken)
	c.want(c.await(job, 2), step.Done)
	_, s = family.Submit(c.Me, c.pool, pool.Batch{Specs: family.Specs(c.Me, 0, calls("d")...)}, never)
	c.want(s, step.Broken)
	c.want(c.run(func(f step.Flags, w *step.Wait) step.Status {
		_, s := c.pool.NextReady(c.Me, f, w)
		return s
	}), step.TimedOut)
}

func TestBurial(t *testing.T) {
	c := newCrew(t, 2)
	job := c.submit(family.Call{Text: "@a"}, family.Call{Text: "@b", Retries: 1}, family.Call{Text: "c"})
	c.take(0)
	stage, waiting := c.bury(0)
	c.equal([]any{stage, waiting}, []any{pool.Ready, true})
	r := family.Answers(c.Me, c.pool, job)
	c.equal(r, []family.Result{{Index: 0, Status: pool.Lost, Pid: 77, Code: -9}})
	c.hire(0)
	c.equal(c.take(0), "@b")
	c.bury(0)
	c.equal(c.collect(job), []string(nil))
	c.equal(c.take(1), "@b") // before all others
	c.bury(1)
	c.equal(c.collect(job), []string{answered(1, pool.Lost, "")})
	stage, waiting = c.bury(1)
	c.equal([]any{stage, waiting}, []any{pool.Absent, true})
	c.want(c.run(func(f step.Flags, w *step.Wait) step.Status { return c.pool.Enter(c.Me, 1, c.now, f, w) }), step.Done)
	stage, _ = c.bury(1)
	c.equal(stage, pool.Starting)
	c.hire(1)
	c.equal(c.work(1), []string{"c"})
	c.equal([]uint64{c.pool.Done, c.pool.Failed, c.pool.Lost, c.pool.Retried, c.pool.Queued}, []uint64{3, 2, 2, 1, 0})
	c.collect(job)
	c.free(job)
}

func TestOverdue(t *testing.T) {
	c := newCrew(t, 3)
	slow, fast := family.Call{Text: "slow", Timeout: 100}, family.Call{Text: "fast", Timeout: 300, Retries: 9}
	job := c.submit(slow, fast, family.Call{Text: "free"})
	c.take(0)
	c.now += 50
	c.take(1)
	c.take(2)
	doomed, next := c.overdue()
	c.equal([]any{doomed, next}, []any{[]uint32{}, int64(1100)})
	c.now += 60
	doomed, next = c.overdue()
	c.equal([]any{doomed, next}, []any{[]uint32{0}, int64(1350)})
	c.want(c.answer(0, "too late"), step.TimedOut)
	_, _, s := family.Take(c.Me, c.pool, 0, c.now, never)
	c.want(s, step.Broken)
	c.now += 300
	doomed, next = c.overdue()
	c.equal([]any{doomed, next}, []any{[]uint32{1}, int64(0)})
	c.bury(1) // although it may be tried again
	c.want(c.answer(2, "F"), step.Done)
	c.equal(c.collect(job), []string{answered(0, pool.Expired, ""), answered(1, pool.Expired, ""), answered(2, pool.Returned, "F")})
	c.free(job)
}

func TestCancel(t *testing.T) {
	c := newCrew(t, 2)
	job, other := c.submit(calls("@a", "@b", "@c")...), c.submit(calls("d")...)
	c.take(0)
	doomed, reached := c.cancel(job)
	c.equal([]any{doomed, reached}, []any{[]uint32{0}, 3})
	doomed, reached = c.cancel(job)
	c.equal([]any{doomed, reached}, []any{[]uint32{}, 0})
	c.equal(c.work(1), []string{"d"})
	c.bury(0)
	c.equal(c.collect(job), []string{answered(1, pool.Cancelled, ""), answered(2, pool.Cancelled, ""), answered(0, pool.Cancelled, "")})
	c.want(c.await(job, 3), step.Done)
	c.free(job, other)
}

func TestCancelTakesWhatWaitsBetweenOthers(t *testing.T) {
	c := newCrew(t, 1)
	jobs := []uint64{c.submit(calls("a")...), c.submit(calls("b", "c")...), c.submit(calls("d")...), c.submit(calls("e")...)}
	for _, k := range []int{1, 3, 0} {
		c.cancel(jobs[k])
		c.Verify(t)
	}
	late := c.submit(calls("f")...)
	c.equal(c.work(0), []string{"d", "f"})
	c.free(append(jobs, late)...)
}

func TestAnnouncement(t *testing.T) {
	c := newCrew(t, 1)
	early, late, silent := c.submit(calls("a")...), c.submit(calls("b", "c")...), c.submit(calls("d")...)
	c.tell(c.pool.Notify, early)
	c.equal(c.next(c.pool.NextReady), 0)
	c.equal(len(c.work(0)), 4)
	c.tell(c.pool.Notify, late) // it is complete
	c.equal([]uint64{c.next(c.pool.NextReady), c.next(c.pool.NextReady), c.next(c.pool.NextReady)}, []uint64{late, early, 0})
	c.free(early, late, silent)
}

func TestAbandonedJobIsReaped(t *testing.T) {
	c := newCrew(t, 1)
	abandon := func(job uint64) (complete bool) {
		c.want(c.run(func(f step.Flags, w *step.Wait) (s step.Status) {
			complete, s = c.pool.Abandon(c.Me, job, f, w)
			return s
		}), step.Done)
		return complete
	}
	job, done := c.submit(calls("a", "@b")...), c.submit(calls("c")...)
	c.tell(c.pool.Notify, job)
	c.equal(c.take(0), "a")
	c.equal(abandon(job), false)
	c.want(c.answer(0, "@A"), step.Done)
	c.equal(c.next(c.pool.Reap), 0)
	c.work(0)
	c.equal(c.next(c.pool.NextReady), 0)
	c.equal([]uint64{c.next(c.pool.Reap), c.next(c.pool.Reap)}, []uint64{job, 0})
	c.tell(c.pool.Notify, done)
	c.equal(abandon(done), true)
	c.equal(c.next(c.pool.NextReady), 0)
	c.free(job, done)
}

func TestWhatCannotBe(t *testing.T) {
	c := newCrew(t, 2)
	stranger := registry.MakeOwner(9, 1)
	invalid := func(name string, s step.Status) {
		if s != step.Invalid {
			t.Errorf("%s: %d", name, s)
		}
	}
	job := c.submit(calls("a")...)
	for _, i := range []int{-1, 2, 1 << 20} {
		_, _, s := family.Take(c.Me, c.pool, i, c.now, never)
		invalid("take for no worker", s)
		invalid("enter as no worker", c.run(func(f step.Flags, w *step.Wait) step.Status { return c.pool.Enter(c.Me, i, 0, f, w) }))
		invalid("begin as no worker", c.run(func(f step.Flags, w *step.Wait) step.Status { return c.pool.Begin(c.Me, i, 0, f, w) }))
		invalid("answer for no worker", c.answer(i, "x"))
	}
	_, _, s := family.Take(stranger, c.pool, 0, c.now, never)
	invalid("take for another process's worker", s)
	invalid("answer nothing", c.answer(0, "x"))
	c.take(0)
	invalid("answer too much", c.answer(0, string(make([]byte, family.Room+1))))
	_, s = family.Submit(stranger, c.pool, pool.Batch{Specs: family.Specs(c.Me, 0, calls("x")...)}, never)
	invalid("submit as no parent", s)
	c.want(c.answer(0, "A"), step.Done)
	c.free(job)
}

func TestCheckSeesWhatIsBroken(t *testing.T) {
	c := newCrew(t, 1)
	job := c.submit(calls("a", "b")...)
	for name, word := range map[string]*uint64{"Queued": &c.pool.Queued, "Bytes": &c.pool.Bytes} {
		*word++
		if c.pool.Check(c.Me) == nil {
			t.Errorf("a wrong %s passes", name)
		}
		*word--
	}
	c.work(0)
	c.free(job)
}

func TestStatistics(t *testing.T) {
	c := newCrew(t, 1)
	job := c.submit(calls("a", "@b")...)
	for range 2 {
		c.take(0)
		c.now += 1 << 20
		c.want(c.answer(0, "x"), step.Done)
	}
	buckets := []int{}
	for i, n := range c.pool.Latency {
		for range n {
			buckets = append(buckets, i)
		}
	}
	c.equal(buckets, []int{4 * 18, 4 * 19}) // 2^20 and 2^21 ns
	c.equal(slices.Max(c.pool.Latency[:]), 1)
	c.free(job)
}
