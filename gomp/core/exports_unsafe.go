package main

/*
#include "core.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/barrier"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/cond"
	"github.com/gomp-project/gomp/gomp/event"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

func owner(w C.uint64_t) registry.Owner { return registry.Owner(w) }

func wait(w *C.gomp_wait) *step.Wait { return (*step.Wait)(unsafe.Pointer(w)) }

// at is the body of the object at off.
func at[T any](off C.uint64_t) *T {
	return segment.At[T](arena.Body(segment.Off(off)))
}

// steps counts what this process has asked of the core.
var steps atomic.Uint64

// guard counts a step and turns a panic, which only corrupt shared memory can
// cause, into an answer: a panic must not unwind into C.
func guard(s *C.int32_t) {
	if steps.Add(1)%lookEvery == 0 {
		beSeen()
	}
	if recover() != nil {
		*s = C.int32_t(step.Invalid)
	}
}

func text(to *C.char, n C.uint64_t, s string) {
	b := unsafe.Slice((*byte)(unsafe.Pointer(to)), int(n))
	b[copy(b[:len(b)-1], s)] = 0
}

func mapped(m segment.Mapping, err error, out *C.gomp_mapping, to *C.char, n C.uint64_t) C.int32_t {
	if err != nil {
		text(to, n, err.Error())
		var e unix.Errno
		if errors.As(err, &e) {
			return -C.int32_t(e)
		}
		return -C.int32_t(unix.EINVAL)
	}
	out.fd, out.base, out.size, out.key = C.int64_t(m.FD), C.uintptr_t(m.Base), C.uint64_t(m.Size), C.uint64_t(m.Key)
	return 0
}

//export GompVersion
func GompVersion() *C.char { return C.CString(version) }

//export GompCreate
func GompCreate(limit, key C.uint64_t, seats C.int32_t, out *C.gomp_mapping, to *C.char, n C.uint64_t) C.int32_t {
	m, err := segment.Create(uint64(limit), uint64(key), int(seats))
	if err == nil {
		arena.Format()
	}
	return mapped(m, err, out, to, n)
}

//export GompAttach
func GompAttach(fd C.int32_t, out *C.gomp_mapping, to *C.char, n C.uint64_t) C.int32_t {
	m, err := segment.Attach(int(fd))
	return mapped(m, err, out, to, n)
}

//export GompUse
func GompUse(base C.uintptr_t) { segment.Use(uintptr(base)) }

//export GompNew
func GompNew(me C.uint64_t, kind C.uint32_t, params *C.uint64_t, flags C.uint32_t, w *C.gomp_wait, object *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	p := *(*sweep.Params)(unsafe.Pointer(params))
	b, st := sweep.New(owner(me), arena.Kind(kind), p, step.Flags(flags), wait(w))
	if st == step.Done {
		*object = C.uint64_t(b.Off())
	}
	return C.int32_t(st)
}

//export GompValid
func GompValid(me, object C.uint64_t, kind C.uint32_t, serial C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	if !sweep.Valid(owner(me), segment.Off(object), arena.Kind(kind), uint64(serial)) {
		return C.int32_t(step.Invalid)
	}
	return C.int32_t(step.Done)
}

//export GompTakeDown
func GompTakeDown(me, object C.uint64_t) {
	var s C.int32_t
	defer guard(&s)
	sweep.TakeDown(arena.At(segment.Off(object)), owner(me))
}

//export GompAlloc
func GompAlloc(me C.uint64_t, kind C.uint32_t, size C.uint64_t, flags C.uint32_t, w *C.gomp_wait, block *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	b, st := sweep.Alloc(owner(me), arena.Kind(kind), uint64(size), step.Flags(flags), wait(w))
	if st == step.Done {
		*block = C.uint64_t(b.Off())
	}
	return C.int32_t(st)
}

//export GompFree
func GompFree(me, block C.uint64_t) {
	var s C.int32_t
	defer guard(&s)
	sweep.Free(arena.At(segment.Off(block)), arena.OwnedByProcess(owner(me)), owner(me))
}

//export GompRefer
func GompRefer(me, target C.uint64_t, flags C.uint32_t, w *C.gomp_wait, block *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	b, st := sweep.Refer(owner(me), segment.Off(target), step.Flags(flags), wait(w))
	if st == step.Done {
		*block = C.uint64_t(b.Off())
	}
	return C.int32_t(st)
}

//export GompSeal
func GompSeal(me, block C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	if !parcel.Seal(arena.At(segment.Off(block)), owner(me)) {
		return C.int32_t(step.Invalid)
	}
	return C.int32_t(step.Done)
}

//export GompOpen
func GompOpen(me, block C.uint64_t, take C.uint32_t) (s C.int32_t) {
	defer guard(&s)
	parcel.Open(arena.At(segment.Off(block)), owner(me), take != 0)
	return C.int32_t(step.Done)
}

//export GompLockAcquire
func GompLockAcquire(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[lock.Sem](object).Acquire(owner(me), step.Flags(flags), wait(w)))
}

//export GompLockRelease
func GompLockRelease(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[lock.Sem](object).ReleaseLedger(owner(me), step.Flags(flags), wait(w)))
}

//export GompEventSet
func GompEventSet(object C.uint64_t) { at[event.Event](object).Set() }

//export GompEventClear
func GompEventClear(object C.uint64_t) { at[event.Event](object).Clear() }

//export GompEventWait
func GompEventWait(object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[event.Event](object).Wait(step.Flags(flags), wait(w)))
}

//export GompCondEnter
func GompCondEnter(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[cond.Cond](object).Enter(owner(me), step.Flags(flags), wait(w)))
}

//export GompCondWait
func GompCondWait(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[cond.Cond](object).Wait(owner(me), step.Flags(flags), wait(w)))
}

//export GompCondCancel
func GompCondCancel(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[cond.Cond](object).Cancel(owner(me), step.Flags(flags), wait(w)))
}

//export GompCondNotify
func GompCondNotify(me, object C.uint64_t, n C.int64_t, flags C.uint32_t, w *C.gomp_wait, found *C.int64_t) (s C.int32_t) {
	defer guard(&s)
	k, st := at[cond.Cond](object).Notify(owner(me), int(n), step.Flags(flags), wait(w))
	*found = C.int64_t(k)
	return C.int32_t(st)
}

//export GompCondSleeping
func GompCondSleeping(object C.uint64_t) C.int64_t {
	return C.int64_t(at[cond.Cond](object).Sleeping())
}

//export GompBarrierArrive
func GompBarrierArrive(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait, index *C.int64_t) (s C.int32_t) {
	defer guard(&s)
	i, st := at[barrier.Barrier](object).Arrive(owner(me), step.Flags(flags), wait(w))
	*index = C.int64_t(i)
	return C.int32_t(st)
}

//export GompBarrierWait
func GompBarrierWait(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[barrier.Barrier](object).Wait(owner(me), step.Flags(flags), wait(w)))
}

//export GompBarrierTrip
func GompBarrierTrip(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[barrier.Barrier](object).Trip(owner(me), step.Flags(flags), wait(w)))
}

//export GompBarrierBreak
func GompBarrierBreak(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[barrier.Barrier](object).Break(owner(me), step.Flags(flags), wait(w)))
}

//export GompBarrierCancel
func GompBarrierCancel(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[barrier.Barrier](object).Cancel(owner(me), step.Flags(flags), wait(w)))
}

//export GompBarrierReset
func GompBarrierReset(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[barrier.Barrier](object).Reset(owner(me), step.Flags(flags), wait(w)))
}

//export GompBarrierWaiting
func GompBarrierWaiting(object C.uint64_t) C.int64_t {
	return C.int64_t(at[barrier.Barrier](object).Waiting())
}

//export GompPut
func GompPut(me, object C.uint64_t, records unsafe.Pointer, n C.uint64_t, rfd, wfd C.int32_t, flags C.uint32_t, w *C.gomp_wait, done *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	k, st := at[channel.Channel](object).Put(owner(me), unsafe.Slice((*byte)(records), int(n)),
		channel.End{ReadFD: int32(rfd), WriteFD: int32(wfd)}, step.Flags(flags), wait(w))
	*done = C.uint64_t(k)
	return C.int32_t(st)
}

//export GompGet
func GompGet(me, object C.uint64_t, buf unsafe.Pointer, n, most C.uint64_t, rfd, wfd C.int32_t, flags C.uint32_t, w *C.gomp_wait, filled, count *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	k, c, st := at[channel.Channel](object).Get(owner(me), unsafe.Slice((*byte)(buf), int(n)), int(most),
		channel.End{ReadFD: int32(rfd), WriteFD: int32(wfd)}, step.Flags(flags), wait(w))
	*filled, *count = C.uint64_t(k), C.uint64_t(c)
	return C.int32_t(st)
}

//export GompChannelWait
func GompChannelWait(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[channel.Channel](object).Await(owner(me), step.Flags(flags), wait(w)))
}

//export GompHangup
func GompHangup(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[channel.Channel](object).Hangup(owner(me), step.Flags(flags), wait(w)))
}

//export GompArm
func GompArm(me, object C.uint64_t, rfd, wfd C.int32_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[channel.Channel](object).Arm(owner(me), channel.End{ReadFD: int32(rfd), WriteFD: int32(wfd)}, step.Flags(flags), wait(w)))
}

//export GompSettle
func GompSettle(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[channel.Channel](object).Settle(owner(me), step.Flags(flags), wait(w)))
}

//export GompTaskDone
func GompTaskDone(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[channel.Channel](object).TaskDone(owner(me), step.Flags(flags), wait(w)))
}

//export GompJoin
func GompJoin(me, object C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[channel.Channel](object).Join(owner(me), step.Flags(flags), wait(w)))
}

//export GompSweep
func GompSweep(me, dead C.uint64_t) {
	var s C.int32_t
	defer guard(&s)
	sweep.Process(owner(dead).Process(), owner(me))
}

//export GompSweepPid
func GompSweepPid(me C.uint64_t, pid C.uint32_t) {
	var s C.int32_t
	defer guard(&s)
	sweep.Pid(uint32(pid), owner(me))
}

//export GompSweepAll
func GompSweepAll(me C.uint64_t) (n C.int32_t) {
	var s C.int32_t
	defer guard(&s)
	return C.int32_t(sweep.All(owner(me)))
}

//export GompCheck
func GompCheck(me C.uint64_t, to *C.char, n C.uint64_t) (found C.int64_t) {
	var lines []string
	defer func() { // memory that is corrupt enough
		if p := recover(); p != nil {
			text(to, n, fmt.Sprint(p))
			found = C.int64_t(n)
		}
	}()
	for _, err := range sweep.Check(owner(me)) {
		lines = append(lines, err.Error())
	}
	report := strings.Join(lines, "\n")
	text(to, n, report)
	return C.int64_t(len(report))
}

//export GompStats
func GompStats(six *C.uint64_t) {
	h := segment.Head()
	out := (*[6]uint64)(unsafe.Pointer(six))
	*out = [6]uint64{h.Used, h.Warm, h.Cap, h.Recoveries, h.Sweeps, steps.Load()}
}
