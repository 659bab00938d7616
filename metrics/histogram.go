package metrics

import (
	"sync"
	"time"
)

// Histogram tells how values are distributed. Its methods may be called concurrently. Registry.Histogram makes it.
type Histogram struct {
	mu      sync.Mutex // guards everything below
	count   float64
	sum     float64
	buckets buckets
	values  reservoir // nil for ReservoirBucket
	rates   *rates    // of timers
	// exposed are the quantiles as they were last exposed, nil when values have come since.
	exposed *[len(exposedQuantiles)]float64
}

// NewHistogram returns a histogram with buckets of that width and a reservoir.
func NewHistogram(width time.Duration, kind Reservoir) *Histogram {
	h := &Histogram{buckets: newBuckets(width)}
	if kind != ReservoirBucket {
		h.values = newReservoir(kind, width)
	}
	return h
}

// Update adds a value. One that is not finite is ignored.
func (h *Histogram) Update(value float64) { h.add(1, value, []float64{value}, 1, true) }

// add counts values with their sum, of which samples are some that stand for times each; those that are not of now go
// to count and sum only.
func (h *Histogram) add(count, sum float64, samples []float64, times float64, now bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !finite(h.count+count) || !finite(h.sum+sum) {
		return
	}
	h.count += count
	h.sum += sum
	if !now {
		h.buckets.created = 0
		return
	}
	mono := monotonic()
	h.buckets.count(mono, count, sum)
	if h.rates != nil {
		h.rates.mark(mono, count)
	}
	if h.values == nil {
		return
	}
	h.exposed = nil
	at := time.Now()
	for _, v := range samples {
		h.values.add(at, v, times)
	}
}

// Count is the number of values.
func (h *Histogram) Count() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// Sum is the sum of all values.
func (h *Histogram) Sum() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sum
}

// Buckets is as of BucketCounter.
func (h *Histogram) Buckets(from time.Time) []Bucket {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.buckets.since(from, time.Now())
}

// Snapshot is the distribution of now.
func (h *Histogram) Snapshot() Snapshot {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.snapshotLocked(time.Now())
}

func (h *Histogram) snapshotLocked(now time.Time) Snapshot {
	if h.values == nil {
		b := h.buckets.at(lastComplete(now.Unix(), h.buckets.seconds()))
		return bucketSnapshot{b.count, b.sum}
	}
	return h.values.snapshot(now)
}

// rest gives the memory of values back while nobody owns the histogram.
func (h *Histogram) rest() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.values != nil {
		h.values.clear()
		h.exposed = nil
	}
}

// histogramView is a histogram at one moment.
type histogramView struct {
	count, sum float64
	snapshot   Snapshot
	buckets    buckets
	rates      Rates
}

func (h *Histogram) view(now time.Time) histogramView {
	h.mu.Lock()
	defer h.mu.Unlock()
	v := histogramView{count: h.count, sum: h.sum, snapshot: h.snapshotLocked(now), buckets: h.buckets.copy()}
	if h.rates != nil {
		v.rates = h.rates.read(monotonic(), h.count)
	}
	return v
}

// exposition is what the Prometheus text has of a histogram.
type exposition struct {
	count, sum float64
	created    uint32
	quantiles  *[len(exposedQuantiles)]float64 // nil when there are none
	rates      Rates
}

func (h *Histogram) exposition() exposition {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := exposition{count: h.count, sum: h.sum, created: h.buckets.created}
	if h.values != nil {
		// Only those of a time window change without new values.
		if w, passing := h.values.(*windowReservoir); h.exposed == nil || passing && w.period > 0 {
			h.exposed = h.values.quantiles(time.Now())
		}
		e.quantiles = h.exposed
	}
	if h.rates != nil {
		e.rates = h.rates.read(monotonic(), h.count)
	}
	return e
}

func (h *Histogram) collect(to *collector, name Name) {
	v := h.view(to.now)
	if to.compact {
		to.with(name, "mean", KindGauge, v.snapshot.Mean())
		return
	}
	to.with(name, "count", KindCounter, v.count)
	to.with(name, "max", KindGauge, v.snapshot.Max())
	to.with(name, "min", KindGauge, v.snapshot.Min())
	to.with(name, "mean", KindGauge, v.snapshot.Mean())
	to.quantiles(name, v.snapshot, 1)
}

// Timer is a Histogram of durations in milliseconds that also tells how often they come. Its methods may be called
// concurrently. Registry.Timer makes it.
type Timer struct{ histogram *Histogram }

// NewTimer returns a timer with buckets of that width and a reservoir.
func NewTimer(width time.Duration, kind Reservoir) *Timer {
	h := NewHistogram(width, kind)
	rates := newRates()
	h.rates = &rates
	return &Timer{h}
}

// Update adds a duration in milliseconds. What is not a finite number, or below zero, is ignored.
func (t *Timer) Update(milliseconds float64) {
	if milliseconds >= 0 {
		t.histogram.Update(milliseconds)
	}
}

// Count is the number of durations.
func (t *Timer) Count() float64 { return t.histogram.Count() }

// Sum is all durations together, in milliseconds.
func (t *Timer) Sum() float64 { return t.histogram.Sum() }

// Snapshot is the distribution of now, in milliseconds.
func (t *Timer) Snapshot() Snapshot { return t.histogram.Snapshot() }

// Rates are the averages of now.
func (t *Timer) Rates() Rates { return t.histogram.view(time.Now()).rates }

// Buckets is as of BucketCounter.
func (t *Timer) Buckets(from time.Time) []Bucket { return t.histogram.Buckets(from) }

func (t *Timer) add(count, sum float64, samples []float64, times float64, now bool) {
	t.histogram.add(count, sum, samples, times, now)
}

func (t *Timer) rest() { t.histogram.rest() }

func (t *Timer) collect(to *collector, name Name) {
	v := t.histogram.view(to.now)
	if to.compact {
		to.completed(name, v.buckets)
		to.with(name, "count", KindCounter, v.count)
		to.rates(name, v.rates)
		to.with(name, "rt", KindGauge, to.duration(v.snapshot.Mean()))
		to.with(name, "mean", KindGauge, to.duration(v.snapshot.Mean()))
		to.qps(name, v.buckets)
		return
	}
	to.with(name, "count", KindCounter, v.count)
	to.rates(name, v.rates)
	to.with(name, "max", KindGauge, to.duration(v.snapshot.Max()))
	to.with(name, "min", KindGauge, to.duration(v.snapshot.Min()))
	to.with(name, "mean", KindGauge, to.duration(v.snapshot.Mean()))
	to.with(name, "rt", KindGauge, to.duration(v.snapshot.Mean()))
	to.quantiles(name, v.snapshot, to.durations)
	to.instant(name, v.buckets)
}
