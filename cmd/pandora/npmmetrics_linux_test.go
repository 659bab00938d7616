package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
)

// metricsApp is one application with two processes that say the same: npm has npm's packages, ours has none.
const metricsApp = `'use strict';
const {
  HealthIndicator, Indicator, DuplexIndicator, MetricsClient, MetricsClientUtil, MetricName, Counter, BaseGauge,
} = require('pandora-metrics');
const who = process.env.WHO;

class Remote extends HealthIndicator {
  constructor() { super(); this.name = 'remote_' + who; }
  async doCheck(builder, config) { if (config && config.up === false) builder.down(); else builder.up(); }
}
class Broken extends HealthIndicator {
  constructor() { super(); this.name = 'broken_' + who; }
  async doCheck() { throw new Error('no'); }
}
class Rows extends Indicator {
  constructor() { super(); this.group = 'info'; this.name = 'Rows' + who; }
  async invoke(args, builder) { builder.withDetail('rows_' + who, { q: args.q || null }, 'process'); }
}
class Errors extends DuplexIndicator {
  constructor() { super(); this.group = 'error'; this.type = 'multiton'; }
  registerUplink() { this.report({ method: 'error', appName: this.appName, message: 'boom', pid: process.pid }); }
  async invoke() {}
}
for (const Each of [Remote, Broken, Rows, Errors]) new Each().initialize();

const client = MetricsClient.getInstance();
class Age extends BaseGauge { getValue() { return Promise.resolve(42); } }
client.register(who, MetricName.build('age').tagged('who', who), new Age());
client.register(who, 'text.' + who, { getValue() { return 'words'; } });
const counter = client.register(who, 'test.metrics.' + who, new Counter());
counter.inc();
counter.inc(6);
client.getCounter(who, 'shared.' + who).inc(3);
client.getMeter(who, 'marks.' + who).mark(5);
const timer = client.getTimer(who, 'timer.' + who);
for (const ms of [10, 20, 30, 40]) timer.update(ms);
// Where npm's copy has nobody who set one, this process's own client is found.
MetricsClientUtil.getMetricsClient().getCounter(who, 'found.' + who).inc(9);
setInterval(() => {}, 60000);
`

// get asks the daemon's HTTP server, "" when it does not answer.
func (b *bench) get(path string) string {
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	defer d.Close()
	info, err := d.Info(b.t.Context())
	if err != nil || info.Actuator == "" {
		return ""
	}
	response, err := http.Get("http://" + info.Actuator + path)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return ""
	}
	return string(body)
}

// values are the rows of a metrics group by name.
func (b *bench) values(group string) map[string]any {
	var answer struct {
		Data []struct {
			Metric string
			Value  any
			Tags   map[string]string
		}
	}
	if json.Unmarshal([]byte(b.get("/metrics/"+group+"?appName=app")), &answer) != nil {
		return nil
	}
	values := map[string]any{}
	for _, row := range answer.Data {
		values[row.Metric] = row.Value
	}
	return values
}

// TestPandoraMetrics: what npm's pandora-metrics registers and counts in a worker is seen; ours does the same where an
// application has no copy of its own.
func TestPandoraMetrics(t *testing.T) {
	modules := installed(t, "clients", false)
	b := newBench(t)
	dir := filepath.Join(b.dir, "app")
	for _, who := range []string{"npm", "ours"} {
		if err := os.MkdirAll(filepath.Join(dir, who), 0o755); err != nil {
			t.Fatal(err)
		}
		b.write(filepath.Join(dir, who, "app.js"), metricsApp)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "npm", "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "procfile.js"), `module.exports = (pandora) => {
  for (const who of ['npm', 'ours']) pandora.fork(who, './' + who + '/app.js').env({ WHO: who }).nodeArgs(['--no-deprecation']);
};`)
	config := filepath.Join(b.dir, "config.js")
	b.write(config, `module.exports = { actuator: { endPoint: { health: { initConfig: { remote_ours: { up: false } } } } } };`)
	b.env = append(b.env, "PANDORA_CONFIG="+config)
	b.run("start", dir)

	b.pandoraMetricsHold()
	errors := ""
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("errors: %s", errors)
		}
	})
	within(t, 10*time.Second, "error.all", func() bool {
		errors = b.get("/metrics/error")
		return b.values("error")["error.all.count"] == 2.0
	})

	// Another daemon hears it all again; what npm's copy has counted by itself begins anew with it, as in the original.
	pid := b.daemonPID()
	b.revived(pid, killed(t, pid), 1, daemonLimit)
	b.pandoraMetricsHold("test.metrics.npm.count", "shared.npm.count", "marks.npm.count", "timer.npm.count", "timer.npm.max", "timer.npm.mean",
		"timer.ours.max", "timer.ours.mean")
}

// pandoraMetricsHold waits until all that the two processes have registered is seen, but for some metrics.
func (b *bench) pandoraMetricsHold(without ...string) {
	b.t.Helper()
	t := b.t
	within(t, 10*time.Second, "health", func() bool {
		var answer struct{ Data map[string]any }
		if json.Unmarshal([]byte(b.get("/health?appName=app")), &answer) != nil {
			return false
		}
		status := func(name string) any {
			row, _ := answer.Data[name].(map[string]any)
			return row["status"]
		}
		return answer.Data["status"] == "DOWN" && status("remote_npm") == "UP" && status("remote_ours") == "DOWN" && status("broken_npm") == nil
	})
	b.shows("/info?appName=app&q=x", `{"key":"rows_npm","data":{"q":"x"},"scope":"PROCESS"}`)
	b.shows("/info?appName=app&q=x", `{"key":"rows_ours","data":{"q":"x"},"scope":"PROCESS"}`)
	for _, who := range []string{"npm", "ours"} {
		var values map[string]any
		want := map[string]any{
			"age": 42.0, "text." + who: "words", "test.metrics." + who + ".count": 7.0, "shared." + who + ".count": 3.0,
			"marks." + who + ".count": 5.0, "found." + who + ".count": 9.0,
			"timer." + who + ".count": 4.0, "timer." + who + ".max": 40.0, "timer." + who + ".mean": 25.0,
		}
		for _, name := range without {
			delete(want, name)
		}
		holds := func() bool {
			values = b.values(who)
			for name, value := range want {
				if values[name] != value {
					return false
				}
			}
			return true
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%s: %v", who, values)
			}
		})
		within(t, 10*time.Second, who+"'s metrics", holds)
	}
}
