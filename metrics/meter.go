package metrics

import (
	"math"
	"sync"
	"time"
)

// tickInterval is how often the moving averages of a meter move.
const tickInterval = 5 * time.Second

// ewma is an exponentially weighted moving average of events per second over some minutes.
type ewma struct{ rate float64 }

// ewmaAlpha is how much one tick counts in an average over that many minutes.
func ewmaAlpha(minutes float64) float64 { return 1 - math.Exp(-tickInterval.Minutes()/minutes) }

// tick takes the events of one interval. The first one sets the rate.
func (e *ewma) tick(alpha, events float64, first bool) {
	instant := events / tickInterval.Seconds()
	if first {
		e.rate = instant
		return
	}
	e.rate += alpha * (instant - e.rate)
}

// idle takes n intervals without events.
func (e *ewma) idle(alpha float64, n int64) { e.rate *= math.Pow(1-alpha, float64(n)) }

// rates are the moving averages of a meter or timer. Whoever holds them guards them.
type rates struct {
	averages  [3]ewma
	uncounted float64
	// ticked is begun before the first tick.
	ticked, begun stamp
}

// ratesMinutes are the lengths of the averages, ratesNames their names in rows.
var (
	ratesMinutes = [3]float64{1, 5, 15}
	ratesNames   = [3]string{"m1", "m5", "m15"}
)

func newRates() rates {
	now := monotonic()
	return rates{ticked: now, begun: now}
}

// mark counts events of now.
func (r *rates) mark(now stamp, n float64) {
	r.tick(now)
	r.uncounted += n
}

// tick brings the averages up to date: what is not counted yet goes to the first interval that is over, the others had
// nothing.
func (r *rates) tick(now stamp) {
	n := int64(time.Duration(now-r.ticked) / tickInterval)
	if n <= 0 {
		return
	}
	first := r.ticked == r.begun
	r.ticked += stamp(n) * stamp(tickInterval)
	for i := range r.averages {
		alpha := ewmaAlpha(ratesMinutes[i])
		r.averages[i].tick(alpha, r.uncounted, first)
		r.averages[i].idle(alpha, n-1)
	}
	r.uncounted = 0
}

// Rates are events per second on average.
type Rates struct {
	M1, M5, M15 float64
	// Mean is that since the metric was made.
	Mean float64
}

func (r *rates) read(now stamp, count float64) Rates {
	r.tick(now)
	all := Rates{M1: r.averages[0].rate, M5: r.averages[1].rate, M15: r.averages[2].rate}
	if elapsed := time.Duration(now - r.begun).Seconds(); elapsed > 0 {
		all.Mean = count / elapsed
	}
	return all
}

func (r Rates) list() [3]float64 { return [3]float64{r.M1, r.M5, r.M15} }

// Meter counts events and how often they happen. Its methods may be called concurrently. Registry.Meter makes it.
type Meter struct {
	mu      sync.Mutex // guards everything below
	count   float64
	buckets buckets
	rates   rates
}

// NewMeter returns a meter with buckets of that width.
func NewMeter(width time.Duration) *Meter {
	return &Meter{buckets: newBuckets(width), rates: newRates()}
}

// Mark counts n events. What is not a finite number above zero is ignored.
func (m *Meter) Mark(n float64) { m.add(n, true) }

// add counts events; those that are not of now go to the count only.
func (m *Meter) add(n float64, now bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !(n > 0) || !finite(m.count+n) {
		return
	}
	m.count += n
	if !now {
		m.buckets.created = 0
		return
	}
	at := monotonic()
	m.buckets.count(at, n, 0)
	m.rates.mark(at, n)
}

// Count is the number of events.
func (m *Meter) Count() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count
}

// Rates are the averages of now.
func (m *Meter) Rates() Rates {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rates.read(monotonic(), m.count)
}

// Buckets is as of BucketCounter.
func (m *Meter) Buckets(from time.Time) []Bucket {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.buckets.since(from, time.Now())
}

func (m *Meter) rest() {}

func (m *Meter) collect(to *collector, name Name) {
	m.mu.Lock()
	count, rates, buckets := m.count, m.rates.read(monotonic(), m.count), m.buckets.copy()
	m.mu.Unlock()
	if to.compact {
		to.completed(name, buckets)
	}
	to.with(name, "count", KindCounter, count)
	to.rates(name, rates)
	if !to.compact {
		to.instant(name, buckets)
	}
}
