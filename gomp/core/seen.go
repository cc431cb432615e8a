package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Go's monitor thread takes the processor away from a thread that is in C while its scheduler has not run for
// 10 ms, and a thread that comes from C never runs it. So a thread that takes step after step loses its processor
// each time that the monitor looks, and since that makes the monitor look again after 20 us, for ever: three threads
// that take turns on the program's CPUs, a tenth of one in all. Going through the scheduler, which takes as long as
// waking a thread, keeps it quiet for 10 ms.
const (
	lookEvery = 64                    // steps
	busy      = 20 * time.Millisecond // who takes longer for so many calls seldom enough
	goThrough = 5 * time.Millisecond
)

var (
	began  = time.Now()
	looked atomic.Int64 // ns since then
	seen   atomic.Int64
)

// beSeen goes through Go's scheduler now and then if steps are many.
func beSeen() {
	now := int64(time.Since(began))
	last := seen.Load()
	if now-looked.Swap(now) < int64(busy) && now-last > int64(goThrough) && seen.CompareAndSwap(last, now) {
		runtime.Gosched()
	}
}
