package kernel

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

type inner struct {
	A int `codec:"a"`
}

type outer struct {
	Data   Array[float32] `codec:"data"`
	Inner  inner          `codec:"inner"`
	Plain  string
	Hidden int `codec:"-"`
	secret int
}

type embedding struct{ inner }

type endless struct{ Next []endless }

func inspected(f any, names ...string) (*function, error) {
	k := &function{Name: "f", value: reflectValue(f), plain: f, names: names}
	return k, k.inspect()
}

func TestSignatures(t *testing.T) {
	f, err := inspected(func(context.Context, outer, []time.Time, map[uint8][]byte, ...int) (Array[bool], error) {
		return Array[bool]{}, nil
	}, "o", "times")
	if err != nil {
		t.Fatal(err)
	}
	if !f.context || !f.Variadic || !f.Error || f.Elementwise {
		t.Errorf("%+v", f)
	}
	data, _ := json.Marshal(f)
	for _, want := range []string{
		`{"name":"o","type":{"kind":"struct"`, `{"name":"times","type":{"kind":"slice"`, `{"name":"arg2","type":{"kind":"map"`,
		`"fields":[{"name":"data","type":{"kind":"array","go":"kernel.Array[float32]","elem":{"kind":"float32"`,
		`{"name":"Plain","type":{"kind":"string"`, `"key":{"kind":"uint8"`, `"elem":{"kind":"bytes"`, `"kind":"time"`,
	} {
		if !strings.Contains(string(data), want) {
			t.Errorf("no %s in %s", want, data)
		}
	}
	for _, not := range []string{"Hidden", "secret"} {
		if strings.Contains(string(data), not) {
			t.Errorf("%s in %s", not, data)
		}
	}
	_ = outer{}.secret
}

func TestElementwise(t *testing.T) {
	for _, one := range []struct {
		f    any
		want bool
	}{
		{func(float64) float64 { return 0 }, true},
		{func(int) int { return 0 }, true},
		{func(bool) bool { return false }, true},
		{func(float64) (float64, error) { return 0, nil }, false},
		{func(context.Context, float64) float64 { return 0 }, false},
		{func(float64, float64) float64 { return 0 }, false},
		{func(string) string { return "" }, false},
	} {
		if f, err := inspected(one.f); err != nil || f.Elementwise != one.want {
			t.Errorf("%T: %v, %v", one.f, f.Elementwise, err)
		}
	}
}

func TestSignaturesThatCannotBe(t *testing.T) {
	for want, f := range map[string]any{
		"int is not a function":                              3,
		"func() is not a function":                           (func())(nil),
		"parameter a: type chan int cannot come from Python": func(chan int) {},
		"type *int cannot come from Python":                  func(*int) {},
		"type func() cannot come from Python":                func(func()) {},
		"type [2]int cannot come from Python":                func([2]int) {},
		"type context.Context cannot come from Python":       func([]context.Context) {},
		"type complex128 travels only in a kernel.Array":     func(complex128) {},
		"type complex64 travels only in a kernel.Array":      func([]complex64) {},
		"contains itself":                                    func(endless) {},
		"a key of a map must be":                             func(map[inner]int) {},
		"field inner: what is embedded":                      func(embedding) {},
		"1 names for 0 parameters":                           func() {},
		"result 0: a kernel takes handles":                   func(int) *Queue { return nil },
	} {
		if _, err := inspected(f, "a"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v, not %q", f, err, want)
		}
	}
}

func TestRegistration(t *testing.T) {
	defer delete(registered, "twice")
	Register("twice", func() {}, Doc("text"))
	for _, f := range []any{func() {}, 3} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%T is registered", f)
				}
			}()
			Register("twice", f)
		}()
	}
	var b bytes.Buffer
	if err := writeManifest(&b); err != nil || !strings.Contains(b.String(), `"kernels":[{"name":"twice","doc":"text","params":[]`) {
		t.Errorf("%s %v", b.String(), err)
	}
}
