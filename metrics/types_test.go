package metrics

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func counts(buckets []Bucket) (all []float64) {
	for _, b := range buckets {
		all = append(all, b.Count)
	}
	return all
}

func TestLastComplete(t *testing.T) {
	for _, tt := range []struct{ at, width, want int64 }{
		{1514887712411, 10, 1514887700000}, {1514887712411, 15, 1514887695000}, {1540958764377, 2, 1540958762000},
	} {
		if got := lastComplete(tt.at/1000, tt.width) * 1000; got != tt.want {
			t.Errorf("(%d, %d): %d, want %d", tt.at, tt.width, got, tt.want)
		}
	}
}

func TestBucketRing(t *testing.T) {
	b := newBuckets(time.Second)
	start := time.Unix(1_000_000, 0)
	for k := range 12 {
		b.add(start.Add(time.Duration(k)*time.Second), float64(10*(k-4)), 0)
	}
	now := start.Add(11 * time.Second)
	if got := fmt.Sprint(counts(b.since(time.Time{}, now))); got != "[70 60 50 40 30 20 10 0 -10 -20]" {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprint(counts(b.since(now.Add(-2*time.Second), now))); got != "[70 60 50]" {
		t.Errorf("since: %s", got)
	}
	// Seconds without events have no bucket.
	b.add(start.Add(60*time.Second), 1, 0)
	if got := fmt.Sprint(counts(b.since(time.Time{}, start.Add(60*time.Second)))); got != "[1 70 60 50 40 30 20 10 0 -10]" {
		t.Errorf("after a pause: %s", got)
	}
	// The clock is set back: what was in the future is forgotten.
	b.add(start.Add(11*time.Second), 5, 0)
	if got := fmt.Sprint(counts(b.since(time.Time{}, start.Add(time.Hour)))); got != "[75 60 50 40 30 20 10 0 -10]" {
		t.Errorf("after the clock was set back: %s", got)
	}
	b.add(time.Unix(10, 0), 9, 0)
	if got := fmt.Sprint(counts(b.since(time.Time{}, start))); got != "[9]" {
		t.Errorf("after the clock was set far back: %s", got)
	}
}

func TestBucketCounter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewBucketCounter(5 * time.Second)
		c.Inc(5)
		c.Dec(2)
		c.Inc(math.NaN())
		c.Inc(math.Inf(-1))
		time.Sleep(5 * time.Second)
		c.Inc(1)
		if c.Count() != 4 || c.Width() != 5*time.Second {
			t.Errorf("count %v, width %s", c.Count(), c.Width())
		}
		if got := fmt.Sprint(counts(c.Buckets(time.Time{}))); got != "[1 3]" {
			t.Errorf("buckets %s", got)
		}
		c.Dec(100)
		if c.Count() != 0 || fmt.Sprint(counts(c.Buckets(time.Time{}))) != "[-3 3]" {
			t.Errorf("below zero: %v %v", c.Count(), c.Buckets(time.Time{}))
		}
	})
}

func TestMeterRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMeter(time.Minute)
		m.Mark(3)
		if r := m.Rates(); r.M1 != 0 || r.Mean != 0 {
			t.Errorf("at once: %+v", r)
		}
		time.Sleep(3 * time.Second)
		m.Mark(3)
		m.Mark(-1)
		m.Mark(math.NaN())
		if r := m.Rates(); r.M1 != 0 || r.Mean != 2 {
			t.Errorf("before the first tick: %+v", r)
		}
		time.Sleep(2 * time.Second)
		if r := m.Rates(); r.M1 != 1.2 || r.M5 != 1.2 || r.M15 != 1.2 {
			t.Errorf("after it: %+v", r)
		}
		time.Sleep(time.Minute)
		if r := m.Rates(); math.Abs(r.M1-1.2*math.Exp(-1)) > 1e-9 || m.Count() != 6 {
			t.Errorf("a minute later: %+v", r)
		}
		time.Sleep(1000 * time.Hour)
		if r := m.Rates(); r.M15 > 1e-9 || r.M15 < 0 {
			t.Errorf("much later: %+v", r)
		}
	})
}

