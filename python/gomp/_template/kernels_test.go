package NAME

import (
	"slices"
	"testing"

	"github.com/gomp-project/gomp/gomp/kernel"
)

func TestSquare(t *testing.T) {
	if got := Square(-3); got != 9 {
		t.Errorf("Square(-3) = %g, not 9", got)
	}
}

func TestRowMeans(t *testing.T) {
	image := kernel.Of([]float64{1, 2, 3, 4, 5, 6}, 2, 3)
	means, err := RowMeans(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	if got := means.Flat(); !slices.Equal(got, []float64{2, 5}) {
		t.Errorf("RowMeans = %v, not [2 5]", got)
	}
	if _, err := RowMeans(t.Context(), kernel.Of([]float64{1, 2}, 2)); err == nil {
		t.Error("an array of one dimension was taken")
	}
}
