package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// SHA256 returns the SHA-256 digest of data (FIPS 180-4) in hexadecimal.
//
//gomp:kernel sha256
func SHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// SHA256File returns the SHA-256 digest of a file's content (FIPS 180-4) in hexadecimal.
//
// It fails if the file cannot be read.
//
//gomp:kernel sha256_file
func SHA256File(ctx context.Context, path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.CopyBuffer(hash, heedful{ctx, file}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

// heedful is a reader that stops with its context.
type heedful struct {
	ctx context.Context
	io.Reader
}

// Read fails once the context is done.
func (h heedful) Read(p []byte) (int, error) {
	if err := h.ctx.Err(); err != nil {
		return 0, err
	}
	return h.Reader.Read(p)
}
