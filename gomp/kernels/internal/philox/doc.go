// Package philox gives random numbers by counting: Philox4x32-10 of Salmon, Moraes, Dror
// and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC11), as in the Random123 library.
//
// A block of four 32-bit words is a function of a key and a counter; there is no state. The key
// is the seed, the upper half of the counter is the number of the stream and its lower half
// that of the block. So a job that is cut into streams gives the same numbers
// whoever computes which stream, in any order; streams never overlap.
//
// numpy.random.Philox is another member of the family, 4x64-10, and gives other numbers.
package philox
