package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pandora-go/pandora/internal/control"
)

// classConfig has reporters that are classes: one that tells all it sees of the group "shop" to a URL, one that throws, one
// that cannot be made, and one that is switched off.
const classConfig = `'use strict';
const { ScheduledMetricsReporter, CustomReporter, MetricName } = require('pandora-metrics');
const http = require('http');
const shown = {
  gauges: async (gauge) => ({ value: await gauge.getValue() }),
  counters: (counter) => ({ count: counter.getCount(), interval: counter.getBucketInterval() }),
  histograms: (histogram) => {
    const snapshot = histogram.getSnapshot();
    return { count: histogram.getCount(), min: snapshot.getMin(), max: snapshot.getMax(), mean: snapshot.getMean(), median: snapshot.getMedian(), p99: snapshot.get99thPercentile(), size: snapshot.size() };
  },
  meters: (meter) => ({ count: meter.getCount(), interval: meter.getInstantCountInterval(), m1: typeof meter.getOneMinuteRate() }),
  timers: (timer) => ({ count: timer.getCount(), mean: timer.getSnapshot().getMean(), max: timer.getSnapshot().getMax(), rate: timer.getMeanRate() > 0 }),
  fastCompasses: (compass) => ({ interval: compass.getBucketInterval(), calls: [...compass.getMethodCountPerCategory()].map(([name, buckets]) => [name, [...buckets.values()].map((n) => parseInt(n.toString()))]).sort() }),
};
class Telling extends ScheduledMetricsReporter {
  constructor(actuatorServer, options) {
    super(actuatorServer, options);
    this.url = options.url;
  }
  async report(data) {
    const all = [];
    for (const kind of Object.keys(data)) {
      for (const [key, metric] of data[kind]) {
        const name = MetricName.parseKey(key);
        if (name.getKey().startsWith('shop.')) all.push({ kind, key, name: name.getKey(), tags: name.getTags(), level: name.getMetricLevel(), type: metric.type, ...await shown[kind](metric) });
      }
    }
    const { hostname, port } = new URL(this.url);
    http.request({ hostname, port, path: '/v1/push?interval=' + this.interval, method: 'POST', headers: { 'Content-Type': 'application/json' } }).on('error', console.error).end(JSON.stringify(all));
  }
}
class Throwing extends CustomReporter {
  async report() {
    const info = await this.endPointService.getEndPoint('info').invoke({ appName: 'shop' });
    if (!Array.isArray(info) || info[0].key === undefined) throw new Error('info ' + JSON.stringify(info));
    this.times = (this.times || 0) + 1;
    throw new RangeError('report ' + this.times + ' of ' + Object.keys(this.getCategoryMetrics()).length + ' kinds, ' + typeof this.endPointService.getEndPoint);
  }
}
module.exports = {
  actuator: { http: { port: %s } }, reporterInterval: 1,
  reporter: {
    telling: { enabled: true, target: Telling, initConfig: { url: %q } },
    throwing: { enabled: true, target: Throwing },
    off: { enabled: false, target: Throwing },
    %s
  },
};
`

// classApp counts in each kind of metric.
const classApp = `'use strict';
const { MetricsClientUtil, MetricName, MetricLevel, Gauge } = require('dorapan');
const client = MetricsClientUtil.getMetricsClient();
const named = (name) => new MetricName('shop.' + name, { kind: 'a' }, MetricLevel.CRITICAL);
client.register('shop', named('queue'), new (class extends Gauge { getValue() { return 42; } })());
client.getCounter('shop', named('orders')).inc(3);
client.getMeter('shop', named('visits')).mark(4);
for (const value of [10, 20, 30, 40, 50]) {
  client.getHistogram('shop', named('sizes')).update(value);
  client.getTimer('shop', named('took')).update(value);
}
client.getFastCompass('shop', named('calls')).record(7, 'success');
client.getFastCompass('shop', named('calls')).record(9, 'error');
setInterval(() => {}, 60000);
`

