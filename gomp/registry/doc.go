// Package registry is the table of the family's processes and says who is
// alive.
//
// # Model
//
// Each process has a slot: pid, start time and generation. An owner word names
// a thread of a process, (slot, generation, thread), in 64 bits, so that taking
// an object and naming its owner is one compare-and-swap, and neither a
// recycled pid nor a recycled slot is mistaken for the owner.
//
// A slot goes free -> reserved (by the parent, before the fork) -> live (by
// the child itself) -> ended (by the child, the last thing it does, if it ends
// in order) -> free, with the next generation, once it was swept. The state
// and the generation are one word, so each step is one store.
//
// # Caveats
//
// A process that calls exec without telling is noticed by its stack's start
// address, which the kernel randomises; where that is switched off, the slot
// counts as alive until the process ends.
package registry
