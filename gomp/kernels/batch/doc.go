// Package batch has the kernels for data in files: counts, sums by group, digests and
// compression.
//
// # Ranges
//
// A kernel that reads text takes a range of the file, so that several workers can share one.
// What lies across a boundary, a word or a record, belongs to the range in which it begins. So
// the results over ranges that cover a file, as those of [SplitFile], add up to what one range
// over all of it gives.
//
// For CSV the ranges have to begin where records do, as those of [SplitCSV]: in the middle of a
// file nothing tells whether a line end is inside of quotes.
package batch
