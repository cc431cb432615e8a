package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"unicode/utf8"
)

// longest is the most bytes that a word or a record may have: what is not text at all, or has a
// quote that is not closed, would otherwise be read into memory as a whole.
const longest = 16 << 20

// splitter finds the first piece in data, data[begin:end], and where to go on. If next is 0,
// data has to be longer, unless it is the last that there is.
type splitter func(data []byte, last bool) (begin, end, next int)

// scan calls use for each piece that begins in the range of the file, empty ones excepted, with
// the offset at which it does.
//
// It begins one byte early. A piece that goes on across the range's beginning then shows itself
// by beginning before it, and is passed over: the range before this one has it.
func scan(ctx context.Context, path string, offset, length int64, split splitter, use func(at int64, piece []byte) error) error {
	switch {
	case offset < 0:
		return fmt.Errorf("offset must not be negative: %d", offset)
	case length < 0:
		return fmt.Errorf("length must not be negative: %d", length)
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	stop := offset + min(length, math.MaxInt64-offset)
	w := window{ctx: ctx, file: file, at: max(offset-1, 0), buffer: make([]byte, 256<<10)}
	for w.at < stop {
		begin, end, next := split(w.data, w.last)
		if next == 0 {
			if w.last {
				return nil
			}
			if err := w.extend(); err != nil {
				return fmt.Errorf("%s: at byte %d: %w", path, w.at, err)
			}
			continue
		}
		if start := w.at + int64(begin); begin < end && offset <= start && start < stop {
			if err := use(start, w.data[begin:end]); err != nil {
				return fmt.Errorf("%s: at byte %d: %w", path, start, err)
			}
		}
		w.data, w.at = w.data[next:], w.at+int64(next)
	}
	return nil
}

// window is the part of a file that is in memory.
type window struct {
	ctx    context.Context
	file   *os.File
	at     int64  // where data begins in the file
	data   []byte // the part of buffer that is still to be used
	last   bool   // the file ends with data
	buffer []byte
}

// extend reads on, in a larger buffer if this one is full.
func (w *window) extend() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if len(w.data) == longest {
		return fmt.Errorf("a word or record is longer than %d bytes", longest)
	}
	if len(w.data) == len(w.buffer) {
		w.buffer = make([]byte, min(2*len(w.buffer), longest))
	}
	n := copy(w.buffer, w.data)
	more, err := w.file.ReadAt(w.buffer[n:], w.at+int64(n))
	w.data, w.last = w.buffer[:n+more], errors.Is(err, io.EOF)
	if w.last {
		return nil
	}
	return err
}

// utf8Text replaces what is not UTF-8 by U+FFFD: Python's strings cannot have it.
func utf8Text(b []byte) []byte {
	if utf8.Valid(b) {
		return b
	}
	return []byte(string([]rune(string(b))))
}
