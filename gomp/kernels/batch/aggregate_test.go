package batch

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestCSVAggregate(t *testing.T) {
	path := write(t, "\ufeffcity,\"price, net\",n\r\n"+
		"Bonn,1.5,1\r\n\r\n"+
		"\"Bonn\", 2.5 ,2\r\n"+
		"\"a \"\"b\"\"\nc\",-3,3\r\n"+
		"Bonn,,4\r\n"+
		"Ulm,7,5")
	for _, c := range []struct {
		filter []Condition
		want   map[string]Group
	}{
		{nil, map[string]Group{"Bonn": {2, 4, 1.5, 2.5}, "a \"b\"\nc": {1, -3, -3, -3}, "Ulm": {1, 7, 7, 7}}},
		{[]Condition{{"city", "==", "Bonn"}}, map[string]Group{"Bonn": {2, 4, 1.5, 2.5}}},
		{[]Condition{{"city", "!=", "Bonn"}, {"n", "<", "5"}}, map[string]Group{"a \"b\"\nc": {1, -3, -3, -3}}},
		{[]Condition{{"price, net", ">", "1.5"}, {"n", ">=", "2"}, {"n", "<=", "4"}}, map[string]Group{"Bonn": {1, 2.5, 2.5, 2.5}}},
		{[]Condition{{"n", "<", "NaN"}}, map[string]Group{}},
	} {
		got, err := CSVAggregate(t.Context(), path, 0, math.MaxInt64, c.filter, "city", "price, net")
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%v: %v, %v; not %v", c.filter, got, err, c.want)
		}
	}
}

func TestNDJSONAggregate(t *testing.T) {
	path := write(t, `{"city": "Bonn", "price": 1.5, "more": {"city": ["x", {"price": 0}]}}`+"\r\n \n"+
		`{"city": "B\u006fnn", "pr\u0069ce": "2.5", "ok": true}`+"\n"+
		`{"price": 1, "city": 5, "price": -3e0}`+"\n"+
		`{"city": "Ulm", "price": null}`+"\n"+
		`{"price": 4}`)
	for _, c := range []struct {
		filter []Condition
		want   map[string]Group
	}{
		{nil, map[string]Group{"Bonn": {2, 4, 1.5, 2.5}, "5": {1, -3, -3, -3}, "": {1, 4, 4, 4}}},
		{[]Condition{{"ok", "==", "true"}}, map[string]Group{"Bonn": {1, 2.5, 2.5, 2.5}}},
		{[]Condition{{"city", ">", "4"}}, nil},
	} {
		got, err := NDJSONAggregate(t.Context(), path, 0, math.MaxInt64, c.filter, "city", "price")
		if !maps.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%v: %v, %v; not %v", c.filter, got, err, c.want)
		}
	}
}

func TestNaNSpreads(t *testing.T) {
	groups, err := CSVAggregate(t.Context(), write(t, "k,v\na,1\na,nan\na,2\nb,inf\n"), 0, 100, nil, "k", "v")
	if err != nil {
		t.Fatal(err)
	}
	if a := groups["a"]; a.Count != 3 || !math.IsNaN(a.Sum) || !math.IsNaN(a.Min) || !math.IsNaN(a.Max) {
		t.Errorf("with NaN: %v", a)
	}
	if b := groups["b"]; b != (Group{1, math.Inf(1), math.Inf(1), math.Inf(1)}) {
		t.Errorf("with infinity: %v", b)
	}
}

func TestMistakesInRecords(t *testing.T) {
	for _, c := range []struct {
		kernel     aggregate
		text, want string
	}{
		{CSVAggregate, "", `has no column "k"`},
		{CSVAggregate, "k,w\n", `has no column "v"`},
		{CSVAggregate, "k,v\na,1,2\n", "at byte 4: there are 3 fields, but 2 columns"},
		{CSVAggregate, "k,v\n\na,one\n", `at byte 5: column v: "one" is not a number`},
		{CSVAggregate, "k,v\na,1e999\n", `"1e999" is not a number of 64 bits`},
		{CSVAggregate, "k,v\na\"b,1\n", "field 1: a quote in a field that is not in quotes"},
		{CSVAggregate, "k,v\na,\"1\n", "field 2: the quotes are not closed"},
		{CSVAggregate, "k,v\n\"a\"b,1\n", "field 1 goes on after its quotes"},
		{CSVAggregate, "k,\"v\n", "at byte 0: field 2: the quotes are not closed"},
		{NDJSONAggregate, "{}\n[]\n", "at byte 3: this is not a JSON object"},
		{NDJSONAggregate, `{"k": 01}`, "at byte 0: this is not JSON from byte 7 of the line on"},
		{NDJSONAggregate, `{"k": "a", "v": []}`, "member v is an array"},
		{NDJSONAggregate, `{"k": {}, "v": 1}`, "member k is an object"},
		{NDJSONAggregate, `{"k": "a", "v": true}`, `column v: "true" is not a number`},
	} {
		_, err := c.kernel(t.Context(), write(t, c.text), 0, 1000, nil, "k", "v")
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: said %v, not %s", c.text, err, c.want)
		}
	}
}

