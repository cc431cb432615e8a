package family

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// Room is what a task of Submit has for an answer: enough for one in a block of its
// own, and little more.
const Room = 64

// Call is a task to be submitted. A text that begins with @ goes in a block of its
// own, here as in answers.
type Call struct {
	Text    string
	Retries uint32
	Timeout time.Duration
	Refused bool
}

// Result is an answered task.
type Result struct {
	Index  uint32
	Status pool.Status
	Text   string
	Pid    uint32
	Code   int32
}

// record packs a text. Allocation does not fail in tests.
func record(me registry.Owner, text string) []byte {
	if !strings.HasPrefix(text, "@") {
		return Pack(text)
	}
	packed, s := PackRemote(me, text)
	if s != step.Done {
		panic(s)
	}
	return packed
}

// Specs packs calls, whose indices start at first.
func Specs(me registry.Owner, first uint32, calls ...Call) (specs []byte) {
	for i, c := range calls {
		s := make([]byte, pool.SpecSize)
		binary.LittleEndian.PutUint32(s, first+uint32(i))
		binary.LittleEndian.PutUint32(s[4:], 1)
		binary.LittleEndian.PutUint32(s[8:], c.Retries)
		binary.LittleEndian.PutUint32(s[12:], Room)
		binary.LittleEndian.PutUint64(s[16:], uint64(c.Timeout))
		if c.Refused {
			s[24] = 1
		}
		specs = append(append(specs, s...), record(me, c.Text)...)
	}
	return specs
}

// Submit submits a batch; the job's offset.
func Submit(me registry.Owner, p *pool.Pool, b pool.Batch, timeout time.Duration) (job uint64, s step.Status) {
	s = Run(me, timeout, func(f step.Flags, w *step.Wait) (s step.Status) {
		job, s = p.Submit(me, &b, f, w)
		return s
	})
	return job, s
}

// TakeStep is the step of taking a task for worker i; it stores the task's offset.
func TakeStep(me registry.Owner, p *pool.Pool, i int, now int64, task *uint64) Step {
	return func(f step.Flags, w *step.Wait) (s step.Status) {
		*task, s = p.Take(me, i, now, f, w)
		return s
	}
}

// Take takes a task for worker i. A block of its arguments that became me's is freed.
func Take(me registry.Owner, p *pool.Pool, i int, now int64, timeout time.Duration) (task uint64, text string, s step.Status) {
	if s = Run(me, timeout, TakeStep(me, p, i, now, &task)); s == step.Done {
		text = readRecord(me, arguments(task))
	}
	return task, text, s
}

// Answer answers the task that worker i has taken.
func Answer(me registry.Owner, p *pool.Pool, i int, text string, now int64) step.Status {
	packed := record(me, text)
	s := Run(me, time.Minute, AnswerStep(me, p, i, packed, now))
	if b := channel.BlockOf(packed); b != nil && s != step.Done {
		Free(me, b)
	}
	return s
}

// AnswerStep is the step of answering with a packed record.
func AnswerStep(me registry.Owner, p *pool.Pool, i int, packed []byte, now int64) Step {
	return func(f step.Flags, w *step.Wait) step.Status {
		return p.Answer(me, i, pool.Returned, packed, now, f, w)
	}
}

// PackAnswer packs an answer.
func PackAnswer(me registry.Owner, text string) []byte { return record(me, text) }

// Answers takes the answers that are there, the oldest first, and frees their tasks
// as the boundary does it.
func Answers(me registry.Owner, p *pool.Pool, job uint64) (results []Result) {
	var first uint64
	if s := Run(me, time.Minute, func(f step.Flags, w *step.Wait) (s step.Status) {
		first, s = p.Answers(me, job, f, w)
		return s
	}); s != step.Done {
		panic(s)
	}
	return free(me, p, first)
}

// free frees a chain of answered tasks.
func free(me registry.Owner, p *pool.Pool, at uint64) (results []Result) {
	for at != 0 {
		t := segment.At[pool.Task](segment.Off(at))
		r := Result{Index: t.Index, Status: t.Status, Pid: t.Pid, Code: t.Code}
		if passed := *segment.At[uint16](segment.Off(at) + 42); passed == 0 {
			channel.PassBlock(arguments(at), arena.OwnedByProcess(me))
			readRecord(me, arguments(at))
		}
		if t.Status == pool.Returned || t.Status == pool.Raised {
			answer := segment.Bytes(segment.Off(at)+pool.TaskSize+segment.Off(t.Arguments), uint64(t.Room))
			channel.PassBlock(answer, arena.OwnedByProcess(me))
			r.Text = readRecord(me, answer)
		}
		results = append(results, r)
		page := arena.At(*segment.At[segment.Off](segment.Off(at) + 24))
		at = *segment.At[uint64](segment.Off(at) + 16)
		leave(me, page)
	}
	slices.Reverse(results)
	return results
}

// FreeJob frees a job that is complete, with the answers that were not taken.
func FreeJob(me registry.Owner, p *pool.Pool, job uint64) {
	free(me, p, *segment.At[uint64](segment.Off(job) + 32))
	leave(me, arena.At(segment.Off(job)-16-arena.HeaderSize))
}

// leave: a page is free when the parent has done with all that is in it.
func leave(me registry.Owner, page *arena.Block) {
	left := segment.At[uint64](page.Body())
	if *left--; *left == 0 {
		page.SetOwner(arena.OwnedByProcess(me))
		Free(me, page)
	}
}

func arguments(task uint64) []byte {
	return segment.Bytes(segment.Off(task)+pool.TaskSize, uint64(segment.At[pool.Task](segment.Off(task)).Arguments))
}

// readRecord gives a record's text, and frees its block if it is me's.
func readRecord(me registry.Owner, packed []byte) string {
	b := channel.BlockOf(packed)
	if b == nil {
		n := uint64(binary.LittleEndian.Uint32(packed))
		return string(packed[8 : 8+n])
	}
	text := string(segment.Bytes(b.Body(), binary.LittleEndian.Uint64(packed[16:])))
	if b.LoadOwner() == arena.OwnedByProcess(me) {
		Free(me, b)
	}
	return text
}
