// Package kernel makes Go functions callable from Python, in worker processes that
// have no Python in them.
//
// A pack is a program that registers functions and then serves them:
//
//	func main() {
//		kernel.Register("square", func(x float64) float64 { return x * x })
//		kernel.Main()
//	}
//
// It is seldom written by hand: `python -m gomp kernel build FOLDER`, or
// gomp.kernel.compile(SOURCE) in Python, writes it for all exported functions of a
// package, or for those with a //gomp:kernel comment.
//
// # Signatures
//
// Parameters and results may be bool, every size of int, uint and float, string,
// []byte, time.Time, slices and maps of those, structs (their fields are named by
// codec tags), [Array] and, first of all parameters, a context.Context. Parameters may
// also be a [*Queue] or a [*Value]. A last result of type error becomes an exception in
// Python; several other results become a tuple.
//
// A string comes from a str or a path. A struct comes from a dict, or an object, with all of
// its fields, and in a dict no others.
// An any is nil, a bool, an int64, a float64, a string, []byte, a time.Time, []any or
// map[string]any. A time.Time is a datetime.datetime, which is local time if it is naive; a
// time.Duration is its nanoseconds. Pointers, channels, functions, other interfaces and, but for
// those in an Array, complex numbers are refused when the pack is built. No cgo: packs are
// built without it.
//
// A handle, which is what stands for an object of Python's, is valid until the function returns: a [*Queue] is a gomp.Queue(codec="msgpack"),
// a [*Value] is a gomp.Value or a gomp.Array of numbers.
//
// The context is cancelled when the task's time is up, when it is cancelled, and when
// the pool is terminated. A kernel that does not heed it is ended with its process soon
// after.
//
// # Memory
//
// An Array argument is read where it lies, in memory that processes share; so are []byte
// and slices of numbers that Python gives as arrays. They are valid until the function
// returns: a kernel that keeps data copies them. A kernel must not write to arguments
// unless its documentation says so: others may see it, or nobody.
//
// # Goroutines
//
// A pack's process runs as many kernels at once as the pool has workers. Kernels must be
// safe for concurrent use, and may start goroutines that end before they return.
package kernel
