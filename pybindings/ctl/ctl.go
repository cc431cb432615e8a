package ctl

import (
	"fmt"
	"runtime"
)

// version is set by the build.
var version string

// Version returns the version of the core.
func Version() string { return version }

// Goroutines returns how many goroutines this process has.
func Goroutines() int { return runtime.NumGoroutine() }

// GCCount returns how often the core's garbage collector has run in this process.
func GCCount() int {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return int(memory.NumGC)
}

// Collect runs the core's garbage collector and returns GCCount.
func Collect() int {
	runtime.GC()
	return GCCount()
}

// recovered turns a panic into the error of the function that defers it.
func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("panic in the core: %v", cause)
	}
}
