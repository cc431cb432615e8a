// Package robust is the lock inside every structure in shared memory.
//
// # Model
//
// The lock is one owner word. Critical sections are short, never call out, and
// never span a return to the boundary, so a lock that stays taken means that
// its owner was descheduled or died. TryLock does not block: it spins a little
// and then says on which word to wait. A waiter that has waited for a slice
// looks whether the owner lives; if not, it takes the lock over and must repair
// the structure before it uses it.
//
// # Crash windows
//
// Every structure under such a lock has one store that commits each operation;
// its repair rebuilds everything else from what was committed. If the process
// that repairs dies too, the lock has a dead owner again and the next one
// repairs from the start, so repairs are idempotent. If an owner dies between
// the store that unlocks and the wake, waiters wake by themselves at the end of
// their slice.
package robust
