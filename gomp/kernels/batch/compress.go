package batch

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// GzipCompress returns data in the gzip format (RFC 1952, by github.com/klauspost/compress). The
// level is from 0, which only stores, over 1, the fastest, to 9, the smallest. The same data and
// level give the same bytes.
//
// It fails for other levels.
//
//gomp:kernel gzip_compress
func GzipCompress(ctx context.Context, data []byte, level int) ([]byte, error) {
	return inMemory(data, func(w io.Writer, r io.Reader) error { return gzipFormat.compress(ctx, w, r, level) })
}

// GzipDecompress returns what data in the gzip format holds (RFC 1952), if that is not more than
// limit bytes: without a limit a few bytes could fill the memory. Members that follow each other
// are decompressed to one.
//
// It fails if there is more, if data is empty, cut off or not in this format, if a checksum is
// wrong, and if limit is negative.
//
//gomp:kernel gzip_decompress
func GzipDecompress(ctx context.Context, data []byte, limit int64) ([]byte, error) {
	return inMemory(data, func(w io.Writer, r io.Reader) error { return decompress(ctx, w, r, limit, newGzipReader) })
}

// ZstdCompress returns data in the Zstandard format (RFC 8878, by github.com/klauspost/compress).
// The level is from 1, the fastest, to 22, the smallest, as for the program zstd; there are four
// speeds, which begin at the levels 1, 3, 6 and 10.
//
// It fails for other levels.
//
//gomp:kernel zstd_compress
func ZstdCompress(ctx context.Context, data []byte, level int) ([]byte, error) {
	return inMemory(data, func(w io.Writer, r io.Reader) error { return zstdFormat.compress(ctx, w, r, level) })
}

// ZstdDecompress returns what data in the Zstandard format holds (RFC 8878), if that is not more
// than limit bytes: without a limit a few bytes could fill the memory. Frames that follow each
// other are decompressed to one.
//
// It fails if there is more, if data is empty, cut off or not in this format, if a checksum is
// wrong, if it needs a window of more than 128 MiB or a dictionary, and if limit is negative.
//
//gomp:kernel zstd_decompress
func ZstdDecompress(ctx context.Context, data []byte, limit int64) ([]byte, error) {
	return inMemory(data, func(w io.Writer, r io.Reader) error { return decompress(ctx, w, r, limit, newZstdReader) })
}

// inMemory gives what convert makes of data. It is never nil, which would be None in Python.
func inMemory(data []byte, convert func(io.Writer, io.Reader) error) ([]byte, error) {
	result := bytes.NewBuffer([]byte{})
	if err := convert(result, bytes.NewReader(data)); err != nil {
		return nil, err
	}
	return result.Bytes(), nil
}

// format is one to compress to. It keeps writers: to make one takes longer than to compress some
// kilobytes.
type format struct {
	lowest, highest int
	open            func(level int) (writer, error)
	idle            [23]sync.Pool // by level
}

type writer interface {
	io.WriteCloser
	Reset(io.Writer)
}

var gzipFormat = format{lowest: gzip.NoCompression, highest: gzip.BestCompression, open: func(level int) (writer, error) {
	return gzip.NewWriterLevel(nil, level)
}}

var zstdFormat = format{lowest: 1, highest: 22, open: func(level int) (writer, error) {
	// Kernels are what runs in parallel. A frame for no data is what the program zstd writes, too.
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(1), zstd.WithZeroFrames(true))
}}

func (f *format) compress(ctx context.Context, destination io.Writer, source io.Reader, level int) (err error) {
	if level < f.lowest || level > f.highest {
		return fmt.Errorf("level must be from %d to %d, not %d", f.lowest, f.highest, level)
	}
	w, ok := f.idle[level].Get().(writer)
	if !ok {
		if w, err = f.open(level); err != nil {
			return err
		}
	}
	w.Reset(destination)
	if _, err := io.Copy(w, heedful{ctx, source}); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	w.Reset(io.Discard) // lets go of the destination
	f.idle[level].Put(w)
	return nil
}

func decompress(
	ctx context.Context, destination io.Writer, source io.Reader, limit int64,
	open func(io.Reader) (io.ReadCloser, error),
) error {
	if limit < 0 {
		return fmt.Errorf("limit must not be negative: %d", limit)
	}
	buffered := bufio.NewReader(source)
	if _, err := buffered.Peek(1); err != nil { // nothing would be a stream of no frames for zstd
		return broken(err)
	}
	r, err := open(buffered)
	if err != nil {
		return broken(err)
	}
	defer r.Close()
	if _, err := io.Copy(destination, io.LimitReader(heedful{ctx, r}, limit)); err != nil {
		return broken(err)
	}
	// Only the end tells that all of it was there and was right.
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n > 0:
		return fmt.Errorf("the data decompresses to more than the limit of %d bytes", limit)
	case err != io.EOF:
		return broken(err)
	}
	return nil
}

// broken names what the libraries say with the error for the end of a file.
func broken(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("the compressed data is empty or cut off: %w", io.ErrUnexpectedEOF)
	}
	return err
}

func newGzipReader(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }

func newZstdReader(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}
