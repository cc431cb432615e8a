package batch

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// Group is what is known of the values of one group: their number, sum, minimum and maximum.
// Sums are added up in the order of the records. One NaN makes all but the number NaN.
type Group struct {
	Count int64   `codec:"count"`
	Sum   float64 `codec:"sum"`
	Min   float64 `codec:"min"`
	Max   float64 `codec:"max"`
}

// Condition compares a column of a record with a value: by text if Op is "==" or "!=", by
// number if it is "<", "<=", ">" or ">=".
type Condition struct {
	Column string `codec:"column"`
	Op     string `codec:"op"`
	Value  string `codec:"value"`
}

// query is an aggregation: the same for all formats, for they give it the texts of the columns.
type query struct {
	columns    []string // that of the group, that of the value, those of the conditions
	conditions []func(text []byte) (bool, error)
	groups     map[string]*Group
}

func newQuery(filter []Condition, group, value string) (*query, error) {
	q := &query{columns: []string{group, value}, groups: map[string]*Group{}}
	for i, c := range filter {
		holds, err := c.compile()
		if err != nil {
			return nil, fmt.Errorf("filter[%d]: %w", i, err)
		}
		q.columns, q.conditions = append(q.columns, c.Column), append(q.conditions, holds)
	}
	return q, nil
}

var comparisons = map[string]func(x, limit float64) bool{
	"<":  func(x, limit float64) bool { return x < limit },
	"<=": func(x, limit float64) bool { return x <= limit },
	">":  func(x, limit float64) bool { return x > limit },
	">=": func(x, limit float64) bool { return x >= limit },
}

func (c Condition) compile() (func(text []byte) (bool, error), error) {
	switch c.Op {
	case "==":
		return func(text []byte) (bool, error) { return string(text) == c.Value, nil }, nil
	case "!=":
		return func(text []byte) (bool, error) { return string(text) != c.Value, nil }, nil
	}
	compare, ok := comparisons[c.Op]
	if !ok {
		return nil, fmt.Errorf("op must be ==, !=, <, <=, > or >=, not %q", c.Op)
	}
	limit, err := number([]byte(c.Value))
	if err != nil {
		return nil, err
	}
	return func(text []byte) (bool, error) {
		if text = bytes.TrimSpace(text); len(text) == 0 {
			return false, nil
		}
		x, err := number(text)
		return err == nil && compare(x, limit), err
	}, nil
}

// add takes a record, given as the texts of the query's columns.
func (q *query) add(texts [][]byte) error {
	for i, holds := range q.conditions {
		ok, err := holds(texts[2+i])
		if err != nil {
			return fmt.Errorf("column %s: %w", q.columns[2+i], err)
		}
		if !ok {
			return nil
		}
	}
	text := bytes.TrimSpace(texts[1])
	if len(text) == 0 {
		return nil
	}
	x, err := number(text)
	if err != nil {
		return fmt.Errorf("column %s: %w", q.columns[1], err)
	}
	name := utf8Text(texts[0])
	g := q.groups[string(name)]
	if g == nil {
		g = &Group{Min: math.Inf(1), Max: math.Inf(-1)}
		q.groups[string(name)] = g
	}
	g.Count++
	g.Sum += x
	g.Min, g.Max = min(g.Min, x), max(g.Max, x)
	return nil
}

// result gives the groups by name.
func (q *query) result() map[string]Group {
	groups := make(map[string]Group, len(q.groups))
	for name, g := range q.groups {
		groups[name] = *g
	}
	return groups
}

func number(text []byte) (float64, error) {
	x, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a number of 64 bits", text)
	}
	return x, nil
}
