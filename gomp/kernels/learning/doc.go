// Package learning has kernels of machine learning: one step of k-means, one epoch of logistic
// regression, nearest neighbours and tf-idf.
//
// Arrays of numbers are float64, rows are samples. Each kernel uses one goroutine; a pool runs as many at once
// as it has workers. k-means and nearest neighbours are made to be cut into chunks
// of points or queries, so that the whole is the sum, or the concatenation, of the parts.
package learning
