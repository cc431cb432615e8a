package kernel

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ugorji/go/codec"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/step"
)

const atMost = 10 * time.Second

func TestMain(m *testing.M) {
	family.Main(m, map[string]family.Role{"put": putForever, "get": getForever})
}

// object makes an object of the family, held by the test until its end.
func object(t testing.TB, f *family.Family, kind arena.Kind, params ...uint64) segment.Off {
	t.Helper()
	b, s := family.Make(f.Me, kind, params...)
	if s != step.Done {
		t.Fatal(s)
	}
	held.add(f.Me, b.Off())
	return b.Off()
}

// given is a call with a message that refers to objects; free gives the message back.
func given(me registry.Owner, objects ...segment.Off) (c *call, m *message, free func()) {
	c = &call{me: me}
	var table []parcel.Part
	for _, off := range objects {
		table = append(table, parcel.Part{Block: c.refer(off).Off(), Place: arena.Body(off)})
	}
	_, b, s := writeRecord(me, message{parts: table}, recordMost)
	if s != step.Done {
		panic(s)
	}
	_, table, err := parcel.Read(b)
	if err != nil {
		panic(err)
	}
	return c, &message{parts: table}, func() { family.Free(me, b) }
}

// open makes the handle that the fields describe.
func open[T any](c *call, m *message, fields ...any) (handle T, err error) {
	data, err := marshal(fields)
	if err != nil {
		panic(err)
	}
	d, err := typeOf(reflect.TypeFor[T]())
	if err != nil {
		panic(err)
	}
	v, err := c.decode(m, extend(extHandle, data), d)
	if err == nil {
		handle = v.Interface().(T)
	}
	return handle, err
}

// queueOf is a handle of the queue at off; end is what follows the kernel's return.
func queueOf(me registry.Owner, off segment.Off) (q *Queue, end func()) {
	c, m, free := given(me, off)
	q, err := open[*Queue](c, m, "queue", 0, 1, -1, 0)
	if err != nil {
		panic(err)
	}
	return q, func() { c.end(); free() }
}

// nothingLeft ends the test's hold of objects: nothing may be in use then.
func nothingLeft(t *testing.T, f *family.Family, objects ...segment.Off) {
	t.Helper()
	f.Verify(t)
	for _, off := range objects {
		held.drop(f.Me, off)
	}
	f.Verify(t)
	if used := segment.Head().Used; used != 0 {
		t.Errorf("%d bytes are left in use", used)
	}
}

type record struct {
	Name  string         `codec:"name"`
	Small Array[int16]   `codec:"small"`
	Large Array[float64] `codec:"large"`
}

func TestAQueuePassesValues(t *testing.T) {
	f := family.New(t)
	off := object(t, f, arena.Channel)
	q, end := queueOf(f.Me, off)
	ctx := context.Background()
	large := make([]float64, 100_000)
	large[99_999] = 2.5
	sent := record{"a", Of([]int16{1, 2, 3, 4}, 2, 2), Of(large, 100_000)}
	for _, v := range []any{7, "text", []byte("bytes"), map[string]int{"a": 1}, nil, sent, slices.Repeat([]string{"long"}, 5000)} {
		if err := q.Put(ctx, v); err != nil {
			t.Fatal(err)
		}
	}
	large[99_999] = 0 // what was put is a copy
	var (
		n     int
		s     string
		b     []byte
		m     map[string]int
		a     any
		r     record
		texts []string
		none  *record
		some  *int
	)
	if err := errors.Join(q.Put(ctx, nil), q.Put(ctx, 8)); err != nil {
		t.Fatal(err)
	}
	if q.Len() != 9 {
		t.Error(q.Len())
	}
	for _, into := range []any{&n, &s, &b, &m, &a, &r, &texts, &none, &some} {
		if err := q.Get(ctx, into); err != nil {
			t.Fatal(err)
		}
	}
	if n != 7 || s != "text" || string(b) != "bytes" || m["a"] != 1 || a != nil || len(texts) != 5000 {
		t.Error(n, s, b, m, a, len(texts))
	}
	if none != nil || *some != 8 {
		t.Error(none, some)
	}
	if r.Name != "a" || !slices.Equal(r.Small.Data, sent.Small.Data) || !slices.Equal(r.Small.Shape, []int{2, 2}) || r.Large.Data[99_999] != 2.5 {
		t.Error(r.Name, r.Small, r.Large.Shape)
	}
	end()
	nothingLeft(t, f, off)
}

