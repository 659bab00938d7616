package report

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pandora-go/pandora/metrics"
)

// post is what a receiver got.
type post struct {
	path   string
	header http.Header
	body   []byte // unpacked
}

// receiver is an HTTP server that keeps what it gets. answer may be nil.
func receiver(t *testing.T, answer func(n int, w http.ResponseWriter)) (url string, got func() []post) {
	t.Helper()
	var mu sync.Mutex
	var all []post
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			packed, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			in = packed
		}
		body, err := io.ReadAll(in)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		all = append(all, post{r.URL.Path, r.Header, body})
		n := len(all)
		mu.Unlock()
		if answer != nil {
			answer(n, w)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []post {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// exported is a request by resource and metric.
func exported(t *testing.T, p post) map[string]map[string]*otlp.Metric {
	t.Helper()
	var request collector.ExportMetricsServiceRequest
	var err error
	if p.header.Get("Content-Type") == "application/json" {
		err = protojson.Unmarshal(p.body, &request)
	} else {
		err = proto.Unmarshal(p.body, &request)
	}
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]map[string]*otlp.Metric{}
	for _, rm := range request.ResourceMetrics {
		attributes := map[string]string{}
		for _, kv := range rm.Resource.Attributes {
			attributes[kv.Key] = kv.Value.GetStringValue()
		}
		id := attributes["service.name"] + " " + attributes["service.version"] + " " + attributes["zone"]
		if all[id] != nil || attributes["host.name"] == "" {
			t.Errorf("resource %v is there twice, or has no host", attributes)
		}
		all[id] = map[string]*otlp.Metric{}
		for _, sm := range rm.ScopeMetrics {
			for _, m := range sm.Metrics {
				if all[id][m.Name] != nil {
					t.Errorf("metric %s of %s is there twice", m.Name, id)
				}
				all[id][m.Name] = m
			}
		}
	}
	return all
}

func environment(pairs map[string]string) func(string) string {
	return func(name string) string { return pairs[name] }
}

func TestOTLP(t *testing.T) {
	for _, test := range []struct{ name, config, contentType string }{
		{"protobuf", `{"endpoint":"%s/","compression":"gzip"}`, "application/x-protobuf"},
		{"json", `{"metricsEndpoint":"%s/v1/metrics","protocol":"http/json"}`, "application/json"},
	} {
		t.Run(test.name, func(t *testing.T) {
			url, got := receiver(t, nil)
			c := Config{Registry: metrics.NewRegistry(), Version: "1.2.3", Getenv: environment(map[string]string{
				"OTEL_RESOURCE_ATTRIBUTES": "zone=a%2Cb,broken", "OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=se%20cret",
				"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SERVICE_NAME": "gateway",
			})}
			sink := configuredWith(t, c, "", "otlp", fmt.Sprintf(test.config, url), true)
			defer sink.(*otlpSink).Close()
			all := batches(t, sink, "")
			for _, b := range all {
				if err := sink.take(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			posts := got()
			if len(posts) != 2 {
				t.Fatalf("%d requests, expected 2", len(posts))
			}
			for i, p := range posts {
				if p.path != "/v1/metrics" || p.header.Get("Content-Type") != test.contentType || p.header.Get("Api-Key") != "se cret" {
					t.Errorf("request to %s with %v", p.path, p.header)
				}
				checkExport(t, exported(t, p), i, all)
			}
		})
	}
}

// checkExport holds the n-th of two requests against what bed counts.
func checkExport(t *testing.T, all map[string]map[string]*otlp.Metric, n int, of []*batch) {
	t.Helper()
	demo, own := all["demo  a,b"], all["gateway 1.2.3 a,b"]
	sum := demo["pandora_test_counter_total"].GetSum()
	if sum == nil || !sum.IsMonotonic || sum.AggregationTemporality != otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE {
		t.Fatalf("counter is %v of %v", sum, all)
	}
	at, began := uint64(of[n].at.UnixNano()), uint64(of[0].since.UnixNano())
	point := sum.DataPoints[0]
	if point.GetAsDouble() != float64(10*(n+1)) || point.TimeUnixNano != at || point.StartTimeUnixNano != began {
		t.Errorf("counter's point %v, expected %v from %d to %d", point, 10*(n+1), began, at)
	}
	attributes := map[string]string{}
	for _, kv := range point.Attributes {
		attributes[kv.Key] = kv.Value.GetStringValue()
	}
	if len(attributes) != 2 || attributes["group"] != "g" || attributes["tag"] != "v w" {
		t.Errorf("attributes %v", attributes)
	}
	timer := demo["pandora_test_timer_seconds"]
	if timer.GetUnit() != "s" {
		t.Errorf("the timer's unit is %q", timer.GetUnit())
	}
	s := timer.GetSummary().GetDataPoints()[0]
	if s.Count != uint64(10*(n+1)) || s.Sum != .3*float64(n+1) || s.StartTimeUnixNano != began || len(s.QuantileValues) != 4 {
		t.Errorf("timer %v", s)
	}
	if g := own["pandora_depth"].GetGauge().GetDataPoints(); len(g) != 1 || g[0].GetAsDouble() != -3 {
		t.Errorf("gauge of nobody %v", g)
	}
	if demo["pandora_gauge_text"] != nil {
		t.Error("a text is a metric")
	}
}

// TestOTLPStarts: a series that is new, or has begun anew, began after the report before; one that is older than the
// daemon tells no beginning.
func TestOTLPStarts(t *testing.T) {
	url, got := receiver(t, nil)
	sink := configured(t, "", "otlp", `{"endpoint":"`+url+`"}`, false)
	name, kind := "n_total", dto.MetricType_COUNTER
	series := func(worker string, value float64) *dto.Metric {
		label := "worker"
		return &dto.Metric{Label: []*dto.LabelPair{{Name: &label, Value: &worker}}, Counter: &dto.Counter{Value: &value}}
	}
	start := time.Unix(1000, 0)
	at := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
	for n, workers := range [][]*dto.Metric{
		{series("0", 5)}, {series("0", 6), series("1", 1)}, {series("0", 2), series("1", 1)},
	} {
		b := &batch{since: at(n), at: at(n + 1), families: []*dto.MetricFamily{{Name: &name, Type: &kind, Metric: workers}}}
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	want := [][]uint64{{0}, {0, uint64(at(1).UnixNano())}, {uint64(at(2).UnixNano()), uint64(at(1).UnixNano())}}
	for n, p := range got() {
		for _, m := range exported(t, p) {
			for i, point := range m[name].GetSum().DataPoints {
				if point.StartTimeUnixNano != want[n][i] {
					t.Errorf("report %d, worker %d: began at %d, expected %d", n, i, point.StartTimeUnixNano, want[n][i])
				}
			}
		}
	}
	if n := len(sink.(*otlpSink).began); n != 2 {
		t.Errorf("%d series are remembered, expected 2", n)
	}
}

// TestOTLPHistogram: cumulative buckets become those of each interval of values.
func TestOTLPHistogram(t *testing.T) {
	bucket := func(bound float64, count uint64) *dto.Bucket {
		return &dto.Bucket{UpperBound: &bound, CumulativeCount: &count}
	}
	count, sum := uint64(9), 4.5
	got := pointOf{}.histogram(&dto.Histogram{SampleCount: &count, SampleSum: &sum, Bucket: []*dto.Bucket{bucket(.1, 2), bucket(1, 7)}})
	if fmt.Sprint(got.ExplicitBounds, got.BucketCounts, got.Count, got.GetSum()) != "[0.1 1] [2 5 2] 9 4.5" {
		t.Errorf("histogram %v", got)
	}
}

// TestManySeries are sent in several requests.
func TestManySeries(t *testing.T) {
	url, got := receiver(t, nil)
	sink := configured(t, "", "otlp", `{"endpoint":"`+url+`"}`, true)
	name, kind, value, label := "n", dto.MetricType_GAUGE, 1.0, "i"
	family := &dto.MetricFamily{Name: &name, Type: &kind}
	for i := range maxPoints + 1 {
		text := fmt.Sprint(i)
		family.Metric = append(family.Metric, &dto.Metric{Label: []*dto.LabelPair{{Name: &label, Value: &text}}, Gauge: &dto.Gauge{Value: &value}})
	}
	if err := sink.take(t.Context(), &batch{at: time.Now(), families: []*dto.MetricFamily{family}}); err != nil {
		t.Fatal(err)
	}
	points := 0
	for _, p := range got() {
		for _, m := range exported(t, p) {
			points += len(m[name].GetGauge().DataPoints)
		}
	}
	if len(got()) != 2 || points != maxPoints+1 {
		t.Errorf("%d requests with %d series", len(got()), points)
	}
}

// TestAnswers: what may get better is tried again, what may not is given up, and no error tells a secret.
func TestAnswers(t *testing.T) {
	for _, test := range []struct {
		status      int
		after, body string
		permanent   bool
		wait        time.Duration
		error       string
	}{
		{status: 200}, {status: 202, body: "\xff\xff"},
		{status: 400, permanent: true, error: `status 400: "no"`, body: "no"},
		{status: 401, permanent: true, error: "status 401"},
		{status: 302, permanent: true, error: "status 302"},
		{status: 413, permanent: true, error: "status 413"},
		{status: 429, after: "7", wait: 7 * time.Second, error: "status 429"},
		{status: 503, after: "1e300", wait: longestWait, error: "status 503"},
		{status: 503, after: "Fri, 31 Dec 1999 23:59:59 GMT", error: "status 503"},
		{status: 200, permanent: true, error: `3 of 0 series are refused: "bad"`, body: "\x0a\x07\x08\x03\x12\x03bad"},
	} {
		url, _ := receiver(t, func(_ int, w http.ResponseWriter) {
			w.Header().Set("Retry-After", test.after)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(test.status)
			_, _ = io.WriteString(w, test.body)
		})
		sink := configured(t, "", "otlp", `{"endpoint":"`+strings.Replace(url, "http://", "http://user:secret@", 1)+`"}`, true).(*otlpSink)
		err := sink.send(t.Context(), sink.newRequest())
		_, permanent := errors.AsType[*permanentError](err)
		later, _ := errors.AsType[*laterError](err)
		wait := time.Duration(0)
		if later != nil {
			wait = later.after
		}
		if (err == nil) != (test.error == "") || err != nil && !strings.Contains(err.Error(), test.error) || permanent != test.permanent || wait != test.wait {
			t.Errorf("status %d: %v, permanent %v, later %v", test.status, err, permanent, wait)
		}
	}
	sink := configured(t, "", "otlp", `{"endpoint":"http://user:secret@127.0.0.1:1/?key=secret"}`, true).(*otlpSink)
	if err := sink.send(t.Context(), sink.newRequest()); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody listens: %v", err)
	}
}

// TestComeBackLater: a receiver is left alone as long as it asks for.
func TestComeBackLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, _ := bucketed(t)
		set := New(Config{Registry: registry, Interval: 10 * time.Second})
		var tries []time.Time
		sink := &recorder{behave: func(context.Context, int) error {
			tries = append(tries, time.Now())
			if len(tries) == 1 {
				return &laterError{errors.New("busy"), 25 * time.Second}
			}
			return nil
		}}
		set.Add(Reporter{Name: "own"}, sink)
		end := running(t, set)
		time.Sleep(40 * time.Second)
		synctest.Wait()
		end()
		if pause := tries[1].Sub(tries[0]); pause != 25*time.Second {
			t.Errorf("came back after %v, expected 25s", pause)
		}
	})
}

// TestOTLPByEnvironment: the variables alone switch it on.
func TestOTLPByEnvironment(t *testing.T) {
	url, _ := receiver(t, nil)
	for _, test := range []struct {
		env  map[string]string
		want bool
	}{
		{map[string]string{}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url}, false},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_METRICS_EXPORTER": "console, otlp"}, true},
		{map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "true"}, false},
	} {
		test.env["OTEL_METRIC_EXPORT_INTERVAL"] = "15000"
		set := New(Config{Registry: metrics.NewRegistry(), Getenv: environment(test.env)})
		problems := set.Configure(nil)
		if got := len(set.Names()) == 1; got != test.want || len(problems) > 0 {
			t.Errorf("%v: on %v, problems %v", test.env, got, problems)
		}
		if test.want && set.running[0].Interval != 15*time.Second {
			t.Errorf("interval %v", set.running[0].Interval)
		}
	}
	set := New(Config{Registry: metrics.NewRegistry(), Getenv: environment(map[string]string{"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})})
	if problems := set.Configure(nil); len(problems) != 1 || !strings.Contains(problems[0], "http/protobuf or http/json") {
		t.Errorf("with gRPC asked for: %q", problems)
	}
}
