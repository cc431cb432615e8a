package batch

import (
	"bytes"
	"context"
)

// WordCount counts the words of a text file that begin in a range of it: length bytes from
// offset on, or fewer where the file ends. Words are what stands between white space, which is
// space, tab, line feed, carriage return, vertical tab and form feed, as for bytes.split in
// Python; case and punctuation count. The text is UTF-8; each byte that is not becomes U+FFFD.
//
// It fails if offset or length is negative, if the file cannot be read, and at a word of more
// than 16 MiB.
//
//gomp:kernel word_count
func WordCount(ctx context.Context, path string, offset, length int64) (map[string]int64, error) {
	counters := map[string]*int64{}
	err := scan(ctx, path, offset, length, word, func(_ int64, piece []byte) error {
		piece = utf8Text(piece)
		counter := counters[string(piece)]
		if counter == nil {
			counter = new(int64)
			counters[string(piece)] = counter
		}
		*counter++
		return nil
	})
	if err != nil {
		return nil, err
	}
	counts := make(map[string]int64, len(counters))
	for text, counter := range counters {
		counts[text] = *counter
	}
	return counts, nil
}

var space = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '\v': true, '\f': true}

// word is the splitter of words.
func word(data []byte, last bool) (begin, end, next int) {
	for begin < len(data) && space[data[begin]] {
		begin++
	}
	for end = begin; end < len(data) && !space[data[end]]; {
		end++
	}
	if end == len(data) && !last {
		return 0, 0, begin // white space need not be kept
	}
	return begin, end, end
}

// line is the splitter of lines, which end with LF or CR LF.
func line(data []byte, last bool) (begin, end, next int) {
	return upTo(data, bytes.IndexByte(data, '\n'), last)
}

// upTo is the line that ends with the line feed at i, if that is not negative.
func upTo(data []byte, i int, last bool) (begin, end, next int) {
	switch {
	case i < 0 && !last:
		return 0, 0, 0
	case i < 0:
		i, next = len(data), len(data)
	default:
		next = i + 1
	}
	if i > 0 && data[i-1] == '\r' {
		i--
	}
	return 0, i, next
}
