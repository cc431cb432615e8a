// Package arena is the allocator of the segment's heap and the life cycle of
// what is allocated there.
//
// # Model
//
// A buddy allocator: blocks of 2^k bytes, k from MinClass, split and merged
// with their neighbour. Each block begins with a header of 64 bytes whose Owner
// word *is* its state: 0 is free, else it says who answers for the block:
//
//   - a process: it is being made, filled, read or taken down, and is swept
//     with that process;
//   - its holders: an object with a set of them, one bit per process. Setting and
//     clearing a bit is idempotent, so there is no count that a crash could
//     leave wrong. Who finds the set empty takes the block down;
//   - another block (OwnedBy): a part of that object, or a message in its queue.
//
// Free lists, counters and the mask are derived: Repair rebuilds them from a
// walk over the headers, which are walkable at any instant (a split writes the
// new half's header before it shortens the first; a merge is one store).
//
// # Crash windows
//
// Storing Owner is the commit of both allocation and release. A block that was
// just allocated belongs to its process, so that nothing leaks if that dies
// before it has passed the block on.
//
// # Caveats
//
// Sizes round up to powers of two in address space, not in memory: untouched
// pages do not exist. Large free blocks keep their pages, up to a budget, since
// touching a fresh page costs more than copying one.
package arena
