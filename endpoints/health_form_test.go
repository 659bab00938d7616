package endpoints

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
)

func TestNegotiateHealth(t *testing.T) {
	for accept, want := range map[string]healthForm{
		"":                        formOriginal,
		"*/*":                     formOriginal,
		"application/json":        formOriginal,
		"text/html":               formOriginal,
		"application/health+json": formCheck,
		"application/vnd.spring-boot.actuator.v3+json":                                         formSpring,
		"application/vnd.spring-boot.actuator.v2+json, application/json;q=0.5":                 formSpring,
		"application/json, application/health+json;q=0.9":                                      formOriginal,
		"application/json;q=0.5, application/health+json;q=0.9":                                formCheck,
		"application/health+json;q=0":                                                          formOriginal,
		"application/health+json;q=x, ;;;, application/vnd.spring-boot.actuator.v3+json;q=0.1": formSpring,
		strings.Repeat("a/b,", 100) + "application/health+json":                                formOriginal,
	} {
		if got := negotiateHealth(http.Header{"Accept": {accept}}); got != want {
			t.Errorf("%.60q: form %d, want %d", accept, got, want)
		}
	}
}

const spring, draft = "application/vnd.spring-boot.actuator.v3+json", "application/health+json"

func TestForms(t *testing.T) {
	b := newBed(t, `{"actuator":{"endPoint":{"health":{"groups":{"store":{"include":["db"]},"rest":{"exclude":["db"]}},
		"initConfig":{"disk_space":{"enabled":false},"cache":{"critical":false}}}}}}`, nil)
	b.source.set(demo())
	b.frames.announce(fixed(1, `[{"key":"db","data":"UP","details":{"tookMs":1}}]`), "health", "demo", "db", "a", "")
	b.frames.announce(fixed(1, `[{"key":"cache","data":"DOWN","description":"no \"route\"","details":[1]}]`), "health", "demo", "cache", "b", "")
	b.frames.announce(fixed(1, `[{"key":"odd","data":3}]`), "health", "demo", "odd", "c", "")
	for _, c := range []struct{ target, accept, want string }{
		{"/health?appName=demo", "", envelope(`{"status":"UP","db":{"status":"UP"},"cache":{"status":"DOWN"},"odd":{"status":3}}`)},
		{"/health/store?appName=demo", "", envelope(`{"status":"UP","db":{"status":"UP"}}`)},
		{"/health?appName=demo&group=store", "", envelope(`{"status":"UP","db":{"status":"UP"}}`)},
		{"/health/cache?appName=demo", "", envelope(`{"status":"UP","cache":{"status":"DOWN"}}`)},
		{"/health/rest", "", envelope(`{"demo":{"status":"UP","cache":{"status":"DOWN"},"odd":{"status":3}}}`)},
		{"/health/liveness", "", envelope(`{"demo":{"status":"UP","livenessState":{"status":"UP"}}}`)},
		{"/health/readiness?appName=demo", "", envelope(`{"status":"UP","readinessState":{"status":"UP"}}`)},
		{"/health?appName=demo", spring, `{"status":"UP","components":{"db":{"status":"UP","details":{"tookMs":1}},` +
			`"cache":{"status":"DOWN","description":"no \"route\"","details":{"critical":false}},"odd":{"status":"UNKNOWN","details":{"said":3}}},` +
			`"transitions":[{"at":"T","indicator":"cache","status":"DOWN","reason":"no \"route\""}],"groups":["liveness","readiness","rest","store"]}`},
		{"/health/store", spring, `{"status":"UP","components":{"demo":{"status":"UP","components":{"db":{"status":"UP","details":{"tookMs":1}}}}}}`},
		{"/health?appName=demo", draft, `{"status":"warn","version":"1","releaseId":"9.9.9","serviceId":"demo","checks":{` +
			`"db":[{"componentId":"db","status":"pass","time":"T","observedValue":{"tookMs":1}}],` +
			`"cache":[{"componentId":"cache","status":"warn","time":"T","output":"no \"route\""}],"odd":[{"componentId":"odd","status":"warn","time":"T"}]}}`},
		{"/health/store", draft, `{"status":"pass","version":"1","releaseId":"9.9.9","checks":{"demo:db":[{"componentId":"db","status":"pass","time":"T","observedValue":{"tookMs":1}}]}}`},
	} {
		status, body := b.get(t, c.target, "Accept", c.accept)
		if body = moment.ReplaceAllString(body, `"T"`); status != 200 || body != c.want {
			t.Errorf("GET %s as %q\n got %d %s\nwant %s", c.target, c.accept, status, body, c.want)
		}
		response := b.do("GET", c.target, "Accept", c.accept)
		if want := map[string]string{"": typeJSON, spring: typeSpring, draft: typeCheck}[c.accept]; response.Header.Get("Content-Type") != want {
			t.Errorf("GET %s as %q: Content-Type %q", c.target, c.accept, response.Header.Get("Content-Type"))
		}
	}
	if status, body := b.get(t, "/health?appName=demo&verbose"); status != 200 || !strings.Contains(body, `"cache":{"status":"DOWN","description":"no \"route\"","critical":false,"at":"`) {
		t.Errorf("verbose: %d %s", status, body)
	}
	for _, accept := range []string{"", spring, draft} {
		for target, want := range map[string]int{"/health/none": 404, "/health?appName=none": 404, "/health?group=" + strings.Repeat("x", 300): 400} {
			if status, body := b.get(t, target, "Accept", accept); status != want {
				t.Errorf("GET %.40s as %q: %d %s, want %d", target, accept, status, body, want)
			}
		}
	}
}

