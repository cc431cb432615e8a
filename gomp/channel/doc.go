// Package channel implements the message channel behind every queue and pipe.
//
// # Model
//
// Many producers, many consumers, under one robust lock. Records lie in a ring,
// small messages whole, large ones as the offset of a payload block; the ring
// doubles when it is full, up to the channel's bound. Waiting consumers,
// producers and joiners each have a wait list.
//
// A record is 8 bytes of header (length, kind, sequence number) and its data,
// padded to 8. Positions only grow; their place in the ring is the remainder.
//
// # Crash windows
//
// A put commits with the store of Tail, a get with the store of Head: a process
// that dies before it has put nothing, or taken nothing. Counters are derived:
// Repair recounts them from the ring, with the sequence numbers. A payload block
// belongs to the producer until the put has committed and to the consumer from
// just before the get commits; Repair hands to the channel every block whose
// record is in the ring, and the sweep, which repairs first, frees those that
// the dead process is left with. A ring is replaced by filling the other of two
// descriptors and then storing which is active.
//
// # The bell
//
// A descriptor that somebody selects on must be readable while messages are
// there. So once anybody has asked for it (Armed), a producer that finds the
// bell silent writes one byte before it publishes, and the consumer that empties
// the channel takes the byte away, both under the lock. Who asks while messages
// are there rings himself, with the other end of the pipe; of a socket he does
// not have it, so there producers ring from the start (Eager), except for a
// message that somebody waits here to take. A producer that dies in between
// leaves a byte too many: who looks at an empty channel takes it away.
//
// # Caveats
//
// A reader of a socket that waited to take a message, was interrupted just when
// one came, and only then asks for the descriptor for the first time, finds it
// silent although the message is there; polling the channel tells.
package channel
