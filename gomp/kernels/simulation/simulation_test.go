package simulation

import (
	"bytes"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

var ctx = context.Background()

func cancelled() context.Context {
	c, cancel := context.WithCancel(ctx)
	cancel()
	return c
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance) {
		t.Errorf("%s is %v, not %v within %g", what, got, want, tolerance)
	}
}

func refuses(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the error is %v, not about %q", err, want)
	}
}

func TestPi(t *testing.T) {
	const samples, streams = 100_000, 8
	var hits int64
	for stream := range uint64(streams) {
		h, err := MonteCarloPi(ctx, samples, 42, stream)
		if err != nil {
			t.Fatal(err)
		}
		hits += h
	}
	near(t, "pi", 4*float64(hits)/samples/streams, math.Pi, 4*1.64/math.Sqrt(samples*streams))
}

func TestPiIsCountedSampleBySample(t *testing.T) {
	var before int64
	for samples := range int64(50) {
		hits, err := MonteCarloPi(ctx, samples, 1, 2)
		if err != nil || hits < before || hits > before+1 {
			t.Fatal(samples, hits, before, err)
		}
		before = hits
	}
}

func TestInsideAtTheEdge(t *testing.T) {
	const most = math.MaxUint32
	if inside(0, most) != 1 || inside(most, most) != 0 || inside(0, 0) != 1 {
		t.Error("corners")
	}
	// 3-4-5: exactly on the circle of radius 2**32 if that were divisible by 5; next to it on either side.
	if inside(2576980377, 3435973836) != 1 || inside(2576980378, 3435973837) != 0 {
		t.Error("3-4-5")
	}
}

func TestPiRefuses(t *testing.T) {
	_, err := MonteCarloPi(ctx, -1, 0, 0)
	refuses(t, err, "samples must be at least 0, not -1")
	_, err = MonteCarloPi(cancelled(), 1<<40, 0, 0)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// blackScholes is the price in closed form.
func blackScholes(spot, strike, rate, volatility, years float64) float64 {
	cdf := func(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }
	spread := volatility * math.Sqrt(years)
	d := (math.Log(spot/strike) + (rate+volatility*volatility/2)*years) / spread
	return spot*cdf(d) - strike*math.Exp(-rate*years)*cdf(d-spread)
}

func TestOptionPrice(t *testing.T) {
	for _, c := range [][5]float64{{100, 100, 0.05, 0.2, 1}, {100, 140, 0.01, 0.4, 2}, {50, 20, -0.01, 0.3, 0.5}} {
		price, deviation, err := OptionPrice(ctx, c[0], c[1], c[2], c[3], c[4], 200_001, 7, 3)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "price", price, blackScholes(c[0], c[1], c[2], c[3], c[4]), 4*deviation)
		if deviation <= 0 || deviation > c[0]*c[3]*2/math.Sqrt(200_001) {
			t.Errorf("standard error %g", deviation)
		}
	}
}

func TestOptionWithoutChance(t *testing.T) {
	price, deviation, err := OptionPrice(ctx, 100, 90, 0.05, 0, 1, 1000, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "price", price, 100-90*math.Exp(-0.05), 1e-12)
	near(t, "standard error", deviation, 0, 1e-14)
}

func TestNormals(t *testing.T) {
	a, b := normals(0, 0)
	near(t, "the largest", a, math.Sqrt(2*54*math.Ln2), 1e-12)
	near(t, "its other", b, 0, 0)
	a, _ = normals(math.MaxUint64, 0)
	near(t, "the smallest", a, 0, 2e-8)
}

