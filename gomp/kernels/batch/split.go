package batch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
)

const mostParts = 1 << 20

// SplitFile cuts a file into parts ranges of nearly one size and returns them as pairs of
// offset and length, in bytes, which cover it. None is empty: there are fewer if the file has
// fewer bytes, and none if it has none.
//
// It fails if parts is not from 1 to 1048576, or if there is no such file.
//
//gomp:kernel split_file
func SplitFile(path string, parts int) ([][]int64, error) {
	size, err := sizeOf(path, parts)
	if err != nil {
		return nil, err
	}
	return ranges(targets(size, parts), size), nil
}

// SplitCSV cuts a CSV file into at most parts ranges for csv_aggregate and returns them as pairs
// of offset and length, in bytes. They cover the file, each begins where a record does, and all
// but very long records leave them of nearly one size. The file is read once: whether a line
// feed ends a record or is inside of quotes depends on all that comes before.
//
// It fails if parts is not from 1 to 1048576, or if the file cannot be read.
//
//gomp:kernel split_csv
func SplitCSV(ctx context.Context, path string, parts int) ([][]int64, error) {
	size, err := sizeOf(path, parts)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c := cutter{wanted: targets(size, parts)}
	if _, err := io.CopyBuffer(&c, io.LimitReader(heedful{ctx, file}, size), make([]byte, 1<<20)); err != nil {
		return nil, err
	}
	return ranges(c.cuts, size), nil
}

func sizeOf(path string, parts int) (int64, error) {
	if parts < 1 || parts > mostParts {
		return 0, fmt.Errorf("parts must be from 1 to %d, not %d", mostParts, parts)
	}
	about, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	if !about.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a regular file", path)
	}
	return about.Size(), nil
}

// targets are the places where ranges of one size begin, but for the first.
func targets(size int64, parts int) []int64 {
	var list []int64
	n := min(int64(parts), size)
	for i := int64(1); i < n; i++ {
		list = append(list, size/n*i+min(i, size%n))
	}
	return list
}

// ranges are what lies between the cuts.
func ranges(cuts []int64, size int64) [][]int64 {
	list := [][]int64{}
	at := int64(0)
	for _, cut := range append(cuts, size) {
		if cut > at {
			list = append(list, []int64{at, cut - at})
			at = cut
		}
	}
	return list
}

// cutter is written a CSV file to. It cuts it at the first record from each wanted place on.
type cutter struct {
	at           int64
	quoted       bool
	wanted, cuts []int64
}

// Write takes the next bytes of the file. Quotes that are escaped come in twos, so that their
// number tells what is inside of quotes.
func (c *cutter) Write(data []byte) (int, error) {
	for i := 0; i < len(data); {
		if far := c.far(data[i:]); far > 0 {
			c.quoted = c.quoted != (bytes.Count(data[i:i+far], []byte{'"'})%2 == 1)
			c.at, i = c.at+int64(far), i+far
			continue
		}
		c.quoted = c.quoted != (data[i] == '"')
		c.at++
		if data[i] == '\n' && !c.quoted {
			c.cuts = append(c.cuts, c.at)
			for len(c.wanted) > 0 && c.wanted[0] <= c.at {
				c.wanted = c.wanted[1:]
			}
		}
		i++
	}
	return len(data), nil
}

// far is how many bytes of data lie before the line feed that would be the next to matter.
func (c *cutter) far(data []byte) int {
	if len(c.wanted) == 0 {
		return len(data)
	}
	return int(min(max(c.wanted[0]-1-c.at, 0), int64(len(data))))
}
