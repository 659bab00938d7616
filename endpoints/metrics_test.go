package endpoints

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"testing"

	"github.com/pandora-go/pandora/metrics"
	"github.com/prometheus/common/expfmt"
)

// textual is a registry whose text tells what was asked for.
type textual struct {
	*metrics.Registry
	err error
}

func (m textual) WritePrometheus(_ context.Context, w io.Writer, format expfmt.Format, app string) error {
	fmt.Fprintf(w, "%s|%s", mediaType(format), app)
	return m.err
}

func newMetricsBed(t *testing.T, config string, fault error) *bed {
	t.Helper()
	registry := metrics.NewRegistry()
	count := func(group string, name metrics.Name, n float64) {
		c, err := registry.Counter(registry.NewOwner(), group, name)
		if err != nil {
			t.Fatal(err)
		}
		c.Inc(n)
	}
	count("system", metrics.NewName("system.ticks"), 3)
	count("Test", metrics.NewName("test.qps").Tagged(map[string]string{"appName": "demo"}), 7)
	count("a/b c", metrics.NewName("x"), 1)
	return newBed(t, config, func(c *Config) { c.Metrics = textual{registry, fault}; c.Log = nil })
}

const (
	ticksEntry = `{"metric":"system.ticks.count","type":"COUNTER","level":"NORMAL","tags":{},"interval":-1}`
	qpsEntry   = `{"metric":"test.qps.count","type":"COUNTER","level":"NORMAL","tags":{"appName":"demo"},"interval":-1}`
	xEntry     = `{"metric":"x.count","type":"COUNTER","level":"NORMAL","tags":{},"interval":-1}`
	ticksRow   = `{"metric":"system.ticks.count","timestamp":T,"value":3,"type":"COUNTER","level":"NORMAL","tags":{},"interval":-1}`
	qpsRow     = `{"metric":"test.qps.count","timestamp":T,"value":7,"type":"COUNTER","level":"NORMAL","tags":{"appName":"demo"},"interval":-1}`
	xRow       = `{"metric":"x.count","timestamp":T,"value":1,"type":"COUNTER","level":"NORMAL","tags":{},"interval":-1}`
)

func TestMetricsListsAndGroups(t *testing.T) {
	b := newMetricsBed(t, noDisk, nil)
	all := envelope(`{"system":[` + ticksEntry + `],"Test":[` + qpsEntry + `],"a/b c":[` + xEntry + `]}`)
	b.want(t, "/metrics/list", 200, all)
	b.want(t, "/Metrics/LIST/", 200, all)
	b.want(t, "/metrics/list?appName=other", 200, envelope(`{"system":[`+ticksEntry+`],"Test":[],"a/b c":[`+xEntry+`]}`))
	b.want(t, "/metrics/list/Test", 200, envelope(`{"Test":[`+qpsEntry+`]}`))
	b.want(t, "/metrics/list/none", 200, envelope(`{}`))
	b.want(t, "/metrics/system", 200, envelope(`[`+ticksRow+`]`))
	b.want(t, "/METRICS/Test/", 200, envelope(`[`+qpsRow+`]`))
	b.want(t, "/metrics/test", 200, failure("The specified group is not found!"))
	b.want(t, "/metrics/Test?appName=other", 200, envelope(`[]`))
	b.want(t, "/metrics/Test?appName=demo", 200, envelope(`[`+qpsRow+`]`))
	b.want(t, "/metrics/a%2Fb%20c", 200, envelope(`[`+xRow+`]`))
	b.want(t, "/metrics/list/a%2Fb%20c", 200, envelope(`{"a/b c":[`+xEntry+`]}`))
	b.want(t, "/metrics/a/b", 404, "Not Found")
	b.want(t, "/metrics//", 404, "Not Found")
	b.want(t, "/metrics/list/a/b", 404, "Not Found")
}