func TestSnapshotGoldens(t *testing.T) {
	uniform := newUniformSnapshot([]float64{5, 1, 2, 3, 4})
	weights := newWeightedSnapshot([]weighted{{5, 1}, {1, 2}, {2, 3}, {3, 2}, {4, 2}})
	for _, tt := range []struct {
		name                                      string
		s                                         Snapshot
		median, p75, p95, p98, p99, mean, std, lo float64
	}{
		{"uniform", uniform, 3, 4.5, 5, 5, 5, 3, 1.5811, 1},
		{"weighted", weights, 3, 4, 5, 5, 5, 2.7, 1.2689, 1},
		{"strings of the original", newUniformSnapshot([]float64{100, 9, 10}), 10, 100, 100, 100, 100, 39.6667, 52.2526, 9},
		{"no values", newUniformSnapshot(nil), 0, 0, 0, 0, 0, 0, 0, 0},
		{"no weighted values", newWeightedSnapshot(nil), 0, 0, 0, 0, 0, 0, 0, 0},
		{"one value", newWeightedSnapshot([]weighted{{7, 3}}), 7, 7, 7, 7, 7, 7, 0, 7},
		{"bucket", bucketSnapshot{2, 30}, -10001, -10001, -10001, -10001, -10001, 15, -10001, -10001},
		{"no bucket", bucketSnapshot{}, -10001, -10001, -10001, -10001, -10001, 0, -10001, -10001},
	} {
		for q, want := range map[float64]float64{.5: tt.median, .75: tt.p75, .95: tt.p95, .98: tt.p98, .99: tt.p99, 1: tt.s.Max(), 0: tt.s.Min()} {
			if got := must[float64](t)(tt.s.Quantile(q)); got != want {
				t.Errorf("%s: quantile %v is %v, want %v", tt.name, q, got, want)
			}
		}
		if math.Abs(tt.s.Mean()-tt.mean) > 1e-4 || math.Abs(tt.s.StdDev()-tt.std) > 1e-4 || tt.s.Min() != tt.lo {
			t.Errorf("%s: mean %v, deviation %v, min %v", tt.name, tt.s.Mean(), tt.s.StdDev(), tt.s.Min())
		}
		for _, q := range []float64{-.1, 1.1, math.NaN()} {
			if _, err := tt.s.Quantile(q); err == nil || !strings.HasSuffix(err.Error(), " is not in [0..1]") {
				t.Errorf("%s: quantile %v gave %v", tt.name, q, err)
			}
		}
	}
}

func TestHistogramReservoirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := map[string]*Histogram{}
		for name, kind := range map[string]Reservoir{
			"decaying": ReservoirDecaying, "uniform": ReservoirUniform, "window": ReservoirWindow, "time": ReservoirTimeWindow, "bucket": ReservoirBucket,
		} {
			all[name] = NewHistogram(10*time.Second, kind)
		}
		update := func(v float64) {
			for _, h := range all {
				h.Update(v)
			}
		}
		check := func(name string, median, low, mean float64) {
			t.Helper()
			s := all[name].Snapshot()
			if got := must[float64](t)(s.Quantile(.5)); got != median || s.Min() != low || math.Abs(s.Mean()-mean) > 1e-6 {
				t.Errorf("%s: median %v, min %v, mean %v; want %v, %v, %v", name, got, s.Min(), s.Mean(), median, low, mean)
			}
		}
		for _, v := range []float64{math.NaN(), math.Inf(1), 10, 20} {
			update(v)
		}
		check("bucket", NotAvailable, NotAvailable, 0)
		time.Sleep(10 * time.Second)
		check("bucket", NotAvailable, NotAvailable, 15)
		check("time", 0, 0, 0)
		for range 2000 {
			update(300)
		}
		check("time", 300, 300, 300)
		check("window", 300, 300, 300)
		check("bucket", NotAvailable, NotAvailable, 15)
		time.Sleep(10 * time.Second)
		check("bucket", NotAvailable, NotAvailable, 300)
		for _, name := range []string{"decaying", "uniform"} {
			if s := all[name].Snapshot(); s.Max() != 300 || s.Size() < 1000 || all[name].Count() != 2002 || all[name].Sum() != 600030 {
				t.Errorf("%s: max %v of %d, count %v, sum %v", name, s.Max(), s.Size(), all[name].Count(), all[name].Sum())
			}
		}
		time.Sleep(10 * time.Second)
		check("bucket", NotAvailable, NotAvailable, 0)
	})
}

