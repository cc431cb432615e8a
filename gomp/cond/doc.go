// Package cond implements the waiting of Condition.
//
// # Model
//
// A wait list under a robust lock. A waiter enters while it holds the user's
// lock, so that no notification can pass between its release of that lock and
// its wait.
//
// # Crash windows
//
// Those of package waitlist. A notification that a dead waiter had not consumed
// goes to the next: others that wait look for such once a slice.
package cond
