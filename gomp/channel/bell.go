package channel

import (
	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
)

// ringBell makes the descriptor readable before the first message is published.
// Rung is stored first: a consumer then looks for a byte that may not be there,
// rather than leave one that is.
func (c *Channel) ringBell(end End, f step.Flags) {
	if end.WriteFD < 0 || c.Rung != 0 && c.doubt == 0 {
		return
	}
	if c.Armed == 0 && (!f.Has(step.Eager) || c.Len() < uint64(c.getters.Len())) {
		return
	}
	c.Rung++
	c.doubt = 0
	ringByte(int(end.WriteFD))
}

// silence takes the bell's bytes away when the channel has become empty.
func (c *Channel) silence(end End) {
	for c.Rung > 0 && end.ReadFD >= 0 {
		unringByte(int(end.ReadFD))
		c.Rung--
	}
}

// Arm is a step of bringing the descriptor and the channel into agreement for
// somebody who is about to select on it.
func (c *Channel) Arm(me registry.Owner, end End, f step.Flags, w *step.Wait) step.Status {
	if !w.Seize(&c.mutex, me, f, c.Repair) {
		return step.Again
	}
	defer c.mutex.Unlock()
	c.Armed = 1
	switch {
	case c.Len() == 0:
		c.silence(end) // a producer died between the bell and its message
	case (c.Rung == 0 || c.doubt != 0) && end.WriteFD >= 0:
		c.Rung++
		c.doubt = 0
		ringByte(int(end.WriteFD))
	}
	return step.Done
}

// ringByte never blocks: one byte is outstanding at most, two after a crash. If
// nobody is at the other end any more, the boundary finds that out by itself.
func ringByte(fd int) {
	_, _ = unix.Write(fd, []byte{0})
}

func unringByte(fd int) {
	var b [1]byte
	if _, _, err := unix.Recvfrom(fd, b[:], unix.MSG_DONTWAIT); err != unix.ENOTSOCK {
		return
	}
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(p, 0); err == nil && n == 1 && p[0].Revents&unix.POLLIN != 0 {
		_, _ = unix.Read(fd, b[:])
	}
}
