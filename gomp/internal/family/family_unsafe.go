package family

import (
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/waitlist"
)

// pointer is the inverse of segment.Addr: memory outside Go's heap.
func pointer(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// Unmap undoes a mapping.
func Unmap(base uintptr, size uint64) { _ = unix.MunmapPtr(pointer(base), uintptr(size)) }

// page is a page as it is now and as it will be: a string, since the race
// detector would note every byte of a slice that is compared.
func page(off segment.Off) string {
	return unsafe.String((*byte)(pointer(segment.Addr(off))), pageSize)
}

// sleep waits as w asks and says whether the time was up.
func sleep(w *step.Wait, d time.Duration) bool {
	word, value := (*uint32)(pointer(w.Word)), w.Value
	if w.Listed != 0 {
		if !atomic.CompareAndSwapUint32(word, value, waitlist.Asleep) && atomic.LoadUint32(word) != waitlist.Asleep {
			return false
		}
		value = waitlist.Asleep
	}
	const futexWait = 0
	ts := unix.NsecToTimespec(int64(d))
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), futexWait, uintptr(value), uintptr(unsafe.Pointer(&ts)), 0, 0)
	return errno == unix.ETIMEDOUT
}