// TestDetailsAreForTheTrusted: a stranger learns whether, not what.
func TestDetailsAreForTheTrusted(t *testing.T) {
	for show, c := range map[string]struct{ stranger, local bool }{"whenAuthorized": {false, true}, "always": {true, true}, "never": {false, false}} {
		b := newBed(t, `{"actuator":{"endPoint":{"health":{"showDetails":"`+show+`","initConfig":{"disk_space":{"enabled":false}}}}}}`, nil)
		app := demo()
		app.Processes = []Process{{Name: "web", Workers: []Worker{{State: "fatal", Reason: "the-reason"}}}}
		b.source.set(app)
		b.frames.announce(fixed(1, `[{"key":"db","data":"DOWN","description":"the-reason"}]`), "health", "demo", "db", "a", "")
		for _, target := range []string{"/health", "/health?appName=demo", "/health?appName=demo&verbose", "/livez", "/readyz?verbose"} {
			for _, accept := range []string{"", spring, draft} {
				for from, shown := range map[string]bool{"192.0.2.1:3": c.stranger, "127.0.0.1:3": c.local} {
					w := b.ask(target, from, "localhost", "Accept", accept)
					reveals := strings.Contains(w.Body.String(), "the-reason") || strings.Contains(w.Body.String(), `"db"`)
					if w.Code != 503 || reveals != shown {
						t.Errorf("%s, %s from %s as %q: %d %s", show, target, from, accept, w.Code, w.Body)
					}
				}
			}
		}
	}
}

// TestHangingIndicator: one that hangs makes the first request wait, and no other.
func TestHangingIndicator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGroups(map[string]json.RawMessage{"health": json.RawMessage("{}")}, 3*time.Second, silent{}, zap.NewNop())
		hung, fine := atomic.Bool{}, atomic.Int64{}
		join := func(p *fakePeer, name string) {
			g.discover(p, json.RawMessage(`{"indicatorName":"`+name+`","appName":"a","group":"health","clientId":"c"}`), func(any) {})
		}
		join(&fakePeer{1, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
			return json.RawMessage(fmt.Sprintf(`[{"key":"fine","data":%d}]`, fine.Add(1))), nil
		}}, "fine")
		join(&fakePeer{2, func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
			if hung.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return json.RawMessage(`[{"key":"other","data":"UP"}]`), nil
		}}, "other")
		ask := func() (string, time.Duration) {
			began := time.Now()
			said := ""
			for _, reply := range g.health(t.Context(), "a") {
				said += reply.reason
				for _, row := range reply.rows {
					said += row.Key + string(row.Data) + " "
				}
			}
			return said, time.Since(began)
		}
		expect := func(what, want string, least, most time.Duration) {
			t.Helper()
			if said, took := ask(); said != want || took < least || took > most {
				t.Errorf("%s: %q after %v, want %q within %v to %v", what, said, took, want, least, most)
			}
		}
		expect("first", `fine1 other"UP" `, 0, 0)
		expect("again", `fine1 other"UP" `, 0, 0)
		time.Sleep(healthTTL)
		expect("renewed", `fine2 other"UP" `, 0, 0)
		hung.Store(true)
		time.Sleep(healthTTL)
		expect("hangs", `fine3 other"UP" `, patience, patience)
		expect("hangs on", `fine3 other"UP" `, 0, 0)
		time.Sleep(3 * time.Second)
		expect("has hung", `fine4 timeout`, 0, 0)
		for i := range 200 { // a busy minute
			time.Sleep(300 * time.Millisecond)
			if said, took := ask(); took > 0 || !strings.HasSuffix(said, "timeout") {
				t.Fatalf("request %d: %q after %v", i, said, took)
			}
		}
		time.Sleep(time.Minute)
		expect("asked seldom", fmt.Sprintf("fine%d timeout", fine.Load()+1), 0, patience)
		hung.Store(false)
		time.Sleep(time.Minute)
		expect("well again", fmt.Sprintf(`fine%d other"UP" `, fine.Load()+1), 0, patience)
		time.Sleep(time.Minute)
		hung.Store(true)
		expect("hangs after a pause", fmt.Sprintf(`fine%d timeout`, fine.Load()+1), 3*time.Second, 3*time.Second)
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}

