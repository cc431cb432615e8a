package simulation

import (
	"context"
	"fmt"

	"github.com/gomp-project/gomp/gomp/kernel"
	"github.com/gomp-project/gomp/gomp/kernels/internal/argument"
)

// HeatSteps lets heat flow in a plate and returns the temperature after some steps of length dt.
//
// temperature is a (rows, columns) array, in any unit, on a square grid of spacing dx; alpha is
// the thermal diffusivity, a square of the unit of dx per unit of dt. The outermost rows and
// columns keep their temperature.
//
// It is an error if alpha*dt/dx**2 is above 1/4, where the method is unstable; if dt or dx
// is not positive, alpha or steps negative, or anything not finite.
//
// Source: forward in time, centred in space (FTCS), the five-point stencil: first order
// in dt, second in dx.
//
//gomp:kernel heat_steps
func HeatSteps(ctx context.Context, temperature kernel.Array[float64], alpha, dt, dx float64, steps int) (kernel.Array[float64], error) {
	var none kernel.Array[float64]
	first, h, w, err := argument.Matrix("temperature", temperature)
	if err := argument.First(err,
		argument.NotNegative("alpha", alpha),
		argument.Positive("dt", dt),
		argument.Positive("dx", dx),
		argument.AtLeast("steps", steps, 0),
	); err != nil {
		return none, err
	}
	ratio := alpha * dt / dx / dx
	if !(ratio <= 0.25) {
		return none, fmt.Errorf("the method is unstable: alpha*dt/dx**2 must be at most 0.25, not %g", ratio)
	}
	result := kernel.New[float64](ctx, h, w)
	from, to := result.Data, make([]float64, h*w)
	if steps%2 == 1 { // so that the last step is written to the result
		from, to = to, from
	}
	copy(from, first)
	copy(to, first)
	for range steps {
		if ctx.Err() != nil {
			return none, ctx.Err()
		}
		for row := 1; row < h-1 && w > 2; row++ {
			diffuse(to[row*w:][:w], from[(row-1)*w:][:3*w], ratio)
		}
		from, to = to, from
	}
	return result, nil
}

// diffuse computes a row from that row and its neighbours, which lie one after the other.
func diffuse(to, from []float64, ratio float64) {
	n := len(to) - 2
	inner := to[1:][:n]
	above, below := from[1:][:n], from[2*len(to)+1:][:n]
	left, here, right := from[len(to):][:n], from[len(to)+1:][:n], from[len(to)+2:][:n]
	for i := range inner {
		inner[i] = here[i] + ratio*((above[i]+below[i])+(left[i]+right[i])-4*here[i])
	}
}
