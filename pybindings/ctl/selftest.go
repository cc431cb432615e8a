package ctl

import (
	"errors"
	"hash/fnv"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// SelfTest exercises the parts of the Go runtime that a fork breaks: the scheduler, channels, timers,
// allocation and the collector. It returns a checksum that depends on the number of goroutines only.
func SelfTest(goroutines int) (sum int, err error) {
	defer recovered(&err)
	if goroutines < 1 || goroutines > 1_000_000 {
		return 0, errors.New("the number of goroutines must be between 1 and 1,000,000")
	}
	results := make(chan int)
	var running sync.WaitGroup
	for i := range goroutines {
		running.Go(func() { results <- digest(i) })
	}
	go func() {
		running.Wait()
		close(results)
	}()
	for result := range results {
		sum += result
	}
	runtime.GC()
	return sum, nil
}

func digest(i int) int {
	block := make([]byte, 1024+i%256*16)
	for j := range block {
		block[j] = byte(i + j)
	}
	if i%7 == 0 {
		runtime.Gosched()
	}
	if i%16 == 3 {
		time.Sleep(50 * time.Microsecond)
	}
	hash := fnv.New32a()
	hash.Write(block)
	return int(hash.Sum32() & 0xffff)
}

// Spin runs a loop that neither calls nor allocates, so that nothing but a preemption signal can stop it.
func Spin(iterations int) int {
	x := uint64(1)
	for range iterations {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return int(x >> 1)
}

var background struct {
	sync.Mutex
	stop    chan struct{}
	running sync.WaitGroup
	garbage atomic.Pointer[[]byte]
}

// Background keeps n goroutines busy with timers, garbage and collections, as a load for tests. It first
// ends those of an earlier call and returns n; 0 leaves none.
func Background(n int) int {
	background.Lock()
	defer background.Unlock()
	if background.stop != nil {
		close(background.stop)
		background.running.Wait()
		background.stop = nil
	}
	if n <= 0 {
		return 0
	}
	stop := make(chan struct{})
	background.stop = stop
	for range n {
		background.running.Go(func() { litter(stop) })
	}
	return n
}

func litter(stop <-chan struct{}) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for round := 0; ; round++ {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		for i := range 50 {
			block := make([]byte, 4096+i*100)
			background.garbage.Store(&block)
		}
		if round%5 == 0 {
			runtime.GC()
		}
	}
}
