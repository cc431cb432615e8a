package kernel

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"runtime/debug"

	"github.com/ugorji/go/codec"

	"github.com/gomp-project/gomp/gomp/pool"
)

// Modes of a task; python/gomp/_packing.py mirrors them.
const (
	single      = iota // one call: its arguments; its result
	chunk              // a list of calls; a list of results
	elementwise        // an element-wise kernel: an array; an array
	slice              // the same from an array into another one: both; nothing
)

// Kinds of failures; python/gomp/_packing.py mirrors them.
const (
	kindError  = "error"
	kindPanic  = "panic"
	kindMemory = "memory"
	kindType   = "type"
)

// answer is what has come of a task.
type answer struct {
	status  pool.Status
	message message
	failure failure // that it says; or none
}

// failure is an answer that becomes an exception.
type failure struct {
	//lint:ignore U1000 the codec reads its tag
	_struct bool `codec:",toarray"`

	Kind   string
	Kernel string
	Text   string
	Stack  string
}

func (f failure) answer() answer {
	data, err := marshal(&f)
	if err != nil {
		data, _ = marshal([]string{f.Kind, f.Kernel, err.Error(), ""})
	}
	return answer{pool.Raised, message{data: data}, f}
}

// request is what a task says: the kernel, a mode, and what that needs. The kernel goes by its name: the
// numbers of a pack that was built again are others.
type request struct {
	//lint:ignore U1000 the codec reads its tag
	_struct bool `codec:",toarray"`

	Kernel string
	Mode   int
	Body   []codec.Raw
}

// execute runs the task. a is what has come of it, also if the kernel ends its goroutine.
func (w *worker) execute(c *call, task uint64, a *answer) {
	m, r, f, err := readTask(task)
	if err != nil {
		*a = failure{Kind: kindType, Kernel: r.Kernel, Text: err.Error()}.answer()
		return
	}
	ctx := context.Background()
	if f.context || r.Mode != single { // of the others none can heed it
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		w.begin(cancel)
		defer w.begin(nil)
		ctx = c.context(ctx)
	}
	out := message{}
	defer func() {
		if p := recover(); p != nil {
			*a = f.panicked(p)
		} else if a.status == pool.Pending {
			*a = failure{Kind: kindPanic, Kernel: f.Name, Text: "it has ended its goroutine by runtime.Goexit"}.answer()
		}
		if a.status != pool.Returned {
			out.discard(w.me)
		}
	}()
	if out.data, err = f.perform(ctx, c, &m, &r, &out); err != nil {
		*a = f.failed(err)
		return
	}
	*a = answer{status: pool.Returned, message: out}
}

// readTask reads what a task says.
func readTask(task uint64) (m message, r request, f *function, err error) {
	if m, err = readRecord(pool.Arguments(task)); err == nil {
		err = read(m.data, &r)
	}
	if f = registered[r.Kernel]; err == nil && f == nil {
		err = errors.New("the pack has no such kernel")
	}
	return m, r, f, err
}

func (f *function) failed(err error) answer {
	kind := kindError
	var wrong *argumentError
	if errors.As(err, &wrong) {
		kind = kindType
	}
	return failure{Kind: kind, Kernel: f.Name, Text: err.Error()}.answer()
}

func (f *function) panicked(p any) answer {
	if e, ok := p.(*memoryError); ok {
		return failure{Kind: kindMemory, Kernel: f.Name, Text: e.Error()}.answer()
	}
	return failure{Kind: kindPanic, Kernel: f.Name, Text: fmt.Sprint(p), Stack: string(debug.Stack())}.answer()
}

// argumentError says that a task is none that the kernel can run.
type argumentError struct{ err error }

func (e *argumentError) Error() string { return e.err.Error() }

func malformed(format string, args ...any) error { return &argumentError{fmt.Errorf(format, args...)} }

