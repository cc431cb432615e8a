// Command core is the Go core, built as one C shared library.
//
// # Model
//
// The boundary reaches it through one table of functions (core.h), none of which
// blocks. snap.c takes a copy of the library's data before Go starts, from which a
// forked child starts Go again. layout.h mirrors what C reads and writes itself
// of the family's memory; a test compares the two.
//
// # Caveats
//
// It has no Python symbol and keeps no state that a forked child would need: what
// Go knows is lost at a fork. A nil dereference is a plain SIGSEGV, since the
// program's own handlers are left in place.
package main
