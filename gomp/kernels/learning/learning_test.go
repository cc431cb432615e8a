package learning

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sort"
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

func cloud(seed uint64, rows, columns int) kernel.Array[float64] {
	random := rand.New(rand.NewPCG(seed, 0))
	a := kernel.New[float64](ctx, rows, columns)
	for i := range a.Data {
		a.Data[i] = random.NormFloat64()
	}
	return a
}

// columnwise is a copy in the other order of memory, not to be written to.
func columnwise(a kernel.Array[float64]) kernel.Array[float64] {
	h, w := a.Shape[0], a.Shape[1]
	out := kernel.Array[float64]{Data: make([]float64, h*w), Shape: a.Shape, Strides: []int{1, h}, ReadOnly: true}
	for i := range h {
		for j := range w {
			out.Set(a.At(i, j), i, j)
		}
	}
	return out
}

func row(a kernel.Array[float64], i int) []float64 {
	w := a.Shape[1]
	return a.Data[i*w:][:w]
}

// naive is what square is for, the long way round.
func naive(a, b []float64) (sum float64) {
	for i := range a {
		sum += (a[i] - b[i]) * (a[i] - b[i])
	}
	return sum
}

func TestKmeansStep(t *testing.T) {
	for _, shape := range [][3]int{{0, 2, 1}, {1, 1, 1}, {50, 3, 4}, {70, 2, 5}, {40, 7, 9}} {
		n, d, k := shape[0], shape[1], shape[2]
		points, centres := cloud(1, n, d), cloud(2, k, d)
		sums, counts, labels, inertia, err := KmeansStep(ctx, columnwise(points), columnwise(centres))
		if err != nil {
			t.Fatal(err)
		}
		wantSums, wantCounts, wantInertia := kernel.New[float64](ctx, k, d), make([]int64, k), 0.0
		for i := range n {
			best := 0
			for j := range k {
				if naive(row(points, i), row(centres, j)) < naive(row(points, i), row(centres, best)) {
					best = j
				}
			}
			if int(labels.Data[i]) != best {
				t.Errorf("point %d is with %d, not %d", i, labels.Data[i], best)
			}
			wantCounts[best]++
			wantInertia += naive(row(points, i), row(centres, best))
			for j, x := range row(points, i) {
				row(wantSums, best)[j] += x
			}
		}
		if !slices.Equal(sums.Data, wantSums.Data) || !slices.Equal(counts.Data, wantCounts) || inertia != wantInertia {
			t.Errorf("%v: %v %v %v, not %v %v %v", shape, sums.Data, counts.Data, inertia, wantSums.Data, wantCounts, wantInertia)
		}
	}
}

func TestKmeansTakesTheFirstOfEqualCentres(t *testing.T) {
	points := kernel.Of([]float64{0, 0}, 1, 2)
	centres := kernel.Of([]float64{3, 0, 1, 0, 0, 1, -1, 0, 0, -1, 1, 0}, 6, 2)
	_, _, labels, inertia, err := KmeansStep(ctx, points, centres)
	if err != nil || labels.Data[0] != 1 || inertia != 1 {
		t.Error(labels, inertia, err)
	}
}

func TestKmeansRefuses(t *testing.T) {
	points := cloud(1, 3, 2)
	for want, call := range map[string][2]kernel.Array[float64]{
		"points must have 2 dimensions, not 1":                   {kernel.Of([]float64{1}, 1), points},
		"points must have at least one column":                   {kernel.Of([]float64{}, 3, 0), points},
		"centres must have 2 columns, as points, not 3":          {points, cloud(1, 3, 3)},
		"centres must have at least one row":                     {points, kernel.Of([]float64{}, 0, 2)},
		"points must be finite: element 1, in C order, is NaN":   {kernel.Of([]float64{0, math.NaN()}, 1, 2), points},
		"centres must be finite: element 0, in C order, is +Inf": {points, kernel.Of([]float64{math.Inf(1), 0}, 1, 2)},
	} {
		_, _, _, _, err := KmeansStep(ctx, call[0], call[1])
		refuses(t, err, want)
	}
	_, _, _, _, err := KmeansStep(cancelled(), points, points)
	refuses(t, err, context.Canceled.Error())
}

func TestKnn(t *testing.T) {
	for _, shape := range [][4]int{{1, 0, 1, 1}, {1, 3, 2, 1}, {9, 4, 3, 9}, {301, 20, 300, 5}, {10, 3, 1, 4}} {
		n, m, d, k := shape[0], shape[1], shape[2], shape[3]
		train, queries := cloud(1, n, d), cloud(2, m, d)
		for i := range train.Data { // so that there are equals
			train.Data[i] = math.Round(train.Data[i])
		}
		indices, distances, err := Knn(ctx, columnwise(train), columnwise(queries), k)
		if err != nil {
			t.Fatal(err)
		}
		for q := range m {
			order := make([]int, n)
			for i := range order {
				order[i] = i
			}
			sort.SliceStable(order, func(a, b int) bool {
				return naive(row(queries, q), row(train, order[a])) < naive(row(queries, q), row(train, order[b]))
			})
			for j := range k {
				if indices.At(q, j) != int64(order[j]) {
					t.Fatalf("%v: neighbour %d of %d is %d, not %d", shape, j, q, indices.At(q, j), order[j])
				}
				near(t, "distance", distances.At(q, j), math.Sqrt(naive(row(queries, q), row(train, order[j]))), 0)
			}
		}
	}
}

