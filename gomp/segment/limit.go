package segment

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// available is how much memory this process may use at most: the machine's, or
// less if its control group has a limit.
func available() uint64 {
	var si unix.Sysinfo_t
	most := maxHeap
	if unix.Sysinfo(&si) == nil {
		most = si.Totalram * uint64(si.Unit)
	}
	for _, file := range limitFiles() {
		if b, err := os.ReadFile(file); err == nil {
			if n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 {
				most = min(most, n)
			}
		}
	}
	return most
}

// limitFiles names the files that may hold a limit: those of the process's
// control group and of its ancestors (v2), and that of v1.
func limitFiles() []string {
	files := []string{"/sys/fs/cgroup/memory/memory.limit_in_bytes"}
	b, _ := os.ReadFile("/proc/self/cgroup")
	for line := range strings.Lines(string(b)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		for ; ok && group != ""; group = filepath.Dir(group) {
			files = append(files, filepath.Join("/sys/fs/cgroup", group, "memory.max"))
			if group == "/" || group == "." {
				break
			}
		}
	}
	return files
}
