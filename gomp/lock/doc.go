// Package lock implements Lock, RLock, Semaphore and BoundedSemaphore.
//
// # Model
//
// A lock is one owner word: 0, or who holds it. A plain semaphore is one word
// too: its value and the number of sleepers. The boundary takes and releases
// them by a compare-and-swap where nobody waits; what is here is the rest. A
// semaphore with a ledger counts what each process holds, under a robust lock,
// so that the permits of a dead process can be returned.
//
// # Crash windows
//
// Taking and releasing a word is one store. If the releaser dies before the
// wake, sleepers look for themselves at the end of their slice; so they do when
// the one that was woken dies. A lock whose owner died without a word goes to
// the next who asks, with the news (OwnerDied). One whose owner ended in order
// stays locked: another process may have been meant to release it. The ledger
// and the value of a semaphore change by a journal of one entry, applied again
// by the repair. A sleeper that dies leaves the number of sleepers too high,
// which costs later releases a system call and nothing else.
package lock
