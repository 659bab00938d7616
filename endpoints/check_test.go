package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap/zaptest"
)

// fakeProbe tries with a function.
type fakeProbe struct {
	tries  func(ctx context.Context) finding
	closed *atomic.Int64
}

func (p fakeProbe) try(ctx context.Context, _ Application) finding { return p.tries(ctx) }
func (p fakeProbe) close()                                         { p.closed.Add(1) }

// fakeOptions make fakeProbes.
type fakeOptions struct {
	tries  func(ctx context.Context) finding
	each   bool
	closed atomic.Int64
}

func (o *fakeOptions) probe(checkEnv, checkSpec) probe { return fakeProbe{o.tries, &o.closed} }
func (o *fakeOptions) perApp() bool                    { return o.each }
func (*fakeOptions) process() string                   { return "" }

// trial is a set of checks under test.
type trial struct {
	*checks
	t   *testing.T
	app Application
}

func newTrial(t *testing.T, specs ...checkSpec) *trial {
	for i := range specs {
		s := &specs[i]
		if s.name == "" {
			s.name = "fake"
		}
		if s.interval == 0 {
			s.interval = time.Second
		}
		if s.timeout == 0 {
			s.timeout = time.Second
		}
		s.threshold = max(1, s.threshold)
	}
	return &trial{newChecks(healthOptions{checks: specs}, checkEnv{}, zaptest.NewLogger(t)), t, Application{Name: "demo", Running: true}}
}

// one returns the result of the only check.
func (r *trial) one() checkResult {
	r.t.Helper()
	results := r.results(r.t.Context(), r.app)
	if len(results) != 1 {
		r.t.Fatalf("%d results", len(results))
	}
	return results[0]
}

func after(d time.Duration, err error) func(context.Context) finding {
	return func(context.Context) finding {
		time.Sleep(d)
		return finding{err: err}
	}
}

// TestCheckIsShared: requests that come together cause one try, and its result serves those that follow.
func TestCheckIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		o := &fakeOptions{tries: func(context.Context) finding {
			runs.Add(1)
			time.Sleep(200 * time.Millisecond)
			return finding{details: map[string]any{"run": runs.Load()}}
		}}
		r := newTrial(t, checkSpec{options: o, critical: true})
		for range 10 {
			go r.one()
		}
		synctest.Wait()
		time.Sleep(300 * time.Millisecond)
		got := r.one()
		if !got.up || !got.critical || got.took != 200*time.Millisecond || got.details["run"] != int64(1) || runs.Load() != 1 {
			t.Errorf("%+v after %d runs", got, runs.Load())
		}
		// When it is no longer fresh it is made anew; who asks waits a little, then takes the one before.
		time.Sleep(time.Second)
		began := time.Now()
		if got := r.one(); !got.up || got.details["run"] != int64(1) || time.Since(began) != brief {
			t.Errorf("stale: %+v after %v", got, time.Since(began))
		}
		time.Sleep(200 * time.Millisecond)
		if got := r.one(); got.details["run"] != int64(2) {
			t.Errorf("refreshed: %+v", got)
		}
		// One that is much older says nothing any more.
		time.Sleep(time.Minute)
		began = time.Now()
		if got := r.one(); got.details["run"] != int64(3) || time.Since(began) != 200*time.Millisecond {
			t.Errorf("old: %+v after %v", got, time.Since(began))
		}
	})
}

