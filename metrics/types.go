package metrics

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"sync"
	"time"
)

// Gauge is a value that is read when someone asks. Value must be quick or respect ctx. The result is a number of any
// Go type, a string, a bool, or anything that marshals to JSON; nil, NaN and infinities mean there is no value now.
type Gauge interface {
	Value(ctx context.Context) any
}

// GaugeFunc is a function as a Gauge.
type GaugeFunc func(ctx context.Context) any

// Value calls the function.
func (f GaugeFunc) Value(ctx context.Context) any { return f(ctx) }

// Set is a number of gauges that are read together, for example one per network interface. Samples must be quick and
// returns a slice that belongs to the caller.
type Set interface {
	Samples(ctx context.Context) []Sample
}

// Sample is one gauge of a set at one moment.
type Sample struct {
	Name Name
	// Value is as of Gauge. A sample without one is listed and has no row.
	Value any
	// Text says how the Prometheus text shows it; the zero value means by the general rule.
	Text Text
}

// Text is how the Prometheus text shows a gauge where the general rule (see the package comment) does not fit.
type Text struct {
	// Name is the metric name without the suffix of counters, "" for the general rule.
	Name string
	// Help is the explanation, "" for a general one.
	Help string
	// Counter is set for totals that only grow; the name then gets the suffix _total.
	Counter bool
	// Scale multiplies the value, to reach a base unit; 0 counts as 1.
	Scale float64
	// Labels are added to those of the tags.
	Labels map[string]string
	// Omit leaves the sample out of the text.
	Omit bool
}

// usable returns nil for values that must never appear.
func usable(v any) any {
	if f, ok := number(v); ok && !finite(f) {
		return nil
	}
	return v
}

// number returns a numeric value as a float.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

// Counter is a cumulative count, never below zero. Its methods may be called concurrently. Registry.Counter makes it.
type Counter struct {
	// created is in seconds since 1970, 0 when nobody knows.
	created uint32

	mu    sync.Mutex // guards count
	count float64
}

// Inc adds n. A number that is not finite is ignored.
func (c *Counter) Inc(n float64) { c.add(n) }

// Dec subtracts n, down to zero. A number that is not finite is ignored.
func (c *Counter) Dec(n float64) { c.add(-n) }

func (c *Counter) add(n float64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if sum := c.count + n; finite(sum) {
		c.count = max(0, sum)
	}
}

// Count is the current value.
func (c *Counter) Count() float64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

func (c *Counter) rest() {}

func (c *Counter) collect(to *collector, name Name) { to.counter(name, c.Count()) }

// histogram counts observations by upper bound and keeps their sum. It serves the daemon's own instruments.
type histogram struct {
	bounds []float64 // ascending, finite; what lies above the last is counted in the extra last bucket
	// created is in seconds since 1970.
	created uint32

	mu      sync.Mutex // guards everything below
	buckets []uint64
	sum     float64
}

func newHistogram(bounds []float64) *histogram {
	bounds = slices.Clone(bounds)
	bounds = slices.DeleteFunc(bounds, func(b float64) bool {
		return math.IsNaN(b) || math.Abs(b) >= math.MaxFloat64
	})
	slices.Sort(bounds)
	bounds = slices.Compact(bounds)
	return &histogram{bounds: bounds, created: second32(time.Now().Unix()), buckets: make([]uint64, len(bounds)+1)}
}

// observe adds n observations of value.
func (h *histogram) observe(value float64, n uint64) {
	i, _ := slices.BinarySearch(h.bounds, value)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buckets[i] += n
	h.sum += value * float64(n)
}

// read returns the observations per bucket, their number and their sum.
func (h *histogram) read() (buckets []uint64, count uint64, sum float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.buckets {
		count += n
	}
	return slices.Clone(h.buckets), count, h.sum
}

func (h *histogram) rest() {}

func (h *histogram) collect(to *collector, name Name) {
	_, count, sum := h.read()
	if !to.compact {
		to.with(name, "count", KindCounter, float64(count))
	}
	to.with(name, "mean", KindGauge, rate(sum, float64(count)))
}
