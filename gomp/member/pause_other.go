//go:build !amd64

package member

// pause stands for the instruction that other CPUs do not have.
func pause() {}
