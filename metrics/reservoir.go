package metrics

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
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
// values with the highest weight/random stay. Of these it keeps logarithms, so that no time is too long for it.
type decayingReservoir struct {
	limit int
	// start is when a value has weight 1.
	start time.Time
	slots []decayingValue
	// heap is the slots, the lowest key first.
	heap []uint16
	// order is the slots by value, as they were when it was made; changed has a bit for each that is another one since.
	order   []uint16
	changed [(decayingSize + 63) / 64]uint64
}

type decayingValue struct {
	value float64
	// key is the logarithm of weight/random, weight the weight itself.
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
	key := float32(weight + rand.ExpFloat64())
	if len(r.slots) < r.limit {
		if len(r.slots) == cap(r.slots) {
			r.grow(min(r.limit, 4+2*cap(r.slots)))
		}
		slot := len(r.slots)
		r.slots = append(r.slots, decayingValue{value, key, linear(weight)})
		r.heap = append(r.heap, uint16(slot))
		r.changed[slot/64] |= 1 << (slot % 64)
		r.up()
		return
	}
	if slot := r.heap[0]; key > r.slots[slot].key {
		r.slots[slot] = decayingValue{value, key, linear(weight)}
		r.changed[slot/64] |= 1 << (slot % 64)
		r.down()
	}
}

// linear is the number of a logarithm, within what there is.
func linear(weight float64) float32 { return float32(min(math.Exp(weight), math.MaxFloat32)) }

// grow makes room for so many values.
func (r *decayingReservoir) grow(n int) {
	r.slots = append(make([]decayingValue, 0, n), r.slots...)
	r.heap = append(make([]uint16, 0, n), r.heap...)
	r.order = append(make([]uint16, 0, n), r.order...)
}

func (r *decayingReservoir) keyAt(i int) float32 { return r.slots[r.heap[i]].key }

// up puts the last value into its place.
func (r *decayingReservoir) up() {
	for i := len(r.heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if r.keyAt(parent) <= r.keyAt(i) {
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
		if child+1 < len(r.heap) && r.keyAt(child+1) < r.keyAt(child) {
			child++
		}
		if r.keyAt(i) <= r.keyAt(child) {
			return
		}
		r.heap[child], r.heap[i] = r.heap[i], r.heap[child]
		i = child
	}
}

// rescale moves the start, so that the figures stay exact. What comes hours after all others leaves these no weight; they
// keep the least there is.
func (r *decayingReservoir) rescale(now time.Time) {
	by := decayingAlpha * now.Sub(r.start).Seconds()
	factor := float32(math.Exp(-by))
	for i := range r.slots {
		r.slots[i].key -= float32(by)
		r.slots[i].weight = max(r.slots[i].weight*factor, math.SmallestNonzeroFloat32)
	}
	r.start = now
}

func (r *decayingReservoir) snapshot(time.Time) Snapshot { return newWeightedSnapshot(r.weighted()) }

// weighted copies the values.
func (r *decayingReservoir) weighted() []weighted {
	values := make([]weighted, len(r.slots))
	for i, v := range r.slots {
		values[i] = weighted{v.value, float64(v.weight)}
	}
	return values
}

// mergedAtMost is up to how many new values putting them into the order of the others is less work than beginning anew.
const mergedAtMost = 96

func (r *decayingReservoir) quantiles(time.Time) *[len(exposedQuantiles)]float64 {
	n := 0
	for _, word := range r.changed {
		n += bits.OnesCount64(word)
	}
	var found [len(exposedQuantiles)]float64
	switch {
	case len(r.slots) == 0:
		return nil
	case n > mergedAtMost && n < len(r.slots):
		found = selectQuantiles(r.weighted())
	default:
		r.sort()
		total := 0.0
		for _, v := range r.slots {
			total += float64(v.weight)
		}
		// From the highest value down: most quantiles are there.
		at, below := len(r.order), total
		for i, q := range slices.Backward(exposedQuantiles[:]) {
			for at == len(r.order) || at > 0 && below > q*total {
				at--
				below -= float64(r.slots[r.order[at]].weight)
			}
			found[i] = r.slots[r.order[at]].value
		}
	}
	return &found
}

// sort makes the order from the one before and what has changed.
func (r *decayingReservoir) sort() {
	var places [decayingSize]uint16
	fresh := places[:0]
	for w, word := range r.changed {
		for ; word != 0; word &= word - 1 {
			fresh = append(fresh, uint16(64*w+bits.TrailingZeros64(word)))
		}
	}
	slices.SortFunc(fresh, func(a, b uint16) int { return cmp.Compare(r.slots[a].value, r.slots[b].value) })
	kept := r.order[:0]
	for _, slot := range r.order {
		if r.changed[slot/64]>>(slot%64)&1 == 0 {
			kept = append(kept, slot)
		}
	}
	// From the end, so that nothing is overwritten before it is read.
	r.order = kept[:len(kept)+len(fresh)]
	i, j := len(kept)-1, len(fresh)-1
	for at := len(r.order) - 1; j >= 0; at-- {
		if i >= 0 && r.slots[kept[i]].value > r.slots[fresh[j]].value {
			r.order[at] = kept[i]
			i--
		} else {
			r.order[at] = fresh[j]
			j--
		}
	}
	clear(r.changed[:])
}

func (r *decayingReservoir) clear() { *r = decayingReservoir{limit: r.limit} }

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
