package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestPromClient: what two workers keep in npm's prom-client is summed up in our text, through a reload, beside the series
// of their processes.
func TestPromClient(t *testing.T) {
	modules := installed(t, "apps", false)
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.cluster('./app.js'); };`)
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "app.js"), `'use strict';
const prom = require('prom-client');
new prom.AggregatorRegistry();
new prom.Counter({ name: 'orders_total', help: 'Orders.', labelNames: ['shop'] }).inc({ shop: 'a' }, 5);
new prom.Gauge({ name: 'queue', help: 'Queue.' }).set(7);
const took = new prom.Histogram({ name: 'took_seconds', help: 'Took.', buckets: [0.1, 1] });
took.observe(0.05);
took.observe(0.5);
setInterval(() => {}, 60000);
`)
	b.run("start", dir)
	b.shows("/metrics", "\norders_total{app=\"app\",shop=\"a\"} 10\n")
	b.shows("/metrics", "\ntook_seconds_bucket{app=\"app\",le=\"0.1\"} 2\ntook_seconds_bucket{app=\"app\",le=\"1\"} 4\n")
	for _, worker := range []string{"0", "1"} {
		labels := `{app="app",process="worker",worker="` + worker + `"}`
		b.shows("/metrics", "\nqueue"+labels+" 7\n")
		b.shows("/metrics", "\nprocess_cpu_seconds_total"+labels+" ")
		b.shows("/metrics", "\nnodejs_eventloop_lag_p99_seconds"+labels+" ")
	}
	b.run("reload", "app")
	b.shows("/metrics", "\norders_total{app=\"app\",shop=\"a\"} 20\n")
	text := b.get("/metrics")
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil || families["took_seconds"].GetMetric()[0].GetHistogram().GetSampleCount() != 8 {
		t.Errorf("%v, %v", err, families["took_seconds"])
	}
	if n := len(families["queue"].GetMetric()); n != 2 {
		t.Errorf("%d gauges of two workers in %s", n, text)
	}
}

// TestPromClientInOwnCluster: an application that forks a cluster of its own, whose primary it makes an aggregator of, has the
// metrics of all its processes in our text.
func TestPromClientInOwnCluster(t *testing.T) {
	modules := installed(t, "apps", false)
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "app.js"), `'use strict';
const cluster = require('node:cluster');
const prom = require('prom-client');
new prom.AggregatorRegistry();
new prom.Counter({ name: 'jobs_total', help: 'Jobs.' }).inc(cluster.isPrimary ? 1 : 5);
if (cluster.isPrimary) for (let i = 0; i < 2; i++) cluster.fork();
else new prom.Gauge({ name: 'queue', help: 'Queue.' }).set(3);
setInterval(() => {}, 60000);
`)
	b.run("start", dir)
	b.shows("/metrics", "\njobs_total{app=\"app\"} 11\n")
	for _, child := range []string{"1", "2"} {
		labels := `{app="app",child="` + child + `",process="web",worker="0"}`
		b.shows("/metrics", "\nqueue"+labels+" 3\n")
		b.shows("/metrics", "\nprocess_cpu_seconds_total"+labels+" ")
	}
	b.shows("/metrics", "\nprocess_cpu_seconds_total{app=\"app\",process=\"web\",worker=\"0\"} ")
}
