// Package batch has the kernels for data in files: counts, sums by group, digests and
// compression.
//
// # Ranges
//
// A kernel that reads text takes a range of the file, so that several workers can share one:
// [SplitFile] gives ranges that cover it, and the results over them add up to what one range
// over the whole file gives, wherever the ranges begin and end. What lies across a boundary, a
// word or a record, belongs to the range in which it begins.
package batch
