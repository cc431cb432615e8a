// Package event implements Event.
//
// # Model
//
// One word counts the changes: odd is set, even is clear. Setting and clearing
// is one compare-and-swap, done by the boundary; a waiter waits for any change
// from the even value it saw, so a set that is cleared at once still counts.
//
// # Crash windows
//
// If the process that sets the event dies before it wakes the sleepers, each
// sees the word at the end of its slice.
package event
