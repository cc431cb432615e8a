// Package member makes a Go process a member of a family: it takes the slot that was
// reserved for it, takes steps and waits between them. It does for a process without
// Python what the boundary does for one with it.
//
// # Crash windows
//
// A process that dies before it has come alive leaves a slot that is reserved, with its
// pid, and is swept like any other. The mark of an orderly end is its last store.
package member
