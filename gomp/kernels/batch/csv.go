package batch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
)

// CSVAggregate groups the records of a CSV file by the column group and returns for each group
// the number, sum, minimum and maximum of the column value: {name: {"count", "sum", "min",
// "max"}}. Records that do not pass all conditions of filter are left out; each is a dict with
// "column", "op" and "value". The ops "==" and "!=" compare texts, "<", "<=", ">" and ">="
// numbers. A record whose value is empty is left out. Neither an empty field nor NaN passes a
// comparison of numbers.
//
// The file is as RFC 4180 has it: commas, fields in quotes if they contain commas, quotes (twice)
// or line ends, which are CR LF or LF. Its first record, after a byte order mark if there is
// one, names the columns; of two that have one name the first counts. Blank lines are passed
// over. The text is UTF-8; in a group's name each byte that is not becomes U+FFFD.
//
// What is read are the records that begin in the range: length bytes from offset on, or fewer
// where the file ends. The range has to begin where a record does, for elsewhere nothing tells
// whether a line end is one or is inside of quotes: split_csv gives such ranges. The counts,
// minima and maxima over several ranges make up those over the file exactly, the sums but for
// rounding.
//
// It fails if offset or length is negative, if offset is not the beginning of a line, if there
// is no such column or op, if a field that is needed as a number is none, at a record that does
// not keep to RFC 4180 or is longer than 16 MiB, and if the file cannot be read.
//
//gomp:kernel csv_aggregate
func CSVAggregate(ctx context.Context, path string, offset, length int64, filter []Condition, group, value string) (map[string]Group, error) {
	q, err := newQuery(filter, group, value)
	if err != nil {
		return nil, err
	}
	header, top, err := readHeader(ctx, path)
	if err != nil {
		return nil, err
	}
	places := make([]int, len(q.columns))
	for i, column := range q.columns {
		if places[i] = slices.Index(header, column); places[i] < 0 {
			return nil, fmt.Errorf("%s has no column %q", path, column)
		}
	}
	if err := checkBeginning(path, offset); err != nil {
		return nil, err
	}
	var row [][]byte
	texts := make([][]byte, len(places))
	err = scan(ctx, path, offset, length, record, func(at int64, piece []byte) (err error) {
		if at == top {
			return nil
		}
		if row, err = fields(row[:0], piece); err != nil {
			return err
		}
		if len(row) != len(header) {
			return fmt.Errorf("there are %d fields, but %d columns", len(row), len(header))
		}
		for i, place := range places {
			texts[i] = row[place]
		}
		return q.add(texts)
	})
	if err != nil {
		return nil, err
	}
	return q.result(), nil
}

var errFound = errors.New("found")

// readHeader gives the names of the columns, and where the record with them begins.
func readHeader(ctx context.Context, path string) (names []string, top int64, err error) {
	err = scan(ctx, path, 0, math.MaxInt64, record, func(at int64, piece []byte) error {
		top = at
		row, err := fields(nil, bytes.TrimPrefix(piece, []byte("\ufeff")))
		for _, field := range row {
			names = append(names, string(field))
		}
		if err == nil {
			err = errFound
		}
		return err
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return names, top, err
}

// checkBeginning fails unless a line begins at offset, or the file has ended by then.
func checkBeginning(path string, offset int64) error {
	if offset <= 0 {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	before := []byte{'\n'}
	if _, err := file.ReadAt(before, offset-1); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if before[0] != '\n' {
		return fmt.Errorf("%s: no record begins at offset %d: split_csv finds where they do", path, offset)
	}
	return nil
}

// record is the splitter of CSV records, which end with the first line feed outside of quotes.
func record(data []byte, last bool) (begin, end, next int) {
	for from, quoted := 0, false; ; {
		n := bytes.IndexByte(data[from:], '\n')
		if n < 0 {
			return upTo(data, -1, last)
		}
		quoted = quoted != (bytes.Count(data[from:from+n], []byte{'"'})%2 == 1)
		if from += n; !quoted {
			return upTo(data, from, last)
		}
		from++
	}
}

// fields appends the fields of a record to row. They lie in the record but for those with quotes
// in them.
func fields(row [][]byte, record []byte) ([][]byte, error) {
	for {
		field, n, err := field(record)
		if err != nil {
			return row, fmt.Errorf("field %d: %w", len(row)+1, err)
		}
		row = append(row, field)
		if n == len(record) {
			return row, nil
		}
		if record[n] != ',' {
			return row, fmt.Errorf("field %d goes on after its quotes", len(row))
		}
		record = record[n+1:]
	}
}

// field gives the first field of a record and the number of bytes that it takes.
func field(record []byte) ([]byte, int, error) {
	if len(record) == 0 || record[0] != '"' {
		n := bytes.IndexByte(record, ',')
		if n < 0 {
			n = len(record)
		}
		if bytes.IndexByte(record[:n], '"') >= 0 {
			return nil, 0, errors.New("a quote in a field that is not in quotes")
		}
		return record[:n], n, nil
	}
	escaped := false
	for n := 1; ; n += 2 {
		i := bytes.IndexByte(record[n:], '"')
		if i < 0 {
			return nil, 0, errors.New("the quotes are not closed")
		}
		if n += i; n+1 < len(record) && record[n+1] == '"' {
			escaped = true
			continue
		}
		text := record[1:n]
		if escaped {
			text = bytes.ReplaceAll(text, []byte(`""`), []byte(`"`))
		}
		return text, n + 1, nil
	}
}
