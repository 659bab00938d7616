package metrics

import (
	"math"
	"math/rand/v2"
	"time"
)

// Reservoir says which values a histogram keeps for its statistics.
type Reservoir int

// The reservoirs.
const (
	// ReservoirDecaying keeps a sample in which newer values count more: one of now e times as much as one of 67 s ago.
	ReservoirDecaying Reservoir = iota
	// ReservoirTimeWindow keeps the values of the latest period, and of these no more than the latest 4096.
	ReservoirTimeWindow
	// ReservoirWindow keeps the latest 1024 values.
	ReservoirWindow
	// ReservoirUniform keeps a sample of all values since the beginning.
	ReservoirUniform
	// ReservoirBucket keeps nothing but the mean of the last complete bucket.
	ReservoirBucket
)

const (
	decayingSize  = 1028
	uniformSize   = 1024
	windowSize    = 1024
	timeWindow    = 4096
	decayingAlpha = 0.015 // per second
	rescaleAfter  = time.Hour
)

// reservoir keeps values. Whoever holds it guards it.
type reservoir interface {
	// add takes a value that stands for so many.
	add(now time.Time, value, times float64)
	snapshot(now time.Time) Snapshot
	// quantiles are those of the snapshot that the Prometheus text has; nil when there are no values.
	quantiles(now time.Time) *[len(exposedQuantiles)]float64
	// clear forgets all values, and their memory.
	clear()
}

// snapshotQuantiles reads them from a snapshot.
func snapshotQuantiles(s Snapshot) *[len(exposedQuantiles)]float64 {
	if s.Size() == 0 {
		return nil
	}
	found := new([len(exposedQuantiles)]float64)
	for i, q := range exposedQuantiles {
		found[i], _ = s.Quantile(q) // it is one
	}
	return found
}

// newReservoir returns a reservoir of a kind; the period is that of ReservoirTimeWindow.
func newReservoir(kind Reservoir, period time.Duration) reservoir {
	switch kind {
	case ReservoirTimeWindow:
		return &windowReservoir{limit: timeWindow, period: period}
	case ReservoirWindow:
		return &windowReservoir{limit: windowSize}
	case ReservoirUniform:
		return &uniformReservoir{limit: uniformSize}
	}
	return &decayingReservoir{limit: decayingSize}
}

// decayingReservoir is a sample by forward decay: a value's weight grows exponentially with the time it came, and the
// values with the highest weight/random stay. It keeps logarithms, so that no time is too long for it.
type decayingReservoir struct {
	limit int
	// start is when a value has weight 1.
	start time.Time
	heap  []decayingValue // the lowest key first
}

type decayingValue struct {
	value float64
	// key is the logarithm of weight/random, weight that of the weight.
	key, weight float32
}

func (r *decayingReservoir) add(now time.Time, value, times float64) {
	if r.start.IsZero() {
		r.start = now
	}
	if now.Sub(r.start) > rescaleAfter {
		r.rescale(now)
	}
	// In whole seconds, so that what comes together counts the same.
	weight := decayingAlpha*math.Floor(now.Sub(r.start).Seconds()) + math.Log(times)
	v := decayingValue{value, float32(weight + rand.ExpFloat64()), float32(weight)}
	if len(r.heap) < r.limit {
		if len(r.heap) == cap(r.heap) {
			r.heap = append(make([]decayingValue, 0, min(r.limit, 4+2*cap(r.heap))), r.heap...)
		}
		r.heap = append(r.heap, v)
		r.up()
	} else if v.key > r.heap[0].key {
		r.heap[0] = v
		r.down()
	}
}

// up puts the last value into its place.
func (r *decayingReservoir) up() {
	for i := len(r.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if r.heap[parent].key <= r.heap[i].key {
			return
		}
		r.heap[parent], r.heap[i] = r.heap[i], r.heap[parent]
		i = parent
	}
}

// down puts the first value into its place.
func (r *decayingReservoir) down() {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(r.heap) {
			return
		}
		if child+1 < len(r.heap) && r.heap[child+1].key < r.heap[child].key {
			child++
		}
		if r.heap[i].key <= r.heap[child].key {
			return
		}
		r.heap[child], r.heap[i] = r.heap[i], r.heap[child]
		i = child
	}
}

// rescale moves the start, so that the figures stay exact.
func (r *decayingReservoir) rescale(now time.Time) {
	by := float32(decayingAlpha * now.Sub(r.start).Seconds())
	for i := range r.heap {
		r.heap[i].key -= by
		r.heap[i].weight -= by
	}
	r.start = now
}

func (r *decayingReservoir) snapshot(time.Time) Snapshot { return newWeightedSnapshot(r.weighted()) }

func (r *decayingReservoir) quantiles(time.Time) *[len(exposedQuantiles)]float64 {
	if len(r.heap) == 0 {
		return nil
	}
	found := selectQuantiles(r.weighted())
	return &found
}

// weighted copies the values. Many have come in the same second and so weigh the same.
func (r *decayingReservoir) weighted() []weighted {
	highest := float32(math.Inf(-1))
	for _, v := range r.heap {
		highest = max(highest, v.weight)
	}
	values := make([]weighted, len(r.heap))
	before, exp := highest, 1.0
	for i, v := range r.heap {
		if v.weight != before {
			before, exp = v.weight, math.Exp(float64(v.weight-highest))
		}
		values[i] = weighted{v.value, exp}
	}
	return values
}

func (r *decayingReservoir) clear() { r.heap, r.start = nil, time.Time{} }

// uniformReservoir is a sample of all values, of which each had the same chance.
type uniformReservoir struct {
	limit  int
	seen   float64
	values []float64
}

func (r *uniformReservoir) add(_ time.Time, value, times float64) {
	r.seen += times
	if len(r.values) < r.limit {
		r.values = append(r.values, value)
		return
	}
	if place := rand.Float64() * r.seen; place < float64(r.limit)*times {
		r.values[rand.IntN(r.limit)] = value
	}
}

func (r *uniformReservoir) snapshot(time.Time) Snapshot {
	return newUniformSnapshot(append([]float64(nil), r.values...))
}

func (r *uniformReservoir) quantiles(now time.Time) *[len(exposedQuantiles)]float64 {
	return snapshotQuantiles(r.snapshot(now))
}

func (r *uniformReservoir) clear() { r.values, r.seen = nil, 0 }

// windowReservoir keeps the latest values, of any time or of a period.
type windowReservoir struct {
	limit  int
	period time.Duration // 0 for any
	values []windowValue
	next   int // where the next one goes when it is full: the oldest
}

type windowValue struct {
	at    time.Time
	value float64
}

func (r *windowReservoir) add(now time.Time, value, _ float64) {
	if len(r.values) < r.limit {
		r.values = append(r.values, windowValue{now, value})
		return
	}
	r.values[r.next] = windowValue{now, value}
	r.next = (r.next + 1) % r.limit
}

func (r *windowReservoir) snapshot(now time.Time) Snapshot {
	var values []float64
	for _, v := range r.values {
		if r.period == 0 || now.Sub(v.at) < r.period {
			values = append(values, v.value)
		}
	}
	return newUniformSnapshot(values)
}

func (r *windowReservoir) quantiles(now time.Time) *[len(exposedQuantiles)]float64 {
	return snapshotQuantiles(r.snapshot(now))
}

func (r *windowReservoir) clear() { r.values, r.next = nil, 0 }
