// Package argument checks what kernels are given. Its errors name the parameter and the
// value, as the user of a kernel sees them in Python.
//
// The kernels that compute with real numbers take finite ones only: a NaN would come out
// as a wrong label or an unsorted neighbour, far from where it went in.
package argument