func TestKnnRefuses(t *testing.T) {
	a := cloud(1, 3, 2)
	_, _, err := Knn(ctx, a, a, 0)
	refuses(t, err, "k must be between 1 and the 3 rows of train, not 0")
	_, _, err = Knn(ctx, a, a, 4)
	refuses(t, err, "not 4")
	_, _, err = Knn(ctx, kernel.Of([]float64{}, 0, 2), a, 1)
	refuses(t, err, "the 0 rows")
	_, _, err = Knn(ctx, a, cloud(1, 2, 3), 1)
	refuses(t, err, "queries must have 2 columns, as train, not 3")
	_, _, err = Knn(cancelled(), a, a, 1)
	refuses(t, err, context.Canceled.Error())
}

// learnable is a problem whose classes overlap.
func learnable(n int) (features, targets kernel.Array[float64]) {
	features, targets = cloud(3, n, 2), kernel.New[float64](ctx, n)
	noise := cloud(4, n, 1)
	for i := range n {
		if x := row(features, i); 2*x[0]-x[1]+0.5+noise.Data[i] > 0 {
			targets.Data[i] = 1
		}
	}
	return features, targets
}

// penalised is the mean loss with the penalty, as a function to differentiate.
func penalised(features, targets kernel.Array[float64], w []float64, l2 float64) float64 {
	loss, n := 0.0, features.Shape[0]
	for i := range n {
		p := 1 / (1 + math.Exp(-(dot(w[:2], row(features, i)) + w[2])))
		y := targets.Data[i]
		loss -= (y*math.Log(p) + (1-y)*math.Log(1-p)) / float64(n)
	}
	return loss + l2/2*(w[0]*w[0]+w[1]*w[1])
}

func TestLogisticEpochIsAStepDownTheGradient(t *testing.T) {
	const rate, l2, h = 0.3, 0.1, 1e-5
	features, targets := learnable(60)
	start := []float64{0.4, -0.2, 0.1}
	weights, loss, err := LogisticEpoch(ctx, columnwise(features), targets, kernel.Of(start, 3), rate, l2, 1000, 1)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "loss", loss, penalised(features, targets, start, 0), 1e-14)
	for i := range start {
		up, down := slices.Clone(start), slices.Clone(start)
		up[i], down[i] = up[i]+h, down[i]-h
		slope := (penalised(features, targets, up, l2) - penalised(features, targets, down, l2)) / (2 * h)
		near(t, "weight", weights.Data[i], start[i]-rate*slope, 1e-10)
	}
	if !slices.Equal(start, []float64{0.4, -0.2, 0.1}) {
		t.Error("the argument has been written to")
	}
}

func TestLogisticEpochsConverge(t *testing.T) {
	features, targets := learnable(500)
	weights := kernel.New[float64](ctx, 3)
	losses := []float64{}
	for epoch := range uint64(60) {
		next, loss, err := LogisticEpoch(ctx, features, targets, weights, 0.5/(1+float64(epoch)), 0, 16, epoch)
		if err != nil {
			t.Fatal(err)
		}
		weights, losses = next, append(losses, loss)
	}
	if losses[59] > losses[0] || losses[59] > 0.3 {
		t.Errorf("losses: %v", losses)
	}
	// At the minimum a whole gradient leads nowhere.
	next, _, err := LogisticEpoch(ctx, features, targets, weights, 1, 0, 500, 0)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range weights.Data {
		near(t, "weight", next.Data[i], w, 0.01)
	}
}

func TestLogisticEpochRepeats(t *testing.T) {
	features, targets := learnable(100)
	epoch := func(seed uint64) []float64 {
		w, _, err := LogisticEpoch(ctx, features, targets, kernel.New[float64](ctx, 3), 0.5, 0.01, 7, seed)
		if err != nil {
			t.Fatal(err)
		}
		return w.Data
	}
	if !slices.Equal(epoch(1), epoch(1)) || slices.Equal(epoch(1), epoch(2)) {
		t.Error("the order does not depend on the seed alone")
	}
}

func TestLogisticOfFarPoints(t *testing.T) {
	// Sure of itself and wrong: the loss is the margin, where exp overflows.
	w, loss, err := LogisticEpoch(ctx, kernel.Of([]float64{1e4, -1e4}, 2, 1), kernel.Of([]float64{0, 1}, 2), kernel.Of([]float64{1, 0}, 2), 1e-4, 0, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "loss", loss, 1e4, 1e-9)
	near(t, "weight", w.Data[0], 0, 1e-12)
}

