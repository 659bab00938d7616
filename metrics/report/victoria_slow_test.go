//go:build slow

package report

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
)

// TestVictoriaMetrics has a real server receive OTLP and asks it for what it has stored.
func TestVictoriaMetrics(t *testing.T) {
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := web.Addr().String()
	web.Close()
	// The reports are of the year 2000.
	started(t, "victoria-metrics", "-httpListenAddr="+address, "-storageDataPath="+t.TempDir(), "-retentionPeriod=100y", "-memory.allowedBytes=256MB")
	get := func(path string) string {
		response, err := http.Get("http://" + address + path)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err.Error()
		}
		return string(body)
	}
	eventually(t, "OK", func() string { return get("/health") })
	sink := configured(t, "", "otlp", `{"metricsEndpoint":"http://`+address+`/opentelemetry/v1/metrics","compression":"gzip"}`, true)
	defer sink.(*otlpSink).Close()
	for _, b := range batches(t, sink, "") {
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	get("/internal/force_flush")
	for series, values := range map[string]string{
		`pandora_test_counter_total{service.name="demo"}`:                     "[10,20]",
		`pandora_test_timer_seconds_count{service.name="demo"}`:               "[10,20]",
		`pandora_test_timer_seconds_sum{service.name="demo"}`:                 "[0.3,0.6]",
		`pandora_test_timer_seconds{service.name="demo",quantile="0.95"}`:     "[0.05,0.05]",
		`pandora_test_compass_seconds_count{service.name="demo"}`:             "",
		`pandora_depth{service.name="pandora",service.version="1.2.3"}`:       "[-3,-3]",
		`pandora_test_counter_total{service.name="demo",group="g",tag="v w"}`: "[10,20]",
	} {
		want := fmt.Sprintf(`"values":%s,"timestamps":[946684810000,946684820000]`, values)
		if values == "" {
			want = `"category":"hit"`
		}
		eventually(t, want, func() string { return get("/api/v1/export?match[]=" + url.QueryEscape(series)) })
	}
}