func TestMistakesInFilters(t *testing.T) {
	path := write(t, "k,v\na,1\n")
	for want, c := range map[string]Condition{
		`filter[0]: op must be ==, !=, <, <=, > or >=, not "="`: {"k", "=", "a"},
		`filter[0]: "x" is not a number of 64 bits`:             {"k", "<", "x"},
		`has no column "z"`:                        {"z", "==", ""},
		`column k: "a" is not a number of 64 bits`: {"k", "<", "1"},
	} {
		_, err := CSVAggregate(t.Context(), path, 0, 1000, []Condition{c}, "k", "v")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: said %v, not %s", c, err, want)
		}
	}
}

func TestCSVRangeHasToBeginAtALine(t *testing.T) {
	path := write(t, "k,v\na,1\nb,2\n")
	if _, err := CSVAggregate(t.Context(), path, 5, 100, nil, "k", "v"); err == nil || !strings.Contains(err.Error(), "no record begins at offset 5") {
		t.Errorf("in a record: %v", err)
	}
	groups, err := CSVAggregate(t.Context(), path, 8, 1, nil, "k", "v")
	if want := (map[string]Group{"b": {1, 2, 2, 2}}); err != nil || !maps.Equal(groups, want) {
		t.Errorf("at a record: %v, %v", groups, err)
	}
	if groups, err = CSVAggregate(t.Context(), path, 1000, 1, nil, "k", "v"); err != nil || len(groups) > 0 {
		t.Errorf("beyond the end: %v, %v", groups, err)
	}
}

// FuzzFields compares the parser of records with encoding/csv.
func FuzzFields(f *testing.F) {
	for _, text := range []string{"a,b", `"a""b",,"c,d"`, `"a"b`, `a"b`, `"a`, "\"a\r\nb\",c", ",", `""`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, end, next := record(text, true)
		if next < len(text) || end == 0 || bytes.IndexByte(text, '\r') >= 0 {
			t.Skip("not one record, or one that encoding/csv changes the line ends of")
		}
		r := csv.NewReader(bytes.NewReader(text))
		want, wrong := r.Read()
		row, err := fields(nil, text[:end])
		if (err != nil) != (wrong != nil) {
			t.Fatalf("%q: %v, but encoding/csv: %v", text, err, wrong)
		}
		var got []string
		for _, field := range row {
			got = append(got, string(field))
		}
		if err == nil && !slices.Equal(got, want) {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	})
}

// Deeper texts are refused by encoding/json as well; without a limit they would fill the stack.
func TestNestingHasALimit(t *testing.T) {
	for depth, want := range map[int]bool{deepest: true, deepest + 1: false} {
		text := []byte(strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth))
		err := members(text, func(_, _ []byte) error { return nil })
		if (err == nil) != want || json.Valid(text) != want {
			t.Errorf("%d deep: %v", depth, err)
		}
	}
}

// FuzzMembers compares the walk over JSON with encoding/json.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{
		`{}`, ` {"a" : 1 , "b":[{}, [], -0.5e+3, "\u00e4\n", null, true, false]} `, `{"a":1,}`, `{"a":01}`, `{"a":"\x"}`, `[]`, `{"a":.5}`, `{"a":1} {`,
		"{\"a\xff\": \"\xff\"}", `{"\ud800": "\udc00"}`, "{\"a\": \"\t\"}", `{"a":-}`, `{"a":1e}`, `{"a":tru}`, `{"a"}`, `{"a":}`, `{,}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := map[string]string{}
		err := members(text, func(name, value []byte) error {
			got[string(utf8Text(name))] = string(value)
			return nil
		})
		var want map[string]json.RawMessage
		wrong := json.Unmarshal(text, &want)
		if wrong == nil && want == nil {
			wrong = fmt.Errorf("null")
		}
		if (err != nil) != (wrong != nil) {
			t.Fatalf("%q: %v, but encoding/json: %v", text, err, wrong)
		}
		if err != nil {
			return
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Errorf("%q: %q is %q, not %q", text, name, got[name], value)
			}
			var s string
			if value[0] == '"' && json.Unmarshal(value, &s) == nil {
				if text, err := scalar(value); string(utf8Text(text)) != s || err != nil {
					t.Errorf("%q: %q, %v; not %q", value, text, err, s)
				}
			}
		}
		if len(got) != len(want) {
			t.Errorf("%q: %d members, not %d", text, len(got), len(want))
		}
	})
}
