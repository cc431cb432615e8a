// The runtime must not hold the cgroup's files open to follow its limit: a program that closes every
// descriptor and opens its own would have it read from those.
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0

package main

import "C"

// GompAwake returns when the Go runtime has started, and leaves the calling thread bound to it: the
// loader then finds Go's mark in the thread's TLS slot, or refuses the core.
//
//export GompAwake
func GompAwake() C.int { return 1 }
