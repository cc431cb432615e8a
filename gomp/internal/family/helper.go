package family

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// variable tells a helper its role, its slot and its arguments.
const variable = "GOMP_TEST_HELPER"

// familyFD is where a helper finds the family's memory.
const familyFD = 3

// limit is how long a helper may live.
const limit = time.Minute

// Role is what a helper does.
type Role func(me registry.Owner, args []uint64)

// init keeps a helper on its process's first thread, the only one that is traced.
func init() {
	if os.Getenv(variable) != "" {
		runtime.LockOSThread()
	}
}

// Main is a package's TestMain: it runs the tests, or, in a helper, the role.
func Main(m *testing.M, roles map[string]Role) {
	text := os.Getenv(variable)
	if text == "" {
		os.Exit(m.Run())
	}
	time.AfterFunc(limit, func() { os.Exit(3) })
	words := strings.Fields(text)
	args := make([]uint64, len(words)-1)
	for i := range args {
		args[i], _ = strconv.ParseUint(words[i+1], 10, 64)
	}
	if _, err := segment.Attach(familyFD); err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(3)
	}
	me := registry.Owner(args[0])
	comeAlive(me)
	roles[words[0]](me, args[1:])
	End(me)
	os.Exit(0)
}

// End marks the process's end as orderly: the last thing it does.
func End(me registry.Owner) { setState(me, registry.Ended) }

// Helper is another process of the family.
type Helper struct {
	Owner registry.Owner
	Pid   int
	cmd   *exec.Cmd
}

// prepare reserves a slot and records that the helper is to hold the objects.
func (f *Family) prepare(t testing.TB, role string, objects, args []uint64) (o registry.Owner, env []string) {
	t.Helper()
	if o = Reserve(f.Me); o == 0 && sweep.All(f.Me) > 0 {
		o = Reserve(f.Me)
	}
	if o == 0 {
		t.Fatal("no free slot")
	}
	for _, off := range objects {
		arena.At(segment.Off(off)).Hold(o)
	}
	words := []string{role, fmt.Sprint(uint64(o))}
	for _, a := range append(append([]uint64{}, objects...), args...) {
		words = append(words, fmt.Sprint(a))
	}
	// What is traced should be the operation: no preemption, no collection, and
	// no other thread that runs Go code, and might hold a lock when it is frozen.
	return o, append(os.Environ(), variable+"="+strings.Join(words, " "), "GODEBUG=asyncpreemptoff=1", "GOGC=off", "GOMAXPROCS=1")
}

// Start starts a helper. Its arguments are the objects, which it holds, and args.
func (f *Family) Start(t testing.TB, role string, objects []uint64, args ...uint64) *Helper {
	t.Helper()
	o, env := f.prepare(t, role, objects, args)
	memory := os.NewFile(uintptr(dup(t, f.FD)), "family")
	defer memory.Close()
	h := &Helper{Owner: o, cmd: exec.Command(os.Args[0])}
	h.cmd.Env, h.cmd.Stderr, h.cmd.ExtraFiles = env, os.Stderr, append([]*os.File{memory}, f.Files...)
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	h.Pid = h.cmd.Process.Pid
	bind(o, h.Pid)
	t.Cleanup(h.Kill)
	return h
}

func dup(t testing.TB, fd int) int {
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Kill ends the helper at once.
func (h *Helper) Kill() {
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
}

// MustKill is Kill for a helper that has to be at work still.
func (h *Helper) MustKill(t testing.TB) {
	t.Helper()
	h.Kill()
	if ws, ok := h.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !ws.Signaled() {
		t.Errorf("the helper has ended by itself: %v", h.cmd.ProcessState)
	}
}

// Wait waits until the helper has ended and fails the test unless it did so well.
func (h *Helper) Wait(t testing.TB) {
	t.Helper()
	late := time.AfterFunc(limit, func() { _ = h.cmd.Process.Kill() })
	defer late.Stop()
	if err := h.cmd.Wait(); err != nil {
		t.Fatalf("helper: %v", err)
	}
}

// Live reports whether the helper has taken its slot.
func (h *Helper) Live() bool {
	state, _ := registry.At(h.Owner.Slot()).Load()
	return state == registry.Live && atomic.LoadUint32(&registry.At(h.Owner.Slot()).Pid) != 0
}

// Reap sweeps what a dead process has left.
func (f *Family) Reap(o registry.Owner) { sweep.Process(o, f.Me) }

// Verify fails the test if an invariant of the family is broken.
func (f *Family) Verify(t testing.TB) {
	t.Helper()
	for _, err := range sweep.Check(f.Me) {
		t.Error(err)
	}
}
