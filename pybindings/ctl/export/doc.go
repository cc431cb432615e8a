// Package export is the Go side of the control plane: one C function for each function of package ctl,
// written by gopy, and the table through which gomp._ctl finds them. See ../generate.py.
package export
