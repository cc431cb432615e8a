package kernel

import (
	"context"
	"reflect"
	"testing"
)

// BenchmarkCall is what a call costs in the worker, its message read and written.
func BenchmarkCall(b *testing.B) {
	square := func(x float64) float64 { return x * x }
	data, err := marshal([]any{0, single, []any{2.5}})
	if err != nil {
		b.Fatal(err)
	}
	f := &function{Name: "square", value: reflect.ValueOf(square), plain: square}
	if err := f.inspect(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		var r request
		if err := unmarshal(data, &r); err != nil {
			b.Fatal(err)
		}
		c, m, out := &call{}, &message{data: data}, &message{}
		if _, err := f.call(c.context(context.Background()), c, m, r.Body, out); err != nil {
			b.Fatal(err)
		}
	}
}
