package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/pandora-go/pandora/metrics"
)

// oneAPMCall is one request and its answer, as npm's agent made it; testdata/record-oneapm.js wrote them.
type oneAPMCall struct {
	Request struct {
		Path    string
		Query   map[string]string
		Headers struct{ Encoding, Type, API string }
		Body    []any
	}
	Answer json.RawMessage
}

func recordedOneAPM(t *testing.T) []oneAPMCall {
	t.Helper()
	data, err := os.ReadFile("testdata/oneapm.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []oneAPMCall
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// oneAPMServer answers as the recorder did, until answer says otherwise.
func oneAPMServer(t *testing.T, answer func(n int, method string) string) (host string, port string, got func() []oneAPMCall) {
	t.Helper()
	recorded := recordedOneAPM(t)
	var mu sync.Mutex
	var calls []oneAPMCall
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call oneAPMCall
		call.Request.Path = r.URL.Path
		call.Request.Query = map[string]string{}
		for name, values := range r.URL.Query() {
			call.Request.Query[name] = values[0]
		}
		call.Request.Headers.Encoding, call.Request.Headers.Type, call.Request.Headers.API =
			r.Header.Get("Content-Encoding"), r.Header.Get("Content-Type"), r.Header.Get("API-VERSION")
		if err := json.NewDecoder(r.Body).Decode(&call.Request.Body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		calls = append(calls, call)
		n := len(calls)
		mu.Unlock()
		method := call.Request.Query["method"]
		if answer != nil {
			if text := answer(n, method); text != "" {
				_, _ = io.WriteString(w, text)
				return
			}
		}
		for _, c := range recorded {
			if c.Request.Query["method"] == method {
				_, _ = io.WriteString(w, strings.Replace(string(c.Answer), "127.0.0.1:443", server.Listener.Addr().String(), 1))
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	host, port, _ = net.SplitHostPort(server.Listener.Addr().String())
	return host, port, func() []oneAPMCall {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(calls)
	}
}

// workersOf is what two workers of an application told at the n-th minute.
func workersOf(apps ...string) func(n int) *batch {
	return func(n int) *batch {
		at := time.Unix(1000, 0).Add(time.Duration(n) * time.Minute)
		gauge, counter := dto.MetricType_GAUGE, dto.MetricType_COUNTER
		memory := &dto.MetricFamily{Name: new("process_resident_memory_bytes"), Type: &gauge}
		lag := &dto.MetricFamily{Name: new("nodejs_eventloop_lag_seconds"), Type: &gauge}
		cpu := &dto.MetricFamily{Name: new("process_cpu_seconds_total"), Type: &counter}
		for _, app := range apps {
			for worker := range 2 {
				labels := []*dto.LabelPair{{Name: new("app"), Value: &app}, {Name: new("worker"), Value: new(fmt.Sprint(worker))}}
				memory.Metric = append(memory.Metric, &dto.Metric{Label: labels, Gauge: &dto.Gauge{Value: new(float64(worker+1) * 3 * mebibyte)}})
				lag.Metric = append(lag.Metric, &dto.Metric{Label: labels, Gauge: &dto.Gauge{Value: new(.5)}})
				cpu.Metric = append(cpu.Metric, &dto.Metric{Label: labels, Counter: &dto.Counter{Value: new(float64(n * 15 * (worker + 1)))}})
			}
		}
		return &batch{since: at.Add(-time.Minute), at: at, families: []*dto.MetricFamily{memory, lag, cpu}}
	}
}

// shapeOf is the type of a JSON value, with what all elements of a list have.
func shapeOf(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var all []string
		for name, value := range v {
			all = append(all, name+":"+shapeOf(value))
		}
		slices.Sort(all)
		return "{" + strings.Join(all, ",") + "}"
	case []any:
		var all []string
		for _, value := range v {
			if s := shapeOf(value); !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
		return fmt.Sprint("[", strings.Join(all, "|"), "]")
	}
	return fmt.Sprintf("%T", v)
}

// TestOneAPMAsTheAgent compares with what npm's agent sent.
func TestOneAPMAsTheAgent(t *testing.T) {
	host, port, got := oneAPMServer(t, nil)
	sink := configured(t, "", "oneapm", `{"host":"`+host+`","port":`+port+`,"ssl":false,"licenseKey":"license-1"}`, true)
	report := workersOf("demo")
	for n := 1; n <= 2; n++ {
		if err := sink.take(t.Context(), report(n)); err != nil {
			t.Fatal(err)
		}
	}
	want := slices.DeleteFunc(recordedOneAPM(t), func(c oneAPMCall) bool { return c.Request.Query["method"] == "agent_settings" })
	calls := got()
	if len(calls) != 4 {
		t.Fatalf("%d requests, expected 4", len(calls))
	}
	names := []any{}
	for i, call := range calls {
		theirs, ours := want[i].Request, call.Request
		if fmt.Sprint(ours.Path, ours.Query, ours.Headers) != fmt.Sprint(theirs.Path, theirs.Query, theirs.Headers) {
			t.Errorf("request %d is %s %v %v, the agent's %s %v %v", i, ours.Path, ours.Query, ours.Headers, theirs.Path, theirs.Query, theirs.Headers)
		}
		if theirs.Query["method"] == "connect" {
			theirs.Body[0].(map[string]any)["environment"] = []any{[]any{"Processors", 1.0}, []any{"OS", "x"}}
		}
		if a, b := shapeOf(ours.Body), shapeOf(theirs.Body); a != b {
			t.Errorf("request %d has the shape\n%s, the agent's\n%s", i, a, b)
		}
	}
	for _, c := range want {
		if c.Request.Query["method"] == "metric_data" {
			for _, m := range c.Request.Body[3].([]any) {
				names = append(names, m.([]any)[0].(map[string]any)["name"])
			}
		}
	}
	last, _ := json.Marshal(calls[3].Request.Body)
	if string(last) != `["run-1",1060,1120,[[{"name":"Memory/Used"},[2,9,9,3,6,45]],[{"name":"CPU/User/Utilization"},[2,0.75,0.75,0.25,0.5,0.3125]],[{"name":"Events/wait"},[2,1,1,0.5,0.5,0.5]]]]` {
		t.Errorf("the last report is %s", last)
	}
	for _, name := range []string{"Memory/Used", "CPU/User/Utilization", "Events/wait"} {
		if !slices.Contains(names, any(name)) {
			t.Errorf("the agent does not tell %s", name)
		}
	}
	if connect := calls[1].Request.Body[0].(map[string]any); connect["app_name"] != "demo" {
		t.Errorf("introduced as %v", connect)
	}
}

// TestOneAPMAnswers: a restart that is asked for is a new connection; a license that is refused is told, without itself;
// an application that was told is not told twice.
func TestOneAPMAnswers(t *testing.T) {
	restarted := false
	host, port, got := oneAPMServer(t, func(_ int, method string) string {
		if method == "metric_data" && !restarted {
			restarted = true
			return `{"exception":{"error_type":"OneAPM::Agent::ForceRestartException","message":"again"}}`
		}
		return ""
	})
	sink := configured(t, "", "oneapm", `{"host":"`+host+`","port":`+port+`,"ssl":false,"licenseKey":"license-1"}`, true)
	b := workersOf("a", "b")(1)
	if err := sink.take(t.Context(), b); err == nil || !strings.Contains(err.Error(), `ForceRestartException" "again"`) {
		t.Fatalf("the first try ends with %v", err)
	}
	if err := sink.take(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	methods := map[string]int{}
	for _, call := range got() {
		methods[call.Request.Query["method"]]++
	}
	if methods["connect"] != 3 || methods["metric_data"] != 3 {
		t.Errorf("calls %v, expected three connections and three reports: a twice, b once", methods)
	}
	if err := sink.take(t.Context(), workersOf("b")(2)); err != nil {
		t.Fatal(err)
	}
	if n := len(sink.(*oneAPMSink).runs); n != 1 {
		t.Errorf("%d applications are remembered, expected 1", n)
	}

	host, port, _ = oneAPMServer(t, func(int, string) string {
		return `{"exception":{"error_type":"OneAPM::Agent::LicenseException","message":"who?"}}`
	})
	sink = configured(t, "", "oneapm", `{"host":"`+host+`","port":`+port+`,"ssl":false,"licenseKey":"sesame"}`, true)
	err := sink.take(t.Context(), b)
	if _, permanent := errors.AsType[*permanentError](err); !permanent || strings.Contains(err.Error(), "sesame") {
		t.Errorf("a license that is refused: %v", err)
	}
	sink = configured(t, "", "oneapm", `{"host":"127.0.0.1","port":1,"ssl":false,"licenseKey":"sesame"}`, true)
	if err := sink.take(t.Context(), b); err == nil || strings.Contains(err.Error(), url.QueryEscape("sesame")) {
		t.Errorf("nobody listens: %v", err)
	}
	set := New(Config{Registry: metrics.NewRegistry()})
	if problems := set.Configure(json.RawMessage(`{"reporter":{"oneapm":{}}}`)); len(problems) != 1 || !strings.Contains(problems[0], "option licenseKey is not valid") {
		t.Errorf("without a license: %q", problems)
	}
}
