// Package gomp is the core of gomp, a drop-in replacement for Python's
// multiprocessing.
//
// # Model
//
// The processes that descend from one first user share a family: one sparse
// memfd, mapped in each of them (package segment). In it live a table of the
// processes (registry), a buddy allocator (arena) and the objects that
// programs use: locks and semaphores (lock), events, conditions and barriers
// (event, cond, barrier) and message channels (channel), which are queues and
// pipes alike, with large messages as parcels (parcel). Everything is addressed by offset; nothing that another process
// or a forked child needs lives in Go memory.
//
// Every exported operation is a step: it never blocks. It answers that it is
// done, or on which 32-bit word the caller has to wait while that word keeps a
// value (package waitlist). The waiting is done by the caller, outside Go.
//
// # Faults
//
// A process may die at any instruction. Each package says, beside each store,
// what is left behind if the process dies before or after it, and who mends
// it: an internal lock that its owner took to the grave is taken over and the
// structure repaired by the next to come (robust), all else is swept when the
// death is noticed (sweep).
//
// # Caveats
//
// Linux only. All processes of a family must run the same version: the layout
// carries a version number and a mismatch is refused. A process that writes
// wildly into the mapping can break the family; headers are checked, contents
// are trusted.
package gomp
