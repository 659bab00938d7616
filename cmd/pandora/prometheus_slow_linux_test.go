//go:build slow

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
)

// scrapedApp counts in each worker when it starts, and in npm's prom-client.
const scrapedApp = `'use strict';
const client = require('dorapan').MetricsClientUtil.getMetricsClient();
client.getCounter('shop', 'orders').inc(5);
client.getMeter('shop', 'marks').mark(4);
client.getHistogram('shop', 'sizes').update(10);
const timer = client.getTimer('shop', 'took');
for (const ms of [100, 200, 300, 400]) timer.update(ms);
client.getFastCompass('shop', 'calls').record(250, 'success');
client.register('shop', 'queue', { getValue() { return 7; } });
client.register('shop', 'odd "name"\n', { getValue() { return 1; } });
const prom = require('prom-client');
new prom.Counter({ name: 'carts_total', help: 'Carts.', labelNames: ['shop'] }).inc({ shop: 'a "quoted"\nname' }, 3);
const h = new prom.Histogram({ name: 'wait_seconds', help: 'Wait.', buckets: [0.1, 1] });
h.observe(0.05);
h.observe(0.5);
setInterval(() => {}, 60000);
`

// program finds a program of a Debian package.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: install the package prometheus", err)
		}
		t.Skipf("%v: install the package prometheus", err)
	}
	return path
}

// TestPrometheusScrapes: a real Prometheus server scrapes an application through ten reloads, and promtool accepts what it
// gets; queries tell the numbers that were counted.
func TestPrometheusScrapes(t *testing.T) {
	server, promtool := program(t, "prometheus"), program(t, "promtool")
	modules := installed(t, "apps", true)
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`)
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "app.js"), scrapedApp)
	b.run("start", dir)
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	info, err := d.Info(t.Context())
	d.Close()
	if err != nil {
		t.Fatal(err)
	}
	p := b.prometheus(server, info.Actuator)

	const reloads = 10
	for generation := 1; generation <= reloads+1; generation++ {
		if generation > 1 {
			began := time.Now()
			b.run("reload", "app")
			t.Logf("reload %d took %s", generation-1, time.Since(began).Round(10*time.Millisecond))
		}
		n := float64(2 * generation)
		p.settles(`sum(pandora_orders_total{app="app",group="shop"})`, 5*n)
		p.settles(`pandora_marks_total{app="app",group="shop"}`, 4*n)
		p.settles(`pandora_took_seconds_count{app="app"}`, 4*n)
		p.settles(`wait_seconds_bucket{app="app",le="0.1"}`, n)
		p.settles(`carts_total{app="app",shop="a \"quoted\"\nname"}`, 3*n)
		accepted(t, promtool, b.get("/metrics"))
	}
	for query, want := range map[string]float64{
		`pandora_took_seconds_sum{app="app"}`:                                  22,
		`pandora_took_seconds{app="app",quantile="0.99"}`:                      .4,
		`pandora_sizes{app="app",quantile="0.5"}`:                              10,
		`pandora_calls_seconds_sum{app="app",category="success"}`:              5.5,
		`sum(pandora_queue{app="app",process="web"})`:                          14,
		`count(pandora_queue{app="app"})`:                                      2,
		`pandora_odd__name__{app="app",process="web",worker="1"}`:              1,
		`wait_seconds_count{app="app"}`:                                        44,
		`histogram_quantile(0.5, wait_seconds_bucket{app="app"})`:              .1,
		`count(process_cpu_seconds_total{app="app"})`:                          2,
		`count(pandora_worker_info{app="app",process="web"})`:                  2,
		`pandora_workers{state="running"}`:                                     2,
		`min_over_time(up{job="pandora"}[5m])`:                                 1,
		`resets(pandora_orders_total{app="app"}[5m])`:                          0,
		`resets(pandora_took_seconds_count{app="app"}[5m])`:                    0,
		`resets(wait_seconds_count{app="app"}[5m])`:                            0,
		`count(count by (__name__) ({__name__=~"pandora_system_.+"}))>bool 20`: 1,
	} {
		p.settles(query, want)
	}
	if out := p.answer("/api/v1/targets"); !strings.Contains(out, `"lastError":"","lastScrape"`) {
		t.Errorf("targets: %s", out)
	}
	if out := p.answer("/api/v1/metadata?metric=pandora_took_seconds"); !strings.Contains(out, `"type":"summary"`) || !strings.Contains(out, `"unit":"seconds"`) {
		t.Errorf("metadata: %s", out)
	}
}

// accepted tells what promtool says of a text, but for some gauges that prom-client calls so.
func accepted(t *testing.T, promtool, text string) {
	t.Helper()
	check := exec.Command(promtool, "check", "metrics")
	check.Stdin = strings.NewReader(text)
	out, err := check.CombinedOutput()
	code := check.ProcessState.ExitCode()
	for line := range strings.Lines(string(out)) {
		if !regexp.MustCompile(`^nodejs_active_(handles|requests|resources)_total non-counter`).MatchString(line) {
			code = 1
		}
	}
	if text == "" || code != 0 && code != 3 {
		t.Errorf("promtool: %v\n%s\nof\n%s", err, out, text)
	}
}

// prometheusServer is a running one.
type prometheusServer struct {
	t       *testing.T
	address string
}

// prometheus starts a server that scrapes a target all the time.
func (b *bench) prometheus(program, target string) *prometheusServer {
	b.t.Helper()
	p := &prometheusServer{b.t, freeAddress(b.t)}
	config := filepath.Join(b.dir, "prometheus.yml")
	// A worker that is about to end may keep a scrape waiting for a second.
	b.write(config, fmt.Sprintf(`scrape_configs:
  - job_name: pandora
    scrape_interval: 1500ms
    scrape_timeout: 1500ms
    static_configs: [ { targets: [ %q ] } ]
`, target))
	var out bytes.Buffer
	cmd := exec.Command(program, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(b.dir, "tsdb"), "--web.listen-address="+p.address)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b.t.Failed() {
			b.t.Logf("prometheus: %s", out.Bytes())
		}
	})
	within(b.t, 20*time.Second, "Prometheus", func() bool { return strings.Contains(p.answer("/-/ready"), "Ready") })
	return p
}

// answer asks the server, "" when it does not answer.
func (p *prometheusServer) answer(path string) string {
	response, err := http.Get("http://" + p.address + path)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	var out bytes.Buffer
	_, _ = out.ReadFrom(response.Body)
	return out.String()
}

// settles waits until a query has one value, and that it is the right one.
func (p *prometheusServer) settles(query string, want float64) {
	p.t.Helper()
	got := ""
	defer func() {
		if p.t.Failed() {
			p.t.Logf("%s: %s", query, got)
		}
	}()
	within(p.t, 10*time.Second, query+" is "+fmt.Sprint(want), func() bool {
		got = p.answer("/api/v1/query?query=" + url.QueryEscape(query))
		var m struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if json.Unmarshal([]byte(got), &m) != nil || len(m.Data.Result) != 1 {
			return false
		}
		text, _ := m.Data.Result[0].Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		return err == nil && value > want-1e-9 && value < want+1e-9
	})
}