// classWant is what the class Telling sees, by kind; the original's differences are in the other test.
const classWant = `[
{"kind":"gauges","key":"shop.queue@%^appName%^&shop!*&kind%^&a@%^CRITICAL","name":"shop.queue","tags":{"appName":"shop","kind":"a"},"level":"CRITICAL","type":"GAUGE","value":42},
{"kind":"counters","key":"shop.orders@%^appName%^&shop!*&kind%^&a@%^CRITICAL","name":"shop.orders","tags":{"appName":"shop","kind":"a"},"level":"CRITICAL","type":"COUNTER","count":3,"interval":1},
{"kind":"histograms","key":"shop.sizes@%^appName%^&shop!*&kind%^&a@%^CRITICAL","name":"shop.sizes","tags":{"appName":"shop","kind":"a"},"level":"CRITICAL","type":"HISTOGRAM","count":5,"min":10,"max":50,"mean":30,"median":30,"p99":50,"size":5},
{"kind":"meters","key":"shop.visits@%^appName%^&shop!*&kind%^&a@%^CRITICAL","name":"shop.visits","tags":{"appName":"shop","kind":"a"},"level":"CRITICAL","type":"METER","count":4,"interval":1,"m1":"number"},
{"kind":"timers","key":"shop.took@%^appName%^&shop!*&kind%^&a@%^CRITICAL","name":"shop.took","tags":{"appName":"shop","kind":"a"},"level":"CRITICAL","type":"TIMER","count":5,"mean":30,"max":50,"rate":true},
{"kind":"fastCompasses","key":"shop.calls@%^appName%^&shop!*&kind%^&a@%^CRITICAL","name":"shop.calls","tags":{"appName":"shop","kind":"a"},"level":"CRITICAL","type":"FASTCOMPASS","interval":1,"calls":[["error",[1]],["success",[1]]]}
]`

// toldRecorder keeps what the class Telling posts.
type toldRecorder struct {
	mu   sync.Mutex // guards what follows
	all  []string
	head string
}

func (r *toldRecorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var told any
	err := json.NewDecoder(q.Body).Decode(&told)
	data, _ := json.Marshal(told)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		data = []byte(err.Error())
	}
	r.all = append(r.all, string(data))
	r.head = fmt.Sprint(q.Method, " ", q.URL, " ", q.Header.Get("Content-Type"))
	w.WriteHeader(http.StatusOK)
}

// last is the head and the body of the last post, and how many there were.
func (r *toldRecorder) last() (head, body string, posts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return "", "", 0
	}
	return r.head, r.all[len(r.all)-1], len(r.all)
}

// plainJSON makes texts of JSON comparable.
func plainJSON(t *testing.T, text string) string {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	data, _ := json.Marshal(value)
	return string(data)
}

// TestReporterClasses: classes of the configuration get all metrics on their schedule, one that throws goes on, and what is
// changed is so after a reload.
func TestReporterClasses(t *testing.T) {
	b := newBench(t)
	recorder := &toldRecorder{}
	server := httptest.NewServer(recorder)
	defer server.Close()
	config := filepath.Join(b.dir, "config.js")
	b.write(config, fmt.Sprintf(classConfig, "0", server.URL, "broken: { target: class { constructor() { throw new Error('no agent'); } } },"))
	b.env = append(b.env, "PANDORA_CONFIG="+config)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(filepath.Join(dir, "app.js"), classApp)
	b.run("start", "--name", "shop", dir)
	want := plainJSON(t, classWant)
	t.Cleanup(func() {
		if _, body, posts := recorder.last(); t.Failed() {
			t.Logf("the last of %d posts: %s", posts, body)
		}
	})
	b.until("the class tells what there is", func() bool {
		_, body, _ := recorder.last()
		return body == want
	})
	if head, body, _ := recorder.last(); head != "POST /v1/push?interval=1 application/json" {
		t.Errorf("head %s, body %s", head, body)
	}
	info := func() control.DaemonInfo {
		d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
		defer d.Close()
		info, err := d.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	b.until("the one that throws goes on", func() bool {
		at := slices.IndexFunc(info().Reporters, func(r control.ReporterInfo) bool { return r.Name == "throwing" })
		return at >= 0 && info().Reporters[at].Failed >= 2 && strings.Contains(info().Reporters[at].Error, "of 7 kinds, function")
	})
	if problems := strings.Join(info().Problems, "\n"); problems != `reporter "broken" does not run: Error: no agent` {
		t.Errorf("problems %s", problems)
	}
	if daemon := b.get("/daemon"); !strings.Contains(daemon, `"file","telling","throwing"`) || strings.Contains(daemon, `"off"`) {
		t.Errorf("/daemon %s", daemon)
	}
	log, err := os.ReadFile(filepath.Join(b.dir, "p", "logs", "pandorajs", "daemon.log"))
	if err != nil || !strings.Contains(string(log), "RangeError: report 1 of 7 kinds") {
		t.Errorf("the log has not what was thrown: %v", err)
	}
	// Only the file of the built-in one is left.
	b.write(config, `module.exports = { reporter: { telling: { enabled: false } } };`)
	b.run("daemon", "reload")
	b.until("the classes are gone", func() bool { return len(info().Reporters) == 1 })
}
