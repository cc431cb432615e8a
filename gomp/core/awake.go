package main

import "C"

// GompAwake returns when the Go runtime has started, and leaves the calling thread bound to it: the
// loader then finds Go's mark in the thread's TLS slot, or refuses the core.
//
//export GompAwake
func GompAwake() C.int { return 1 }
