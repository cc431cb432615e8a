package simulation

import (
	"context"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernels/internal/argument"
	"github.com/gomp-project/gomp/gomp/kernels/internal/philox"
)

// OptionPrice prices a European call option by Monte Carlo: the mean of the discounted payoff
// over paths of a geometric Brownian motion, whose end is drawn in one step. It returns the price and
// its standard error, in the currency of spot and strike.
//
// rate is the riskless rate and volatility the annual one, both as fractions with
// continuous compounding: 0.05 is 5 % a year; years is the time to maturity.
// Prices of different streams of one seed are independent: for streams of equal size
// the price is the mean of theirs, its standard error that of one divided by the square root of their number,
// nearly.
//
// It is an error if spot or strike is not positive, if volatility or years is negative,
// if any is not finite, if the price overflows, or with fewer than two paths.
//
// Source: Boyle, "Options: a Monte Carlo approach" (1977); normal deviates by
// Box and Muller (1958) from Philox4x32-10; mean and variance by Welford (1962).
//
//gomp:kernel option_price
func OptionPrice(ctx context.Context, spot, strike, rate, volatility, years float64, paths int64, seed, stream uint64) (price, deviation float64, err error) {
	if err := argument.First(
		argument.Positive("spot", spot),
		argument.Positive("strike", strike),
		argument.Finite("rate", rate),
		argument.NotNegative("volatility", volatility),
		argument.NotNegative("years", years),
	); err != nil {
		return 0, 0, err
	}
	if paths < 2 {
		return 0, 0, fmt.Errorf("paths must be at least 2, not %d", paths)
	}
	drift, spread := (rate-volatility*volatility/2)*years, volatility*math.Sqrt(years)
	var payoff moments
	source := philox.New(seed, stream)
	for block := uint64(0); payoff.n < paths; block++ {
		if block%blocksPerLook == 0 && ctx.Err() != nil {
			return 0, 0, ctx.Err()
		}
		a, b := normals(source.Pair(block))
		payoff.add(max(spot*math.Exp(drift+spread*a)-strike, 0))
		if payoff.n < paths {
			payoff.add(max(spot*math.Exp(drift+spread*b)-strike, 0))
		}
	}
	discount := math.Exp(-rate * years)
	price, deviation = discount*payoff.mean, discount*payoff.deviationOfMean()
	if argument.Finite("", price) != nil || argument.Finite("", deviation) != nil {
		return 0, 0, fmt.Errorf("the price overflows with spot %g, rate %g, volatility %g and %g years", spot, rate, volatility, years)
	}
	return price, deviation, nil
}

// normals makes two standard normal deviates of two numbers of 64 bits.
func normals(x, y uint64) (float64, float64) {
	const bit = 1.0 / (1 << 53)
	radius := math.Sqrt(-2 * math.Log((float64(x>>11)+0.5)*bit)) // 0.5, because 0 has no logarithm
	sin, cos := math.Sincos(2 * math.Pi * float64(y>>11) * bit)
	return radius * cos, radius * sin
}

// moments sums up a sample without cancellation.
type moments struct {
	n             int64
	mean, squares float64 // of the deviations from the mean
}

func (m *moments) add(x float64) {
	m.n++
	delta := x - m.mean
	m.mean += delta / float64(m.n)
	m.squares += delta * (x - m.mean)
}

func (m *moments) deviationOfMean() float64 {
	return math.Sqrt(m.squares / float64(m.n-1) / float64(m.n))
}
