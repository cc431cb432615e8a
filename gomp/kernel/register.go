package kernel

import (
	"fmt"
	"path"
	"reflect"
	"runtime"
	"sort"
)

// registered holds the kernels of this program by name.
var registered = map[string]*function{}

// Option describes a kernel further.
type Option func(*function)

// Doc gives a kernel the documentation that Python shows.
func Doc(text string) Option { return func(f *function) { f.Doc = text } }

// Params names the parameters, without the context, so that Python can pass them by name.
func Params(names ...string) Option { return func(f *function) { f.names = names } }

// Register makes f a kernel. It is called before Main, and panics if the name is taken or
// the signature is none that can be called from Python.
func Register(name string, f any, options ...Option) {
	if _, taken := registered[name]; taken {
		panic(fmt.Sprintf("kernel.Register: %q is registered twice", name))
	}
	k := &function{Name: name, value: reflect.ValueOf(f), plain: f}
	for _, option := range options {
		option(k)
	}
	if err := k.inspect(); err != nil {
		panic(fmt.Sprintf("kernel.Register: %s%s: %v", position(k.value), name, err))
	}
	registered[name] = k
}

// position says where a function is written, in front of what there is to say of it.
func position(f reflect.Value) string {
	if f.Kind() != reflect.Func || f.IsNil() {
		return ""
	}
	file, line := runtime.FuncForPC(f.Pointer()).FileLine(f.Pointer())
	return fmt.Sprintf("%s:%d: ", path.Base(file), line)
}

// names lists the kernels in order.
func names() []string {
	list := make([]string, 0, len(registered))
	for name := range registered {
		list = append(list, name)
	}
	sort.Strings(list)
	return list
}