// TestArraysWhereAnythingFits: they are that, and rows of numbers where those are asked for.
func TestArraysWhereAnythingFits(t *testing.T) {
	f := family.New(t)
	off := object(t, f, arena.Channel)
	q, end := queueOf(f.Me, off)
	var one any
	var list []any
	var rows [][]int8
	small, large := Of([]int8{1}, 1), Of(make([]int8, 1<<20), 1<<20)
	for _, into := range []any{&one, &list, &rows} {
		var v any = []Array[int8]{small, large}
		if into == any(&one) {
			v = large
		}
		if err := errors.Join(q.TryPut(v), q.TryGet(into)); err != nil {
			t.Fatal(err)
		}
	}
	if a, ok := one.(Array[int8]); !ok || a.Len() != 1<<20 {
		t.Errorf("%T", one)
	}
	if a, ok := list[0].(Array[int8]); !ok || a.Data[0] != 1 || len(rows) != 2 || rows[0][0] != 1 || len(rows[1]) != 1<<20 {
		t.Errorf("%T, %d rows", list[0], len(rows))
	}
	end()
	nothingLeft(t, f, off)
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	f := family.New(t)
	off := object(t, f, arena.Channel)
	q, end := queueOf(f.Me, off)
	for _, v := range []any{q, []*Queue{q}, make(chan int), func() {}, []any{Of([]int8{1}, 1)}, []any{q}, Array[int8]{Shape: []int{3}, Strides: []int{1}}} {
		if err := q.TryPut(v); err == nil {
			t.Errorf("%T was put", v)
		}
	}
	var x float64
	for _, into := range []any{nil, x, (*int)(nil), new(chan int)} {
		if err := q.TryGet(into); err == nil || errors.Is(err, ErrEmpty) {
			t.Errorf("into %T: %v", into, err)
		}
	}
	if err := errors.Join(q.TryPut("text"), q.TryPut(Of(make([]int8, 1<<20), 1<<20))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := q.TryGet(&x); err == nil || errors.Is(err, ErrEmpty) {
			t.Error(err)
		}
	}
	if err := q.TryPut([]Array[int8]{Of([]int8{1}, 1)}); err != nil {
		t.Error(err)
	}
	var hidden any
	if err := q.TryGet(&hidden); err == nil || errors.Is(err, ErrEmpty) {
		t.Error(hidden, err)
	}
	end()
	nothingLeft(t, f, off)
}

func TestAQueueThatIsFullOrEmpty(t *testing.T) {
	f := family.New(t)
	off := object(t, f, arena.Channel, 1)
	q, end := queueOf(f.Me, off)
	other, otherEnd := queueOf(f.Me, off)
	var x int
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := q.Get(ctx, &x); !errors.Is(err, ErrEmpty) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := errors.Join(q.TryPut(1), q.TaskDone()); err != nil {
		t.Error(err)
	}
	if err := q.TryPut(2); !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	if err := q.Put(ctx, 2); !errors.Is(err, ErrFull) || !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	done := make(chan error)
	go func() { done <- q.Put(context.Background(), 2) }()
	time.Sleep(20 * time.Millisecond)
	if err := errors.Join(other.Get(context.Background(), &x), <-done, other.TryGet(&x)); err != nil || x != 2 {
		t.Error(err, x)
	}
	if err := other.TaskDone(); err != nil {
		t.Error(err)
	}
	if err := other.TaskDone(); err == nil {
		t.Error("more tasks are done than there were")
	}
	go func() { done <- q.Get(context.Background(), &x) }()
	time.Sleep(20 * time.Millisecond)
	end() // the kernel returns: what still waits for it does not any more
	if err := <-done; err != ErrClosed {
		t.Error(err)
	}
	if err := q.TryPut(1); err != ErrClosed {
		t.Error(err)
	}
	other.Close()
	if err := other.Get(context.Background(), &x); err != ErrClosed {
		t.Error(err)
	}
	otherEnd()
	nothingLeft(t, f, off)
}

func TestACallKeepsItsQueue(t *testing.T) {
	f := family.New(t)
	off := object(t, f, arena.Channel)
	q, end := queueOf(f.Me, off)
	_, otherEnd := queueOf(f.Me, off)
	held.drop(f.Me, off)
	otherEnd()
	if !arena.At(off).Holds(f.Me) {
		t.Error("a call has ended, and another one's queue is held no more")
	}
	if err := q.TryPut(Of(make([]byte, 1<<20), 1<<20)); err != nil {
		t.Error(err)
	}
	end()
	nothingLeft(t, f)
}

