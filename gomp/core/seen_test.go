package main

import (
	"testing"
	"time"
)

// passes counts how often beSeen goes through the scheduler while it is called with a pause.
func passes(pause time.Duration, calls int) (n int) {
	for range calls {
		before := seen.Load()
		beSeen()
		if seen.Load() != before {
			n++
		}
		time.Sleep(pause)
	}
	return n
}

func TestWhoIsBusyIsSeen(t *testing.T) {
	if n := passes(time.Millisecond, 60); n < 3 {
		t.Errorf("%d times in 60 ms of steps", n)
	}
	if n := passes(busy+time.Millisecond, 5); n > 1 {
		t.Errorf("%d times, although steps were few", n)
	}
}
