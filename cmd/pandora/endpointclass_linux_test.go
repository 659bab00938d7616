package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
)

// endPointConfig has EndPoints that are classes: one that shows the daemon's own in another form, as a public exporter does,
// one with Indicators of its own, one that is switched off, and one that cannot be made.
const endPointConfig = `'use strict';
const { EndPoint, MetricsEndPoint } = require('pandora-metrics');
class ExporterResource {
  constructor(endPointService) {
    this.prefix = '/exporter';
    this.metricsEndPoint = endPointService.getEndPoint('metrics');
    this.infoEndPoint = endPointService.getEndPoint('info');
  }
  route(router) {
    router.get('/', async (ctx, next) => {
      try {
        const lines = [];
        for (const app of Object.keys(await this.infoEndPoint.invoke())) {
          const groups = await this.metricsEndPoint.listMetrics(null, app);
          for (const group of Object.keys(groups).filter((name) => name === 'shop')) {
            for (const { metric, type, value } of await this.metricsEndPoint.getMetricsByGroup(group, app)) {
              if (value === null || !metric.endsWith('.count')) continue;
              lines.push('# TYPE ' + metric.replace(/\./g, ':') + ' ' + type.toLowerCase());
              lines.push(metric.replace(/\./g, ':') + '{appName=' + JSON.stringify(app) + '} ' + value);
            }
          }
        }
        ctx.body = lines.join('\n');
      } catch (err) {
        ctx.fail(err.message);
      }
      await next();
    });
  }
}
class StockEndPoint extends EndPoint {
  constructor() {
    super();
    this.group = 'stock';
  }
}
class StockResource {
  constructor(endPointService) {
    this.prefix = '/stock';
    this.aliasPrefix = ['/plain'];
    this.endPoint = endPointService.getEndPoint('stock');
  }
  route(router) {
    router.get('/', async (ctx) => ctx.ok(await this.endPoint.invoke({ appName: ctx.query.appName, low: ctx.query.low })));
    router.get('/item/:id', (ctx) => ctx.ok({ id: ctx.params.id, query: ctx.query }));
    router.post('/order', (ctx) => ctx.ok(ctx.request.body));
    router.get('/fails', (ctx) => ctx.fail('out of stock'));
    router.get('/throws', () => { throw new Error('broken'); });
    router.get('/refuses', (ctx) => ctx.throw(403, 'closed'));
    router.get('/text', (ctx) => { ctx.body = 'seven'; });
    router.get('/page', (ctx) => { ctx.body = '<p>7</p>'; });
    router.get('/nothing', (ctx) => { ctx.status = 204; });
    router.get('/late', (ctx) => { ctx.body = { stock: 7 }; ctx.type = 'application/vnd.stock+json'; });
    router.get('/early', (ctx) => { ctx.type = 'application/vnd.stock+json'; ctx.body = { stock: 7 }; });
    router.get('/typed', (ctx) => { ctx.type = 'text/csv'; ctx.set('X-Stock', '7'); ctx.body = 'a,b'; });
    %s
  }
}
module.exports = { actuator: { http: { port: %s, host: '127.0.0.1' }, endPoint: {
  exporter: { enabled: true, target: MetricsEndPoint, resource: ExporterResource },
  stock: { enabled: true, target: StockEndPoint, resource: StockResource, initConfig: { low: 3 } },
  off: { enabled: false, target: StockEndPoint, resource: class { constructor() { this.prefix = '/off'; } route(router) { router.get('/', (ctx) => ctx.ok(1)); } } },
  %s
} } };
`

// endPointApp has an Indicator for the EndPoint stock, and a metric.
const endPointApp = `'use strict';
const { Indicator, MetricsClientUtil } = require('dorapan');
class Stock extends Indicator {
  constructor() {
    super();
    this.group = 'stock';
    this.name = 'stock';
  }
  async invoke(args, builder) {
    builder.withDetail('screws', 7);
    builder.withDetail('told', { low: this.config.low, asked: args.low });
  }
}
new Stock().initialize();
MetricsClientUtil.getMetricsClient().getCounter('shop', 'shop.orders').inc(3);
setInterval(() => {}, 60000);
`