func TestAMalformedHandleIsAnError(t *testing.T) {
	f := family.New(t)
	channel, mutex, memory := object(t, f, arena.Channel), object(t, f, arena.Lock, lock.Recursive, 1, 1), object(t, f, arena.Memory, 80)
	semaphore := object(t, f, arena.Lock, lock.Semaphore, 1, 1)
	c, m, free := given(f.Me, channel, mutex, memory, semaphore)
	for _, fields := range [][]any{
		{}, {"queue"}, {"value", 0, 1, -1, 0}, {"queue", 4, 1, -1, 0}, {"queue", -1, 1, -1, 0}, {"queue", 1, 1, -1, 0}, {"queue", "0", 1, -1, 0}, {7},
	} {
		if _, err := open[*Queue](c, m, fields...); err == nil {
			t.Errorf("a queue of %v", fields)
		}
	}
	for _, fields := range [][]any{
		{"queue", 2, 0, 8, "int32", 1}, {"value", 0, 0, 8, "int32", 1}, {"value", 2, 0, 84, "int32", 1}, {"value", 2, 80, 4, "int32", 1},
		{"value", 2, 2, 4, "int32", 1}, {"value", 2, -4, 8, "int32", 1}, {"value", 2, 0, -4, "int32", 1}, {"value", 2, 0, 6, "int32", 1},
		{"value", 2, 1 << 62, 1 << 62, "int32", 1}, {"value", 2, 0, 8, "object", 1}, {"value", 2, 0, 8, "int32", 0}, {"value", 2, 0, 8, "int32", 3},
		{"value", 2, 0, 8, "int32", 9},
	} {
		if _, err := open[*Value](c, m, fields...); err == nil {
			t.Errorf("a value of %v", fields)
		}
	}
	for _, raw := range []codec.Raw{nil, {0xc0}, {0xd4, extHandle, 0xc1}, extend(extArray, []byte{0x90}), extend(extHandle, nil)} {
		d, _ := typeOf(reflect.TypeFor[*Queue]())
		if _, err := c.decode(m, raw, d); err == nil {
			t.Errorf("a queue of % x", []byte(raw))
		}
	}
	c.end()
	free()
	nothingLeft(t, f, channel, mutex, memory, semaphore)
}

func FuzzHandles(t *testing.F) {
	f := family.New(t)
	c, m, _ := given(f.Me, object(t, f, arena.Channel), object(t, f, arena.Lock, lock.Mutex, 1, 1), object(t, f, arena.Memory, 80))
	for _, fields := range [][]any{{"queue", 0, 1, -1, 0}, {"value", 2, 0, 8, "float64", 1}, {"value", 2, 8, 4, "int32", -1}} {
		data, _ := marshal(fields)
		t.Add(data)
	}
	t.Fuzz(func(t *testing.T, data []byte) {
		for _, typ := range []reflect.Type{reflect.TypeFor[*Queue](), reflect.TypeFor[*Value]()} {
			d, _ := typeOf(typ)
			if v, err := c.decode(m, extend(extHandle, data), d); err == nil {
				if v, ok := v.Interface().(*Value); ok && v.Len() > 0 {
					_ = v.data[len(v.data)-1]
				}
			}
		}
		c.end()
	})
}

