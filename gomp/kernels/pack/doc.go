// Pack is the program of the kernels that ship with gomp: those of all packages beside it.
//
// `make generate` writes main.go.
package main
