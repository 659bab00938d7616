package metrics

import (
	"bytes"
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
