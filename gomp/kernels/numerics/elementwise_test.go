package numerics

import (
	"math"
	"testing"
)

func TestElementwise(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	near(t, []float64{Square(-3), Square(nan)}, []float64{9, nan}, 0)
	near(t, []float64{Sqrt(2.25), Sqrt(-1), Sqrt(inf)}, []float64{1.5, nan, inf}, 0)
	near(t, []float64{Exp(0), Exp(1), Exp(-inf), Exp(1000)}, []float64{1, math.E, 0, inf}, 1e-15)
	near(t, []float64{Sin(0), Sin(math.Pi / 2), Sin(inf)}, []float64{0, 1, nan}, 1e-15)
	near(t, []float64{Sigmoid(0), Sigmoid(inf), Sigmoid(-inf), Sigmoid(nan)}, []float64{0.5, 1, 0, nan}, 0)
	if got := Sigmoid(-740); got == 0 {
		t.Error("the sigmoid of -740 is 0, though float64 has room for it")
	}
}
