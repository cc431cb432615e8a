// Package simulation has kernels that follow a system through time, or sample it at random.
//
// The random ones take a seed and the number of a stream: a job that is cut into streams gives the
// same result for any number of workers and in any order, and two streams of a
// seed share no numbers (see the package philox).
//
// The others take a state and return the state some steps later, so that a long run can be
// cut into calls at the instants that are of interest.
//
// Each kernel uses one goroutine; a pool runs as many at once as it has workers.
package simulation
