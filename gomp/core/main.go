package main

/*
#include "core.h"
*/
import "C"

// version is set by the build; the boundary refuses a core of another version.
var version string

func main() {}
