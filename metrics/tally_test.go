package metrics

import (
	"bytes"
	"io"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uber-go/tally/v4"
)

func closeAll(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestInstruments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry()
		i, closer := NewInstruments(r, []string{"running", "backoff"})
		i.Restarted("my-app", "web")
		i.Restarted("my-app", "web")
		i.Applications(2, 1)
		i.Workers(map[string]int{"running": 4, "backoff": 1})
		i.Request("/metrics/:group", 200, 3*time.Millisecond)
		i.Scraped(20 * time.Millisecond)
		i.PullMissed("my-app")
		time.Sleep(2 * tallyInterval)
		i.Restarted("my-app", "web")
		i.Workers(map[string]int{"running": 5})
		closeAll(t, closer)
		var out bytes.Buffer
		parseText(t, r, &out)
		contains(t, out.String(),
			`pandora_restarts_total{app="my-app",process="web"} 3`,
			`pandora_applications{state="running"} 2`,
			`pandora_applications{state="stopped"} 1`,
			`pandora_workers{state="running"} 5`,
			`pandora_workers{state="backoff"} 0`,
			`pandora_http_requests_total{code="200",route="/metrics/:group"} 1`,
			`pandora_http_request_seconds_bucket{route="/metrics/:group",le="0.0025"} 0`,
			`pandora_http_request_seconds_bucket{route="/metrics/:group",le="0.005"} 1`,
			`pandora_http_request_seconds_bucket{route="/metrics/:group",le="+Inf"} 1`,
			`pandora_http_request_seconds_sum{route="/metrics/:group"} 0.003`,
			`pandora_scrape_seconds_count 1`,
			`pandora_pull_misses_total{app="my-app"} 1`,
		)
		rows := must[[]Row](t)(r.NormalRows(t.Context(), GroupDaemon, "my-app"))
		found := map[string]any{}
		for _, row := range rows {
			found[row.Metric] = row.Value
		}
		if found["pandora.restarts.count"] != 3.0 || found["pandora.scrape.seconds.mean"] != 0.02 {
			t.Errorf("rows %v", found)
		}
	})
}

func TestTallyReporter(t *testing.T) {
	r := NewRegistry()
	rp := NewTallyReporter(r)
	if c := rp.Capabilities(); !c.Tagging() || !c.Reporting() {
		t.Error("capabilities")
	}
	g := rp.AllocateGauge("pandora.g", nil)
	if rows := must[[]Row](t)(r.NormalRows(t.Context(), GroupDaemon, "")); len(rows) != 0 {
		t.Errorf("a gauge without a value: %v", rows)
	}
	g.ReportGauge(2)
	rp.AllocateCounter("pandora.g", nil).ReportCount(1) // the name is taken: dropped
	h := rp.AllocateHistogram("pandora.h", nil, tally.ValueBuckets{1, 3})
	h.ValueBucket(-math.MaxFloat64, 1).ReportSamples(2)
	h.ValueBucket(1, 3).ReportSamples(4)
	h.ValueBucket(3, math.MaxFloat64).ReportSamples(1)
	d := rp.AllocateHistogram("pandora.d", nil, tally.DurationBuckets{time.Second, 2 * time.Second})
	d.DurationBucket(time.Second, 2*time.Second).ReportSamples(2)
	d.DurationBucket(2*time.Second, math.MaxInt64).ReportSamples(1)
	rp.Flush()
	var out bytes.Buffer
	parseText(t, r, &out)
	contains(t, out.String(),
		"pandora_g 2",
		`pandora_h_bucket{le="1"} 2`, `pandora_h_bucket{le="3"} 6`, `pandora_h_bucket{le="+Inf"} 7`, "pandora_h_count 7",
		`pandora_d_bucket{le="1"} 0`, `pandora_d_bucket{le="2"} 2`, `pandora_d_bucket{le="+Inf"} 3`,
	)
}
