package batch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// pieces are what a splitter finds in the ranges of a file.
func pieces(t *testing.T, path string, split splitter, ranges [][]int64) (list []string) {
	t.Helper()
	for _, r := range ranges {
		err := scan(t.Context(), path, r[0], r[1], split, func(_ int64, piece []byte) error {
			list = append(list, string(piece))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// covers fails unless the ranges cover the file, and none is empty.
func covers(t *testing.T, ranges [][]int64, size, parts int) {
	t.Helper()
	at := int64(0)
	for _, r := range ranges {
		if r[0] != at || r[1] <= 0 {
			t.Fatalf("ranges %v of %d bytes", ranges, size)
		}
		at += r[1]
	}
	if at != int64(size) || len(ranges) > parts {
		t.Fatalf("%d ranges for %d parts of %d bytes: %v", len(ranges), parts, size, ranges)
	}
}

var whole = [][]int64{{0, math.MaxInt64}}

func FuzzRangesOfText(f *testing.F) {
	f.Add("one two  three\r\n\r\nfour", 3)
	f.Add(" \n\n", 2)
	f.Add("a\u00a0b \xff\xfe", 7)
	f.Fuzz(func(t *testing.T, text string, parts int) {
		if parts < 1 || parts > 100 {
			t.Skip("parts is no number of ranges to try")
		}
		path := write(t, text)
		ranges, err := SplitFile(path, parts)
		if err != nil {
			t.Fatal(err)
		}
		covers(t, ranges, len(text), parts)
		for name, split := range map[string]splitter{"words": word, "lines": line} {
			want := pieces(t, path, split, whole)
			if got := pieces(t, path, split, ranges); strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("%s: %q, not %q", name, got, want)
			}
		}
		words := strings.FieldsFunc(text, func(c rune) bool { return c < utf8.RuneSelf && space[c] })
		want := map[string]int64{}
		for _, word := range words {
			want[string([]rune(word))]++
		}
		got := map[string]int64{}
		for _, r := range ranges {
			counts, err := WordCount(t.Context(), path, r[0], r[1])
			if err != nil {
				t.Fatal(err)
			}
			for word, n := range counts {
				got[word] += n
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("counted %v, not %v", got, want)
		}
	})
}

func FuzzRangesOfCSV(f *testing.F) {
	f.Add("k,v\na,1\n\"b\nc\",2\n\"\"\"\",3", 4)
	f.Add("\n\"k\nk\",v\r\n\r\n\r\na,1\r\n", 9)
	f.Fuzz(func(t *testing.T, text string, parts int) {
		if parts < 1 || parts > 100 {
			t.Skip("parts is no number of ranges to try")
		}
		path := write(t, text)
		ranges, err := SplitCSV(t.Context(), path, parts)
		if err != nil {
			t.Fatal(err)
		}
		covers(t, ranges, len(text), parts)
		want := pieces(t, path, record, whole)
		if got := pieces(t, path, record, ranges); strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q, not %q", got, want)
		}
	})
}

// aggregate is one of the kernels for records.
type aggregate func(ctx context.Context, path string, offset, length int64, filter []Condition, group, value string) (map[string]Group, error)

// over adds up what a kernel says of the ranges.
func over(t *testing.T, f aggregate, path string, ranges [][]int64) map[string]Group {
	t.Helper()
	sum := map[string]Group{}
	for _, r := range ranges {
		groups, err := f(t.Context(), path, r[0], r[1], nil, "k", "v")
		if err != nil {
			t.Fatal(err)
		}
		for name, g := range groups {
			all, ok := sum[name]
			if !ok {
				all = Group{Min: g.Min, Max: g.Max}
			}
			sum[name] = Group{all.Count + g.Count, all.Sum + g.Sum, min(all.Min, g.Min), max(all.Max, g.Max)}
		}
	}
	return sum
}

// FuzzRangesOfRecords makes files of records of all shapes, and reads them whole and in ranges.
func FuzzRangesOfRecords(f *testing.F) {
	f.Add([]byte("abc\n\"\r,\xff"), 3)
	f.Fuzz(func(t *testing.T, shapes []byte, parts int) {
		if parts < 1 || parts > 100 {
			t.Skip("parts is no number of ranges to try")
		}
		table, objects := bytes.NewBufferString("v,\"a \"\"\nb\",k\n"), &bytes.Buffer{}
		for i, shape := range shapes {
			name := strings.Repeat(string(rune(shape)), int(shape)%5)
			quoted := strings.ReplaceAll(name, `"`, `""`)
			text, err := json.Marshal(name)
			if err != nil {
				t.Fatal(err)
			}
			table.WriteString(strings.Repeat("\n", i%3))
			table.WriteString(string(rune('0'+shape%10)) + `,"` + quoted + "\",\"" + quoted + "\"\r\n")
			objects.WriteString(strings.Repeat("\n", i%3) + `{"k": ` + string(text) + `, "v": ` + string(rune('0'+shape%10)) + "}\n")
		}
		path := write(t, table.String())
		ranges, err := SplitCSV(t.Context(), path, parts)
		if err != nil {
			t.Fatal(err)
		}
		all := over(t, CSVAggregate, path, whole)
		if got := over(t, CSVAggregate, path, ranges); !maps.Equal(got, all) {
			t.Errorf("CSV: %v, not %v", got, all)
		}
		path = write(t, objects.String())
		if ranges, err = SplitFile(path, parts); err != nil {
			t.Fatal(err)
		}
		if got := over(t, NDJSONAggregate, path, ranges); !maps.Equal(got, all) {
			t.Errorf("NDJSON: %v, not %v", got, all)
		}
	})
}

func TestPiecesLongerThanTheBuffer(t *testing.T) {
	text := strings.Repeat("x", 600<<10)
	path := write(t, text+" y\n")
	ranges, err := SplitFile(path, 5)
	if err != nil {
		t.Fatal(err)
	}
	if got := pieces(t, path, word, ranges); len(got) != 2 || got[0] != text || got[1] != "y" {
		t.Errorf("%d words", len(got))
	}
	path = write(t, strings.Repeat("x", longest+1))
	if _, err := WordCount(t.Context(), path, 0, 1); err == nil || !strings.Contains(err.Error(), "longer than 16777216 bytes") {
		t.Errorf("too long a word: %v", err)
	}
}

func TestRangesThatAreNone(t *testing.T) {
	path := write(t, "a b")
	for _, r := range [][]int64{{-1, 1}, {0, -1}} {
		if _, err := WordCount(t.Context(), path, r[0], r[1]); err == nil || !strings.Contains(err.Error(), "must not be negative: -1") {
			t.Errorf("range %v: %v", r, err)
		}
	}
	for _, r := range [][]int64{{3, 10}, {100, math.MaxInt64}, {0, 0}} {
		if counts, err := WordCount(t.Context(), path, r[0], r[1]); counts == nil || len(counts) > 0 || err != nil {
			t.Errorf("range %v: %v, %v", r, counts, err)
		}
	}
	for _, parts := range []int{-1, 0, mostParts + 1} {
		if _, err := SplitFile(path, parts); err == nil || !strings.Contains(err.Error(), "parts must be from 1") {
			t.Errorf("%d parts: %v", parts, err)
		}
		if _, err := SplitCSV(t.Context(), path, parts); err == nil || !strings.Contains(err.Error(), "parts must be from 1") {
			t.Errorf("%d parts: %v", parts, err)
		}
	}
	if ranges, err := SplitFile(write(t, ""), 3); ranges == nil || len(ranges) > 0 || err != nil {
		t.Errorf("of an empty file: %v, %v", ranges, err)
	}
	if _, err := SplitFile(t.TempDir(), 3); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("of a folder: %v", err)
	}
}

func TestScanHeedsItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := write(t, "k,v\n")
	if _, err := WordCount(ctx, path, 0, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("word_count: %v", err)
	}
	if _, err := SplitCSV(ctx, path, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("split_csv: %v", err)
	}
	if _, err := WordCount(t.Context(), filepath.Join(t.TempDir(), "none"), 0, 1); err == nil {
		t.Error("a file that is not there has words")
	}
}
