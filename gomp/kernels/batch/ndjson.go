package batch

import (
	"context"
	"fmt"
)

// NDJSONAggregate groups the records of a file of newline-delimited JSON (RFC 8259, one object a
// line) by the member group and returns for each group the number, sum, minimum and maximum of
// the member value: {name: {"count", "sum", "min", "max"}}. Records that do not pass all
// conditions of filter are left out; each is a dict with "column" (a member's name), "op" and
// "value". The ops "==" and "!=" compare texts, "<", "<=", ">" and ">=" numbers. A record whose
// value is empty is left out. Neither an empty text nor NaN passes a comparison of numbers.
//
// A member's text is the string itself, or the number, true or false as it is written; of null,
// and of a member that is not there, it is empty. Strings are taken as numbers if they look so.
// Of two members of one name the last counts. Blank lines are passed over.
//
// What is read are the lines that begin in the range: length bytes from offset on, or fewer
// where the file ends. Any ranges that cover the file, as those of split_file, make up the whole:
// the counts, minima and maxima exactly, the sums but for rounding.
//
// It fails if offset or length is negative, if there is no such op, if a text that is needed as
// a number is none, if a member that is needed is an object or an array, at a line that is not a
// JSON object or is longer than 16 MiB, and if the file cannot be read.
//
//gomp:kernel ndjson_aggregate
func NDJSONAggregate(ctx context.Context, path string, offset, length int64, filter []Condition, group, value string) (map[string]Group, error) {
	q, err := newQuery(filter, group, value)
	if err != nil {
		return nil, err
	}
	texts := make([][]byte, len(q.columns))
	err = scan(ctx, path, offset, length, line, func(_ int64, piece []byte) error {
		if blank(piece) {
			return nil
		}
		clear(texts)
		err := members(piece, func(name, token []byte) error {
			for i, column := range q.columns {
				if string(name) != column {
					continue
				}
				text, err := scalar(token)
				if err != nil {
					return fmt.Errorf("member %s %w", column, err)
				}
				texts[i] = text
			}
			return nil
		})
		if err != nil {
			return err
		}
		return q.add(texts)
	})
	if err != nil {
		return nil, err
	}
	return q.result(), nil
}

func blank(piece []byte) bool {
	for _, c := range piece {
		if !space[c] {
			return false
		}
	}
	return true
}