func TestLogisticRefuses(t *testing.T) {
	x, y := learnable(4)
	w := kernel.New[float64](ctx, 3)
	type array = kernel.Array[float64]
	for want, call := range map[string]struct {
		x, y, w  array
		rate, l2 float64
		batch    int
	}{
		"features must have 2 dimensions":               {y, y, w, 1, 0, 1},
		"features must have at least one row":           {kernel.Of([]float64{}, 0, 2), kernel.Of([]float64{}, 0), w, 1, 0, 1},
		"targets must have 4 elements, not 3":           {x, kernel.New[float64](ctx, 3), w, 1, 0, 1},
		"targets must be from 0 to 1: element 1 is -1":  {x, kernel.Of([]float64{1, -1, 1, -1}, 4), w, 1, 0, 1},
		"weights must have 3 elements, not 2":           {x, y, kernel.New[float64](ctx, 2), 1, 0, 1},
		"rate must be positive":                         {x, y, w, math.NaN(), 0, 1},
		"l2 must be at least 0":                         {x, y, w, 1, -1, 1},
		"batch must be at least 1, not 0":               {x, y, w, 1, 0, 0},
		"the weights overflow: rate 1e+308 is too high": {kernel.Of([]float64{9, 9, 9, 9, 9, 9, 9, 9}, 4, 2), y, w, 1e308, 0, 4},
	} {
		_, _, err := LogisticEpoch(ctx, call.x, call.y, call.w, call.rate, call.l2, call.batch, 0)
		refuses(t, err, want)
	}
	if _, _, err := LogisticEpoch(cancelled(), x, y, w, 1, 0, 1, 0); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTfidf(t *testing.T) {
	vocabulary, data, indices, indptr, err := Tfidf(ctx, []string{"The cat, the dog", "", "a dog"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(vocabulary, []string{"cat", "dog", "the"}) ||
		!slices.Equal(indices.Data, []int64{0, 1, 2, 1}) || !slices.Equal(indptr.Data, []int64{0, 3, 3, 4}) {
		t.Fatal(vocabulary, indices, indptr)
	}
	rare, common := math.Log(2)+1, math.Log(4.0/3)+1
	norm := math.Sqrt(rare*rare + common*common + 4*rare*rare)
	for i, want := range []float64{rare / norm, common / norm, 2 * rare / norm, 1} {
		near(t, "weight", data.Data[i], want, 1e-15)
	}
}

func TestTfidfOfNothing(t *testing.T) {
	for _, documents := range [][]string{nil, {}, {""}, {"a . !", "-"}} {
		vocabulary, data, indices, indptr, err := Tfidf(ctx, documents)
		if err != nil || len(vocabulary) != 0 || data.Len() != 0 || indices.Len() != 0 || indptr.Len() != len(documents)+1 {
			t.Error(documents, vocabulary, data, indices, indptr, err)
		}
	}
	_, _, _, _, err := Tfidf(cancelled(), []string{"word"})
	refuses(t, err, context.Canceled.Error())
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "",
		"a b cd e":                 "cd",
		"don't re-enter":           "don re enter",
		"_x 12 1":                  "_x 12",
		"Straße naïve Ærø":         "straße naïve ærø",
		"x² ½½ Ⅷ一":                 "x² ½½ ⅷ一",
		"e\u0301te":                "te", // a combining mark is no letter
		"ΟΔΟΣ ΣΑΣ. Α'Σ' ΣΣ Σ΄":     "οδος σας σς",
		"İSTANBUL":                 "stanbul",
		"ΑΣ\u00adΒ ΑΣ\u0301 A.Σ.Β": "ασ ας",
	} {
		if got := strings.Join(slices.Collect(words(lower(text))), " "); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
	for range words("leaving early is allowed") {
		break
	}
}

// One operation is a step with 10,000 points, 16 columns and 20 centres.
func BenchmarkKmeansStep(b *testing.B) {
	points, centres := cloud(1, 10_000, 16), cloud(2, 20, 16)
	for b.Loop() {
		if _, _, _, _, err := KmeansStep(ctx, points, centres); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation is the 5 neighbours among 10,000 points of 16 columns, for 100 queries.
func BenchmarkKnn(b *testing.B) {
	train, queries := cloud(1, 10_000, 16), cloud(2, 100, 16)
	for b.Loop() {
		if _, _, err := Knn(ctx, train, queries, 5); err != nil {
			b.Fatal(err)
		}
	}
}

// One operation is an epoch of 10,000 samples of 16 columns.
func BenchmarkLogisticEpoch(b *testing.B) {
	features, targets := cloud(1, 10_000, 16), kernel.New[float64](ctx, 10_000)
	weights := kernel.New[float64](ctx, 17)
	for b.Loop() {
		if _, _, err := LogisticEpoch(ctx, features, targets, weights, 0.1, 0.01, 32, 1); err != nil {
			b.Fatal(err)
		}
	}
}
