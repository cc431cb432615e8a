// Package family makes families of processes for tests.
//
// # Model
//
// The test process is the first of its family. Helpers are the test binary
// executed again, as a package's TestMain lets Main decide: a helper is told
// its role and its slot in the environment and gets the family's memory as
// descriptor 3. Steps are taken and waited for here as the C boundary does it.
//
// A helper can also be traced (Trace): it runs one operation between two marks,
// one machine instruction after the other, so that a test can end it after any
// of them, or look at the memory that its death there would leave.
package family
