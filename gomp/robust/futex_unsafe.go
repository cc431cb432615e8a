package robust

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The futex operations, shared between processes (no FUTEX_PRIVATE_FLAG).
const (
	futexWait = 0
	futexWake = 1
)

// slice is how long a wait may last before the owner's life is looked at: the
// fault model promises 100 ms.
const slice = 20 * time.Millisecond

// Word is the half of the lock that waiters sleep on (little-endian: the low
// half, which holds the waiters mark).
func (l *Lock) Word() *uint32 { return (*uint32)(unsafe.Pointer(&l.word)) }

// Wake wakes up to n sleepers on word and says how many there were. A raw
// system call: it does not block, and the scheduler need not know.
func Wake(word *uint32, n int) int {
	r, _, _ := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWake, uintptr(n), 0, 0, 0)
	return int(r)
}

// wait sleeps while *word is value, at most for d.
func wait(word *uint32, value uint32, d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value), uintptr(unsafe.Pointer(&ts)), 0, 0)
}
