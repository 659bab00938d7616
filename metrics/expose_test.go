package metrics

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

func TestPrometheusTypes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.events()
		must[*FastCompass](t)(b.FastCompass(1, "http", NewName("middleware.http.request").Tagged(app("demo")))).Record(500, "success")
		must[*Timer](t)(b.Timer(1, "g", NewName("job.seconds"), ReservoirDecaying))
		must[*Meter](t)(b.Meter(1, "g", NewName("clash")))
		must[*Histogram](t)(b.Histogram(1, "h", NewName("clash"), ReservoirDecaying)).Update(1)
		must[*BucketCounter](t)(b.BucketCounter(1, "i", NewName("clash"))).Inc(2)
		gauge(t, b.Registry, 1, "j", NewName("clash"), 9)
		must[*Histogram](t)(b.Histogram(1, "g", NewName("odd.count"), ReservoirDecaying)).Update(2)
		time.Sleep(5 * time.Second)
		var out bytes.Buffer
		families := parseText(t, b.Registry, &out)
		labels := `app="demo",group="g",tag="v w"`
		contains(t, out.String(),
			"# TYPE pandora_test_counter_total counter", `pandora_test_counter_total{`+labels+`} 5`,
			"# TYPE pandora_my_count_total counter", `pandora_my_count_total{`+labels+`} 2`,
			"# TYPE pandora_test_meter_total counter", `pandora_test_meter_total{`+labels+`} 3`,
			"# TYPE pandora_test_meter_rate gauge", `pandora_test_meter_rate{`+labels+`,window="15m"} 0.6`,
			"# TYPE pandora_test_histogram summary", `pandora_test_histogram{`+labels+`,quantile="0.75"} 45`,
			`pandora_test_histogram_sum{`+labels+`} 150`, `pandora_test_histogram_count{`+labels+`} 5`,
			`pandora_test_buckets_sum{`+labels+`} 150`,
			"# TYPE pandora_test_timer_seconds summary", `pandora_test_timer_seconds{`+labels+`,quantile="0.5"} 0.03`,
			`pandora_test_timer_seconds_sum{`+labels+`} 0.15`, `pandora_test_timer_rate{`+labels+`,window="1m"} 1`,
			"# TYPE pandora_test_compass_seconds summary",
			`pandora_test_compass_seconds_sum{app="demo",category="miss",group="g",tag="v w"} 0.009`,
			`pandora_middleware_http_request_seconds_count{app="demo",category="success",group="http"} 1`,
			`pandora_job_seconds_count{group="g"} 0`,
			`pandora_clash{group="j"} 9`, `pandora_clash_counter_total{group="g"} 0`, `pandora_clash_counter_total{group="i"} 2`,
			`pandora_clash_summary_sum{group="h"} 1`,
			`pandora_odd_count_value_count{group="g"} 1`,
		)
		for _, f := range families {
			if f.GetHelp() == "" {
				t.Errorf("%s is not explained", f.GetName())
			}
		}
		if n := len(families["pandora_test_buckets"].Metric[0].Summary.Quantile); n != 0 {
			t.Errorf("%d quantiles of buckets", n)
		}
		if got := families["pandora_test_timer_seconds"].GetType(); got != dto.MetricType_SUMMARY {
			t.Errorf("timer is a %s", got)
		}
		open := text(t, b.Registry, expfmt.TypeOpenMetrics, "")
		contains(t, open, "# TYPE pandora_test_meter counter", "# TYPE pandora_test_timer_seconds summary")
	})
}

