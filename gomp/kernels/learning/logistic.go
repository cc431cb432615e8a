package learning

import (
	"context"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
	"github.com/gomp-project/gomp/gomp/kernels/internal/argument"
	"github.com/gomp-project/gomp/gomp/kernels/internal/philox"
)

// LogisticEpoch goes through the samples once, in random order, and moves the weights of a logistic
// regression down the gradient after each batch. It returns the new weights and the mean loss (the
// negative log-likelihood of a sample, in nats, without the penalty), each sample's taken
// before the step that it has a part in.
//
// features is an (n, d) array, targets an (n,) array of numbers from 0 to 1, weights a (d+1,) array, whose
// last element is the intercept. rate is the step's length, l2 the penalty: l2/2 times the
// squares of the weights, the intercept not among them, is added to the mean loss of a batch. The
// last batch may be smaller; a batch of n or more is plain gradient descent. The order depends on seed only.
//
// It is an error if shapes disagree, without samples, if anything is not finite, if a target is not
// from 0 to 1, if rate is not positive, l2 negative or batch less than 1, and if the weights overflow.
//
// Source: Bottou, "Stochastic gradient descent tricks" (2012).
//
//gomp:kernel logistic_epoch
func LogisticEpoch(ctx context.Context, features, targets, weights kernel.Array[float64], rate, l2 float64, batch int, seed uint64) (kernel.Array[float64], float64, error) {
	var none kernel.Array[float64]
	rows, n, d, err := argument.Matrix("features", features)
	if err == nil && n == 0 {
		err = fmt.Errorf("features must have at least one row")
	}
	if err != nil {
		return none, 0, err
	}
	wanted, errTargets := argument.Vector("targets", targets, n)
	start, errWeights := argument.Vector("weights", weights, d+1)
	if err := argument.First(errTargets, errWeights, probabilities(wanted),
		argument.Positive("rate", rate),
		argument.NotNegative("l2", l2),
		argument.AtLeast("batch", batch, 1),
	); err != nil {
		return none, 0, err
	}
	result := kernel.New[float64](ctx, d+1)
	copy(result.Data, start)
	model := logistic{result.Data[:d], &result.Data[d], make([]float64, d)}
	loss, order := 0.0, philox.New(seed, 0).Permutation(n)
	for len(order) > 0 {
		if ctx.Err() != nil {
			return none, 0, ctx.Err()
		}
		size := min(batch, len(order))
		loss += model.step(rows, wanted, order[:size], rate, l2)
		order = order[size:]
	}
	for _, w := range result.Data {
		if argument.Finite("", w) != nil {
			return none, 0, fmt.Errorf("the weights overflow: rate %g is too high", rate)
		}
	}
	return result, loss / float64(n), nil
}

func probabilities(targets []float64) error {
	for i, y := range targets {
		if y < 0 || y > 1 {
			return fmt.Errorf("targets must be from 0 to 1: element %d is %g", i, y)
		}
	}
	return nil
}

type logistic struct {
	weights   []float64
	intercept *float64
	gradient  []float64 // of one batch
}

// step learns from a batch and returns its loss.
func (m *logistic) step(rows, targets []float64, batch []int, rate, l2 float64) (loss float64) {
	clear(m.gradient)
	d, errors := len(m.weights), 0.0
	for _, i := range batch {
		x := rows[i*d:][:d]
		z := dot(m.weights, x) + *m.intercept
		loss += math.Log1p(math.Exp(-math.Abs(z))) + max(z, 0) - targets[i]*z
		err := 1/(1+math.Exp(-z)) - targets[i]
		errors += err
		add(m.gradient, err, x)
	}
	scale := rate / float64(len(batch))
	for j, g := range m.gradient {
		m.weights[j] -= scale*g + rate*l2*m.weights[j]
	}
	*m.intercept -= scale * errors
	return loss
}

// dot has four sums, so that an addition need not wait for the one before.
func dot(a, b []float64) float64 {
	var s, t, u, v float64
	b = b[:len(a)]
	for len(a) >= 4 && len(b) >= 4 {
		s, t, u, v = s+a[0]*b[0], t+a[1]*b[1], u+a[2]*b[2], v+a[3]*b[3]
		a, b = a[4:], b[4:]
	}
	for i, x := range a {
		s += x * b[i]
	}
	return s + t + u + v
}

// add adds factor*b to a.
func add(a []float64, factor float64, b []float64) {
	b = b[:len(a)]
	for i, x := range b {
		a[i] += factor * x
	}
}