// TestHangingCheck: one that cannot be interrupted holds up nobody longer than its limit, and is there once.
func TestHangingCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int64
		var hang atomic.Int64
		hang.Store(int64(time.Hour))
		o := &fakeOptions{tries: func(context.Context) finding {
			runs.Add(1)
			time.Sleep(time.Duration(hang.Load()))
			return finding{}
		}}
		r := newTrial(t, checkSpec{options: o, critical: true})
		for range 100 {
			began := time.Now()
			got := r.one()
			if got.up || !strings.Contains(got.description, "no result within 1s") {
				t.Fatalf("%+v", got)
			}
			if took := time.Since(began); took > time.Second {
				t.Fatalf("waited %v", took)
			}
		}
		if runs.Load() != 1 {
			t.Errorf("%d runs", runs.Load())
		}
		began := time.Now()
		r.one()
		if took := time.Since(began); took != 0 {
			t.Errorf("while it hangs a request waits %v", took)
		}
		hang.Store(0)
		time.Sleep(2 * time.Hour)
		if got := r.one(); !got.up || runs.Load() != 2 {
			t.Errorf("freed: %+v, %d runs", got, runs.Load())
		}
	})
}

// TestSlowCheck: one that reaches its limit each time is waited for once.
func TestSlowCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOptions{tries: func(ctx context.Context) finding {
			<-ctx.Done()
			return finding{err: fmt.Errorf("connect to nowhere: %w", ctx.Err())}
		}}
		r := newTrial(t, checkSpec{options: o, critical: true})
		for i := range 50 {
			began := time.Now()
			got := r.one()
			if got.up || got.description != "connect to nowhere: no answer within 1s: see whether it hangs, or raise timeoutMs" {
				t.Fatalf("%+v", got)
			}
			if took := time.Since(began); i == 0 && took > time.Second || i > 0 && took != 0 {
				t.Fatalf("request %d waited %v", i, took)
			}
			time.Sleep(500 * time.Millisecond)
		}
	})
}

// TestChecksRunTogether: all of them at once.
func TestChecksRunTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var specs []checkSpec
		for i := range 20 {
			specs = append(specs, checkSpec{name: fmt.Sprint(i), options: &fakeOptions{tries: after(900*time.Millisecond, nil), each: true}})
		}
		r := newTrial(t, specs...)
		began := time.Now()
		results := r.results(t.Context(), r.app)
		if took := time.Since(began); took != 900*time.Millisecond || len(results) != 20 || results[19].name != "19" || !results[19].up {
			t.Errorf("%v after %v", results, took)
		}
	})
}

func TestFailureThreshold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var err error
		o := &fakeOptions{tries: func(context.Context) finding { return finding{err: err} }}
		r := newTrial(t, checkSpec{options: o, threshold: 3})
		for i, step := range []struct {
			bad  bool
			up   bool
			text string
		}{
			{true, false, "broken"}, // never was up
			{false, true, ""},
			{true, true, "1 of 3 tries in a row failed: broken"},
			{true, true, "2 of 3 tries in a row failed: broken"},
			{true, false, "broken"},
			{true, false, "broken"},
			{false, true, ""},
			{true, true, "1 of 3 tries in a row failed: broken"},
			{false, true, ""},
			{true, true, "1 of 3 tries in a row failed: broken"},
		} {
			err = nil
			if step.bad {
				err = errors.New("broken")
			}
			time.Sleep(time.Minute)
			if got := r.one(); got.up != step.up || got.description != step.text || got.critical {
				t.Errorf("step %d: %+v", i, got)
			}
		}
	})
}

// TestChecksAreClosed: what a check keeps open ends with its application, with its definition, and with the server.
func TestChecksAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		each, all := &fakeOptions{tries: after(0, nil), each: true}, &fakeOptions{tries: func(ctx context.Context) finding {
			<-ctx.Done()
			return finding{err: ctx.Err()}
		}}
		r := newTrial(t, checkSpec{name: "each", options: each}, checkSpec{name: "all", options: all, timeout: time.Minute})
		for _, name := range []string{"a", "b"} {
			go r.results(t.Context(), Application{Name: name})
		}
		synctest.Wait()
		r.keep([]Application{{Name: "a", Running: true}, {Name: "b"}})
		if each.closed.Load() != 1 || all.closed.Load() != 0 {
			t.Errorf("stopped: %d %d closed", each.closed.Load(), all.closed.Load())
		}
		began := time.Now()
		r.close()
		r.close()
		if each.closed.Load() != 2 || all.closed.Load() != 1 || time.Since(began) != 0 {
			t.Errorf("closed: %d %d after %v", each.closed.Load(), all.closed.Load(), time.Since(began))
		}
		if got := r.results(t.Context(), r.app); len(got) != 0 {
			t.Errorf("afterwards: %v", got)
		}
	})
}

