package endpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func demo() Application {
	return Application{
		Name: "demo", Dir: "/srv/demo", ID: "u-1", State: 2, Running: true, PIDs: []int{7, 8}, Uptime: 40.412,
		StartCount: 2, RestartCount: 1, Structure: map[string]any{"appName": "demo"}, StdoutLogPath: "/l/demo/nodejs_stdout.log",
		Engine: "goja", Digest: "0123456789abcdef", Drift: []Drift{{Process: "worker", Worker: 1, Differences: []string{"x"}}},
	}
}

const demoIntrospection = `{"key":"introspection","data":{"state":2,"appName":"demo","appDir":"/srv/demo","appId":"u-1","pids":[7,8],` +
	`"uptime":40.412,"startCount":2,"restartCount":1,"representation":{"appName":"demo","appDir":"/srv/demo"},` +
	`"complex":{"appName":"demo"},"structure":{"appName":"demo"},"stdoutLogPath":"/l/demo/nodejs_stdout.log",` +
	`"engine":"goja","digest":"0123456789abcdef","drift":[{"process":"worker","worker":1,"digest":"","differences":["x"]}],"processes":[],"sockets":[]}}`

// envelope wraps data as the success envelope with the time taken out.
func envelope(data string) string {
	return `{"data":` + data + `,"timestamp":T,"success":true,"message":""}`
}

func failure(message string) string {
	return `{"success":false,"timestamp":T,"message":"` + message + `"}`
}

func TestMethodsAndPaths(t *testing.T) {
	b := newBed(t, noDisk, nil)
	const json, text = "application/json; charset=utf-8", "text/plain; charset=utf-8"
	for _, c := range []struct {
		method, target string
		status         int
		contentType    string
		body           string // "" for any
		allow          string
	}{
		{"GET", "/", 200, text, banner, ""},
		{"HEAD", "/", 200, text, "-", ""},
		{"GET", "/health", 200, json, "", ""},
		{"GET", "/health/", 200, json, "", ""},
		{"GET", "/HEALTH", 200, json, "", ""},
		{"GET", "/Health/?appName=", 200, json, "", ""},
		{"GET", "/%68ealth", 404, text, "Not Found", ""},
		{"HEAD", "/daemon", 200, json, "-", ""},
		{"OPTIONS", "/daemon", 200, text, "-", "HEAD, GET"},
		{"POST", "/daemon", 405, text, "Method Not Allowed", "HEAD, GET"},
		{"DELETE", "/process", 405, text, "Method Not Allowed", "HEAD, GET"},
		{"BREW", "/process", 405, text, "Method Not Allowed", "HEAD, GET"},
		{"POST", "/", 405, text, "Method Not Allowed", "HEAD, GET"},
		{"GET", "/nothing", 404, text, "Not Found", ""},
		{"POST", "/nothing", 404, text, "Not Found", ""},
		{"OPTIONS", "/nothing", 404, text, "Not Found", ""},
		{"GET", "/health/x/y", 404, text, "Not Found", ""},
		{"GET", "//health", 404, text, "Not Found", ""},
		{"GET", "/health//", 404, text, "Not Found", ""},
		{"GET", "/../health", 404, text, "Not Found", ""},
		{"GET", "/metrics", 404, text, "Not Found", ""}, // there is no registry
		{"GET", "/error", 404, text, "Not Found", ""},
		{"GET", "/daemon?" + strings.Repeat("a", maxQueryBytes+1), 414, text, "Request URI Too Long", ""},
		{"GET", "/daemon?" + strings.Repeat("a&", maxQueryPairs+1), 400, text, "Bad Request", ""},
		{"GET", "/process?appName=%", 200, json, envelope("[]"), ""},
	} {
		response := b.do(c.method, c.target)
		raw, _ := io.ReadAll(response.Body)
		body := stamp.ReplaceAllString(string(raw), `"timestamp":T`)
		name := c.method + " " + c.target[:min(len(c.target), 40)]
		if response.StatusCode != c.status || response.Header.Get("Content-Type") != c.contentType || response.Header.Get("Allow") != c.allow {
			t.Errorf("%s: %d %q Allow %q, want %d %q Allow %q", name, response.StatusCode, response.Header.Get("Content-Type"),
				response.Header.Get("Allow"), c.status, c.contentType, c.allow)
		}
		if want := strings.TrimPrefix(c.body, "-"); c.body != "" && body != want {
			t.Errorf("%s: body %q, want %q", name, body, want)
		}
	}
}