// TestOpenMetrics: the text tells units, when counting began where that is known, and its end.
func TestOpenMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry()
		must[*Counter](t)(r.Counter(Daemon, "pandora", NewName("pandora.own"))).Inc(1)
		must[*BucketCounter](t)(r.BucketCounter(1, "g", NewName("hits"))).Inc(2)
		must[*BucketCounter](t)(r.BucketCounter(1, "g", NewName("told"))).add(7, false) // counted at another daemon's time
		must[*Timer](t)(r.Timer(1, "g", NewName("took"), ReservoirDecaying)).Update(500)
		must[*FastCompass](t)(r.FastCompass(1, "g", NewName("calls"))).Record(5, "success")
		must[*histogram](t)(r.histogram("pandora", NewName("pandora.wait.seconds"), []float64{1})).observe(.5, 1)
		gauge(t, r, 1, "g", NewName("size.bytes"), 3)
		open := text(t, r, expfmt.TypeOpenMetrics, "")
		contains(t, open,
			"# TYPE pandora_hits counter", `pandora_hits_total{group="g"} 2.0`, `pandora_hits_created{group="g"} 9.466848e+08`,
			`pandora_told_total{group="g"} 7.0`, "pandora_own_created 9.466848e+08",
			"# UNIT pandora_took_seconds seconds", `pandora_took_seconds_created{group="g"} 9.466848e+08`,
			`pandora_calls_seconds_created{category="success",group="g"} 9.466848e+08`,
			"pandora_wait_seconds_created 9.466848e+08", "# UNIT pandora_wait_seconds seconds", "# UNIT pandora_size_bytes bytes",
		)
		if strings.Contains(open, "pandora_told_created") || !strings.HasSuffix(open, "\n# EOF\n") {
			t.Errorf("got\n%s", open)
		}
		if plain := text(t, r, expfmt.TypeTextPlain, ""); strings.Contains(plain, "_created") || strings.Contains(plain, "# UNIT") {
			t.Errorf("the older text:\n%s", plain)
		}
	})
}

// peer is a worker that tells its gauges.
type peer struct {
	labels map[string]string
	values map[string]any
}

func (p *peer) read(context.Context) map[string]any { return p.values }
func (p *peer) worker() map[string]string           { return p.labels }

// TestGaugesOfEachWorker: the text has the gauge of every worker that is known, of two generations the newer one.
func TestGaugesOfEachWorker(t *testing.T) {
	r := NewRegistry()
	plain, withPID, own := NewName("queue").Tagged(app("demo")), NewName("heap").Tagged(map[string]string{"pid": "7"}), NewName("own").Tagged(map[string]string{"worker": "w"})
	for i, p := range []*peer{
		{map[string]string{"process": "web", "worker": "0"}, map[string]any{plain.String(): 1, withPID.String(): 5, own.String(): 6}},
		{map[string]string{"process": "web", "worker": "1"}, map[string]any{plain.String(): 2}},
		{nil, map[string]any{plain.String(): 3}},
		{nil, map[string]any{plain.String(): 4}},
		{map[string]string{"process": "web", "worker": "1"}, map[string]any{plain.String(): 22}},
		{map[string]string{"process": "web", "worker": "2"}, map[string]any{plain.String(): "text"}},
	} {
		for _, name := range []Name{plain, withPID, own} {
			if err := r.addGauge("g", name, source{owner: Owner(i + 1), batch: p}); err != nil {
				t.Fatal(err)
			}
		}
	}
	var out bytes.Buffer
	parseText(t, r, &out)
	contains(t, out.String(),
		`pandora_queue{app="demo",group="g",process="web",worker="0"} 1`,
		`pandora_queue{app="demo",group="g",process="web",worker="1"} 22`,
		`pandora_queue{app="demo",group="g"} 3`,
		`pandora_heap{group="g",process="web",worker="0"} 5`,
		`pandora_worker_info{pid="7",process="web",worker="0"} 1`,
		`pandora_own{group="g",worker="w"} 6`,
	)
	if n := strings.Count(out.String(), "\npandora_queue{"); n != 3 {
		t.Errorf("%d series of the queue", n)
	}
	rows := must[[]Row](t)(r.NormalRows(t.Context(), "g", "demo"))
	if len(rows) != 3 || rows[0].Value != 1 {
		t.Errorf("rows %+v", rows)
	}
}

func TestWorkerIsLookedUpUntilKnown(t *testing.T) {
	asked := 0
	rc := &receiver{options: ClientOptions{Worker: func(pid int) (string, int, bool) {
		asked++
		return "web", 3, pid == 7 && asked == 2
	}}}
	c := &client{pid: 7, receiver: rc}
	if c.worker() != nil {
		t.Error("known too early")
	}
	for range 3 {
		if got := fmt.Sprint(c.worker()); got != "map[process:web worker:3]" || asked != 2 {
			t.Errorf("%s after %d questions", got, asked)
		}
	}
}