func TestMetricsNegotiation(t *testing.T) {
	b := newMetricsBed(t, noDisk, nil)
	grouped := envelope(`{"system":[` + ticksRow + `],"Test":[` + qpsRow + `],"a/b c":[` + xRow + `]}`)
	const text, open, json = "text/plain", "application/openmetrics-text", "application/json"
	for accept, want := range map[string]string{
		"":    text,
		"*/*": text,
		"text/html,application/xhtml+xml,*/*;q=0.8": text,
		"text/plain":                               text,
		"text/plain;version=0.0.4":                 text,
		"text/plain;escaping=allow-utf-8":          text,
		"text/*":                                   text,
		"application/json;q=0.1,*/*;q=0.5":         text,
		"application/json":                         json,
		"application/json, text/plain, */*":        json,
		"text/plain;q=0.9, application/json;q=0.5": text,
		"image/png":                                text,
		"application/openmetrics-text":             open,
		"application/openmetrics-text;version=1.0.0;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1": open,
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.4":            text,
		",;=;q=x,": text,
	} {
		response := b.do("GET", "/metrics?appName=", "Accept", accept)
		body, _ := io.ReadAll(response.Body)
		got := stamp.ReplaceAllString(string(body), `"timestamp":T`)
		wantBody := want + "|"
		if want == json {
			wantBody = grouped
		}
		if response.StatusCode != 200 || got != wantBody || mediaType(expfmt.Format(response.Header.Get("Content-Type"))) != want {
			t.Errorf("Accept %q: %d %q %s, want %s", accept, response.StatusCode, response.Header.Get("Content-Type"), got, want)
		}
	}
	if _, body := b.get(t, "/metrics?appName=demo"); body != "text/plain|demo" {
		t.Errorf("appName is lost: %s", body)
	}
}

func TestMetricsOff(t *testing.T) {
	b := newMetricsBed(t, `{"actuator":{"endPoint":{"metrics":{"enabled":false}}}}`, nil)
	for _, path := range []string{"/metrics", "/metrics/list", "/metrics/list/system", "/metrics/system"} {
		b.want(t, path, 404, "Not Found")
	}
}

func TestMetricsThatCannotBeWritten(t *testing.T) {
	b := newMetricsBed(t, noDisk, errors.New("secret detail"))
	b.want(t, "/metrics", 500, "Internal Server Error")
}

func FuzzAccept(f *testing.F) {
	f.Add("application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1")
	f.Add("application/json")
	f.Add(";;,=q")
	f.Fuzz(func(t *testing.T, accept string) {
		switch format := negotiate(http.Header{"Accept": {accept}}); mediaType(format) {
		case "text/plain", "application/openmetrics-text", "application/json":
		default:
			t.Errorf("Accept %q gives %q", accept, format)
		}
	})
}

var _ Metrics = (*metrics.Registry)(nil)

// TestMetricsTextIsReadable scrapes a real registry in both text formats.
func TestMetricsTextIsReadable(t *testing.T) {
	registry := metrics.NewRegistry()
	c, err := registry.Counter(registry.NewOwner(), "shop", metrics.NewName("orders").Tagged(map[string]string{"appName": "demo"}))
	if err != nil {
		t.Fatal(err)
	}
	c.Inc(2)
	b := newBed(t, noDisk, func(c *Config) { c.Metrics = registry })
	for _, c := range []struct{ accept, contentType, body string }{
		{"", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", "# HELP pandora_orders_total Counter orders of group shop.\n" +
			"# TYPE pandora_orders_total counter\npandora_orders_total{app=\"demo\",group=\"shop\"} 2\n"},
		{"application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores",
			"# HELP pandora_orders Counter orders of group shop.\n# TYPE pandora_orders counter\n" +
				"pandora_orders_total{app=\"demo\",group=\"shop\"} 2.0\npandora_orders_created{app=\"demo\",group=\"shop\"} T\n# EOF\n"},
	} {
		response := b.do("GET", "/metrics", "Accept", c.accept)
		body, _ := io.ReadAll(response.Body)
		body = regexp.MustCompile(`(_created\{.*\}) 1\.\d+e\+09`).ReplaceAll(body, []byte("$1 T"))
		if response.StatusCode != 200 || response.Header.Get("Content-Type") != c.contentType || string(body) != c.body {
			t.Errorf("Accept %q: %d %q\n%s", c.accept, response.StatusCode, response.Header.Get("Content-Type"), body)
		}
	}
}
