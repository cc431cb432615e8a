package family

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/segment"
)

const pageSize = 4096

// Pages lists the pages of the family's memory that exist: the rest has never
// been touched, and reads as zeros.
func (f *Family) Pages(t testing.TB) []segment.Off {
	t.Helper()
	var found []segment.Off
	for at := int64(0); ; {
		from, err := unix.Seek(f.FD, at, unix.SEEK_DATA)
		if err == unix.ENXIO {
			return found
		}
		if err == nil {
			at, err = unix.Seek(f.FD, from, unix.SEEK_HOLE)
		}
		if err != nil {
			t.Fatal(err)
		}
		for ; from < at; from += pageSize {
			found = append(found, segment.Off(from))
		}
	}
}

// State is what some pages hold at one instant.
type State struct {
	pages []segment.Off
	data  []string
}

// Save copies the pages.
func Save(pages []segment.Off) State {
	s := State{pages, make([]string, len(pages))}
	for i, p := range pages {
		s.data[i] = strings.Clone(page(p))
	}
	return s
}

// Next is the state now; changed is false if it is still s.
func (s State) Next() (now State, changed bool) {
	now = s
	for i, p := range s.pages {
		if s.data[i] == page(p) {
			continue
		}
		if !changed {
			now.data = slices.Clone(s.data)
			changed = true
		}
		now.data[i] = strings.Clone(page(p))
	}
	return now, changed
}

// Restore puts the memory back as it was.
func (s State) Restore() {
	for i, p := range s.pages {
		copy(segment.Bytes(p, pageSize), s.data[i])
	}
}
