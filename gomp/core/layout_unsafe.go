package main

/*
#include "core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/barrier"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/cond"
	"github.com/gomp-project/gomp/gomp/event"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

// layoutErrors lists where layout.h and the Go structures differ; a test
// asserts that it is empty.
func layoutErrors() []string {
	var bad []string
	check := func(name string, c, g uintptr) {
		if c != g {
			bad = append(bad, name)
		}
	}
	check("header.seats", unsafe.Offsetof(C.gomp_header{}.seats), unsafe.Offsetof(segment.Header{}.Seats))
	check("header.nseats", unsafe.Offsetof(C.gomp_header{}.nseats), unsafe.Offsetof(segment.Header{}.NSeats))
	check("header.heap", unsafe.Offsetof(C.gomp_header{}.heap), unsafe.Offsetof(segment.Header{}.Heap))
	check("header.used", unsafe.Offsetof(C.gomp_header{}.used), unsafe.Offsetof(segment.Header{}.Used))
	check("slot", C.sizeof_gomp_slot, unsafe.Sizeof(registry.Slot{}))
	check("slot size", C.sizeof_gomp_slot, segment.SlotSize)
	check("slot.creator", unsafe.Offsetof(C.gomp_slot{}.creator), unsafe.Offsetof(registry.Slot{}.Creator))
	check("slot.since", unsafe.Offsetof(C.gomp_slot{}.since), unsafe.Offsetof(registry.Slot{}.Since))
	check("slots", C.GOMP_SLOTS, segment.Slots)
	check("slots offset", C.GOMP_SLOTS_OFF, segment.SlotsOff)
	check("block.serial", unsafe.Offsetof(C.gomp_block{}.serial), unsafe.Offsetof(arena.Block{}.Serial))
	check("block.target", unsafe.Offsetof(C.gomp_block{}.target), unsafe.Offsetof(arena.Block{}.Target))
	check("block.holders", unsafe.Offsetof(C.gomp_block{}.holders), unsafe.Sizeof(arena.Block{}))
	check("block header", C.GOMP_HEADER, unsafe.Sizeof(arena.Block{}))
	check("body", C.GOMP_BODY, arena.SharedBody)
	check("sem.pid", unsafe.Offsetof(C.gomp_sem{}.pid), unsafe.Offsetof(lock.Sem{}.Pid))
	check("sem.spin", unsafe.Offsetof(C.gomp_sem{}.spin), unsafe.Offsetof(lock.Sem{}.Spin))
	check("sem.ledger", C.GOMP_LEDGER, unsafe.Offsetof(lock.Sem{}.Ledger))
	check("event.waiters", unsafe.Offsetof(C.gomp_event{}.waiters), unsafe.Offsetof(event.Event{}.Waiters))
	check("cond.spin", unsafe.Offsetof(C.gomp_barrier{}.spin), unsafe.Offsetof(cond.Cond{}.Spin))
	check("barrier.broken", unsafe.Offsetof(C.gomp_barrier{}.broken), unsafe.Offsetof(barrier.Barrier{}.Broken))
	check("barrier.spin", unsafe.Offsetof(C.gomp_barrier{}.spin), unsafe.Offsetof(barrier.Barrier{}.Spin))
	check("channel.spin", unsafe.Offsetof(C.gomp_channel{}.spin), unsafe.Offsetof(channel.Channel{}.Spin))
	check("channel.nput", unsafe.Offsetof(C.gomp_channel{}.nput), unsafe.Offsetof(channel.Channel{}.NPut))
	check("channel.max_bytes", unsafe.Offsetof(C.gomp_channel{}.max_bytes), unsafe.Offsetof(channel.Channel{}.MaxBytes))
	check("channel.hangups", unsafe.Offsetof(C.gomp_channel{}.hangups), unsafe.Offsetof(channel.Channel{}.Hangups))
	check("channel.rung", unsafe.Offsetof(C.gomp_channel{}.rung), unsafe.Offsetof(channel.Channel{}.Rung))
	check("eager", C.GOMP_EAGER, uintptr(step.Eager))
	check("wait", C.sizeof_gomp_wait, unsafe.Sizeof(step.Wait{}))
	check("wait.pid", unsafe.Offsetof(C.gomp_wait{}.pid), unsafe.Offsetof(step.Wait{}.Pid))
	check("wait.watch", unsafe.Offsetof(C.gomp_wait{}.watch), unsafe.Offsetof(step.Wait{}.Watch))
	check("statuses", C.GOMP_NEED_BLOCK, uintptr(step.NeedBlock))
	check("kinds", C.GOMP_KIND_JOBPAGE, uintptr(arena.JobPage))
	check("buffer data", C.GOMP_BUFFER_DATA, arena.BufferData)
	check("envelope", C.sizeof_gomp_envelope, unsafe.Sizeof(parcel.Envelope{}))
	check("part", C.sizeof_gomp_part, unsafe.Sizeof(parcel.Part{}))
	check("owner", uintptr(C.GOMP_OWNER_PROCESS_MASK&(1<<63-1)), uintptr(registry.Owner(1<<64-1).Process()))
	check("pool.parent", unsafe.Offsetof(C.gomp_pool{}.parent), unsafe.Offsetof(pool.Pool{}.Parent))
	check("pool.latency", unsafe.Offsetof(C.gomp_pool{}.latency), unsafe.Offsetof(pool.Pool{}.Latency))
	check("pool buckets", C.GOMP_POOL_BUCKETS, pool.Buckets)
	check("pool workers", C.GOMP_POOL_WORKERS, uintptr(pool.Size(0)))
	check("worker", C.sizeof_gomp_worker, pool.WorkerSize)
	check("worker size", C.sizeof_gomp_worker, unsafe.Sizeof(pool.Worker{}))
	check("worker.since", unsafe.Offsetof(C.gomp_worker{}.since), unsafe.Offsetof(pool.Worker{}.Since))
	check("worker.bytes", unsafe.Offsetof(C.gomp_worker{}.bytes), unsafe.Offsetof(pool.Worker{}.Bytes))
	check("job", C.sizeof_gomp_job, unsafe.Sizeof(pool.Job{}))
	check("job size", C.sizeof_gomp_job, pool.JobSize)
	check("job.function", unsafe.Offsetof(C.gomp_job{}.function), unsafe.Offsetof(pool.Job{}.Function))
	check("task", C.sizeof_gomp_task, unsafe.Sizeof(pool.Task{}))
	check("task size", C.sizeof_gomp_task, pool.TaskSize)
	check("task.timeout", unsafe.Offsetof(C.gomp_task{}.timeout), unsafe.Offsetof(pool.Task{}.Timeout))
	check("task.code", unsafe.Offsetof(C.gomp_task{}.code), unsafe.Offsetof(pool.Task{}.Code))
	check("spec", C.sizeof_gomp_spec, pool.SpecSize)
	check("task statuses", C.GOMP_REFUSED, uintptr(pool.Refused))
	check("pool states", C.GOMP_POOL_BROKEN, pool.Broken)
	for _, b := range []struct {
		name       string
		size, real uintptr
	}{
		{"lock", lock.Size, unsafe.Offsetof(lock.Sem{}.Mutex)},
		{"ledger", lock.LedgerSize, unsafe.Sizeof(lock.Sem{})},
		{"event", event.Size, unsafe.Sizeof(event.Event{})},
		{"cond", cond.Size, unsafe.Sizeof(cond.Cond{})},
		{"barrier", barrier.Size, unsafe.Sizeof(barrier.Barrier{})},
		{"channel", channel.Size, unsafe.Sizeof(channel.Channel{})},
		{"pool", uintptr(pool.Size(0)), unsafe.Sizeof(pool.Pool{})},
	} {
		if b.size < b.real {
			bad = append(bad, b.name+" body is too small")
		}
	}
	return bad
}
