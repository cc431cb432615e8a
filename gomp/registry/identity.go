package registry

import (
	"bytes"
	"strconv"

	"golang.org/x/sys/unix"
)

// Fields of /proc/PID/stat, counted after the parenthesised name, which may
// itself hold spaces and parentheses.
const (
	fieldStart = 22 - 3
	fieldStack = 28 - 3
)

// identity reads the start time and the stack's start of a process.
func identity(pid int) (start, stack uint64, ok bool) {
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, false
	}
	defer unix.Close(fd)
	var buf [1024]byte
	n, err := unix.Read(fd, buf[:])
	if err != nil {
		return 0, 0, false
	}
	return parseStat(buf[:n])
}

func parseStat(text []byte) (start, stack uint64, ok bool) {
	i := bytes.LastIndexByte(text, ')')
	if i < 0 {
		return 0, 0, false
	}
	f := bytes.Fields(text[i+1:])
	if len(f) <= fieldStack {
		return 0, 0, false
	}
	start, err := strconv.ParseUint(string(f[fieldStart]), 10, 64)
	if err != nil {
		return 0, 0, false
	}
	stack, _ = strconv.ParseUint(string(f[fieldStack]), 10, 64)
	return start, stack, true
}

// Identify fills the slot's description of process pid, before it is published.
func (s *Slot) Identify(pid int) {
	s.Start, s.Stack, _ = identity(pid)
	s.Pid = uint32(pid)
}
