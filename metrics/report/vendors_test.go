package report

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// TestFalcon holds what the agent gets against its documentation: an array of values with all seven fields.
func TestFalcon(t *testing.T) {
	url, got := receiver(t, nil)
	sink := configured(t, "", "open-falcon", `{"agentUrl":"`+url+`/v1/push","endpoint":"host-1","interval":10}`, true)
	for _, b := range batches(t, sink, "") {
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	posts := got()
	if len(posts) != 2 || posts[0].path != "/v1/push" {
		t.Fatalf("%d requests, expected two to /v1/push", len(posts))
	}
	for i, p := range posts {
		var raw []map[string]any
		if err := json.Unmarshal(p.body, &raw); err != nil {
			t.Fatal(err)
		}
		at := 946684800 + 10*(i+1)
		seen := map[string]string{}
		for _, v := range raw {
			keys := []string{"endpoint", "metric", "timestamp", "step", "value", "counterType", "tags"}
			for _, key := range keys {
				if _, there := v[key]; !there || len(v) != len(keys) {
					t.Fatalf("value %v, expected the fields %q", v, keys)
				}
			}
			seen[fmt.Sprint(v["metric"])] += fmt.Sprintf("%v %.0f %v %v %v %v;", v["endpoint"], v["timestamp"], v["step"], v["value"], v["counterType"], v["tags"])
		}
		for metric, want := range map[string]string{
			"test.counter":                  fmt.Sprintf("host-1 %d 10 %d COUNTER appName=demo,tag=v_w;", at, 10*(i+1)),
			"test.timer.p95":                fmt.Sprintf("host-1 %d 10 50 GAUGE appName=demo,tag=v_w;", at),
			"depth":                         fmt.Sprintf("host-1 %d 10 -3 GAUGE ;", at),
			"test.compass.hit_bucket_count": fmt.Sprintf("host-1 %d 5 1 GAUGE appName=demo,tag=v_w;host-1 %d 5 1 GAUGE appName=demo,tag=v_w;", at-5, at-10),
		} {
			if seen[metric] != want {
				t.Errorf("report %d: %s is %q, expected %q", i, metric, seen[metric], want)
			}
		}
	}
}

// newRelicGot is a request as the documentation of the Metric API has it.
type newRelicGot []struct {
	Common struct {
		Attributes map[string]string
	}
	Metrics []struct {
		Name, Type string
		Value      float64
		Timestamp  int64
		Interval   int64 `json:"interval.ms"`
		Attributes map[string]string
	}
}

func newRelicPosts(t *testing.T, posts []post) []newRelicGot {
	t.Helper()
	var all []newRelicGot
	for _, p := range posts {
		if p.header.Get("Content-Encoding") != "gzip" || p.header.Get("Content-Type") != "application/json" || p.header.Get("Api-Key") != "k-123" {
			t.Errorf("headers %v", p.header)
		}
		var got newRelicGot
		if err := json.Unmarshal(p.body, &got); err != nil {
			t.Fatal(err)
		}
		all = append(all, got)
	}
	return all
}

func TestNewRelic(t *testing.T) {
	url, got := receiver(t, func(_ int, w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) })
	sink := configured(t, "", "newrelic", `{"url":"`+url+`/metric/v1","apiKey":"k-123","attributes":{"env":"test"}}`, true)
	for _, b := range batches(t, sink, "") {
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	for i, body := range newRelicPosts(t, got()) {
		if c := body[0].Common.Attributes; c["env"] != "test" || c["host.name"] == "" || c["instrumentation.provider"] != "pandora" {
			t.Errorf("common attributes %v", c)
		}
		began := 946684800000 + int64(i)*10000
		seen := map[string][]string{}
		for _, m := range body[0].Metrics {
			seen[m.Name] = append(seen[m.Name], fmt.Sprintf("%s %v %d %d %v", m.Type, m.Value, m.Timestamp, m.Interval, m.Attributes))
		}
		for name, want := range map[string][]string{
			"test.counter.count":            {fmt.Sprintf("count 10 %d 10000 map[appName:demo tag:v_w]", began)},
			"test.timer.p95":                {fmt.Sprintf("gauge 50 %d 0 map[appName:demo tag:v_w]", began+10000)},
			"depth":                         {fmt.Sprintf("gauge -3 %d 0 map[]", began+10000)},
			"test.compass.hit_bucket_count": {fmt.Sprintf("count 1 %d 5000 map[appName:demo tag:v_w]", began+5000), fmt.Sprintf("count 1 %d 5000 map[appName:demo tag:v_w]", began)},
			"test.counter.bucket_count":     nil,
		} {
			if !slices.Equal(seen[name], want) {
				t.Errorf("report %d: %s is %q, expected %q", i, name, seen[name], want)
			}
		}
	}
}

// TestNewRelicInParts: of a report that fails in the middle only the rest comes again, and counts go on.
func TestNewRelicInParts(t *testing.T) {
	url, got := receiver(t, func(n int, w http.ResponseWriter) {
		if n == 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	sink := configured(t, "", "newrelic", `{"url":"`+url+`","apiKey":"k-123"}`, true)
	at := time.Unix(1000, 0)
	report := func(n int, value float64) *batch {
		b := &batch{since: at.Add(time.Duration(n) * time.Minute), at: at.Add(time.Duration(n+1) * time.Minute)}
		for i := range maxNewRelic + 5 {
			b.rows = append(b.rows, metrics.Row{Metric: fmt.Sprint("m", i, ".count"), Value: value, Type: metrics.KindCounter})
		}
		return b
	}
	first := report(0, 7)
	if err := sink.take(t.Context(), first); err == nil {
		t.Fatal("no error of a part that is refused")
	}
	if err := sink.take(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	if err := sink.take(t.Context(), report(1, 9)); err != nil {
		t.Fatal(err)
	}
	var sizes []int
	var values []float64
	for _, body := range newRelicPosts(t, got()) {
		sizes = append(sizes, len(body[0].Metrics))
		values = append(values, body[0].Metrics[0].Value)
	}
	if fmt.Sprint(sizes, values) != "[2000 5 5 2000 5] [7 7 7 2 2]" {
		t.Errorf("requests of %v metrics with the values %v", sizes, values)
	}
}

// TestConfigure: what is given decides, mistakes name the option and no secret, and what did not change goes on.
func TestConfigure(t *testing.T) {
	set := New(Config{Registry: metrics.NewRegistry(), File: func(string) string { return "/nowhere/metrics.log" }, Getenv: environment(nil)})
	for _, test := range []struct {
		config, names string
		problem       string
	}{
		{"", "file", ""},
		{"{}", "file", ""},
		{`{"reporter":{"file":{"enabled":false}}}`, "", ""},
		{`{"reporter":{"file":false,"trace":{"enabled":true}}}`, "", ""},
		{`{"reporter":{"a":{"type":"statsd"},"b":{"type":"statsd","port":9}}}`, "a b file", ""},
		{`{"reporters":{"file":{"enabled":false},"console":{"type":"statsd","interval":5}}}`, "console", ""},
		{`{"reporters":{"file":{"enabled":false}},"reporter":{"file":{}}}`, "file", ""},
		{`{"reporter":7}`, "file", `"reporter": it is not an object`},
		{`{"reporter":{"own":{"enabled":true}}}`, "file", `reporter "own" does not run: there is no reporter of type "own"`},
		{`{"reporter":{"own":7}}`, "file", `its options are 7, expected an object`},
		{`{"reporter":{"statsd":{"port":0}}}`, "file", `option port is not valid, expected a whole number from 1 to 65535`},
		{`{"reporter":{"statsd":{"socket":"x"}}}`, "file", `option socket is not valid`},
		{`{"reporter":{"statsd":{"intervalMs":1}}}`, "file", `option intervalMs is not valid`},
		{`{"reporter":{"statsd":{"tags":{"a":{}}}}}`, "file", `option tags.a is not valid, expected a text`},
		{`{"reporter":{"otlp":{"endpoint":"ftp://user:secret@x"}}}`, "file", `option endpoint is not valid`},
		{`{"reporter":{"otlp":{"protocol":"grpc"}}}`, "file", `option protocol is not valid, expected http/protobuf or http/json`},
		{`{"reporter":{"open-falcon":{"agentUrl":"secret"}}}`, "file", `option agentUrl is not valid`},
		{`{"reporter":{"newrelic":{}}}`, "file", `option apiKey is not valid, expected the license key`},
		{`{"reporter":{"newrelic":{"apiKey":"sec ret"}}}`, "file", `option apiKey is not valid`},
		{`{"reporter":{"newrelic":{"apiKey":"secret","region":"mars"}}}`, "file", `option region is not valid, expected one of us, eu`},
		{`{"reporter":{"file":{"file":"relative"}}}`, "", `option file is not valid, expected an absolute path`},
		{`{"reporter":{"console":true}}`, "file", `nowhere to print`},
	} {
		problems := strings.Join(set.Configure(json.RawMessage(test.config)), "; ")
		if got := strings.Join(set.Names(), " "); got != test.names {
			t.Errorf("%s: %q run, expected %q", test.config, got, test.names)
		}
		if !strings.Contains(problems, test.problem) || test.problem == "" && problems != "" || strings.Contains(problems, "secret") {
			t.Errorf("%s: problems %q, expected %q", test.config, problems, test.problem)
		}
		if got := strings.Join(set.Problems(), "; "); got != problems {
			t.Errorf("%s: problems are remembered as %q, not %q", test.config, got, problems)
		}
	}
	set.Configure(json.RawMessage(`{"reporter":{"statsd":{"port":1},"file":false}}`))
	before := set.running[0]
	set.Configure(json.RawMessage(`{"reporter":{"statsd":{"port":1},"dogstatsd":{"port":2},"file":0}}`))
	if set.running[0] != before || len(set.running) != 2 {
		t.Error("a reporter that did not change was made anew")
	}
	set.Configure(json.RawMessage(`{"reporter":{"statsd":{"port":3},"file":0}}`))
	if set.running[0] == before || len(set.running) != 1 {
		t.Error("a reporter that changed was not made anew")
	}
}

// TestSync: reporters of applications come and go with them, beside the global ones.
func TestSync(t *testing.T) {
	set := New(Config{Registry: metrics.NewRegistry()})
	set.Configure(json.RawMessage(`{"reporter":{"statsd":{}}}`))
	states := func() string {
		var all []string
		for _, s := range set.States() {
			all = append(all, s.App+"/"+s.Name)
		}
		return strings.Join(all, " ")
	}
	app := func(name string, reporters ...string) Application {
		a := Application{Name: name}
		for _, r := range reporters {
			a.Reporters = append(a.Reporters, Declared{Name: r, Options: map[string]any{"port": 9.0}})
		}
		return a
	}
	for i, test := range []struct {
		apps    []Application
		want    string
		problem string
	}{
		{nil, "/statsd", ""},
		{[]Application{app("shop", "statsd", "dogstatsd"), app("blog")}, "/statsd shop/dogstatsd shop/statsd", ""},
		{[]Application{app("shop", "statsd"), app("blog", "nothing")}, "/statsd shop/statsd", `reporter "nothing" of application "blog" does not run`},
		{[]Application{app("blog")}, "/statsd", ""},
	} {
		problems := strings.Join(set.Sync(test.apps), "; ")
		if got := states(); got != test.want {
			t.Errorf("step %d: %q run, expected %q", i, got, test.want)
		}
		if !strings.Contains(problems, test.problem) || strings.Join(set.Problems(), "; ") != problems {
			t.Errorf("step %d: problems %q, expected %q", i, problems, test.problem)
		}
	}
	fresh := func(continues bool) bool {
		s := New(Config{Registry: metrics.NewRegistry(), Continues: continues})
		s.Sync([]Application{app("shop", "statsd")})
		return s.running[0].sink.(*statsdSink).growth.fresh
	}
	set.Sync([]Application{app("shop", "statsd")})
	if s := set.running[len(set.running)-1]; s.App != "shop" || s.sink.(*statsdSink).growth.fresh {
		t.Error("an application that runs again is taken for a new one, whose counts are all to be told")
	}
	if !fresh(false) || fresh(true) {
		t.Error("an application that ran before the daemon is taken for a new one, or the reverse")
	}
}
