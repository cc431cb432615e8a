package sweep_test

import (
	"time"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/channel"
	"github.com/gomp-project/gomp/gomp/internal/family"
	"github.com/gomp-project/gomp/gomp/lock"
	"github.com/gomp-project/gomp/gomp/parcel"
	"github.com/gomp-project/gomp/gomp/registry"
	"github.com/gomp-project/gomp/gomp/step"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// sendHandle puts a message that alone keeps another channel, with messages in it.
func sendHandle(me registry.Owner, c *channel.Channel) {
	target, s := family.Make(me, arena.Channel)
	if s != step.Done {
		panic(s)
	}
	put(me, body[channel.Channel](uint64(target.Off())), "a", "@b")
	var reference *arena.Block
	do(me, func(f step.Flags, w *step.Wait) (s step.Status) {
		reference, s = sweep.Refer(me, target.Off(), f, w)
		return s
	})
	table := []parcel.Part{{Block: reference.Off(), Place: arena.Body(target.Off())}}
	b, s := family.Alloc(me, arena.Payload, parcel.Size(3, len(table)))
	if s != step.Done {
		panic(s)
	}
	parcel.Write(b, []byte("abc"), table)
	if !parcel.Seal(b, me) {
		panic("a part is not the process's")
	}
	if _, s := family.Put(me, c, channel.RemoteRecord(b.Off(), 3), family.NoBell, patience); s != step.Done {
		panic(s)
	}
	family.Drop(me, target)
}

// receiveHandle takes such a message, if there is one, and holds the channel for a while.
func receiveHandle(me registry.Owner, c *channel.Channel, timeout time.Duration) bool {
	record, s := family.Get(me, c, 1, family.NoBell, timeout)
	if s != step.Done {
		return false
	}
	b := channel.BlockOf(record)
	_, table, err := parcel.Read(b)
	if err != nil {
		panic(err)
	}
	target := arena.At(table[0].Block).Target
	if !sweep.Object(target, arena.Channel) || sweep.Object(target, arena.Lock) {
		panic("it is no channel")
	}
	arena.At(target).Hold(me)
	family.Free(me, b)
	if n := body[channel.Channel](uint64(target)).Len(); n != 2 {
		panic("messages are missing")
	}
	family.Drop(me, arena.At(target))
	return true
}

func handleArrived(w *world) int {
	if receiveHandle(w.Me, body[channel.Channel](w.objects[0]), 0) {
		return 1
	}
	return 0
}

// handles are the operations on messages that keep objects.
var handles = []scenario{
	{
		name:  "send a handle",
		setup: func(w *world) { w.make(arena.Channel) },
		act: func(me registry.Owner, objects []uint64) func() {
			return func() { sendHandle(me, body[channel.Channel](objects[0])) }
		},
		verify: handleArrived,
		last:   1,
	},
	{
		name: "receive a handle",
		setup: func(w *world) {
			w.make(arena.Channel)
			sendHandle(w.Me, body[channel.Channel](w.objects[0]))
		},
		act: func(me registry.Owner, objects []uint64) func() {
			return func() { receiveHandle(me, body[channel.Channel](objects[0]), patience) }
		},
		verify: func(w *world) int { return 1 - handleArrived(w) },
		last:   1,
	},
	dropping("drop a channel with handles", arena.Channel, func(me registry.Owner, object uint64) {
		sendHandle(me, body[channel.Channel](object))
	}),
	releasing("release a lock", lock.Mutex, 1),
	releasing("release an RLock twice", lock.Recursive, 2),
}

// releasing is a scenario of releasing a lock as often as it was taken.
func releasing(name string, kind uint64, times int) scenario {
	s := mutex(name, kind)
	s.act = func(me registry.Owner, objects []uint64) func() {
		l, thread := body[lock.Sem](objects[0]), family.Thread(me, 7)
		for range times {
			do(me, acquire(thread, l))
		}
		return func() {
			for range times {
				if !l.Release(thread) {
					panic("it was not held")
				}
			}
		}
	}
	verify := s.verify
	s.verify = func(w *world) int { return 1 - verify(w) }
	return s
}
