package main

/*
#include "core.h"
*/
import "C"

import (
	"unsafe"

	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/step"
)

func slice(p unsafe.Pointer, n C.uint64_t) []byte { return unsafe.Slice((*byte)(p), int(n)) }

//export GompPoolSubmit
func GompPoolSubmit(me, object C.uint64_t, job *C.uint64_t, function unsafe.Pointer, nfunction C.uint64_t, specs unsafe.Pointer, nspecs C.uint64_t, open C.uint32_t, limit C.uint64_t, now C.int64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	b := pool.Batch{Job: uint64(*job), Function: slice(function, nfunction), Specs: slice(specs, nspecs), Open: open != 0, Limit: uint64(limit), Now: int64(now)}
	off, st := at[pool.Pool](object).Submit(owner(me), &b, step.Flags(flags), wait(w))
	if st == step.Done {
		*job = C.uint64_t(off)
	}
	return C.int32_t(st)
}

//export GompPoolAwait
func GompPoolAwait(me, object, job, n C.uint64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[pool.Pool](object).Await(owner(me), uint64(job), uint64(n), step.Flags(flags), wait(w)))
}

//export GompPoolAnswers
func GompPoolAnswers(me, object, job C.uint64_t, flags C.uint32_t, w *C.gomp_wait, first *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	off, st := at[pool.Pool](object).Answers(owner(me), uint64(job), step.Flags(flags), wait(w))
	*first = C.uint64_t(off)
	return C.int32_t(st)
}

//export GompPoolTell
func GompPoolTell(me, object, job C.uint64_t, what, flags C.uint32_t, w *C.gomp_wait, more *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	p, f := at[pool.Pool](object), step.Flags(flags)
	switch what {
	case C.GOMP_TELL_END:
		return C.int32_t(p.End(owner(me), uint64(job), f, wait(w)))
	case C.GOMP_TELL_NOTIFY:
		return C.int32_t(p.Notify(owner(me), uint64(job), f, wait(w)))
	case C.GOMP_TELL_ABANDON:
		complete, st := p.Abandon(owner(me), uint64(job), f, wait(w))
		*more = 0
		if complete {
			*more = 1
		}
		return C.int32_t(st)
	}
	return C.int32_t(step.Invalid)
}

//export GompPoolNext
func GompPoolNext(me, object C.uint64_t, reap, flags C.uint32_t, w *C.gomp_wait, job *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	next := at[pool.Pool](object).NextReady
	if reap != 0 {
		next = at[pool.Pool](object).Reap
	}
	off, st := next(owner(me), step.Flags(flags), wait(w))
	*job = C.uint64_t(off)
	return C.int32_t(st)
}

//export GompPoolTurn
func GompPoolTurn(me, object C.uint64_t, state, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[pool.Pool](object).Turn(owner(me), uint32(state), step.Flags(flags), wait(w)))
}

//export GompPoolEnter
func GompPoolEnter(me, object C.uint64_t, index, ready C.uint32_t, now C.int64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	enter := at[pool.Pool](object).Enter
	if ready != 0 {
		enter = at[pool.Pool](object).Begin
	}
	return C.int32_t(enter(owner(me), int(index), int64(now), step.Flags(flags), wait(w)))
}

//export GompPoolTake
func GompPoolTake(me, object C.uint64_t, index C.uint32_t, now C.int64_t, flags C.uint32_t, w *C.gomp_wait, task *C.uint64_t) (s C.int32_t) {
	defer guard(&s)
	off, st := at[pool.Pool](object).Take(owner(me), int(index), int64(now), step.Flags(flags), wait(w))
	*task = C.uint64_t(off)
	return C.int32_t(st)
}

//export GompPoolAnswer
func GompPoolAnswer(me, object C.uint64_t, index, status C.uint32_t, record unsafe.Pointer, n C.uint64_t, now C.int64_t, flags C.uint32_t, w *C.gomp_wait) (s C.int32_t) {
	defer guard(&s)
	return C.int32_t(at[pool.Pool](object).Answer(owner(me), int(index), pool.Status(status), slice(record, n), int64(now), step.Flags(flags), wait(w)))
}

//export GompPoolBury
func GompPoolBury(me, object C.uint64_t, index, pid C.uint32_t, code C.int32_t, spare C.uint32_t, now C.int64_t, flags C.uint32_t, w *C.gomp_wait, stage, waiting *C.uint32_t) (s C.int32_t) {
	defer guard(&s)
	r, q, st := at[pool.Pool](object).Bury(owner(me), int(index), uint32(pid), int32(code), spare != 0, int64(now), step.Flags(flags), wait(w))
	*stage, *waiting = C.uint32_t(r), flag(q)
	return C.int32_t(st)
}

func flag(b bool) C.uint32_t {
	if b {
		return 1
	}
	return 0
}

// GompPoolDoom dooms the workers that run a job, and cancels what of it waits; or,
// without a job, those whose task is overdue. *more is then how many tasks it has
// reached, or when the next one is overdue. With no room for indices it only cancels
// what waits, of a job or of all.
//
//export GompPoolDoom
func GompPoolDoom(me, object, job C.uint64_t, now C.int64_t, indices *C.uint32_t, most C.uint64_t, flags C.uint32_t, w *C.gomp_wait, n *C.uint64_t, more *C.int64_t) (s C.int32_t) {
	defer guard(&s)
	out := unsafe.Slice((*uint32)(unsafe.Pointer(indices)), int(most))
	p, f := at[pool.Pool](object), step.Flags(flags)
	if job == 0 && most > 0 {
		k, next, st := p.Overdue(owner(me), int64(now), out, f, wait(w))
		*n, *more = C.uint64_t(k), C.int64_t(next)
		return C.int32_t(st)
	}
	k, reached, st := p.Cancel(owner(me), uint64(job), int64(now), out, f, wait(w))
	*n, *more = C.uint64_t(k), C.int64_t(reached)
	return C.int32_t(st)
}