// perform does what a request asks for.
func (f *function) perform(ctx context.Context, c *call, m *message, r *request, out *message) ([]byte, error) {
	switch r.Mode {
	case single:
		return f.call(ctx, c, m, r.Body, out)
	case chunk:
		results := make([]codec.Raw, 0, len(r.Body))
		for _, one := range r.Body {
			var args []codec.Raw
			if err := read(one, &args); err != nil {
				return nil, malformed("a call: %v", err)
			}
			result, err := f.call(ctx, c, m, args, out)
			if err != nil {
				return nil, err
			}
			if results = append(results, result); ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
		return marshal(results)
	case elementwise:
		return f.run(ctx, c, m, r.Body, out)
	case slice:
		return f.runInto(ctx, c, m, r.Body)
	}
	return nil, malformed("there is no mode %d", r.Mode)
}

// call calls the function once.
func (f *function) call(ctx context.Context, c *call, m *message, args []codec.Raw, out *message) ([]byte, error) {
	in := make([]reflect.Value, 0, len(f.Params)+1)
	if f.context {
		in = append(in, reflect.ValueOf(ctx))
	}
	if len(args) != len(f.Params) {
		return nil, malformed("%d arguments for %d parameters", len(args), len(f.Params))
	}
	for i, raw := range args {
		v, err := c.decode(m, raw, f.Params[i].Type)
		if err != nil {
			return nil, malformed("%s: %v", f.Params[i].Name, err)
		}
		in = append(in, v)
	}
	return f.results(c, f.invoke(in), out)
}

func (f *function) invoke(in []reflect.Value) []reflect.Value {
	if f.Variadic {
		return f.value.CallSlice(in)
	}
	return f.value.Call(in)
}

// results encodes what the function has returned: nil, one value, or several.
func (f *function) results(c *call, values []reflect.Value, out *message) ([]byte, error) {
	n := len(f.Results)
	if f.Error {
		if err, _ := values[n].Interface().(error); err != nil {
			return nil, err
		}
	}
	switch n {
	case 0:
		return marshal(nil)
	case 1:
		return f.result(c, 0, values, out)
	}
	items := make([]codec.Raw, n)
	for i := range items {
		item, err := f.result(c, i, values, out)
		if err != nil {
			return nil, err
		}
		items[i] = item
	}
	return marshal(items)
}

func (f *function) result(c *call, i int, values []reflect.Value, out *message) (codec.Raw, error) {
	item, err := c.encode(values[i], f.Results[i], out)
	if err != nil {
		return nil, fmt.Errorf("result %d: %w", i, err)
	}
	return item, nil
}

// run applies an element-wise kernel to an array.
func (f *function) run(ctx context.Context, c *call, m *message, body []codec.Raw, out *message) ([]byte, error) {
	if f.vector == nil || len(body) != 1 {
		return nil, malformed("the kernel is not element-wise")
	}
	in, n, err := f.operand(c, m, body[0], f.Params[0].Type)
	if err != nil {
		return nil, err
	}
	a := f.vector.shared(c, n)
	if err := f.vector.apply(ctx, in, a.data()); err != nil {
		return nil, err
	}
	return a.emit(c, &out.parts)
}

// runInto applies it to an array, and stores the results in another one.
func (f *function) runInto(ctx context.Context, c *call, m *message, body []codec.Raw) ([]byte, error) {
	if f.vector == nil || len(body) != 2 {
		return nil, malformed("the kernel is not element-wise")
	}
	in, n, err := f.operand(c, m, body[0], f.Params[0].Type)
	if err != nil {
		return nil, err
	}
	out, k, err := f.operand(c, m, body[1], f.Results[0])
	if err != nil {
		return nil, err
	}
	if n != k {
		return nil, malformed("arrays of %d and %d elements", n, k)
	}
	if err := f.vector.apply(ctx, in, out); err != nil {
		return nil, err
	}
	return marshal(nil)
}

// operand is a contiguous array of the type's elements, as a slice of them.
func (f *function) operand(c *call, m *message, raw codec.Raw, t *Type) (any, int, error) {
	kind, data, ok := extension(raw)
	var a descriptor
	if !ok || kind != extArray || unmarshal(data, &a) != nil {
		return nil, 0, malformed("an array is needed")
	}
	memory, err := a.bytesAt(m)
	element := t.Kind
	if element == "int" || element == "uint" {
		element += "64"
	}
	if err != nil || a.Element != element {
		return nil, 0, malformed("an array of %s instead of %s: %v", a.Element, t.Go, err)
	}
	c.remember(m, &a)
	v := elements[element].view(memory)
	if v.Len() != size(a.Shape) {
		return nil, 0, malformed("an array with gaps")
	}
	return v.Interface(), v.Len(), nil
}
