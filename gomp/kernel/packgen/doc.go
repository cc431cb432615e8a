// Packgen writes the program of a pack of kernels from the packages that they are in:
//
//	packgen -o main.go [-tags LIST] IMPORTPATH=FOLDER...
//
// All exported functions of a package are kernels, under their Go names, unless it has a
// comment like this one, for then only the functions with such a comment are:
//
//	// Blur returns the image convolved with a Gaussian of standard deviation sigma.
//	//
//	//gomp:kernel gaussian_blur
//	func Blur(image kernel.Array[float32], sigma float64) (kernel.Array[float32], error)
//
// The comments become Python's docstrings and the parameters' names Python's. Test files and
// files that build constraints leave out are not looked at. Methods are no kernels.
//
// What is wrong is told on standard error, one line each: FILE:LINE:COLUMN: MESSAGE. Then no program
// is written and the status is 1.
package main
