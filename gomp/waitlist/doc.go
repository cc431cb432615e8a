// Package waitlist holds those who wait: on a condition, at a barrier, for a
// message or for room. Each waiter has an entry with a futex word of its own, so
// that a wake goes to exactly one, the oldest, and so that what a dead waiter
// was given can be told and passed on.
//
// # Model
//
// A list lies inside an object and is changed under that object's robust lock.
// An entry goes free -> Awake (entered; spinning) -> Asleep (by the waiter,
// just before it sleeps) -> Notified (by the notifier) -> free. Only the wait
// itself is outside the lock, and the step from Awake to Asleep is a
// compare-and-swap: a notifier that finds Awake need not wake anybody.
//
// # Crash windows
//
// Entering commits with the store of Owner, leaving too. A process that dies
// with entries in the list has them removed by the sweep, which passes a
// notification that was not consumed to the next.
package waitlist