// TestRenderedIsServedAgain: answers are made once for all who ask, and anew when something has changed.
func TestRenderedIsServedAgain(t *testing.T) {
	source := &versionedSource{}
	b := newBed(t, noDisk, func(c *Config) { c.Source = source })
	source.apps = []Application{demo()}
	asked := atomic.Int64{}
	b.frames.announce(&fakePeer{1, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		asked.Add(1)
		return json.RawMessage(`[{"key":"db","data":"UP"}]`), nil
	}}, "health", "demo", "db", "a", "")
	up := envelope(`{"status":"UP","db":{"status":"UP"}}`)
	for range 5 {
		b.want(t, "/health?appName=demo", 200, up)
	}
	if asked.Load() != 1 || source.asked.Load() != 1 {
		t.Errorf("asked the indicator %d times, the source %d times", asked.Load(), source.asked.Load())
	}
	stopped := demo()
	stopped.Running = false
	source.apps = []Application{stopped}
	source.n.Add(1)
	b.want(t, "/health?appName=demo", 503, failure("Application demo is not running"))
	source.apps = []Application{demo()}
	source.n.Add(1)
	b.want(t, "/health?appName=demo", 200, up)
	b.frames.announce(fixed(2, `[{"key":"new","data":"UP"}]`), "health", "demo", "new", "a", "")
	b.want(t, "/health?appName=demo", 200, envelope(`{"status":"UP","db":{"status":"UP"},"new":{"status":"UP"}}`))
	for i := range 3 * maxRendered {
		b.get(t, fmt.Sprintf("/health/x%d", i))
	}
	if n := len(b.rendered.all); n > maxRendered {
		t.Errorf("%d answers are kept", n)
	}
}

type versionedSource struct {
	fakeSource
	n     atomic.Uint64
	asked atomic.Int64
}

func (s *versionedSource) Version() uint64 { return s.n.Load() }

func (s *versionedSource) Applications() []Application {
	s.asked.Add(1)
	return s.fakeSource.Applications()
}

func TestDeclaredIndicators(t *testing.T) {
	b := newBed(t, noDisk, nil)
	app := demo()
	app.Indicators = []DeclaredIndicator{
		{Name: "backlog", Group: "health", Scripted: true, Critical: true, At: "procfile.js:3:9"},
		{Name: "late", Group: "health", Scripted: true, At: "procfile.js:9:9"},
		{Name: "node", Group: "health", Scripted: true, Problem: "its script needs Node (procfile.js:7:1)"},
		{Name: "other", Group: "info", Scripted: true},
		{Name: "store", Group: "health", Type: "disk_space", Options: json.RawMessage(`{"rate":100}`), Critical: true},
	}
	b.source.set(app)
	b.frames.announce(mute2(1), "health", "demo", "late", "a", "")
	status, body := b.get(t, "/health?appName=demo&verbose")
	for _, want := range []string{
		`{"status":"DOWN","late":`, `"backlog":{"status":"DOWN","description":"its script host is not running (procfile.js:3:9)","critical":true`,
		`"late":{"status":"DOWN","description":"it has not answered: empty","critical":false`,
		`"node":{"status":"DOWN","description":"its script needs Node (procfile.js:7:1)","critical":false`,
	} {
		if want = strings.TrimSuffix(strings.Replace(want, `{"status":"DOWN","late":`, `{"status":"DOWN",`, 1), ""); status != 503 || !strings.Contains(body, want) {
			t.Errorf("%d %s\nwithout %s", status, body, want)
		}
	}
	if strings.Contains(body, "other") {
		t.Errorf("shows one of another group: %s", body)
	}
	b.frames.announce(fixed(2, `[{"key":"backlog","data":"UP"}]`), "health", "demo", "backlog", "b", "")
	if status, body := b.get(t, "/health?appName=demo"); status != 200 || !strings.Contains(body, `"backlog":{"status":"UP"}`) {
		t.Errorf("%d %s", status, body)
	}
}

// mute2 is a peer whose Indicator throws.
func mute2(id uint64) *fakePeer { return fixed(id, "null") }

