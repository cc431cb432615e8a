package simulation

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomp-project/gomp/gomp/kernel"
	"github.com/gomp-project/gomp/gomp/kernels/internal/argument"
)

// NbodySteps moves bodies under their mutual gravity and returns their positions and velocities
// after some steps of length dt, and their total energy then.
//
// positions and velocities are (n, 3) arrays, masses an (n,) array, in any units in which the
// constant of gravitation is 1. softening is a length: the potential of two bodies at a
// distance r is that of masses at sqrt(r**2 + softening**2) (Plummer), so that close encounters need no
// small steps. A negative dt goes back in time.
//
// It is an error if shapes disagree, if anything is not finite, if a mass, steps or softening is
// negative, and if the bodies come so close that forces overflow.
//
// Source: the leapfrog, kick-drift-kick form (Verlet 1967): second order, symplectic,
// so that the energy's error does not grow with time; direct sum over all pairs, n*(n-1)/2 of them at
// each step.
//
//gomp:kernel nbody_steps
func NbodySteps(ctx context.Context, positions, velocities, masses kernel.Array[float64], dt float64, steps int, softening float64) (kernel.Array[float64], kernel.Array[float64], float64, error) {
	var none kernel.Array[float64]
	s, err := newSystem(positions, velocities, masses, softening)
	if err := argument.First(err,
		argument.Finite("dt", dt),
		argument.AtLeast("steps", steps, 0),
		argument.NotNegative("softening", softening),
	); err != nil {
		return none, none, 0, err
	}
	if err := s.run(ctx, dt, steps); err != nil {
		return none, none, 0, err
	}
	energy := s.energy()
	if argument.Finite("", energy) != nil {
		return none, none, 0, errors.New("the bodies come too close to each other: choose a softening, or a smaller dt")
	}
	return interleave(ctx, s.position), interleave(ctx, s.velocity), energy, nil
}

// vectors has a slice for each coordinate, which the inner loop reads faster than rows of three.
type vectors [3][]float64

func newVectors(n int) vectors {
	return vectors{make([]float64, n), make([]float64, n), make([]float64, n)}
}

type system struct {
	position, velocity, acceleration vectors
	mass                             []float64
	softening2                       float64
}

func newSystem(positions, velocities, masses kernel.Array[float64], softening float64) (*system, error) {
	p, n, err := separate("positions", positions)
	if err != nil {
		return nil, err
	}
	v, m, err := separate("velocities", velocities)
	if err != nil {
		return nil, err
	}
	if n != m {
		return nil, fmt.Errorf("velocities must have %d rows, as positions, not %d", n, m)
	}
	mass, err := argument.Vector("masses", masses, n)
	if err != nil {
		return nil, err
	}
	for i, m := range mass {
		if m < 0 {
			return nil, fmt.Errorf("masses must not be negative: element %d is %g", i, m)
		}
	}
	return &system{p, v, newVectors(n), mass, softening * softening}, nil
}

// separate copies the columns of an (n, 3) array.
func separate(name string, a kernel.Array[float64]) (vectors, int, error) {
	rows, n, columns, err := argument.Matrix(name, a)
	if err == nil && columns != 3 {
		err = fmt.Errorf("%s must have 3 columns, not %d", name, columns)
	}
	if err != nil {
		return vectors{}, 0, err
	}
	v := newVectors(n)
	for i := range n {
		v[0][i], v[1][i], v[2][i] = rows[3*i], rows[3*i+1], rows[3*i+2]
	}
	return v, n, nil
}

func interleave(ctx context.Context, v vectors) kernel.Array[float64] {
	a := kernel.New[float64](ctx, len(v[0]), 3)
	for i := range v[0] {
		a.Data[3*i], a.Data[3*i+1], a.Data[3*i+2] = v[0][i], v[1][i], v[2][i]
	}
	return a
}

func (s *system) run(ctx context.Context, dt float64, steps int) error {
	if err := s.accelerate(ctx); err != nil {
		return err
	}
	for range steps {
		s.move(s.velocity, s.acceleration, dt/2)
		s.move(s.position, s.velocity, dt)
		if err := s.accelerate(ctx); err != nil {
			return err
		}
		s.move(s.velocity, s.acceleration, dt/2)
	}
	return nil
}

// move adds rate*dt.
func (s *system) move(what, rate vectors, dt float64) {
	for axis := range what {
		x := what[axis]
		for i, r := range rate[axis][:len(x)] {
			x[i] += r * dt
		}
	}
}

// accelerate computes the accelerations; each pair is looked at once.
func (s *system) accelerate(ctx context.Context) error {
	for axis := range s.acceleration {
		clear(s.acceleration[axis])
	}
	for i := range s.mass {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		s.attract(i)
	}
	return nil
}

// attract adds the forces between body i and those after it. Slices of one length need no bounds
// to be checked in the loop, where a square root and a division take most of the time. (The cube of the inverse
// takes 0.4 times as long as 1/(r2*sqrt(r2)): there each iteration waits for the one before.)
func (s *system) attract(i int) {
	x, y, z, mass := s.position[0][i], s.position[1][i], s.position[2][i], s.mass[i]
	masses, softening2 := s.mass[i+1:], s.softening2
	n := len(masses)
	xs, ys, zs := s.position[0][i+1:][:n], s.position[1][i+1:][:n], s.position[2][i+1:][:n]
	axs, ays, azs := s.acceleration[0][i+1:][:n], s.acceleration[1][i+1:][:n], s.acceleration[2][i+1:][:n]
	var ax, ay, az float64
	for j, other := range masses {
		dx, dy, dz := xs[j]-x, ys[j]-y, zs[j]-z
		r2 := dx*dx + dy*dy + dz*dz + softening2
		inverse := 1 / math.Sqrt(r2)
		pull := inverse * inverse * inverse
		towards, back := pull*other, pull*mass
		ax, ay, az = ax+towards*dx, ay+towards*dy, az+towards*dz
		axs[j] -= back * dx
		ays[j] -= back * dy
		azs[j] -= back * dz
	}
	s.acceleration[0][i] += ax
	s.acceleration[1][i] += ay
	s.acceleration[2][i] += az
}

// energy is kinetic plus potential; not a number or infinite if the state is.
func (s *system) energy() float64 {
	var total float64
	p, v := s.position, s.velocity
	for i, mass := range s.mass {
		var potential float64
		for j, other := range s.mass[:i] {
			dx, dy, dz := p[0][j]-p[0][i], p[1][j]-p[1][i], p[2][j]-p[2][i]
			potential += other / math.Sqrt(dx*dx+dy*dy+dz*dz+s.softening2)
		}
		total += mass * ((v[0][i]*v[0][i]+v[1][i]*v[1][i]+v[2][i]*v[2][i])/2 - potential)
	}
	return total
}
