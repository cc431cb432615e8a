// Package numerics holds the shipped pack's kernels for numerical work: linear algebra and
// Fourier transforms by gonum, sorting, histograms, reductions, the Mandelbrot set and
// element-wise functions.
//
// Each kernel keeps to one goroutine, since a pool runs many of them at a time; only Matmul
// and Solve, whose job is one large matrix, use all that the process may.
package numerics
