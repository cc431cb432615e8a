package batch

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// write makes a file of this content.
func write(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSHA256(t *testing.T) {
	// The examples of FIPS 180-4.
	for message, want := range map[string]string{
		"":    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"abc": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	} {
		if got := SHA256([]byte(message)); got != want {
			t.Errorf("of %q: %s", message, got)
		}
		if got, err := SHA256File(t.Context(), write(t, message)); got != want || err != nil {
			t.Errorf("of a file of %q: %s, %v", message, got, err)
		}
	}
}

func TestSHA256FileErrors(t *testing.T) {
	if _, err := SHA256File(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := SHA256File(ctx, write(t, "x")); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
