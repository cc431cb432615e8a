package family

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Traced is a helper that stands between two of its instructions.
//
// The thread that starts it is the only one that can step it, so a test that
// uses it stays locked to its thread.
type Traced struct {
	Helper
	t    testing.TB
	done bool // it has been reaped
}

// Mark is called by a traced helper right before and right after its operation.
func Mark() {
	_, _, _ = unix.RawSyscall(unix.SYS_TGKILL, uintptr(unix.Getpid()), uintptr(unix.Gettid()), uintptr(unix.SIGSTOP))
	// The other threads stand still from the first mark on. Should Go's
	// scheduler interrupt a goroutine that is bound to its thread, it would
	// need another one to go on.
	runtime.UnlockOSThread()
}

// Trace starts a helper and lets it run up to its first mark.
func (f *Family) Trace(t testing.TB, role string, objects []uint64, args ...uint64) *Traced {
	t.Helper()
	runtime.LockOSThread()
	o, env := f.prepare(t, role, objects, args)
	files := []uintptr{0, 1, 2, uintptr(f.FD)}
	for _, file := range f.Files {
		files = append(files, file.Fd())
	}
	pid, err := syscall.ForkExec(traceable(t), os.Args[:1], &syscall.ProcAttr{
		Env:   env,
		Files: files,
		Sys:   &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	bind(o, pid)
	p := &Traced{Helper: Helper{Owner: o, Pid: pid}, t: t}
	t.Cleanup(p.Kill)
	late := time.AfterFunc(limit, func() { _ = unix.Kill(pid, unix.SIGKILL) })
	t.Cleanup(func() { late.Stop() })
	p.wait()
	p.hideVDSO()
	if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_EXITKILL); err != nil {
		t.Fatal(err)
	}
	p.Run()
	p.freeze()
	return p
}

// plain is a test binary without the race detector, which multiplies the
// instructions of an operation by ten and has locks of its own, that a thread
// may hold when it is frozen.
var plain = sync.OnceValues(func() (string, error) {
	path := os.Args[0] + ".plain" // beside the binary, and removed with it
	out, err := exec.Command("go", "test", "-c", "-o", path, ".").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return path, err
})

func traceable(t testing.TB) string {
	if !underRaceDetector {
		return os.Args[0]
	}
	path, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// hideVDSO makes the helper, which has just begun, ask the kernel what time it
// is. In the vDSO it would read again and again until no tick of the clock has
// come in between: stepped through, one always has.
func (p *Traced) hideVDSO() {
	p.t.Helper()
	const endAt, ignore, vdso = 0, 1, 33 // AT_NULL, AT_IGNORE, AT_SYSINFO_EHDR of <elf.h>
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(p.Pid, &regs); err != nil {
		p.t.Fatal(err)
	}
	at := uintptr(regs.Rsp)
	at += 8 * uintptr(1+p.peek(at)+1) // past the count and argv, which ends with 0
	for ; p.peek(at) != 0; at += 8 {  // environ
	}
	for at += 8; p.peek(at) != endAt; at += 16 {
		if p.peek(at) != vdso {
			continue
		}
		if _, err := unix.PtracePokeData(p.Pid, at, []byte{ignore, 0, 0, 0, 0, 0, 0, 0}); err != nil {
			p.t.Fatal(err)
		}
		return
	}
}

// peek reads a word of the helper's memory.
func (p *Traced) peek(at uintptr) uint64 {
	p.t.Helper()
	var word [8]byte
	if _, err := unix.PtracePeekData(p.Pid, at, word[:]); err != nil {
		p.t.Fatal(err)
	}
	return binary.NativeEndian.Uint64(word[:])
}

// freeze stops the helper's other threads for good, by letting the mark's
// signal stop the whole process: a traced thread runs on all the same, when
// told to. Go's scheduler would otherwise interrupt what to it takes so long.
func (p *Traced) freeze() {
	p.t.Helper()
	if err := unix.PtraceCont(p.Pid, int(unix.SIGSTOP)); err != nil {
		p.t.Fatal(err)
	}
	p.wait()
}

// wait waits for the helper to stop and says with which signal.
func (p *Traced) wait() unix.Signal {
	p.t.Helper()
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(p.Pid, &ws, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || !ws.Stopped() {
			p.done = err == nil
			p.t.Fatalf("the traced helper has ended: status %#x, %v", ws, err)
		}
		return ws.StopSignal()
	}
}

// Run lets the helper run up to its next mark.
func (p *Traced) Run() {
	p.t.Helper()
	for pass := 0; ; {
		if err := unix.PtraceCont(p.Pid, pass); err != nil {
			p.t.Fatal(err)
		}
		s := p.wait()
		if s == unix.SIGSTOP {
			return
		}
		if pass = int(s); s == unix.SIGTRAP {
			pass = 0
		}
	}
}

// Step lets the helper run one instruction. It reports false at the next mark.
func (p *Traced) Step() bool {
	p.t.Helper()
	for pass := 0; ; {
		if err := ptraceStep(p.Pid, pass); err != nil {
			p.t.Fatal(err)
		}
		switch s := p.wait(); s {
		case unix.SIGTRAP, unix.SIGURG:
			// Go asks a goroutine that runs for long to yield, by SIGURG: stepped
			// through, the answer takes longer than it waits until it asks again.
			return true
		case unix.SIGSTOP:
			return false
		default:
			pass = int(s)
		}
	}
}

// StepChanges lets the helper run until it has changed the family's memory n
// times. It reports false if it comes to its next mark before.
func (p *Traced) StepChanges(f *Family, n int) bool {
	p.t.Helper()
	for state := Save(f.Pages(p.t)); n > 0; {
		if !p.Step() {
			return false
		}
		var changed bool
		if state, changed = state.Next(); changed {
			n--
		}
	}
	return true
}

// Kill ends the helper where it stands.
func (p *Traced) Kill() {
	if p.done {
		return
	}
	p.done = true
	_ = unix.Kill(p.Pid, unix.SIGKILL)
	var ws unix.WaitStatus
	for {
		if _, err := unix.Wait4(p.Pid, &ws, 0, nil); err != unix.EINTR && (err != nil || !ws.Stopped()) {
			return
		}
	}
}

// ptraceStep is unix.PtraceSingleStep that can pass a signal on.
func ptraceStep(pid, signal int) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_PTRACE, unix.PTRACE_SINGLESTEP, uintptr(pid), 0, uintptr(signal), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