// endPointAnswerWant is one request to those EndPoints, and the answer: a status, a type and a body, without times.
type endPointAnswerWant struct {
	method, path, send string
	status             int
	contentType, body  string
}

// endPointWants are answered alike by the original.
func endPointWants() []endPointAnswerWant {
	const inJSON, inText = "application/json; charset=utf-8", "text/plain; charset=utf-8"
	wrapped := func(data string) string { return `{"data":` + data + `,"success":true,"message":""}` }
	return []endPointAnswerWant{
		{path: "/exporter", status: 200, contentType: inText, body: "# TYPE shop:orders:count counter\nshop:orders:count{appName=\"shop\"} 3"},
		{path: "/stock?appName=shop&low=2", status: 200, contentType: inJSON, body: wrapped(`[{"key":"screws","data":7,"scope":"APP"},{"key":"told","data":{"low":3,"asked":"2"},"scope":"APP"}]`)},
		{path: "/stock/", status: 200, contentType: inJSON, body: wrapped(`{"shop":[{"key":"screws","data":7,"scope":"APP"},{"key":"told","data":{"low":3},"scope":"APP"}]}`)},
		{path: "/stock/item/4%2F5?a=1&b=2&a=3", status: 200, contentType: inJSON, body: wrapped(`{"id":"4/5","query":{"a":["1","3"],"b":"2"}}`)},
		{path: "/STOCK/Item/Seven", status: 200, contentType: inJSON, body: wrapped(`{"id":"Seven","query":{}}`)},
		{path: "/plain/item/4", status: 200, contentType: inJSON, body: `{"id":"4","query":{}}`},
		{method: "POST", path: "/stock/order", send: `{"screws":2}`, status: 200, contentType: inJSON, body: wrapped(`{"screws":2}`)},
		{path: "/stock/fails", status: 200, contentType: inJSON, body: `{"success":false,"message":"out of stock"}`},
		{path: "/stock/throws", status: 500, contentType: inText, body: "Internal Server Error"},
		{path: "/stock/refuses", status: 403, contentType: inText, body: "closed"},
		{path: "/stock/text", status: 200, contentType: inText, body: "seven"},
		{path: "/stock/page", status: 200, contentType: "text/html; charset=utf-8", body: "<p>7</p>"},
		{path: "/stock/nothing", status: 204},
		{path: "/stock/typed", status: 200, contentType: "text/csv; charset=utf-8", body: "a,b"},
		{path: "/stock/late", status: 200, contentType: "application/vnd.stock+json", body: `{"stock":7}`},
		{path: "/stock/early", status: 200, contentType: inJSON, body: `{"stock":7}`},
		{path: "/stock/unknown", status: 404, contentType: inText, body: "Not Found"},
		{path: "/stockings", status: 404, contentType: inText, body: "Not Found"},
		{path: "/off", status: 404, contentType: inText, body: "Not Found"},
		{method: "DELETE", path: "/stock/order", status: 405, contentType: inText, body: "Method Not Allowed"},
		{method: "HEAD", path: "/stock/text", status: 200, contentType: inText},
	}
}

// stamped are the times in answers.
var stamped = regexp.MustCompile(`"timestamp":\d+,?`)

