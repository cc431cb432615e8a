package numerics

import (
	"context"
	"errors"
	"math"
	"math/bits"
	"math/cmplx"
	"slices"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/gomp-project/gomp/gomp/kernel"
)

// FFT is the discrete Fourier transform of values along the last axis, of the same shape:
// element k is the sum over j of values[j]*exp(-2πijk/n), not scaled.
//
// It fails if there is no last axis or nothing in it.
//
// Method: mixed-radix FFT of gonum (after FFTPACK); Bluestein's where n has a large prime factor.
//
//gomp:kernel fft
func FFT(ctx context.Context, values kernel.Array[complex128]) (kernel.Array[complex128], error) {
	return transform(ctx, values, func([]complex128) {})
}

// IFFT is the inverse of the discrete Fourier transform of values along the last axis, of the
// same shape: element k is 1/n times the sum over j of values[j]*exp(2πijk/n).
//
// It fails if there is no last axis or nothing in it.
//
// Method: that of fft.
//
//gomp:kernel ifft
func IFFT(ctx context.Context, values kernel.Array[complex128]) (kernel.Array[complex128], error) {
	return transform(ctx, values, func(row []complex128) {
		slices.Reverse(row[1:])
		n := float64(len(row))
		for k, v := range row {
			row[k] = complex(real(v)/n, imag(v)/n)
		}
	})
}

// transform is the Fourier transform of each row, finished by a function.
func transform(ctx context.Context, values kernel.Array[complex128], finish func(row []complex128)) (kernel.Array[complex128], error) {
	var none kernel.Array[complex128]
	d := len(values.Shape)
	if d == 0 || values.Shape[d-1] == 0 {
		return none, errors.New("values must have at least one element along the last axis")
	}
	out := kernel.New[complex128](ctx, values.Shape...)
	in, n := values.Flat(), values.Shape[d-1]
	fft := dft(n)
	for lo := 0; lo < len(in); lo += n {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		row := out.Data[lo : lo+n]
		fft(row, in[lo:lo+n])
		finish(row)
	}
	return out, nil
}

// largeFactor is from where on Bluestein's method is faster than a pass of that radix.
const largeFactor = 50

// dft gives a function that transforms n values.
func dft(n int) func(dst, src []complex128) {
	if largestFactor(n) < largeFactor {
		fft := fourier.NewCmplxFFT(n)
		return func(dst, src []complex128) { fft.Coefficients(dst, src) }
	}
	return bluestein(n)
}

func largestFactor(n int) int {
	largest := 1
	for p := 2; p*p <= n; p++ {
		for n%p == 0 {
			largest, n = p, n/p
		}
	}
	return max(largest, n)
}

// bluestein writes the transform as a convolution with a chirp, which is made by transforms of
// a power of two: L. I. Bluestein, "A linear filtering approach to the computation of the
// discrete Fourier transform", 1970.
func bluestein(n int) func(dst, src []complex128) {
	m := 1 << bits.Len(uint(2*n-2))
	fft := fourier.NewCmplxFFT(m)
	chirp := make([]complex128, n)
	filter, work := make([]complex128, m), make([]complex128, m)
	for j := range n {
		// j² is reduced before it is a float, where it would lose the digits that count.
		angle := math.Pi * float64(j*j%(2*n)) / float64(n)
		chirp[j] = cmplx.Rect(1, -angle)
		filter[j] = cmplx.Rect(1/float64(m), angle)
		filter[(m-j)%m] = filter[j]
	}
	fft.Coefficients(filter, filter)
	return func(dst, src []complex128) {
		clear(work)
		for j, v := range src {
			work[j] = v * chirp[j]
		}
		fft.Coefficients(work, work)
		for j, v := range filter {
			work[j] *= v
		}
		fft.Sequence(work, work)
		for k := range dst {
			dst[k] = work[k] * chirp[k]
		}
	}
}
