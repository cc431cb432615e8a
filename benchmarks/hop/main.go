// Hop measures what it costs to have a goroutine between two threads that hand over to each other: a round trip by
// futex, and the same with the way there through a goroutine that sleeps in a sync.Cond, as a scheduler's would.
package main

/*
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint32_t there, back, rounds;

static void await(uint32_t *word, uint32_t old) {
  while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == old)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, old, NULL, NULL, 0);
}

static void wake(uint32_t *word) {
  __atomic_add_fetch(word, 1, __ATOMIC_RELEASE);
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer(void *unused) {
  for (uint32_t i = 0; i < rounds; i++) {
    await(&there, i);
    wake(&back);
  }
  return unused;
}

extern void submitted(void);
static void forward(void) { wake(&there); }

static double microseconds(uint32_t n, int hop) {
  pthread_t worker;
  struct timespec began, ended;
  there = back = 0;
  rounds = n;
  pthread_create(&worker, NULL, answer, NULL);
  clock_gettime(CLOCK_MONOTONIC, &began);
  for (uint32_t i = 0; i < n; i++) {
    if (hop)
      submitted();
    else
      forward();
    await(&back, i);
  }
  clock_gettime(CLOCK_MONOTONIC, &ended);
  pthread_join(worker, NULL);
  return ((ended.tv_sec - began.tv_sec) * 1e6 + (ended.tv_nsec - began.tv_nsec) * 1e-3) / n;
}
*/
import "C"

import (
	"fmt"
	"sort"
	"sync"
)

const turns, rounds = 9, 10_000

var (
	pending int
	mutex   sync.Mutex
	changed = sync.NewCond(&mutex)
)

//export submitted
func submitted() {
	mutex.Lock()
	pending++
	changed.Signal()
	mutex.Unlock()
}

func dispatch() {
	mutex.Lock()
	for {
		for pending == 0 {
			changed.Wait()
		}
		pending--
		mutex.Unlock()
		C.forward()
		mutex.Lock()
	}
}

func main() {
	go dispatch()
	taken := [2][]float64{}
	for range turns {
		for hop := range 2 {
			taken[hop] = append(taken[hop], float64(C.microseconds(rounds, C.int(hop))))
		}
	}
	for hop, name := range []string{"by futex", "through a goroutine"} {
		sort.Float64s(taken[hop])
		fmt.Printf("%-20s %.1f µs\n", name, taken[hop][turns/2])
	}
}
