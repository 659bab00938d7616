package metrics

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"
)

// NotAvailable is what a snapshot of ReservoirBucket has for all but the mean.
const NotAvailable = -10001

// Snapshot is the distribution of what a histogram was given. Everything is 0 where there were no values. It does not
// change.
type Snapshot interface {
	// Size is the number of values that are kept.
	Size() int
	// Quantile is the value below which a part of the values lies, q from 0 to 1.
	Quantile(q float64) (float64, error)
	Max() float64
	Min() float64
	Mean() float64
	StdDev() float64
}

// checkQuantile returns the error for what is no quantile. The text is the original's.
func checkQuantile(q float64) error {
	if q >= 0 && q <= 1 {
		return nil
	}
	return fmt.Errorf("%v is not in [0..1]", q)
}

// sorted is values in order, with what they have in common.
type sorted []float64

// Size implements Snapshot.
func (s sorted) Size() int { return len(s) }

// Max implements Snapshot.
func (s sorted) Max() float64 {
	if len(s) == 0 {
		return 0
	}
	return s[len(s)-1]
}

// Min implements Snapshot.
func (s sorted) Min() float64 {
	if len(s) == 0 {
		return 0
	}
	return s[0]
}

// uniformSnapshot is values of which each counts the same.
type uniformSnapshot struct{ sorted }

// newUniformSnapshot takes the values over.
func newUniformSnapshot(values []float64) Snapshot {
	slices.Sort(values)
	return uniformSnapshot{values}
}

// Quantile implements Snapshot: between two values it interpolates.
func (s uniformSnapshot) Quantile(q float64) (float64, error) {
	if err := checkQuantile(q); err != nil || len(s.sorted) == 0 {
		return 0, err
	}
	whole, part := math.Modf(q * float64(len(s.sorted)+1))
	switch i := int(whole); {
	case i < 1:
		return s.Min(), nil
	case i >= len(s.sorted):
		return s.Max(), nil
	default:
		lower, upper := s.sorted[i-1], s.sorted[i]
		return lower + part*(upper-lower), nil
	}
}

// Mean implements Snapshot.
func (s uniformSnapshot) Mean() float64 {
	sum := 0.0
	for _, v := range s.sorted {
		sum += v
	}
	return rate(sum, float64(len(s.sorted)))
}

// StdDev implements Snapshot.
func (s uniformSnapshot) StdDev() float64 {
	if len(s.sorted) <= 1 {
		return 0
	}
	mean, sum := s.Mean(), 0.0
	for _, v := range s.sorted {
		sum += (v - mean) * (v - mean)
	}
	return math.Sqrt(sum / float64(len(s.sorted)-1))
}

// weightedSnapshot is values that count differently.
type weightedSnapshot struct {
	sorted
	weights []float64 // their sum is 1
	below   []float64 // the weights of all values before
}

// weighted is a value and how much it counts.
type weighted struct{ value, weight float64 }

// newWeightedSnapshot takes the values over.
func newWeightedSnapshot(values []weighted) Snapshot {
	slices.SortFunc(values, func(a, b weighted) int { return cmp.Compare(a.value, b.value) })
	total := 0.0
	for _, v := range values {
		total += v.weight
	}
	s := weightedSnapshot{
		sorted: make(sorted, len(values)), weights: make([]float64, len(values)), below: make([]float64, len(values)),
	}
	below := 0.0
	for i, v := range values {
		s.sorted[i], s.weights[i], s.below[i] = v.value, v.weight/total, below
		below += s.weights[i]
	}
	return s
}

// Quantile implements Snapshot: it is always one of the values.
func (s weightedSnapshot) Quantile(q float64) (float64, error) {
	if err := checkQuantile(q); err != nil || len(s.sorted) == 0 {
		return 0, err
	}
	after := sort.Search(len(s.below), func(i int) bool { return s.below[i] > q })
	return s.sorted[max(0, after-1)], nil
}

// Mean implements Snapshot.
func (s weightedSnapshot) Mean() float64 {
	mean := 0.0
	for i, v := range s.sorted {
		mean += v * s.weights[i]
	}
	return mean
}

// StdDev implements Snapshot.
func (s weightedSnapshot) StdDev() float64 {
	if len(s.sorted) <= 1 {
		return 0
	}
	mean, variance := s.Mean(), 0.0
	for i, v := range s.sorted {
		variance += s.weights[i] * (v - mean) * (v - mean)
	}
	return math.Sqrt(variance)
}

// bucketSnapshot is the last complete bucket, of which only the mean is known.
type bucketSnapshot struct{ count, sum float64 }

// Size implements Snapshot.
func (s bucketSnapshot) Size() int { return int(s.count) }

// Quantile implements Snapshot.
func (s bucketSnapshot) Quantile(q float64) (float64, error) { return NotAvailable, checkQuantile(q) }

// Max implements Snapshot.
func (s bucketSnapshot) Max() float64 { return NotAvailable }

// Min implements Snapshot.
func (s bucketSnapshot) Min() float64 { return NotAvailable }

// Mean implements Snapshot.
func (s bucketSnapshot) Mean() float64 { return rate(s.sum, s.count) }

// StdDev implements Snapshot.
func (s bucketSnapshot) StdDev() float64 { return NotAvailable }
