package ctl

import (
	"fmt"
	"os"
	"runtime"

	"github.com/ugorji/go/codec"
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

// runtimeState is what Snapshot tells about the Go runtime of one process.
type runtimeState struct {
	Version    string `codec:"version"`
	Go         string `codec:"go"`
	Pid        int    `codec:"pid"`
	Procs      int    `codec:"procs"`
	Goroutines int    `codec:"goroutines"`
	GCCount    uint32 `codec:"gc_count"`
	HeapBytes  uint64 `codec:"heap_bytes"`
	FromSystem uint64 `codec:"system_bytes"`
}

// Snapshot returns the state of the core in this process as a JSON object.
func Snapshot() (text string, err error) {
	defer recovered(&err)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	state := runtimeState{
		Version:    version,
		Go:         runtime.Version(),
		Pid:        os.Getpid(),
		Procs:      runtime.GOMAXPROCS(0),
		Goroutines: runtime.NumGoroutine(),
		GCCount:    memory.NumGC,
		HeapBytes:  memory.HeapAlloc,
		FromSystem: memory.Sys,
	}
	var out []byte
	handle := new(codec.JsonHandle)
	handle.Canonical = true
	if err := codec.NewEncoderBytes(&out, handle).Encode(state); err != nil {
		return "", fmt.Errorf("encoding the snapshot: %w", err)
	}
	return string(out), nil
}

// recovered turns a panic into the error of the function that defers it.
func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("panic in the core: %v", cause)
	}
}
