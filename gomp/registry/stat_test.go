package registry

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

const stat = "17 (a (b) c)) S 1 17 17 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 4242 1000 200 18446744073709551615 1 1 140720000000000 0 0 0"

func TestParseStat(t *testing.T) {
	start, stack, ok := parseStat([]byte(stat))
	if start != 4242 || stack != 140720000000000 || !ok {
		t.Errorf("%d, %d, %t", start, stack, ok)
	}
	for _, text := range []string{"", ")", "1 (x) S 1 2 3", stat[:len(stat)-40], "1 x S 1"} {
		if _, _, ok := parseStat([]byte(text)); ok {
			t.Errorf("%q passes", text)
		}
	}
}

func TestIdentityOfThisProcess(t *testing.T) {
	start, stack, ok := identity(unix.Getpid())
	if !ok || start == 0 {
		t.Errorf("%d, %d, %t", start, stack, ok)
	}
	again, stack2, _ := identity(os.Getpid())
	if again != start || stack2 != stack {
		t.Error("it changes")
	}
	if _, _, ok := identity(1 << 29); ok {
		t.Error("a process that cannot be has an identity")
	}
}

// A name may hold anything: whatever stands before the last parenthesis counts
// for nothing.
func FuzzParseStat(f *testing.F) {
	f.Add([]byte(stat))
	f.Add([]byte("1 ()) S"))
	f.Add([]byte(""))
	f.Fuzz(func(t *testing.T, name []byte) {
		_, _, _ = parseStat(name)
		text := append(append([]byte("17 ("), name...), stat[12:]...)
		if start, stack, ok := parseStat(text); start != 4242 || stack != 140720000000000 || !ok {
			t.Errorf("%q: %d, %d, %t", text, start, stack, ok)
		}
	})
}