func TestHeadTellsTheLengthOfGet(t *testing.T) {
	b := newBed(t, noDisk, nil)
	get, head := b.do("GET", "/daemon"), b.do("HEAD", "/daemon")
	if get.Header.Get("Content-Length") == "" || get.Header.Get("Content-Length") != head.Header.Get("Content-Length") {
		t.Errorf("GET %q, HEAD %q", get.Header.Get("Content-Length"), head.Header.Get("Content-Length"))
	}
}

func TestDaemon(t *testing.T) {
	b := newBed(t, `{"actuator":{"endPoint":{"info":{"enabled":false}}}}`, nil)
	b.want(t, "/daemon?x=1", 200, envelope(`{"versions":{"echo":"e","goja":"g","pandora":"9.9.9"},"cwd":"/srv","pid":42,"uptime":1.5,`+
		`"loadedGlobalConfigPaths":["/etc/a.js"],"loadedEndPoints":["daemon","health","process","runtime"],"loadedReporters":[],"problems":[]}`))
	b.want(t, "/info", 404, "Not Found")
	if got := b.frames.announce(fixed(1, "[]"), "info", "demo", "X", "c", ""); got != "" {
		t.Errorf("an indicator of a disabled endpoint got %q", got)
	}
}

func TestInfo(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.want(t, "/info", 200, envelope(`{}`))
	stopped := demo()
	stopped.Name, stopped.Running = "old", false
	b.source.set(demo(), stopped)
	b.want(t, "/info", 200, envelope(`{"demo":[`+demoIntrospection+`]}`))
	b.want(t, "/info?appName=none", 200, failure("Can't found an Application it named none"))
	b.want(t, "/info?appName=old", 200, failure("Can't found an Application it named old"))

	var args string
	peer := &fakePeer{1, func(_ context.Context, action string, raw json.RawMessage) (json.RawMessage, error) {
		args = action + " " + string(raw)
		return json.RawMessage(`[{"scope":"APP","key":"application","data":{"z":1,"a":"<&>"}},{"key":5,"data":null}]`), nil
	}}
	b.frames.announce(peer, "info", "demo", "BaseInfoIndicator", "c1", "singleton")
	b.want(t, "/info?appName=demo&pretty=1&x=1&x=2", 200,
		envelope(`[`+demoIntrospection+`,{"key":"application","data":{"z":1,"a":"<&>"},"scope":"APP"},{"key":"5","data":null}]`))
	if want := `MESSENGER_DOWNLINK_demo_info_c1 {"appName":"demo","pretty":"1","x":["1","2"]}`; args != want {
		t.Errorf("called with %s, want %s", args, want)
	}
}

func TestProcess(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.want(t, "/process", 200, failure("please query data by appName"))
	b.want(t, "/process?appName=none", 200, envelope(`[]`))
	b.frames.announce(fixed(1, `[{"key":"7","data":{"pid":7},"scope":"PROCESS"}]`), "process", "demo", "ProcessIndicator", "a", "multiton")
	b.frames.announce(fixed(2, `[{"key":"8","data":{"pid":8},"scope":"PROCESS"},{"key":"x"}]`), "process", "demo", "ProcessIndicator", "b", "multiton")
	b.frames.announce(fixed(3, `[{"key":"9","data":{"pid":9}}]`), "process", "other", "ProcessIndicator", "c", "multiton")
	b.want(t, "/process?appName=demo", 200, envelope(`[{"pid":7},{"pid":8}]`))
	b.want(t, "/process?appName=DEFAULT_APP", 200, envelope(`[]`))
}

