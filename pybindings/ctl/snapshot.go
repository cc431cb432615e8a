package ctl

import (
	"fmt"
	"os"
	"runtime"

	"github.com/ugorji/go/codec"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// state is what Snapshot tells: of the runtime of this process, and of its family, if it has one.
type state struct {
	Version     string  `codec:"version"`
	Go          string  `codec:"go"`
	Pid         int     `codec:"pid"`
	Procs       int     `codec:"procs"`
	Goroutines  int     `codec:"goroutines"`
	GCCount     uint32  `codec:"gc_count"`
	HeapBytes   uint64  `codec:"heap_bytes"`
	SystemBytes uint64  `codec:"system_bytes"`
	Family      *family `codec:"family"`
}

// family is the shared memory and who is in it. Its numbers are read while others change them.
type family struct {
	Key        uint64    `codec:"key"`
	CapBytes   uint64    `codec:"cap_bytes"`
	UsedBytes  uint64    `codec:"used_bytes"`
	WarmBytes  uint64    `codec:"warm_bytes"`
	Recoveries uint64    `codec:"recoveries"`
	Sweeps     uint64    `codec:"sweeps"`
	Processes  []process `codec:"processes"`
}

type process struct {
	Pid   uint32 `codec:"pid"`
	State string `codec:"state"`
}

var stateNames = map[int]string{registry.Reserved: "reserved", registry.Live: "live", registry.Ended: "ended"}

// Snapshot returns the state of the core in this process, and of the family, as a JSON object.
func Snapshot() (text string, err error) {
	defer recovered(&err)
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	now := state{
		Version:     version,
		Go:          runtime.Version(),
		Pid:         os.Getpid(),
		Procs:       runtime.GOMAXPROCS(0),
		Goroutines:  runtime.NumGoroutine(),
		GCCount:     memory.NumGC,
		HeapBytes:   memory.HeapAlloc,
		SystemBytes: memory.Sys,
		Family:      currentFamily(),
	}
	var out []byte
	if err := codec.NewEncoderBytes(&out, new(codec.JsonHandle)).Encode(now); err != nil {
		return "", fmt.Errorf("encoding the snapshot: %w", err)
	}
	return string(out), nil
}

func currentFamily() *family {
	if !segment.Mapped() {
		return nil
	}
	head := segment.Head()
	return &family{
		Key:        head.Key,
		CapBytes:   head.Cap,
		UsedBytes:  head.Used,
		WarmBytes:  head.Warm,
		Recoveries: head.Recoveries,
		Sweeps:     head.Sweeps,
		Processes:  processes(),
	}
}

// processes lists the slots in use, in their order.
func processes() []process {
	list := []process{}
	for i := range segment.Slots {
		slot := registry.At(i)
		if code, _ := slot.Load(); code != registry.Free {
			list = append(list, process{slot.Pid, stateNames[code]})
		}
	}
	return list
}