// TestDecaying: newer values count more, and hours change nothing but that.
func TestDecaying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHistogram(time.Minute, ReservoirDecaying)
		for i := range 100 {
			h.Update(float64(i + 1))
		}
		s := h.Snapshot()
		if p95 := must[float64](t)(s.Quantile(.95)); math.Abs(p95-95) > 1 || s.Mean() < 50 || s.Mean() > 51 || s.Max() != 100 || s.Min() != 1 {
			t.Errorf("p95 %v, mean %v", p95, s.Mean())
		}
		time.Sleep(time.Second * 4 / 3 * 50) // e times
		for range 100 {
			h.Update(1000)
		}
		part := math.E / (1 + math.E)
		if mean, want := h.Snapshot().Mean(), 1000*part+50.5*(1-part); math.Abs(mean-want) > 5 {
			t.Errorf("mean %v, want %v", mean, want)
		}
		for range 20 {
			time.Sleep(50 * time.Hour)
			h.Update(7)
		}
		if s := h.Snapshot(); s.Size() != 220 || s.Mean() != 7 || must[float64](t)(s.Quantile(.5)) != 7 {
			t.Errorf("after days: %d values, mean %v", s.Size(), s.Mean())
		}
		for range 5000 {
			h.Update(3)
		}
		if s := h.Snapshot(); s.Size() != decayingSize || math.IsNaN(s.StdDev()) {
			t.Errorf("%d values, deviation %v", s.Size(), s.StdDev())
		}
	})
}

// TestWeightedSamples: values that stand for many count as many.
func TestWeightedSamples(t *testing.T) {
	h := NewHistogram(time.Minute, ReservoirDecaying)
	h.add(1, 10, []float64{10}, 1, true)
	h.add(3, 90, []float64{30}, 3, true)
	if s := h.Snapshot(); math.Abs(s.Mean()-25) > .1 || h.Count() != 4 || h.Sum() != 100 {
		t.Errorf("mean %v, count %v", s.Mean(), h.Count())
	}
	u := &uniformReservoir{limit: 10}
	for range 10_000 {
		u.add(time.Time{}, 1, 1)
		u.add(time.Time{}, 2, 9)
	}
	if u.seen != 100_000 || len(u.values) != 10 {
		t.Errorf("seen %v, kept %d", u.seen, len(u.values))
	}
}

func TestTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tm := NewTimer(time.Minute, ReservoirDecaying)
		for _, v := range []float64{-1, math.NaN(), 40, math.Inf(1), 60} {
			tm.Update(v)
		}
		time.Sleep(5 * time.Second)
		if tm.Count() != 2 || tm.Sum() != 100 || tm.Snapshot().Mean() != 50 || tm.Rates().M1 != .4 || len(tm.Buckets(time.Time{})) != 1 {
			t.Errorf("count %v, sum %v, mean %v, rates %+v", tm.Count(), tm.Sum(), tm.Snapshot().Mean(), tm.Rates())
		}
	})
}

func TestFastCompass(t *testing.T) {
	f := NewFastCompass(time.Minute)
	for i := range 30 {
		f.Record(1, fmt.Sprint("c", i))
	}
	f.Record(-1, "c0")
	f.Record(math.NaN(), "c0")
	f.Record(math.Inf(1), "c0")
	f.Record(2, "c0")
	f.Record(1, strings.Repeat("x", maxCategory+1))
	totals := f.Totals()
	if len(totals) != maxCategories || totals[0] != (Calls{"c0", 2, 3}) {
		t.Errorf("%d categories, first %+v", len(totals), totals[0])
	}
}