func TestValues(t *testing.T) {
	f := family.New(t)
	memory, mutex := object(t, f, arena.Memory, 80), object(t, f, arena.Lock, lock.Recursive, 1, 1)
	c, m, free := given(f.Me, memory, mutex)
	v, err := open[*Value](c, m, "value", 0, 8, 24, "float64", 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(Set(v, 0, 1.5), Set(v, 2, 2.5)); err != nil || v.Len() != 3 {
		t.Error(err, v.Len())
	}
	if x, err := Get[float64](v, 2); x != 2.5 || err != nil {
		t.Error(x, err)
	}
	if s, err := Slice[float64](v); !slices.Equal(s, []float64{1.5, 0, 2.5}) || err != nil {
		t.Error(s, err)
	}
	_, wrong := Get[int64](v, 0)
	_, after := Get[float64](v, 3)
	for _, err := range []error{wrong, after, Set(v, -1, 1.0), Set(v, 0, int32(1)), v.Unlock()} {
		if err == nil {
			t.Error("a mistake is none")
		}
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 500 {
				x, err := 0.0, v.Lock(context.Background())
				if err == nil {
					x, err = Get[float64](v, 1)
				}
				if err = errors.Join(err, Set(v, 1, x+1), v.Unlock()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if x, _ := Get[float64](v, 1); x != 2000 {
		t.Errorf("%v of 2000 additions", x)
	}
	if err := v.Lock(context.Background()); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := v.Lock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	plain, err := open[*Value](c, m, "value", 0, 0, 8, "int64", -1)
	if err != nil || plain.Lock(ctx) == nil || plain.Unlock() == nil {
		t.Error("a value without a lock was locked", err)
	}
	c.end()
	if word := segment.At[lock.Sem](arena.Body(mutex)).Word; word != 0 {
		t.Error("the lock is held, and the kernel has returned")
	}
	if _, err := Get[float64](v, 0); err != ErrClosed {
		t.Error(err)
	}
	free()
	nothingLeft(t, f, memory, mutex)
}

// numbered is what the processes of the tests send: small and large messages in turn.
type numbered struct {
	Number int           `codec:"number"`
	Data   Array[uint64] `codec:"data"`
}

func numberedAs(i int) numbered {
	n := 10
	if i%3 == 2 {
		n = 10_000
	}
	data := slices.Repeat([]uint64{uint64(i)}, n)
	return numbered{i, Of(data, n)}
}

func (x numbered) whole() bool {
	return x.Data.Len() == numberedAs(x.Number).Data.Len() && !slices.ContainsFunc(x.Data.Data, func(v uint64) bool { return v != uint64(x.Number) })
}

func putForever(me registry.Owner, args []uint64) {
	q, _ := queueOf(me, segment.Off(args[0]))
	for i := int(args[1]); q.Put(context.Background(), numberedAs(i)) == nil; i++ {
	}
}

func getForever(me registry.Owner, args []uint64) {
	q, _ := queueOf(me, segment.Off(args[0]))
	for x := (numbered{}); q.Get(context.Background(), &x) == nil && x.whole(); {
	}
}

// TestProducersThatAreKilled: what they had put is whole, in order, and there once.
func TestProducersThatAreKilled(t *testing.T) {
	f := family.New(t)
	off := object(t, f, arena.Channel, 4)
	q, end := queueOf(f.Me, off)
	next := 0
	for round := range 12 {
		h := f.Start(t, "put", []uint64{uint64(off)}, uint64(next))
		var x numbered
		ctx, cancel := context.WithTimeout(context.Background(), atMost)
		for range 1 + rand.IntN(40) {
			if err := q.Get(ctx, &x); err != nil || x.Number != next || !x.whole() {
				t.Fatal(round, err, x.Number, next)
			}
			next++
		}
		cancel()
		h.MustKill(t)
		f.Reap(h.Owner)
		for q.TryGet(&x) == nil {
			if x.Number != next || !x.whole() {
				t.Fatal(round, x.Number, next)
			}
			next++
		}
		f.Verify(t)
	}
	end()
	nothingLeft(t, f, off)
}

// TestConsumersThatAreKilled: each takes one message along at most, and waiting goes on.
func TestConsumersThatAreKilled(t *testing.T) {
	f := family.New(t)
	off := object(t, f, arena.Channel, 4)
	q, end := queueOf(f.Me, off)
	next := 0
	for range 12 {
		h := f.Start(t, "get", []uint64{uint64(off)})
		ctx, cancel := context.WithTimeout(context.Background(), atMost)
		for range 5 + rand.IntN(40) {
			if err := q.Put(ctx, numberedAs(next)); err != nil {
				t.Fatal(err)
			}
			next++
		}
		cancel()
		h.MustKill(t)
		f.Reap(h.Owner)
		left := q.Len()
		for x := (numbered{}); q.TryGet(&x) == nil; left-- {
			if x.Number != next-left || !x.whole() {
				t.Fatal(x.Number, next, left)
			}
		}
		if left != 0 {
			t.Errorf("%d messages are missing", left)
		}
		f.Verify(t)
	}
	end()
	nothingLeft(t, f, off)
}

// TestWhoGetsTheLockOfTheDead: the next, with the news if the lock is one that raises.
func TestWhoGetsTheLockOfTheDead(t *testing.T) {
	f := family.New(t)
	for policy, want := range []error{nil, ErrOwnerDied} {
		memory, mutex := object(t, f, arena.Memory, 8), object(t, f, arena.Lock, lock.Mutex, 1, 1, uint64(policy))
		h := f.Start(t, "get", []uint64{uint64(object(t, f, arena.Channel))})
		for !h.Live() {
			time.Sleep(time.Millisecond)
		}
		segment.At[lock.Sem](arena.Body(mutex)).Word = uint64(h.Owner)
		c, m, free := given(f.Me, memory, mutex)
		v, err := open[*Value](c, m, "value", 0, 0, 8, "int64", 1)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		go func() { done <- v.Lock(context.Background()) }()
		time.Sleep(20 * time.Millisecond)
		h.MustKill(t)
		if err := <-done; !errors.Is(err, want) {
			t.Error(err)
		}
		if err := v.Unlock(); err != nil {
			t.Error(err)
		}
		c.end()
		free()
	}
	f.Verify(t)
}

func ExampleQueue() {
	Register("doubled", func(ctx context.Context, from, to *Queue) error {
		for {
			var x *float64
			if err := from.Get(ctx, &x); err != nil {
				return err
			}
			if x == nil { // no more, as the two have agreed
				return to.Put(ctx, nil)
			}
			if err := to.Put(ctx, *x*2); err != nil {
				return err
			}
		}
	})
	fmt.Println(len(names()))
}
