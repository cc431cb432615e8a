// The pack of test_handles.py.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/gomp-project/gomp/gomp/kernel"
)

type item struct {
	Name  string                `codec:"name"`
	Image kernel.Array[float64] `codec:"image"`
}

// pipe passes messages on, up to a null.
func pipe(ctx context.Context, from, to *kernel.Queue) (int, error) {
	for n := 0; ; n++ {
		var x any
		if err := from.Get(ctx, &x); err != nil {
			return n, err
		}
		if x == nil {
			return n, to.Put(ctx, nil)
		}
		if err := to.Put(ctx, x); err != nil {
			return n, err
		}
	}
}

func scale(ctx context.Context, from, to *kernel.Queue, factor float64) error {
	var x item
	if err := from.Get(ctx, &x); err != nil {
		return err
	}
	for i := range x.Image.Data {
		x.Image.Data[i] *= factor
	}
	return to.Put(ctx, x)
}

func getFloat(ctx context.Context, q *kernel.Queue) (float64, error) {
	var x float64
	err := q.Get(ctx, &x)
	return x, err
}

// patiently waits for a message for so many seconds.
func patiently(ctx context.Context, q *kernel.Queue, seconds float64) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(seconds*1e9))
	defer cancel()
	var x any
	err := q.Get(ctx, &x)
	if errors.Is(err, kernel.ErrEmpty) && errors.Is(err, context.DeadlineExceeded) {
		return "empty", nil
	}
	return fmt.Sprint(x), err
}

func try(q *kernel.Queue) []string {
	var said []string
	var x any
	for range 2 {
		said = append(said, fmt.Sprint(q.TryPut(1), q.Len()))
	}
	for range 2 {
		said = append(said, fmt.Sprint(q.TryGet(&x), q.TaskDone()))
	}
	q.Close()
	return append(said, fmt.Sprint(q.TryPut(1), q.Put(context.Background(), 1), q.TryGet(&x)))
}

func fill(ctx context.Context, q *kernel.Queue, n int) error {
	for i := range n {
		if err := q.Put(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// left uses a queue after it has returned.
func left(ctx context.Context, q *kernel.Queue) {
	go func() {
		var x any
		fmt.Fprintln(os.Stderr, "left:", q.Get(context.Background(), &x))
	}()
	time.Sleep(10 * time.Millisecond)
}

func wrong(q *kernel.Queue, v *kernel.Value) string {
	var x any
	return fmt.Sprint(q.Put(context.Background(), q), q.TryGet(x), q.Put(context.Background(), make(chan int)), v.Len())
}

func add(ctx context.Context, v *kernel.Value, n int) error {
	for range n {
		if err := v.Lock(ctx); err != nil {
			return err
		}
		x, err := kernel.Get[int32](v, 0)
		if err == nil {
			err = kernel.Set(v, 0, x+1)
		}
		if err = errors.Join(err, v.Unlock()); err != nil {
			return err
		}
	}
	return nil
}

func sumOf(v *kernel.Value) (float64, error) {
	s, err := kernel.Slice[float64](v)
	total := 0.0
	for _, x := range s {
		total += x
	}
	return total, err
}

func mistakes(v *kernel.Value) []string {
	_, err := kernel.Get[float32](v, 0)
	_, beyond := kernel.Get[float64](v, v.Len())
	return []string{fmt.Sprint(err), fmt.Sprint(beyond), fmt.Sprint(kernel.Set(v, -1, 1.5)), fmt.Sprint(v.Unlock()), fmt.Sprint(v.Lock(context.Background()))}
}

// die ends the process while it has the lock.
func die(ctx context.Context, v *kernel.Value) error {
	if err := v.Lock(ctx); err != nil {
		return err
	}
	os.Exit(9)
	return nil
}

// forget returns with the lock.
func forget(ctx context.Context, v *kernel.Value) error { return v.Lock(ctx) }

func slow(q *kernel.Queue, seconds float64) int {
	time.Sleep(time.Duration(seconds * 1e9))
	return q.Len()
}

func main() {
	kernel.Register("pipe", pipe)
	kernel.Register("scale", scale)
	kernel.Register("get_float", getFloat)
	kernel.Register("patiently", patiently)
	kernel.Register("try", try)
	kernel.Register("fill", fill)
	kernel.Register("left", left)
	kernel.Register("wrong", wrong)
	kernel.Register("add", add)
	kernel.Register("sum_of", sumOf)
	kernel.Register("mistakes", mistakes)
	kernel.Register("die", die)
	kernel.Register("forget", forget)
	kernel.Register("slow", slow)
	kernel.Main()
}
