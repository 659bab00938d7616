package metrics

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestSelectionIsAsSorting: the quantiles of the text are those of a snapshot.
func TestSelectionIsAsSorting(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 2))
		values := make([]weighted, 1+random.IntN(300))
		different := 1 + random.IntN(400)
		weight := 0.0
		for i := range values {
			// Weights whose sums are exact.
			values[i] = weighted{float64(random.IntN(different)), float64(int(1) << random.IntN(6))}
			weight += values[i].weight
		}
		got := selectQuantiles(slices.Clone(values))
		slices.SortStableFunc(values, func(a, b weighted) int { return int(a.value - b.value) })
		for i, q := range exposedQuantiles {
			below, at := 0.0, 0
			for at < len(values)-1 && below+values[at].weight <= q*weight {
				below += values[at].weight
				at++
			}
			if got[i] != values[at].value {
				t.Fatalf("seed %d: %v of %d values is %v, want %v", seed, q, len(values), got[i], values[at].value)
			}
		}
	}
	for name, values := range map[string][]weighted{
		"one": {{5, 1}}, "same": slices.Repeat([]weighted{{5, .3}}, 1000), "ascending": ascending(1028), "no weight": {{5, 0}, {6, 0}},
	} {
		want := newWeightedSnapshot(slices.Clone(values))
		for i, got := range selectQuantiles(values) {
			if v, _ := want.Quantile(exposedQuantiles[i]); v != got && name != "no weight" {
				t.Errorf("%s: %v is %v, want %v", name, exposedQuantiles[i], got, v)
			}
		}
	}
}

func ascending(n int) []weighted {
	all := make([]weighted, n)
	for i := range all {
		all[i] = weighted{float64(i), 1}
	}
	return all
}

// TestQuantilesOfTheText: however many values have come since they were read before, they are those of the snapshot.
func TestQuantilesOfTheText(t *testing.T) {
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 3))
		r := &decayingReservoir{limit: []int{3, 100, decayingSize}[random.IntN(3)]}
		now := time.Unix(1_000_000, 0)
		if r.quantiles(now) != nil {
			t.Fatal("quantiles of nothing")
		}
		for range 40 {
			for range random.IntN([]int{2, 20, 200, 2000}[random.IntN(4)]) + 1 {
				r.add(now, float64(random.IntN(50)), 1+float64(random.IntN(2)))
			}
			now = now.Add(time.Duration(random.IntN(1000)) * time.Second)
			got, want := r.quantiles(now), r.snapshot(now)
			for i, q := range exposedQuantiles {
				// Sums in another order may differ in their last bits.
				low, _ := want.Quantile(q - 1e-9)
				high, _ := want.Quantile(q + 1e-9)
				if got[i] < low || got[i] > high {
					t.Fatalf("seed %d: %v of %d values is %v, want %v to %v", seed, q, want.Size(), got[i], low, high)
				}
			}
		}
		if r.clear(); r.quantiles(now) != nil || r.limit == 0 {
			t.Fatal("quantiles of what was forgotten")
		}
	}
}
