package kernel

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/gomp-project/gomp/gomp/arena"
	"github.com/gomp-project/gomp/gomp/member"
	"github.com/gomp-project/gomp/gomp/pool"
	"github.com/gomp-project/gomp/gomp/segment"
	"github.com/gomp-project/gomp/gomp/sweep"
)

// Main serves the registered kernels. It does not return.
//
// A pack is started by gomp; with the argument "manifest" it tells what is in it.
func Main() {
	if len(os.Args) == 2 && os.Args[1] == "manifest" {
		if err := writeManifest(os.Stdout); err != nil {
			fail(err)
		}
		os.Exit(0)
	}
	o, err := parse(os.Args[1:])
	if err != nil {
		fail(err)
	}
	s, err := o.join()
	if err != nil {
		fail(err)
	}
	s.run()
	member.End(s.me)
	os.Exit(s.code)
}

func fail(err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
	os.Exit(2)
}

// orders are what gomp tells a pack on its command line; python/gomp/popen_kernel.py has the same
// order.
type orders struct {
	fd, key, token, pool, serial, first, count uint64
	alone                                      string // the name of a process that ends after one task; or none
}

func parse(args []string) (o orders, err error) {
	to := []*uint64{&o.fd, &o.key, &o.token, &o.pool, &o.serial, &o.first, &o.count}
	if len(args) != len(to)+2 || args[0] != "serve" {
		return o, fmt.Errorf("this is a pack of kernels for gomp, which starts it; %q tells what is in it", "manifest")
	}
	for i := range to {
		if *to[i], err = strconv.ParseUint(args[1+i], 10, 64); err != nil {
			return o, err
		}
	}
	o.alone = args[1+len(to)]
	return o, nil
}

// join makes the process a member of the family, and its goroutines workers of the pool.
func (o orders) join() (*server, error) {
	me, err := member.Join(int(o.fd), o.key, o.token)
	if err != nil {
		return nil, err
	}
	// A program that a kernel starts would keep the family's memory for as long as it lives.
	if err := unix.Close(int(o.fd)); err != nil {
		return nil, err
	}
	off := segment.Off(o.pool)
	if !sweep.Valid(me, off, arena.Pool, o.serial) {
		return nil, fmt.Errorf("no pool at %d", o.pool)
	}
	return &server{
		me: me, pool: segment.At[pool.Pool](arena.Body(off)),
		first: int(o.first), count: int(o.count), alone: o.alone,
	}, nil
}
