package batch

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// pair is a format's kernels.
type pair struct {
	compress       func(ctx context.Context, data []byte, level int) ([]byte, error)
	decompress     func(ctx context.Context, data []byte, limit int64) ([]byte, error)
	compressFile   func(ctx context.Context, source, destination string, level int) (int64, error)
	decompressFile func(ctx context.Context, source, destination string, limit int64) (int64, error)
	levels         []int
}

var pairs = map[string]pair{
	"gzip": {GzipCompress, GzipDecompress, GzipCompressFile, GzipDecompressFile, []int{0, 1, 6, 9}},
	"zstd": {ZstdCompress, ZstdDecompress, ZstdCompressFile, ZstdDecompressFile, []int{1, 3, 22}},
}

func each(t *testing.T, test func(t *testing.T, p pair)) {
	for name, p := range pairs {
		t.Run(name, func(t *testing.T) { test(t, p) })
	}
}

func TestCompressionGoesBothWays(t *testing.T) {
	each(t, func(t *testing.T, p pair) {
		for _, text := range []string{"", "a", strings.Repeat("to be or not to be, ", 20000)} {
			for _, level := range p.levels {
				for range 2 { // the second time with the first one's writer
					small, err := p.compress(t.Context(), []byte(text), level)
					if err != nil {
						t.Fatal(err)
					}
					if level > 0 && len(text) > 1000 && len(small) > len(text)/20 {
						t.Errorf("level %d: %d bytes become %d", level, len(text), len(small))
					}
					back, err := p.decompress(t.Context(), small, int64(len(text)))
					if err != nil || string(back) != text || back == nil {
						t.Errorf("level %d: %d bytes become %d, %v", level, len(text), len(back), err)
					}
				}
			}
		}
	})
}

func TestGzipIsWhatOthersRead(t *testing.T) {
	small, err := GzipCompress(t.Context(), []byte("abc"), 6)
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(small))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(r); string(text) != "abc" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

func TestDecompressionErrors(t *testing.T) {
	each(t, func(t *testing.T, p pair) {
		text := []byte(strings.Repeat("to be or not to be, ", 1000))
		small, err := p.compress(t.Context(), text, 1)
		if err != nil {
			t.Fatal(err)
		}
		wrong := bytes.Clone(small)
		wrong[len(wrong)/2] ^= 0xff
		for name, c := range map[string]struct {
			data  []byte
			limit int64
			want  string
		}{
			"one byte too many": {small, int64(len(text)) - 1, "more than the limit of 19999 bytes"},
			"no limit":          {small, -1, "limit must not be negative: -1"},
			"nothing":           {nil, 100, "empty or cut off"},
			"cut off":           {small[:len(small)-3], 1 << 20, "empty or cut off"},
			"something else":    {[]byte("something else, which is long enough"), 1 << 20, "invalid"},
			"a wrong byte":      {wrong, 1 << 20, ""},
		} {
			if back, err := p.decompress(t.Context(), c.data, c.limit); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %d bytes, %v", name, len(back), err)
			}
		}
		if back, err := p.decompress(t.Context(), append(small, small...), 1<<20); len(back) != 2*len(text) || err != nil {
			t.Errorf("twice: %d bytes, %v", len(back), err)
		}
		for _, level := range []int{-1, 23} {
			if _, err := p.compress(t.Context(), text, level); err == nil || !strings.Contains(err.Error(), "level must be from") {
				t.Errorf("level %d: %v", level, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.compress(ctx, text, 1); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		if _, err := p.decompress(ctx, small, 1<<20); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestFilesAreCompressed(t *testing.T) {
	each(t, func(t *testing.T, p pair) {
		text := strings.Repeat("to be or not to be, ", 1000)
		source := write(t, text)
		small, back := filepath.Join(t.TempDir(), "small"), filepath.Join(t.TempDir(), "back")
		size, err := p.compressFile(t.Context(), source, small, 3)
		if err != nil {
			t.Fatal(err)
		}
		if about, err := os.Stat(small); err != nil || about.Size() != size || about.Mode().Perm()&0o400 == 0 {
			t.Errorf("%d bytes: %v, %v", size, about, err)
		}
		if err := os.WriteFile(back, []byte("before"), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := p.decompressFile(t.Context(), small, back, 10); err == nil {
			t.Error("the limit does not limit")
		}
		if got, err := os.ReadFile(back); string(got) != "before" || err != nil {
			t.Errorf("a failure leaves %.40q, %v", got, err)
		}
		if size, err := p.decompressFile(t.Context(), small, back, 1<<20); size != int64(len(text)) || err != nil {
			t.Errorf("%d bytes, %v", size, err)
		}
		if got, err := os.ReadFile(back); string(got) != text || err != nil {
			t.Errorf("%.40q, %v", got, err)
		}
		if left, err := os.ReadDir(filepath.Dir(back)); len(left) != 1 || err != nil {
			t.Errorf("there are %v, %v", left, err)
		}
		if _, err := p.compressFile(t.Context(), filepath.Join(t.TempDir(), "none"), back, 3); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file that is not there: %v", err)
		}
	})
}

func TestCompressionIsSafeForConcurrentUse(t *testing.T) {
	each(t, func(t *testing.T, p pair) {
		var group sync.WaitGroup
		for i := range 4 {
			group.Go(func() {
				text := strings.Repeat(string(rune('a'+i)), 10000)
				for range 20 {
					small, err := p.compress(t.Context(), []byte(text), 1)
					if err != nil {
						t.Error(err)
						return
					}
					if back, err := p.decompress(t.Context(), small, 10000); string(back) != text || err != nil {
						t.Errorf("%.40q, %v", back, err)
					}
				}
			})
		}
		group.Wait()
	})
}

func FuzzDecompress(f *testing.F) {
	for _, p := range pairs {
		small, err := p.compress(f.Context(), []byte("to be or not to be"), 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(small)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, p := range pairs {
			if back, err := p.decompress(t.Context(), data, 1000); len(back) > 1000 || err == nil && back == nil {
				t.Errorf("%d bytes, %v", len(back), err)
			}
		}
	})
}
