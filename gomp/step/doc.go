// Package step is the protocol between the core's operations and the boundary.
//
// An operation is a step that does not block. It is done, or it says on which
// word to wait; the boundary waits outside Go and takes the step again, telling
// how the wait ended. A step that has entered a wait list remembers its entry
// in the Wait, so a caller that gives up must take the step once more with
// Cancel.
package step
