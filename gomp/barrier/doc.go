// Package barrier implements Barrier.
//
// # Model
//
// Under a robust lock: how many have arrived, and a wait list with an entry for
// each of them, the last one included. The last to arrive runs the action and
// trips the barrier, which tells each entry its outcome; so a waiter that is
// slow to leave cannot mistake the next round for its own.
//
// # Crash windows
//
// Those of package waitlist. A party that had arrived and dies breaks the
// barrier, whether it was waiting or running the action: those who wait look
// for such once a slice.
package barrier