// observed collects what an Observer is told.
type observed struct {
	mu   sync.Mutex
	list []string
}

func (o *observed) Served(route string, status int, _ time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, fmt.Sprint(route, " ", status))
}

func (o *observed) Missed(group, reason string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, group+" "+reason)
}

func TestObserver(t *testing.T) {
	o := &observed{}
	b := newBed(t, noDisk, func(c *Config) { c.Observer = o })
	b.frames.announce(fixed(1, ``), "process", "demo", "X", "a", "multiton")
	b.frames.announce(fixed(2, `{}`), "process", "demo", "X", "b", "multiton")
	for _, target := range []string{"/", "/HEALTH/", "/health?appName=no", "/x/y", "/process?appName=demo"} {
		b.get(t, target)
	}
	b.do("POST", "/info")
	slices.Sort(o.list)
	want := []string{"/ 200", "/health 200", "/health 404", "/info 405", "/process 200", "other 404", "process empty", "process malformed"}
	if !slices.Equal(o.list, want) {
		t.Errorf("got %q\nwant %q", o.list, want)
	}
}

// bad is a Source that panics.
type bad struct{ fakeSource }

func (*bad) Daemon() DaemonInfo { panic("oh") }

func TestPanicIsAPage(t *testing.T) {
	b := newBed(t, noDisk, func(c *Config) { c.Source = &bad{} })
	b.want(t, "/daemon", 500, "Internal Server Error")
	b.want(t, "/", 200, banner)
}

func TestBodyLimit(t *testing.T) {
	b := newBed(t, noDisk, nil)
	r := httptest.NewRequest(http.MethodGet, "/daemon", strings.NewReader(strings.Repeat("x", 65<<10)))
	r.RemoteAddr, r.Host = "127.0.0.1:1024", "localhost"
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", w.Code)
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"", "appName=a", "appName=%zz&appName=b", "a;b=c&&=&=x", "a[b]=1&a[b]=2", "%00=%ff", "appName=a+b%20c"} {
		for _, path := range []string{"health", "process", "info", "HEALTH/demo%2F", "livez//", "readyz/demo/web", "startupz/%00", "runtime", "metrics/list/../..", "prometheus/x"} {
			f.Add(path, seed, "application/health+json;q=0.5, application/vnd.spring-boot.actuator.v3+json")
		}
	}
	f.Add("readyz", "verbose&exclude=demo/web&exclude=&exclude=%0a[-]x", "")
	f.Add("health/liveness", "appName=demo&verbose&group=x", "*/*;q=nan, ;,")
	options, err := DecodeOptions(json.RawMessage(noDisk))
	if err != nil {
		f.Fatal(err)
	}
	source, frames := &fakeSource{apps: []Application{demo()}}, &fakeFrames{}
	s := New(Config{Source: source, Options: options})
	Attach(frames, s)
	frames.announce(fixed(1, `[{"key":"k","data":"UP"}]`), "health", "demo", "X", "a", "")
	s.Mount(&scripts{}, []ExternalEndPoint{{Name: "prometheus", Prefixes: []string{"/prometheus"}}})
	f.Fuzz(func(t *testing.T, path, raw, accept string) {
		u := url.URL{Path: "/" + path, RawQuery: raw}
		if plain, err := url.PathUnescape(path); err == nil {
			u.Path, u.RawPath = "/"+plain, "/"+path
		}
		r := &http.Request{Method: "GET", URL: &u, Header: http.Header{"Accept": {accept}}, RemoteAddr: "127.0.0.1:1", Host: "localhost", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Errorf("status %d for %q, %q", w.Code, path, raw)
		}
		for _, line := range strings.Split(w.Body.String(), "\n") {
			if strings.HasPrefix(line, "[-]") && !strings.HasPrefix(line, "[-]demo") {
				t.Errorf("%q makes up a check: %s", raw, line)
			}
		}
		if strings.Contains(w.Header().Get("Content-Type"), "json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
	})
}
