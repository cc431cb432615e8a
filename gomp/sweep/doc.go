// Package sweep knows the objects of every kind: it makes them, takes them down,
// checks them, and mends what a dead process has left.
//
// # Model
//
// When a death is noticed, by whoever waits for something of the dead or by the
// parent that reaps it, Process mends everything at once, under one lock:
// locks are orphaned, permits returned, waiters forgotten, holders cleared,
// blocks freed; then the slot is free again. An object that the dead process
// held cannot vanish meanwhile: its bit among the holders, which only the sweep
// clears, keeps it.
//
// # Crash windows
//
// Each step is idempotent and the slot is freed last, so if the sweeper dies,
// the next one sweeps again from the start.
package sweep
