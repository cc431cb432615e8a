// Package ctl is the control plane: what is asked of the core rarely and never blocks for long.
// Statistics, self tests, invariants.
//
// gopy binds it to Python as gomp._ctl. generate.py beside it tells how; the outcome is committed in
// export (the Go side, which is part of the core) and extension (the C side).
//
// # Caveats
//
// Only numbers, bools, strings and errors cross the boundary. A string ends at its first NUL. Every
// function returns something, since gopy gives a function without a result an extra parameter, and
// recovers from its own panics, since a panic that reaches C ends the process.
package ctl
