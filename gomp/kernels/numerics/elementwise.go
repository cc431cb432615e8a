package numerics

import "math"

// Square is x². It is applied to each element of an array.
//
//gomp:kernel square
func Square(x float64) float64 { return x * x }

// Sqrt is the square root of x; NaN if x is negative. It is applied to each element of an array.
//
//gomp:kernel sqrt
func Sqrt(x float64) float64 { return math.Sqrt(x) }

// Exp is e to the power of x. It is applied to each element of an array.
//
//gomp:kernel exp
func Exp(x float64) float64 { return math.Exp(x) }

// Sin is the sine of x, which is in radians; NaN if x is infinite. It is applied to each
// element of an array.
//
//gomp:kernel sin
func Sin(x float64) float64 { return math.Sin(x) }

// Sigmoid is the logistic function 1/(1+exp(-x)). It is applied to each element of an array.
//
//gomp:kernel sigmoid
func Sigmoid(x float64) float64 {
	if x < 0 { // exp(-x) would overflow before the result is 0
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}