func TestRatios(t *testing.T) {
	for _, tt := range [][4]float64{{0, 0, 0, 0}, {1, 0, 0, 1}, {1, 2, .5, .5}, {3, 2, 1.5, 1}} {
		if r := rate(tt[0], tt[1]); r != tt[2] {
			t.Errorf("rate(%v, %v) = %v", tt[0], tt[1], r)
		}
		if r := ratio(tt[0], tt[1]); r != tt[3] {
			t.Errorf("ratio(%v, %v) = %v", tt[0], tt[1], r)
		}
	}
}

func TestHitRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry()
		f := must[*FastCompass](t)(r.FastCompass(Daemon, "g", NewName("f").WithLevel(Critical)))
		for _, category := range []string{"success", "success", "success", "hit"} {
			f.Record(1, category)
		}
		time.Sleep(5 * time.Second)
		for _, row := range must[[]Row](t)(r.NormalRows(t.Context(), "g", "")) {
			if row.Metric == "f.hit_rate" && row.Value == .25 {
				return
			}
		}
		t.Error("no hit rate")
	})
}

func TestLevelsDecideWidths(t *testing.T) {
	r := NewRegistry()
	r.SetReporterInterval(10 * time.Second)
	for level, want := range map[Level]time.Duration{Critical: 5 * time.Second, Major: 10 * time.Second, Trivial: 10 * time.Second} {
		c := must[*BucketCounter](t)(r.BucketCounter(Daemon, "g", NewName(string(level)).WithLevel(level)))
		if c.Width() != want {
			t.Errorf("%s: %s", level, c.Width())
		}
	}
	for level, want := range map[Level]time.Duration{Critical: 5, Major: 30, Normal: 60, Minor: 90, Trivial: 120, "": 60} {
		if got := level.SetTTL(); got != want*time.Second {
			t.Errorf("%s: a set serves for %s", level, got)
		}
	}
}

func TestSets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int32
		set := NewCachedSet(time.Minute, func(context.Context) []Sample {
			time.Sleep(time.Second)
			return []Sample{
				{Name: NewName("a").Tagged(map[string]string{"t": "own"}), Value: float64(loads.Add(1))},
				{Name: NewName("b").WithLevel(Critical)},
			}
		})
		nested := PrefixedSet(NewName("top").WithLevel(Major), PrefixedSet(NewName("sub").Tagged(map[string]string{"t": "of the prefix", "u": "x"}), set))
		var readers sync.WaitGroup
		for range 5 {
			readers.Go(func() {
				s := nested.Samples(t.Context())
				want := []Name{
					{"top.sub.a", map[string]string{"t": "own", "u": "x"}, Major},
					{"top.sub.b", map[string]string{"t": "of the prefix", "u": "x"}, Major},
				}
				if len(s) != 2 || !reflect.DeepEqual([]Name{s[0].Name, s[1].Name}, want) || s[0].Value != 1.0 {
					t.Errorf("got %+v", s)
				}
			})
		}
		readers.Wait()
		time.Sleep(time.Minute)
		if s := set.Samples(t.Context()); s[0].Value != 2.0 || s[0].Name.Key != "a" {
			t.Errorf("after its time: %+v", s)
		}
		r := NewRegistry()
		if err := r.AddSet("custom", nested); err != nil {
			t.Fatal(err)
		}
		if rows := must[[]Row](t)(r.NormalRows(t.Context(), "custom", "")); len(rows) != 1 || rows[0].Metric != "top.sub.a" {
			t.Errorf("rows %+v", rows)
		}
	})
}

// TestStuckSet: a reading that hangs keeps nobody longer than 3 s.
func TestStuckSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := make(chan struct{})
		g := NewCachedGauge(0, func(context.Context) any { <-stuck; return 1.0 })
		var first sync.WaitGroup
		first.Go(func() {
			if v := g.Value(t.Context()); v != 1.0 {
				t.Errorf("got %v", v)
			}
		})
		synctest.Wait()
		began := time.Now()
		if v := g.Value(t.Context()); v != nil || time.Since(began) != setTimeout {
			t.Errorf("got %v after %s", v, time.Since(began))
		}
		close(stuck)
		first.Wait()
		if v := g.Value(t.Context()); v != 1.0 {
			t.Errorf("the first value is %v", v)
		}
	})
}
