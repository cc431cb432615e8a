package numerics

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// The part of the complex plane that an image shows.
const (
	left, right = -2.0, 1.0
	low, high   = -1.25, 1.25
)

// MandelbrotRow is row y of an image of the Mandelbrot set, width by height pixels: an int32
// array (width,) of how many iterations z → z²+c each pixel took until |z| > 2, which is
// iterations if it never did. Pixel (x, y) stands for the point
// c = -2 + 3(x+½)/width + (-1.25 + 2.5(y+½)/height)i.
//
// It fails if y is not within the height, if width or height is not from 1 to 16777216, and if
// iterations is not positive or above the greatest int32.
//
// Method: escape time.
//
//gomp:kernel mandelbrot_row
func MandelbrotRow(ctx context.Context, y, width, height, iterations int) (kernel.Array[int32], error) {
	if y < 0 || y >= height {
		return kernel.Array[int32]{}, fmt.Errorf("y must be from 0 to %d, not %d", height-1, y)
	}
	if err := checkImage(width, height, iterations); err != nil {
		return kernel.Array[int32]{}, err
	}
	row := kernel.New[int32](ctx, width)
	return row, paint(ctx, row.Data, y, height, int32(iterations))
}

// Mandelbrot is the rows from first up to but without last of an image of the Mandelbrot set,
// width by height pixels: an int32 array (last-first, width) of what mandelbrot_row gives.
//
// It fails if the rows are not within the height, if width or height is not from 1 to 16777216,
// and if iterations is not positive or above the greatest int32.
//
// Method: escape time.
//
//gomp:kernel mandelbrot
func Mandelbrot(ctx context.Context, first, last, width, height, iterations int) (kernel.Array[int32], error) {
	if first < 0 || last < first || last > height {
		err := fmt.Errorf("first and last must be 0 <= first <= last <= %d, not %d and %d", height, first, last)
		return kernel.Array[int32]{}, err
	}
	if err := checkImage(width, height, iterations); err != nil {
		return kernel.Array[int32]{}, err
	}
	rows := kernel.New[int32](ctx, last-first, width)
	for y := first; y < last; y++ {
		if err := paint(ctx, rows.Data[(y-first)*width:][:width], y, height, int32(iterations)); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func checkImage(width, height, iterations int) error {
	if err := errors.Join(checkSize("width", width), checkSize("height", height)); err != nil {
		return err
	}
	if iterations < 1 || iterations > math.MaxInt32 {
		return fmt.Errorf("iterations must be from 1 to %d, not %d", math.MaxInt32, iterations)
	}
	return nil
}

// paint fills row y. Neighbours go in pairs: each iteration of a point waits for the one before it, and the CPU has
// the time to do another point's meanwhile.
func paint(ctx context.Context, row []int32, y, height int, iterations int32) error {
	ci := low + (high-low)*(float64(y)+0.5)/float64(height)
	at := func(x int) float64 { return left + (right-left)*(float64(x)+0.5)/float64(len(row)) }
	x := 0
	for ; x+1 < len(row); x += 2 {
		// One pixel may take a while: iterations is the caller's.
		if err := ctx.Err(); err != nil {
			return err
		}
		row[x], row[x+1] = escapeBoth(at(x), at(x+1), ci, iterations)
	}
	if x < len(row) {
		row[x] = escape(0, 0, at(x), ci, 0, iterations)
	}
	return ctx.Err()
}

// escape counts the iterations before the one that takes |z| beyond 2. It begins at z = re + im i, after n of them.
func escape(re, im, cr, ci float64, n, iterations int32) int32 {
	re2, im2 := re*re, im*im
	for ; n < iterations && re2+im2 <= 4; n++ {
		re, im = re2-im2+cr, 2*re*im+ci
		re2, im2 = re*re, im*im
	}
	if re2+im2 <= 4 {
		return n
	}
	return n - 1
}

// escapeBoth counts those of two points, together until one has escaped.
func escapeBoth(cr, dr, ci float64, iterations int32) (int32, int32) {
	var zr, zi, zr2, zi2, wr, wi, wr2, wi2 float64
	n := int32(0)
	for ; n < iterations && zr2+zi2 <= 4 && wr2+wi2 <= 4; n++ {
		zr, zi = zr2-zi2+cr, 2*zr*zi+ci
		wr, wi = wr2-wi2+dr, 2*wr*wi+ci
		zr2, zi2, wr2, wi2 = zr*zr, zi*zi, wr*wr, wi*wi
	}
	return escape(zr, zi, cr, ci, n, iterations), escape(wr, wi, dr, ci, n, iterations)
}
