package kernel

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
)

// server runs the tasks of a pool in some of its workers' places.
type server struct {
	me      registry.Owner
	pool    *pool.Pool
	first   int // of its workers in the pool's table
	count   int
	alone   string // the name of a process that ends after one task; or none
	workers []*worker
	code    int // the exit code
}

// worker is a goroutine that takes tasks.
type worker struct {
	*server
	me    registry.Owner // as a thread
	index int
	done  chan struct{}

	mutex  sync.Mutex
	cancel context.CancelFunc // of the task that it runs; nil: none
}

// patience is for how long a process whose pool has ended waits for its kernels.
const patience = 50 * time.Millisecond

// run serves until the workers are to end.
func (s *server) run() {
	if s.alone == "" {
		signal.Ignore(unix.SIGINT) // what Ctrl-C means is for the parent to say
		// As many as wait in system calls, and one that is idle: where none is, Go's monitor looks every 20 us for a
		// processor to take away from a goroutine that waits, and a call costs 70 us instead of 20.
		runtime.GOMAXPROCS(max(s.count, runtime.GOMAXPROCS(0)) + 2)
	}
	for i := range s.count {
		w := &worker{server: s, me: member.Thread(s.me, 1+i), index: s.first + i, done: make(chan struct{})}
		s.workers = append(s.workers, w)
	}
	for _, w := range s.workers {
		go func() {
			w.enter()
			w.work()
		}()
	}
	go s.watch()
	for _, w := range s.workers {
		<-w.done
	}
}

// watch cancels what is not wanted any more. With the pool, or its parent, the process ends: what
// is left of it is the parent's, or the sweep's.
func (s *server) watch() {
	seen := uint32(0)
	for {
		o := member.Op{Me: member.Thread(s.me, 1+s.count), Deadline: member.Forever}
		status := o.Run(func(f step.Flags, w *step.Wait) (status step.Status) {
			seen, status = s.pool.Watch(seen, f, w)
			return status
		})
		for _, w := range s.workers {
			w.stop(status == step.Broken)
		}
		if status == step.Broken {
			time.Sleep(patience)
			os.Exit(1)
		}
	}
}

// stop cancels the task that the worker runs, if it is not wanted any more. Under the lock: the
// pool's word of it is about this task as long as the worker has not answered.
func (w *worker) stop(all bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.cancel != nil && (all || w.pool.Doomed(w.index)) {
		w.cancel()
	}
}

func (w *worker) do(take member.Step, spin *uint32) step.Status {
	o := member.Op{Me: w.me, Deadline: member.Forever, Spin: spin}
	return o.Run(take)
}

// work takes tasks and answers them. A kernel that ends its goroutine ends this one: another one
// takes its place.
func (w *worker) work() {
	over := w.alone != ""
	defer func() {
		if over {
			close(w.done)
		} else {
			go w.work()
		}
	}()
	for w.serve() && !over {
	}
	over = true
}

func (w *worker) enter() {
	w.do(func(f step.Flags, wait *step.Wait) step.Status {
		return w.pool.Enter(w.me, w.index, member.Now(), f, wait)
	}, nil)
	w.do(func(f step.Flags, wait *step.Wait) step.Status {
		return w.pool.Begin(w.me, w.index, member.Now(), f, wait)
	}, nil)
}

// serve takes one task and answers it. False: the worker is to end.
func (w *worker) serve() bool {
	var task uint64
	switch s := w.do(func(f step.Flags, wait *step.Wait) (s step.Status) {
		task, s = w.pool.Take(w.me, w.index, member.Now(), f, wait)
		return s
	}, &w.pool.Spin); s {
	case step.Done:
	case step.Full: // there is no memory for one more who waits
		time.Sleep(patience)
		return true
	default:
		return false
	}
	c := &call{me: w.me}
	var a answer
	defer func() { w.answer(task, c, a) }() // also on the way out of the goroutine
	w.execute(c, task, &a)
	return true
}

// begin notes what cancels the task that the worker runs. One that was doomed before is told now.
func (w *worker) begin(cancel context.CancelFunc) {
	w.mutex.Lock()
	w.cancel = cancel
	w.mutex.Unlock()
	if cancel != nil {
		w.stop(false)
	}
}

// answer sends what has come of a task. What there is no memory for becomes an error.
func (w *worker) answer(task uint64, c *call, a answer) {
	defer c.end()
	record, block, s := writeRecord(w.me, a.message, pool.Room(task))
	if s != step.Done {
		a.message.discard(w.me)
		no := memoryError{uint64(len(a.message.data))}
		a = failure{Kind: kindMemory, Text: no.Error()}.answer()
		record, block, _ = writeRecord(w.me, a.message, pool.Room(task))
	}
	if a.status != pool.Returned && w.alone != "" {
		fmt.Fprintf(os.Stderr, "Process %s: %s: %s\n%s", w.alone, a.failure.Kernel, a.failure.Text, a.failure.Stack)
		w.code = 1
	}
	s = w.do(func(f step.Flags, wait *step.Wait) step.Status {
		return w.pool.Answer(w.me, w.index, a.status, record, member.Now(), f, wait)
	}, nil)
	if s != step.Done && block != nil { // it came too late
		member.Free(w.me, block)
	}
}
