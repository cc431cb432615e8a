package main

import "C"
import "runtime/metrics"

// GompAwake returns when the Go runtime has started, and leaves the calling thread bound to it: the
// loader then finds Go's mark in the thread's TLS slot, or refuses the core.
//
//export GompAwake
func GompAwake() C.int { return 1 }

// GompThreads returns how many threads of this process are Go's own. They never end, so the loader must
// tell them from the program's.
//
//export GompThreads
func GompThreads() C.int {
	sample := []metrics.Sample{{Name: "/sched/threads/total:threads"}}
	metrics.Read(sample)
	return C.int(sample[0].Value.Uint64())
}
