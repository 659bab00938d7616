package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pandora-go/pandora/metrics"
)

// TestReporters: what an application counts reaches a file, OTLP and its own statsd, while another receiver hangs; the
// configuration can be read again; no key is shown.
func TestReporters(t *testing.T) {
	b := newBench(t)
	otlp := &otlpRecorder{}
	server := httptest.NewServer(otlp)
	defer server.Close()
	hang := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-hang:
		case <-r.Context().Done():
		}
	}))
	defer hanging.Close()
	defer close(hang)
	statsd, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer statsd.Close()
	_, port, _ := net.SplitHostPort(statsd.LocalAddr().String())
	config := filepath.Join(b.dir, "config.js")
	b.env = append(b.env, "PANDORA_CONFIG="+config)
	b.write(config, fmt.Sprintf(`module.exports = { reporterInterval: 1, reporter: { otlp: { endpoint: %q },
  newrelic: { enabled: true, initConfig: { url: %q, apiKey: 'sesame-1' } } } };`, server.URL, hanging.URL))
	dir, _ := b.app(fmt.Sprintf(`module.exports = (pandora) => {
  pandora.fork('web', './app.js').scale(2);
  pandora.reporter('statsd', { port: %s, apiKey: 'sesame-2' });
};`, port))
	b.write(filepath.Join(dir, "app.js"), `'use strict';
const client = require('dorapan').MetricsClientUtil.getMetricsClient();
client.getCounter('shop', 'orders').inc(5);
client.getTimer('shop', 'took').update(250);
setInterval(() => {}, 60000);
`)
	b.run("start", dir)
	b.until("statsd gets what the application counts, and nothing of the system", func() bool {
		packet := make([]byte, 65536)
		if err := statsd.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, _, err := statsd.ReadFrom(packet)
		if err != nil || bytes.Contains(packet[:n], []byte("system.")) {
			t.Fatalf("%v, %s", err, packet[:n])
		}
		return bytes.Contains(packet[:n], []byte("app.orders.count:10|c\n"))
	})
	b.until("OTLP gets it", func() bool {
		return otlp.has("app", "pandora_orders_total", 10) && otlp.has("pandora", "pandora_workers", 2)
	})
	path := filepath.Join(b.dir, "p", "logs", "pandorajs", "metrics.log")
	b.until("the file gets it", func() bool {
		data, err := os.ReadFile(path)
		return err == nil && bytes.Contains(data, []byte(`"metric":"orders.count",`)) && bytes.HasSuffix(data, []byte("\n"))
	})
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var row metrics.Row
		if err := json.Unmarshal([]byte(line), &row); err != nil || row.Metric == "" || row.Value == nil {
			t.Errorf("line %q: %v", line, err)
		}
	}
	b.shows("/daemon", `"loadedReporters":["file","newrelic","otlp"]`)
	b.shows("/metrics", "\npandora_reporter_reports_total{app=\"app\",reporter=\"statsd\",result=\"sent\"} ")
	for _, shown := range []string{b.get("/info"), b.get("/daemon"), b.run("daemon", "status", "--json"), b.run("daemon", "status")} {
		if strings.Contains(shown, "sesame") {
			t.Errorf("a key is shown in\n%s", shown)
		}
	}
	b.write(config, `module.exports = { reporterInterval: 1, reporter: { file: false, console: true } };`)
	if out := b.run("daemon", "reload"); !strings.Contains(out, "reporters: console\n") {
		t.Errorf("daemon reload printed %q", out)
	}
	b.until("the console is printed to", func() bool {
		data, err := os.ReadFile(filepath.Join(b.dir, "p", "logs", "pandorajs", "console.log"))
		return err == nil && bytes.Contains(data, []byte("-- Counters ")) && bytes.Contains(data, []byte("             count = 10\n"))
	})
	b.run("stop", "app")
}

// otlpRecorder is a receiver of OTLP that keeps the latest values by service and name.
type otlpRecorder struct {
	mu     sync.Mutex
	values map[string]float64
}

// ServeHTTP implements http.Handler.
func (o *otlpRecorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request collector.ExportMetricsServiceRequest
	if err != nil || r.URL.Path != "/v1/metrics" || proto.Unmarshal(body, &request) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.values = map[string]float64{}
	for _, resource := range request.ResourceMetrics {
		service := ""
		for _, attribute := range resource.Resource.Attributes {
			if attribute.Key == "service.name" {
				service = attribute.Value.GetStringValue()
			}
		}
		for _, m := range resource.ScopeMetrics[0].Metrics {
			for _, p := range append(m.GetSum().GetDataPoints(), m.GetGauge().GetDataPoints()...) {
				o.values[service+" "+m.Name] += p.GetAsDouble()
			}
		}
	}
}

func (o *otlpRecorder) has(service, name string, value float64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.values[service+" "+name] == value
}
