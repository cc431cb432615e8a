package ctl

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/gomp-project/gomp/gomp/segment"
)

func TestSelfTestDependsOnItsArgumentOnly(t *testing.T) {
	sums := map[int]bool{}
	for range 3 {
		sum, err := SelfTest(60)
		if err != nil {
			t.Fatal(err)
		}
		sums[sum] = true
	}
	if len(sums) != 1 {
		t.Errorf("different checksums: %v", sums)
	}
	for _, n := range []int{-1, 0, 1_000_001} {
		if _, err := SelfTest(n); err == nil {
			t.Errorf("%d goroutines: no error", n)
		}
	}
}

// waitGroups counts the goroutines that a WaitGroup started: the runtime starts
// some of its own when it first collects, so the number of all says nothing.
func waitGroups() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "sync.(*WaitGroup).Go.func1")
}

func TestBackgroundStartsAndEndsItsGoroutines(t *testing.T) {
	for _, n := range []int{3, 5, 1, 0} {
		if got := Background(n); got != n {
			t.Errorf("Background(%d) = %d", n, got)
		}
		if got := waitGroups(); got != n {
			t.Errorf("%d goroutines after Background(%d)", got, n)
		}
	}
}

func TestCollectCounts(t *testing.T) {
	before := GCCount()
	if got := Collect(); got <= before {
		t.Errorf("%d collections, %d before", got, before)
	}
}

func snapshot(t *testing.T) (decoded struct {
	Pid    int
	Family *struct {
		Key       uint64
		CapBytes  uint64 `json:"cap_bytes"`
		Processes []struct{ Pid int }
	}
}) {
	t.Helper()
	text, err := Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(text), &decoded); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return decoded
}

func TestSnapshotTellsOfTheFamily(t *testing.T) {
	if s := snapshot(t); s.Pid != os.Getpid() || s.Family != nil {
		t.Errorf("without a family: %+v", s)
	}
	if _, err := segment.Create(64<<20, 42, 1); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t)
	if s.Family == nil || s.Family.Key != 42 || s.Family.CapBytes != 64<<20 || len(s.Family.Processes) != 0 {
		t.Errorf("an empty family: %+v", s.Family)
	}
}

func TestPanicBecomesAnError(t *testing.T) {
	cause := errors.New("as planned")
	fail := func() (err error) {
		defer recovered(&err)
		panic(cause)
	}
	if err := fail(); err == nil || !strings.Contains(err.Error(), "as planned") {
		t.Errorf("error %v", err)
	}
}
