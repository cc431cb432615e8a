// Package segment maps the family's shared memory and gives typed access to it.
//
// # Model
//
// A segment is one memfd: a header, the process table, then a heap whose size
// is a power of two. It is sparse: it is sized once, at birth, and pages exist
// only once they are touched, so no process ever has to learn of a growth. A
// process maps exactly one segment.
//
// An offset (Off) is the only address that may be stored in shared memory: the
// segment lies at another address in each process.
//
// # Caveats
//
// RLIMIT_AS counts the whole mapping: Create halves the heap until it fits.
// RLIMIT_FSIZE bounds a memfd's size, so it bounds the heap as well. What may
// be in use at once is Header.Cap, kept below the machine's memory and the
// control group's limit: running out is an error of the allocator, not SIGBUS.
package segment