func TestPanickingCheck(t *testing.T) {
	r := newTrial(t, checkSpec{options: &fakeOptions{tries: func(context.Context) finding { panic("oh") }}, kind: "x"})
	if got := r.one(); got.up || got.description != `check "fake" (x): the check itself is broken: oh; the daemon's log has more` {
		t.Errorf("%+v", got)
	}
}

// TestDeclaredChecks: those of an application come after the configuration's, in place of one of the same name, and are
// made anew when they change.
func TestDeclaredChecks(t *testing.T) {
	o, err := DecodeOptions(json.RawMessage(`{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"rate":100},"root":{"type":"disk_space","path":"/nowhere","critical":false},"process":{"enabled":true},"mine":{"type":"other"}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	r := &trial{newChecks(o.health, checkEnv{}, zaptest.NewLogger(t)), t, Application{Name: "demo"}}
	define := func(name, kind, options string) DeclaredIndicator {
		return DeclaredIndicator{Name: name, Type: kind, Options: json.RawMessage(options), Critical: true, Interval: time.Second, Timeout: time.Second, At: "procfile.js:3:9"}
	}
	show := func() string {
		var rows []string
		for _, one := range r.results(t.Context(), r.app) {
			rows = append(rows, strings.TrimSpace(fmt.Sprintf("%s=%s %s", one.name, one.status(), one.description)))
		}
		return strings.Join(rows, "\n")
	}
	const gone = `measure the file system of "/nowhere": no such file or directory; correct the path, or mount it`
	if got := show(); got != "disk_space=UP\nprocess=UP\nroot=DOWN "+gone {
		t.Errorf("configured: %s", got)
	}
	r.app.Indicators = []DeclaredIndicator{
		define("data", "disk_space", `{"path":"/","rate":100}`), {Name: "scripted", Scripted: true},
		define("root", "disk_space", `{"path":"/","minFreeBytes":1}`), define("odd", "disk_space", `{"pfad":"/"}`), define("new", "quantum", `{}`),
	}
	want := "disk_space=UP\nprocess=UP\nroot=UP\ndata=UP\n" +
		`odd=DOWN indicator "odd" at procfile.js:3:9: option "pfad": there is none of this name; there are critical, failureThreshold, intervalMs, minFreeBytes, path, rate, timeoutMs` + "\n" +
		`new=DOWN indicator "new" at procfile.js:3:9: the type "quantum" is unknown; give one of disk_space, event_loop, memory, mysql, port, process, redis, rpc`
	if got := show(); got != want {
		t.Errorf("declared: %s", got)
	}
	slow := declaredSpec(DeclaredIndicator{Name: "p", Type: "port", Options: json.RawMessage(`{"port":1}`), Timeout: 7 * time.Second})
	if slow.timeout != 7*time.Second || slow.options.(*portOptions).connect != 7*time.Second {
		t.Errorf("%+v", slow)
	}
	before := r.of(r.app)
	r.app.Indicators[3] = define("odd", "disk_space", `{"path":"/","rate":100}`)
	after := r.of(r.app)
	if before[4] != after[4] || before[5] == after[5] || !before[5].closed || before[0] != after[0] {
		t.Error("the wrong ones were made anew")
	}
	if got := show(); !strings.Contains(got, "odd=UP") {
		t.Errorf("corrected: %s", got)
	}
	r.app.Indicators = nil
	if got := show(); !strings.Contains(got, "root=DOWN") || strings.Contains(got, "data") {
		t.Errorf("without: %s", got)
	}
}

func TestConfiguredChecks(t *testing.T) {
	init := `{"disk_space":{"enabled":false},"port":{"enabled":0},"redis":{"host":"of an Indicator"},"mysql":{"enabled":true,"password":"geheim","port":3307},` +
		`"second":{"type":"redis","url":"redis://u:geheim@h:1/2"},"off":{"type":"redis","enabled":false},"mine":[1],"text":"x"}`
	b := newBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":`+init+`}}}}`, nil)
	defer b.Close()
	var names []string
	for _, s := range b.checks.specs {
		names = append(names, s.name+":"+s.kind)
	}
	if got := strings.Join(names, " "); got != "mysql:mysql second:redis" {
		t.Errorf("checks: %s", got)
	}
	// What Indicators are told has no secrets of the daemon's checks.
	got := b.frames.announce(fixed(1, `[]`), "health", "demo", "own", "c", "")
	if strings.Contains(got, "geheim") || !strings.Contains(got, `"redis":{"host":"of an Indicator"}`) || !strings.Contains(got, `"mine":[1]`) {
		t.Errorf("told: %s", got)
	}
	for init, want := range map[string]string{
		`{"db":{"type":"mysql","port":0}}`:                                  `initConfig.db.port": 0 is not valid; give an integer from 1 to 65535`,
		`{"db":{"type":"mysql","prot":1}}`:                                  `initConfig.db.prot": there is none of this name; there are critical, `,
		`{"db":{"type":"mysql","url":"mysql://u:geheim@"}}`:                 `initConfig.db.url": the value is not valid; give a URL with mysql or mariadb`,
		`{"db":{"type":"mysql","password":7}}`:                              `initConfig.db.password": the value is not valid; give a string`,
		`{"r":{"type":"redis","intervalMs":5}}`:                             `initConfig.r.intervalMs": 5 is not valid; give an integer from 100 to 86400000`,
		`{"r":{"type":"redis","tls":{"caFile":"x"}}}`:                       `initConfig.r.tls.caFile": "x" is not valid; give an absolute path`,
		`{"r":{"type":"redis","tls":{"ca":"x"}}}`:                           `initConfig.r.tls.ca": there is none of this name`,
		`{"r":{"type":"rpc","protocol":"soap"}}`:                            `initConfig.r.protocol": "soap" is not valid; give one of grpc, jsonrpc, http`,
		`{"r":{"type":"rpc"}}`:                                              `initConfig.r.port": it is missing`,
		`{"port":{"status":"2xx","checkUrl":"http://x","bodyMatches":"("}}`: `initConfig.port.bodyMatches"`,
	} {
		_, err := DecodeOptions(json.RawMessage(`{"actuator":{"endPoint":{"health":{"initConfig":` + init + `}}}}`))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "read config ") || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v, want …%s…", init, err, want)
		}
	}
}

// FuzzIndicator decodes options that an application gives.
func FuzzIndicator(f *testing.F) {
	for _, options := range []string{
		`{"url":"http://x","status":["2xx",301],"headers":{"a":"b"},"tls":{"insecure":true}}`, `{"host":"a","port":1,"expect":{"a":[1]}}`, `{"percentile":"max","maxLagMs":3}`,
	} {
		f.Add(options)
	}
	f.Fuzz(func(t *testing.T, options string) {
		for kind := range checkKinds() {
			d := DeclaredIndicator{Name: "x", Type: kind, Options: json.RawMessage(options)}
			s := declaredSpec(d)
			if s.options == nil || s.timeout <= 0 || s.interval <= 0 || s.threshold < 1 {
				t.Errorf("%s: %+v", kind, s)
			}
			if err := CheckIndicator(d); err != nil && len(err.Error()) > 3000 {
				t.Errorf("%s: %d bytes of error", kind, len(err.Error()))
			}
			s.options.probe(checkEnv{}, s).close()
		}
	})
}
