package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"
)

// BenchmarkScrape reads counters, and the same series with promhttp: of one name, each of a name of its own, and summaries
// with four quantiles of 1,000 values each. Both write the same bytes.
func BenchmarkScrape(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n, " counters/pandora"), func(b *testing.B) {
			ours(b, filled(b, n, func(r *Registry, i int) error {
				c, err := r.BucketCounter(1, "g", NewName("counter").Tagged(map[string]string{"appName": "demo", "n": strconv.Itoa(i)}))
				c.Inc(float64(i))
				return err
			}))
		})
		b.Run(fmt.Sprint(n, " counters/promhttp"), func(b *testing.B) {
			r := prometheus.NewRegistry()
			v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pandora_counter_total", Help: "Counter counter of group g."}, []string{"app", "group", "n"})
			r.MustRegister(v)
			for i := range n {
				v.WithLabelValues("demo", "g", strconv.Itoa(i)).Add(float64(i))
			}
			scraped(b, promhttp.HandlerFor(r, promhttp.HandlerOpts{DisableCompression: true}))
		})
	}
	b.Run("10000 names/pandora", func(b *testing.B) {
		ours(b, filled(b, 10_000, func(r *Registry, i int) error {
			c, err := r.BucketCounter(1, "g", NewName(fmt.Sprint("counter", i)).Tagged(map[string]string{"appName": "demo"}))
			c.Inc(float64(i))
			return err
		}))
	})
	b.Run("10000 names/promhttp", func(b *testing.B) {
		r := prometheus.NewRegistry()
		for i := range 10_000 {
			c := prometheus.NewCounter(prometheus.CounterOpts{
				Name: fmt.Sprintf("pandora_counter%d_total", i), Help: fmt.Sprintf("Counter counter%d of group g.", i),
				ConstLabels: prometheus.Labels{"app": "demo", "group": "g"},
			})
			r.MustRegister(c)
			c.Add(float64(i))
		}
		scraped(b, promhttp.HandlerFor(r, promhttp.HandlerOpts{DisableCompression: true}))
	})
	benchSummaries(b)
	b.Run("10000 counters/json", func(b *testing.B) {
		r := filled(b, 10_000, func(r *Registry, i int) error {
			_, err := r.BucketCounter(1, "g", NewName("counter").Tagged(map[string]string{"appName": "demo", "n": strconv.Itoa(i)}))
			return err
		})
		b.ReportAllocs()
		for b.Loop() {
			if err := json.NewEncoder(io.Discard).Encode(r.Snapshot(b.Context(), "")); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// benchSummaries reads summaries of four quantiles; with new values, each has got ten since the scrape before.
func benchSummaries(b *testing.B) {
	const summaries = 10_000 / 6 // four quantiles, sum and count
	var own []*Histogram
	r := filled(b, summaries, func(r *Registry, i int) error {
		h, err := r.Histogram(1, "g", NewName("took").Tagged(map[string]string{"appName": "demo", "n": strconv.Itoa(i)}), ReservoirDecaying)
		own = append(own, h)
		for v := range 1000 {
			h.Update(float64(v))
		}
		return err
	})
	theirs := prometheus.NewRegistry()
	v := prometheus.NewSummaryVec(prometheus.SummaryOpts{
		Name: "pandora_took", Help: "Histogram took of group g.", Objectives: map[float64]float64{.5: .05, .75: .025, .95: .005, .99: .001},
	}, []string{"app", "group", "n"})
	theirs.MustRegister(v)
	var observers []prometheus.Observer
	for i := range summaries {
		o := v.WithLabelValues("demo", "g", strconv.Itoa(i))
		observers = append(observers, o)
		for value := range 1000 {
			o.Observe(float64(value))
		}
	}
	handler := promhttp.HandlerFor(theirs, promhttp.HandlerOpts{DisableCompression: true})
	b.Run("1666 summaries/pandora", func(b *testing.B) { ours(b, r) })
	b.Run("1666 summaries/promhttp", func(b *testing.B) { scraped(b, handler) })
	b.Run("1666 summaries with new values/pandora", func(b *testing.B) {
		ours(b, r, func() {
			for _, h := range own {
				for i := range 10 {
					h.Update(float64(100 * i))
				}
			}
		})
	})
	b.Run("1666 summaries with new values/promhttp", func(b *testing.B) {
		scraped(b, handler, func() {
			for _, o := range observers {
				for i := range 10 {
					o.Observe(float64(100 * i))
				}
			}
		})
	})
}

// filled is a registry with n metrics.
func filled(b *testing.B, n int, add func(r *Registry, i int) error) *Registry {
	r := NewRegistry()
	for i := range n {
		if err := add(r, i); err != nil {
			b.Fatal(err)
		}
	}
	return r
}

// ours scrapes a registry as promhttp is scraped.
func ours(b *testing.B, r *Registry, before ...func()) {
	scraped(b, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := r.WritePrometheus(req.Context(), w, expfmt.NewFormat(expfmt.TypeTextPlain), ""); err != nil {
			b.Error(err)
		}
	}), before...)
}

// sink counts what it is written.
type sink struct {
	header http.Header
	n      int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { s.n += len(p); return len(p), nil }

func scraped(b *testing.B, h http.Handler, before ...func()) {
	b.ReportAllocs()
	req := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	size := 0
	for b.Loop() {
		for _, f := range before {
			f()
		}
		w := &sink{header: http.Header{}}
		h.ServeHTTP(w, req)
		size = w.n
	}
	b.ReportMetric(float64(size), "B/scrape")
}
