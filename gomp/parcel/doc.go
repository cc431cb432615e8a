// Package parcel is the message that has parts: buffers, which travel beside its
// pickle and not in it.
//
// # Model
//
// A Parcel is a block with an envelope, a pickle and a table of parts. Each part is a
// block of its own, owned by the parcel: a Buffer with the copy of an array's data, or
// a Reference to an object that both sides share. So the parcel alone changes hands, and
// stands for all of it.
//
// The receiver opens it: a Buffer becomes an object that the receiver holds, where it
// lies; what is referred to gets the receiver as a further holder.
//
// # Crash windows
//
// Each part has one owner at any time, the process that is filling it, the parcel, or its
// holders, and is swept with that. A part that is no longer the parcel's is struck from
// the table, since its memory may be used anew; who dies before that leaves a table that
// cannot be trusted, so the sweep finds the parts of a process's own parcels by their
// owner words instead.
package parcel
