package main

import "testing"

func TestLayoutAgreesWithC(t *testing.T) {
	for _, name := range layoutErrors() {
		t.Error("layout.h and Go disagree about", name)
	}
}