// askFor asks for a path and returns the status, the type and the body without times.
func askFor(t *testing.T, base string, w endPointAnswerWant) (endPointAnswerWant, http.Header) {
	t.Helper()
	method := w.method
	if method == "" {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(t.Context(), method, base+w.path, strings.NewReader(w.send))
	if err != nil {
		t.Fatal(err)
	}
	if w.send != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	got := w
	got.status, got.contentType = response.StatusCode, response.Header.Get("Content-Type")
	got.body = stamped.ReplaceAllString(string(body), "")
	return got, response.Header
}

// holdEndPoints asks everything.
func holdEndPoints(t *testing.T, base string) {
	t.Helper()
	for _, want := range endPointWants() {
		got, header := askFor(t, base, want)
		if got != want {
			t.Errorf("%s %s:\n got %d %q %q\nwant %d %q %q", want.method, want.path, got.status, got.contentType, got.body, want.status, want.contentType, want.body)
		}
		if want.path == "/stock/typed" && header.Get("X-Stock") != "7" || want.status == 405 && header.Get("Allow") != "POST" {
			t.Errorf("%s: headers %v", want.path, header)
		}
	}
}

// TestEndPointClasses: EndPoints of the configuration are served from its script host; what loops or hangs there does no harm.
func TestEndPointClasses(t *testing.T) {
	b := newBench(t)
	config := filepath.Join(b.dir, "config.js")
	write := func(more string) {
		b.write(config, fmt.Sprintf(endPointConfig, `
    router.get('/hangs', () => new Promise(() => {}));
    router.get('/huge', (ctx) => { ctx.body = 'x'.repeat(40 << 20); });
    router.get('/dies', () => { process.exit(1); });
    router.get('/loops', () => { for (;;); });`, "0", more))
	}
	write(`broken: { target: class { constructor() { throw new Error('no stock'); } } },`)
	b.env = append(b.env, "PANDORA_CONFIG="+config)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(filepath.Join(dir, "app.js"), endPointApp)
	b.run("start", "--name", "shop", dir)
	base := b.actuator()
	get := func(path string) (int, string) {
		got, _ := askFor(t, base, endPointAnswerWant{path: path})
		return got.status, got.body
	}
	within(t, 10*time.Second, "the Indicator and the metric are there", func() bool {
		_, stock := get("/stock?appName=shop")
		_, exported := get("/exporter")
		return strings.Contains(stock, "screws") && strings.Contains(exported, "} 3")
	})
	holdEndPoints(t, base)
	if _, daemon := get("/daemon"); !strings.Contains(daemon, `"exporter","stock"`) {
		t.Errorf("/daemon does not list them: %s", daemon)
	}
	// Workers read the same configuration, and have nothing to extend but the names.
	if _, told := get("/error?appName=shop"); strings.Contains(told, "PandoraConfigWarning") {
		t.Errorf("a worker cannot read the configuration: %s", told)
	}
	within(t, 5*time.Second, "the daemon tells of the broken one", func() bool {
		return strings.Contains(b.run("daemon", "status"), `EndPoint "broken" does not run: Error: no stock`)
	})
	hung := make(chan int, 1)
	go func() {
		status, _ := get("/stock/hangs")
		hung <- status
	}()
	within(t, 10*time.Second, "an answer beside one that hangs", func() bool {
		status, body := get("/plain/text")
		return status == 200 && body == "seven"
	})
	// On a busy machine making it takes longer than an answer may.
	if status, body := get("/stock/huge"); status != 500 && status != 504 && status != 503 {
		t.Errorf("a huge answer: %d, %d bytes", status, len(body))
	}
	within(t, 20*time.Second, "the host after that", func() bool {
		status, _ := get("/plain/text")
		return status == 200
	})
	// One that loops takes its host with it, which comes back.
	if status, _ := get("/stock/loops"); status != 504 && status != 503 {
		t.Errorf("one that loops: %d", status)
	}
	if status := <-hung; status != 504 && status != 503 {
		t.Errorf("one that hangs: %d", status)
	}
	within(t, 20*time.Second, "the host is back, and the Indicator in its place", func() bool {
		status, body := get("/stock?appName=shop")
		if status != 200 && status != 503 && status != 504 {
			t.Errorf("meanwhile: %d %s", status, body)
		}
		return status == 200 && strings.Contains(body, "screws")
	})
	// A reload of the configuration changes what is served.
	write(`more: { resource: class { constructor() { this.prefix = '/more'; } route(router) { router.get('/', (ctx) => { ctx.body = 'more'; }); } } },`)
	b.run("daemon", "reload")
	within(t, 10*time.Second, "the new EndPoint", func() bool {
		status, body := get("/more")
		return status == 200 && body == "more"
	})
	var info control.DaemonInfo
	if err := json.Unmarshal([]byte(b.run("daemon", "status", "--json")), &info); err != nil {
		t.Fatal(err)
	}
	for _, p := range info.Problems {
		if strings.Contains(p, "EndPoint") {
			t.Errorf("still a problem: %s", p)
		}
	}
	b.write(config, "module.exports = { actuator: { http: { port: "+strconv.Itoa(0)+" } } };")
	b.run("daemon", "reload")
	within(t, 10*time.Second, "no EndPoint any more", func() bool {
		status, _ := get("/stock/text")
		return status == 404
	})
}
