package batch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
)

// GzipCompressFile writes the file source in the gzip format (RFC 1952, by
// github.com/klauspost/compress) to the file destination and returns the latter's size in bytes.
// The level is from 0, which only stores, over 1, the fastest, to 9, the smallest.
//
// The destination is replaced as a whole at the end: it is never there in part. A process that is
// killed leaves destination.NUMBER.part behind.
//
// It fails for other levels, and if a file cannot be read or written.
//
//gomp:kernel gzip_compress_file
func GzipCompressFile(ctx context.Context, source, destination string, level int) (int64, error) {
	return onFiles(source, destination, func(w io.Writer, r io.Reader) error { return gzipFormat.compress(ctx, w, r, level) })
}

// GzipDecompressFile writes what the file source holds in the gzip format (RFC 1952) to the file
// destination and returns the latter's size in bytes, if that is not more than limit. Members
// that follow each other are decompressed to one.
//
// The destination is replaced as a whole at the end: it is never there in part. A process that is
// killed leaves destination.NUMBER.part behind.
//
// It fails if there is more, if the source is empty, cut off or not in this format, if a checksum
// is wrong, if limit is negative, and if a file cannot be read or written.
//
//gomp:kernel gzip_decompress_file
func GzipDecompressFile(ctx context.Context, source, destination string, limit int64) (int64, error) {
	return onFiles(source, destination, func(w io.Writer, r io.Reader) error { return decompress(ctx, w, r, limit, newGzipReader) })
}

// ZstdCompressFile writes the file source in the Zstandard format (RFC 8878, by
// github.com/klauspost/compress) to the file destination and returns the latter's size in bytes.
// The level is from 1, the fastest, to 22, the smallest, as for the program zstd; there are four
// speeds, which begin at the levels 1, 3, 6 and 10.
//
// The destination is replaced as a whole at the end: it is never there in part. A process that is
// killed leaves destination.NUMBER.part behind.
//
// It fails for other levels, and if a file cannot be read or written.
//
//gomp:kernel zstd_compress_file
func ZstdCompressFile(ctx context.Context, source, destination string, level int) (int64, error) {
	return onFiles(source, destination, func(w io.Writer, r io.Reader) error { return zstdFormat.compress(ctx, w, r, level) })
}

// ZstdDecompressFile writes what the file source holds in the Zstandard format (RFC 8878) to the
// file destination and returns the latter's size in bytes, if that is not more than limit. Frames
// that follow each other are decompressed to one.
//
// The destination is replaced as a whole at the end: it is never there in part. A process that is
// killed leaves destination.NUMBER.part behind.
//
// It fails if there is more, if the source is empty, cut off or not in this format, if a checksum
// is wrong, if it needs a window of more than 128 MiB or a dictionary, if limit is negative, and
// if a file cannot be read or written.
//
//gomp:kernel zstd_decompress_file
func ZstdDecompressFile(ctx context.Context, source, destination string, limit int64) (int64, error) {
	return onFiles(source, destination, func(w io.Writer, r io.Reader) error { return decompress(ctx, w, r, limit, newZstdReader) })
}

// onFiles writes what convert makes of one file to another one and gives the size of that.
func onFiles(source, destination string, convert func(io.Writer, io.Reader) error) (size int64, err error) {
	from, err := os.Open(source)
	if err != nil {
		return 0, err
	}
	defer from.Close()
	// os.CreateTemp would let nobody but the owner read the file.
	part := fmt.Sprintf("%s.%d.part", destination, rand.Uint64())
	to, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return 0, err
	}
	err = convert(to, from)
	if err == nil {
		size, err = to.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, to.Close()); err == nil {
		err = os.Rename(part, destination)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(part))
	}
	return size, nil
}
