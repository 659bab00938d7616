package metrics

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// TestMemoryOfMetrics: a metric takes no more than docs/metrics.md says, its name and its place in the registry included.
func TestMemoryOfMetrics(t *testing.T) {
	for kind, c := range map[string]struct{ n, values, most int }{
		typeGauge: {10_000, 0, 400}, typeCounter: {10_000, 1, 400}, typeTimer: {300, 2000, 24 << 10},
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := NewRegistry()
		for i := range c.n {
			if err := fill(r, kind, NewName(fmt.Sprint("metric", i)).Tagged(app("demo")), c.values); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if size := int(after.HeapAlloc-before.HeapAlloc) / c.n; size > c.most {
			t.Errorf("%s: %d bytes, expected at most %d", kind, size, c.most)
		}
		runtime.KeepAlive(r)
	}
}

// TestUpdatesAllocateNothing: nor does a scrape allocate more than promhttp's of the same series, half as much again at most.
func TestUpdatesAllocateNothing(t *testing.T) {
	counter, meter := NewBucketCounter(time.Minute), NewMeter(time.Minute)
	histogram, timer, compass := NewHistogram(time.Minute, ReservoirDecaying), NewTimer(time.Minute, ReservoirDecaying), NewFastCompass(time.Minute)
	for range 2 * decayingSize {
		histogram.Update(1)
		timer.Update(1)
	}
	for name, update := range map[string]func(){
		"counter": func() { counter.Inc(1) }, "meter": func() { meter.Mark(1) }, "histogram": func() { histogram.Update(2) },
		"timer": func() { timer.Update(2) }, "compass": func() { compass.Record(2, "success") },
	} {
		if n := testing.AllocsPerRun(100, update); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	const series = 2000
	r, theirs := NewRegistry(), prometheus.NewRegistry()
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pandora_counter_total", Help: "Counter counter of group g."}, []string{"app", "group", "n"})
	theirs.MustRegister(v)
	for i := range series {
		must[*BucketCounter](t)(r.BucketCounter(1, "g", NewName("counter").Tagged(map[string]string{"appName": "demo", "n": strconv.Itoa(i)}))).Inc(1)
		v.WithLabelValues("demo", "g", strconv.Itoa(i)).Inc()
	}
	handler, req := promhttp.HandlerFor(theirs, promhttp.HandlerOpts{DisableCompression: true}), httptest.NewRequest(http.MethodGet, "/metrics", nil)
	bare := testing.AllocsPerRun(5, func() { handler.ServeHTTP(&sink{header: http.Header{}}, req) })
	own := testing.AllocsPerRun(5, func() {
		if err := r.WritePrometheus(t.Context(), io.Discard, expfmt.NewFormat(expfmt.TypeTextPlain), ""); err != nil {
			t.Error(err)
		}
	})
	if own > 1.5*bare {
		t.Errorf("a scrape of %d counters: %v allocations, promhttp %v", series, own, bare)
	}
}