func TestChanges(t *testing.T) {
	var told []Transition
	b := newBed(t, noDisk, func(c *Config) { c.Transition = func(t Transition) { told = append(told, t) } })
	status := atomic.Value{}
	b.frames.announce(&fakePeer{1, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(`[{"key":"db","data":"` + status.Load().(string) + `","description":"refused"},{"key":"odd","data":1}]`), nil
	}}, "health", "demo", "db", "a", "")
	app := demo()
	see := func(what string, want ...string) {
		t.Helper()
		b.source.set(app)
		told = nil
		for _, s := range b.groups.list("health", "demo") {
			s.reply.reset()
		}
		b.get(t, "/health")
		var got []string
		for _, one := range told {
			got = append(got, fmt.Sprint(one.App, "/", one.Indicator, " ", one.Up, " ", one.Reason))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: told %q, want %q", what, got, want)
		}
	}
	app.State = 1
	status.Store("DOWN")
	see("while it starts")
	app.State = 2
	status.Store("UP")
	see("up from the beginning")
	status.Store("DOWN")
	see("down", "demo/db false refused", "demo/ false db: refused")
	see("still down")
	status.Store("UP")
	see("up again", "demo/db true ", "demo/ true ")
	app.Draining = true
	status.Store("DOWN")
	see("while it stops")
	b.want(t, "/health?appName=demo", 503, envelope(`{"status":"DOWN","db":{"status":"DOWN"},"odd":{"status":1},"draining":{"status":"DOWN"}}`))
	app.Running, app.Draining = false, false
	see("stopped")
	app.Running, app.ID = true, "another"
	see("down from the beginning", "demo/db false refused", "demo/ false db: refused")
	for i := range 3 * keptChanges {
		status.Store([]string{"UP", "DOWN"}[i%2])
		for _, s := range b.groups.list("health", "demo") {
			s.reply.reset()
		}
		b.get(t, "/health")
	}
	if n := len(b.changes.of("demo")); n != keptChanges {
		t.Errorf("%d changes are kept", n)
	}
	b.source.set()
	b.get(t, "/health")
	if n := len(b.changes.of("demo")); n != 0 {
		t.Errorf("%d changes of an application that is gone", n)
	}
}

// TestWatch: changes are seen when nobody asks.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		options, err := DecodeOptions(json.RawMessage(`{"actuator":{"endPoint":{"health":{"intervalMs":5000,"initConfig":{"disk_space":{"enabled":false}}}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		source, frames := &fakeSource{}, &fakeFrames{}
		source.set(demo())
		var told atomic.Int64
		s := New(Config{Source: source, Options: options, Transition: func(Transition) { told.Add(1) }})
		Attach(frames, s)
		frames.announce(fixed(1, `[{"key":"db","data":"DOWN"}]`), "health", "demo", "db", "a", "")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Watch(ctx); close(ended) }()
		time.Sleep(4 * time.Second)
		if n := told.Load(); n != 0 {
			t.Errorf("%d changes told before the first look", n)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if n := told.Load(); n != 2 {
			t.Errorf("%d changes told", n)
		}
		cancel()
		<-ended
	})
}

// TestOddIndicators: what Indicators say in megabytes, nonsense or too often costs them, and not the rest.
func TestOddIndicators(t *testing.T) {
	b := newBed(t, noDisk, func(c *Config) { c.Log = nil })
	b.source.set(demo())
	for i, reply := range []string{
		`[{"key":"a","data":"` + strings.Repeat("x", maxHealthReply) + `"}]`, `{"not":"rows"}`, `nonsense`, ``, `[{"key":{},"data":"DOWN"}]`,
		`[{"key":"ok","data":"UP"}]`, `[{"key":"nested","data":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}]`,
		`[{"key":"twice","data":"DOWN"},{"key":"twice","data":"UP"}]`, `[{"key":"nothing"}]`, `[{"key":"status","data":"UP"}]`,
	} {
		b.frames.announce(fixed(uint64(i+1), reply), "health", "demo", fmt.Sprint("I", i), "c", "")
	}
	status, body := b.get(t, "/health?appName=demo")
	if status != 200 || !strings.Contains(body, `"ok":{"status":"UP"}`) || !strings.Contains(body, `"twice":{"status":"UP"}`) || strings.Contains(body, `"a":`) {
		t.Errorf("%d %.300s", status, body)
	}
	// Many that each say much: the sum is bounded.
	big := `[{"key":"%d","data":"` + strings.Repeat("x", 200<<10) + `"}]`
	for i := range 200 {
		b.frames.announce(fixed(uint64(100+i), fmt.Sprintf(big, i)), "health", "demo", fmt.Sprint("B", i), "c", "")
	}
	for range 2 {
		status, body = b.get(t, "/health?appName=demo")
	}
	if status != 200 || len(body) > maxHealthBytes+1<<20 || !strings.Contains(body, `"ok":{"status":"UP"}`) {
		t.Errorf("%d, %d bytes", status, len(body))
	}
}
