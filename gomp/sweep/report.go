package sweep

import (
	"sync/atomic"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
)

// Report describes the family, for statistics. Its parts are read one after
// the other while others go on.
type Report struct {
	Key        uint64   `codec:"key"`
	Mapped     uint64   `codec:"mapped_bytes"`
	Cap        uint64   `codec:"cap_bytes"`
	Used       uint64   `codec:"used_bytes"`
	Warm       uint64   `codec:"warm_bytes"`
	Recoveries uint64   `codec:"recoveries"`
	Sweeps     uint64   `codec:"sweeps"`
	Processes  []Member `codec:"processes"`
}

// Member is a slot in use.
type Member struct {
	Slot  int    `codec:"slot"`
	Pid   uint32 `codec:"pid"`
	State string `codec:"state"`
}

var states = map[int]string{registry.Reserved: "reserved", registry.Live: "live", registry.Ended: "ended"}

// Describe reports on the family; nil if this process has none.
func Describe() *Report {
	if !segment.Mapped() {
		return nil
	}
	h := segment.Head()
	r := &Report{
		Key: h.Key, Mapped: h.Size, Cap: h.Cap,
		Used:       atomic.LoadUint64(&h.Used),
		Warm:       atomic.LoadUint64(&h.Warm),
		Recoveries: atomic.LoadUint64(&h.Recoveries),
		Sweeps:     atomic.LoadUint64(&h.Sweeps),
	}
	for i := range segment.Slots {
		slot := registry.At(i)
		if state, _ := slot.Load(); state != registry.Free {
			r.Processes = append(r.Processes, Member{i, atomic.LoadUint32(&slot.Pid), states[state]})
		}
	}
	return r
}