func TestOptionRefuses(t *testing.T) {
	for want, c := range map[string][5]float64{
		"spot must be positive":           {0, 1, 0, 1, 1},
		"strike must be positive":         {1, math.NaN(), 0, 1, 1},
		"rate must be finite":             {1, 1, math.Inf(1), 1, 1},
		"volatility must be at least 0":   {1, 1, 0, -1, 1},
		"years must be at least 0":        {1, 1, 0, 1, -1},
		"the price overflows with spot 1": {1, 1, 1000, 0, 1},
	} {
		_, _, err := OptionPrice(ctx, c[0], c[1], c[2], c[3], c[4], 10, 0, 0)
		refuses(t, err, want)
	}
	_, _, err := OptionPrice(ctx, 1, 1, 0, 1, 1, 1, 0, 0)
	refuses(t, err, "paths must be at least 2, not 1")
	_, _, err = OptionPrice(cancelled(), 1, 1, 0, 1, 1, 1<<40, 0, 0)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// cloud is n bodies at random.
func cloud(n int) (positions, velocities, masses kernel.Array[float64]) {
	random := rand.New(rand.NewPCG(1, 2))
	positions, velocities, masses = kernel.New[float64](ctx, n, 3), kernel.New[float64](ctx, n, 3), kernel.New[float64](ctx, n)
	for i := range positions.Data {
		positions.Data[i], velocities.Data[i] = random.NormFloat64(), random.NormFloat64()
	}
	for i := range masses.Data {
		masses.Data[i] = random.Float64()
	}
	return positions, velocities, masses
}

func TestTwoBodiesGoRound(t *testing.T) {
	// Equal masses of 1 at a distance of 1: the period is 2*pi/sqrt(2).
	positions := kernel.Of([]float64{-0.5, 0, 0, 0.5, 0, 0}, 2, 3)
	speed := math.Sqrt(2) / 2
	velocities := kernel.Of([]float64{0, -speed, 0, 0, speed, 0}, 2, 3)
	masses := kernel.Of([]float64{1, 1}, 2)
	const steps = 10_000
	p, v, energy, err := NbodySteps(ctx, positions, velocities, masses, math.Sqrt2*math.Pi/steps, steps, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range p.Data {
		near(t, "position", p.Data[i], positions.Data[i], 1e-5)
		near(t, "velocity", v.Data[i], velocities.Data[i], 1e-5)
	}
	near(t, "energy", energy, -0.5, 1e-7)
}

func TestConservation(t *testing.T) {
	positions, velocities, masses := cloud(40)
	sums := func(p, v []float64) (momentum, angular [3]float64) {
		for i, m := range masses.Data {
			for k := range 3 {
				a, b := (k+1)%3, (k+2)%3
				momentum[k] += m * v[3*i+k]
				angular[k] += m * (p[3*i+a]*v[3*i+b] - p[3*i+b]*v[3*i+a])
			}
		}
		return
	}
	_, _, before, err := NbodySteps(ctx, positions, velocities, masses, 0.001, 0, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	p, v, after, err := NbodySteps(ctx, positions, velocities, masses, 0.001, 1000, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "energy", after, before, 1e-4*math.Abs(before))
	momentum0, angular0 := sums(positions.Data, velocities.Data)
	momentum, angular := sums(p.Data, v.Data)
	for k := range 3 {
		near(t, "momentum", momentum[k], momentum0[k], 1e-11)
		near(t, "angular momentum", angular[k], angular0[k], 1e-11)
	}
	// And the way back leads to where it began.
	p, v, energy, err := NbodySteps(ctx, p, v, masses, -0.001, 1000, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "energy", energy, before, 1e-9)
	for i := range p.Data {
		near(t, "position", p.Data[i], positions.Data[i], 1e-8)
		near(t, "velocity", v.Data[i], velocities.Data[i], 1e-8)
	}
}

func TestNbodyTakesAnyLayout(t *testing.T) {
	positions, velocities, masses := cloud(5)
	want, _, _, err := NbodySteps(ctx, positions, velocities, masses, 0.01, 3, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	fortran := kernel.Array[float64]{Data: make([]float64, 15), Shape: []int{5, 3}, Strides: []int{1, 5}, ReadOnly: true}
	for i := range 5 {
		for k := range 3 {
			fortran.Set(positions.At(i, k), i, k)
		}
	}
	got, _, _, err := NbodySteps(ctx, fortran, velocities, masses, 0.01, 3, 0.1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Data {
		near(t, "position", got.Data[i], want.Data[i], 0)
	}
}

func TestNoBodies(t *testing.T) {
	p, v, energy, err := NbodySteps(ctx, kernel.Of([]float64{}, 0, 3), kernel.Of([]float64{}, 0, 3), kernel.Of([]float64{}, 0), 1, 5, 0)
	if err != nil || p.Len() != 0 || v.Len() != 0 || energy != 0 {
		t.Error(p, v, energy, err)
	}
}

func TestNbodyRefuses(t *testing.T) {
	p, v, m := cloud(3)
	same := kernel.Of(make([]float64, 9), 3, 3)
	nan := kernel.Of([]float64{1, math.NaN(), 1}, 3)
	negative := kernel.Of([]float64{1, -1, 1}, 3)
	for want, call := range map[string]func() error{
		"positions must have 2 dimensions": func() error { _, _, _, err := NbodySteps(ctx, m, v, m, 1, 1, 0); return err },
		"velocities must have 3 rows": func() error {
			_, _, _, err := NbodySteps(ctx, p, kernel.New[float64](ctx, 2, 3), m, 1, 1, 0)
			return err
		},
		"velocities must have 3 columns": func() error {
			_, _, _, err := NbodySteps(ctx, p, kernel.New[float64](ctx, 3, 2), m, 1, 1, 0)
			return err
		},
		"masses must be finite: element 1": func() error { _, _, _, err := NbodySteps(ctx, p, v, nan, 1, 1, 0); return err },
		"masses must not be negative":      func() error { _, _, _, err := NbodySteps(ctx, p, v, negative, 1, 1, 0); return err },
		"dt must be finite":                func() error { _, _, _, err := NbodySteps(ctx, p, v, m, math.Inf(1), 1, 0); return err },
		"steps must be at least 0, not -1": func() error { _, _, _, err := NbodySteps(ctx, p, v, m, 1, -1, 0); return err },
		"softening must be at least 0":     func() error { _, _, _, err := NbodySteps(ctx, p, v, m, 1, 1, -0.1); return err },
		"come too close":                   func() error { _, _, _, err := NbodySteps(ctx, same, v, m, 1, 1, 0); return err },
		context.Canceled.Error():           func() error { _, _, _, err := NbodySteps(cancelled(), p, v, m, 1, 1, 0); return err },
	} {
		refuses(t, call(), want)
	}
}

func TestHeatOfASine(t *testing.T) {
	// A sine that is zero at the edges only shrinks, at each step by a factor that is known.
	const h, w, alpha, dt, dx, steps = 21, 31, 0.7, 0.3, 1.1, 25
	plate := kernel.New[float64](ctx, h, w)
	for i := range h {
		for j := range w {
			plate.Set(math.Sin(math.Pi*float64(i)/(h-1))*math.Sin(math.Pi*float64(j)/(w-1)), i, j)
		}
	}
	got, err := HeatSteps(ctx, plate, alpha, dt, dx, steps)
	if err != nil {
		t.Fatal(err)
	}
	sin2 := func(n int) float64 { s := math.Sin(math.Pi / 2 / float64(n-1)); return s * s }
	factor := math.Pow(1-4*alpha*dt/(dx*dx)*(sin2(h)+sin2(w)), steps)
	for i, v := range plate.Data {
		near(t, "temperature", got.Data[i], v*factor, 1e-14)
	}
}

func TestHeatKeepsTheEdge(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, shape := range [][2]int{{0, 0}, {0, 5}, {5, 0}, {1, 1}, {1, 7}, {2, 2}, {7, 2}, {3, 3}, {4, 6}} {
		h, w := shape[0], shape[1]
		plate := kernel.New[float64](ctx, h, w)
		for i := range plate.Data {
			plate.Data[i] = random.Float64()
		}
		for steps := range 4 {
			got, err := HeatSteps(ctx, plate, 1, 1, 2, steps)
			if err != nil {
				t.Fatal(shape, err)
			}
			for i := range plate.Data {
				row, column := i/w, i%w
				edge := row == 0 || row == h-1 || column == 0 || column == w-1
				if (edge || steps == 0) != (got.Data[i] == plate.Data[i]) {
					t.Errorf("%v: after %d steps (%d, %d) is %g, and was %g", shape, steps, row, column, got.Data[i], plate.Data[i])
				}
			}
		}
	}
}

func TestHeatRefuses(t *testing.T) {
	plate := kernel.New[float64](ctx, 3, 3)
	for want, c := range map[string][3]float64{
		"alpha must be at least 0":                      {-1, 1, 1},
		"dt must be positive":                           {1, 0, 1},
		"dx must be positive":                           {1, 1, math.NaN()},
		"alpha*dt/dx**2 must be at most 0.25, not 0.26": {26, 0.01, 1},
		"alpha*dt/dx**2 must be at most 0.25, not +Inf": {1, 1, 1e-200},
	} {
		_, err := HeatSteps(ctx, plate, c[0], c[1], c[2], 1)
		refuses(t, err, want)
	}
	_, err := HeatSteps(ctx, plate, 1, 0.1, 1, -1)
	refuses(t, err, "steps must be at least 0")
	_, err = HeatSteps(ctx, kernel.Of([]float64{1}, 1), 1, 0.1, 1, 1)
	refuses(t, err, "temperature must have 2 dimensions, not 1")
	_, err = HeatSteps(cancelled(), plate, 1, 0.1, 1, 1)
	refuses(t, err, context.Canceled.Error())
}

// lifeByTheBook plays one generation, cell by cell.
func lifeByTheBook(cells []uint8, h, w int, wrap bool) []uint8 {
	next := make([]uint8, len(cells))
	for i := range h {
		for j := range w {
			sum := 0
			for k := range 9 {
				y, x := i+k/3-1, j+k%3-1
				if wrap {
					y, x = (y+h)%h, (x+w)%w
				}
				if k != 4 && y >= 0 && y < h && x >= 0 && x < w && cells[y*w+x] != 0 {
					sum++
				}
			}
			if sum == 3 || sum == 2 && cells[i*w+j] != 0 {
				next[i*w+j] = 1
			}
		}
	}
	return next
}

func TestLife(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, shape := range [][2]int{{1, 1}, {1, 9}, {2, 2}, {9, 1}, {3, 7}, {8, 8}, {5, 9}, {20, 33}} {
		for _, wrap := range []bool{false, true} {
			h, w := shape[0], shape[1]
			cells := make([]uint8, h*w)
			for i := range cells {
				cells[i] = uint8(random.IntN(2) * random.IntN(256)) // any number but 0 is alive
			}
			want := cells
			for steps := 1; steps < 6; steps++ {
				want = lifeByTheBook(want, h, w, wrap)
				got, err := LifeSteps(ctx, kernel.Of(cells, h, w), steps, wrap)
				if err != nil || !bytes.Equal(got.Data, want) {
					t.Fatalf("%v, wrap %v, %d steps: %v, not %v (%v)", shape, wrap, steps, got.Data, want, err)
				}
			}
		}
	}
}

func TestGliderComesRound(t *testing.T) {
	glider := kernel.New[uint8](ctx, 12, 12)
	for _, at := range [][2]int{{0, 1}, {1, 2}, {2, 0}, {2, 1}, {2, 2}} {
		glider.Set(1, at[0], at[1])
	}
	got, err := LifeSteps(ctx, glider, 4*12, true)
	if err != nil || !bytes.Equal(got.Data, glider.Data) {
		t.Error(got, err)
	}
	got, err = LifeSteps(ctx, glider, 4*12, false) // it has become a block in the corner
	if err != nil || bytes.Count(got.Data, []byte{1}) != 4 || got.At(11, 11) != 1 {
		t.Error(got, err)
	}
}

func TestLifeOfNothing(t *testing.T) {
	transposed := kernel.Array[uint8]{Data: []uint8{1, 0, 7, 0, 0, 1}, Shape: []int{3, 2}, Strides: []int{1, 3}, ReadOnly: true}
	got, err := LifeSteps(ctx, transposed, 0, false)
	if err != nil || !bytes.Equal(got.Data, []uint8{1, 0, 0, 0, 1, 1}) {
		t.Error(got, err)
	}
	for _, shape := range [][]int{{0, 0}, {0, 3}, {3, 0}} {
		got, err := LifeSteps(ctx, kernel.New[uint8](ctx, shape...), 3, true)
		if err != nil || got.Len() != 0 || got.Shape[0] != shape[0] {
			t.Error(got, err)
		}
	}
}

func TestLifeRefuses(t *testing.T) {
	_, err := LifeSteps(ctx, kernel.New[uint8](ctx, 3), 1, true)
	refuses(t, err, "cells must have 2 dimensions, not 1")
	_, err = LifeSteps(ctx, kernel.New[uint8](ctx, 3, 3), -1, true)
	refuses(t, err, "steps must be at least 0, not -1")
	_, err = LifeSteps(cancelled(), kernel.New[uint8](ctx, 3, 3), 1, true)
	refuses(t, err, context.Canceled.Error())
}

func BenchmarkMonteCarloPi(b *testing.B) {
	if _, err := MonteCarloPi(ctx, int64(b.N), 1, 2); err != nil {
		b.Fatal(err)
	}
}

func BenchmarkOptionPrice(b *testing.B) {
	if _, _, err := OptionPrice(ctx, 100, 100, 0.05, 0.2, 1, int64(b.N)+1, 1, 2); err != nil {
		b.Fatal(err)
	}
}

// One operation is a step of 1000 bodies: 499,500 pairs.
func BenchmarkNbodySteps(b *testing.B) {
	p, v, m := cloud(1000)
	b.ResetTimer()
	if _, _, _, err := NbodySteps(ctx, p, v, m, 1e-4, b.N, 0.05); err != nil {
		b.Fatal(err)
	}
}

// One operation is a step of a plate of 1000 by 1000.
func BenchmarkHeatSteps(b *testing.B) {
	plate := kernel.New[float64](ctx, 1000, 1000)
	if _, err := HeatSteps(ctx, plate, 1, 0.2, 1, b.N); err != nil {
		b.Fatal(err)
	}
}

// One operation is a generation of 1000 by 1000 cells.
func BenchmarkLifeSteps(b *testing.B) {
	cells := kernel.New[uint8](ctx, 1000, 1000)
	if _, err := LifeSteps(ctx, cells, b.N, true); err != nil {
		b.Fatal(err)
	}
}
