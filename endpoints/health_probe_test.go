package endpoints

import (
	"strings"
	"testing"
	"time"
)

// probed is an application with two processes.
func probed(web, jobs Worker) Application {
	app := demo()
	app.Processes = []Process{{Name: "web", Workers: []Worker{web}}, {Name: "jobs", Workers: []Worker{jobs}}}
	return app
}

func TestProbes(t *testing.T) {
	now := time.Now()
	ready := Worker{State: "running", Ready: true, PID: 1, ReadyAt: now}
	deaf := Worker{State: "running", PID: 1, ReadyAt: now, UnresponsiveSince: now}
	starting := Worker{State: "starting", PID: 1}
	backoff := Worker{State: "backoff", Reason: "exited with code 1"}
	fatal := Worker{State: "fatal", Reason: "it was never ready"}
	draining := Worker{State: "stopping", PID: 1, Draining: true, ReadyAt: now}
	for _, c := range []struct {
		name               string
		app                func(*Application)
		web                Worker
		live, ready, start bool
	}{
		{"all is well", nil, ready, true, true, true},
		{"starting", func(a *Application) { a.State = 1 }, starting, true, false, false},
		{"one of its processes has started", func(a *Application) { a.State = 1 }, ready, true, true, true},
		{"crashing", nil, backoff, true, false, true},
		{"cannot start", nil, fatal, false, false, true},
		{"does not answer", nil, deaf, false, false, true},
		{"is stopping", func(a *Application) { a.Draining = true }, ready, true, false, true},
		{"is draining", func(a *Application) { a.Draining = true }, draining, true, false, true},
		{"reloads", func(a *Application) { a.Processes[0].Workers = []Worker{draining, ready} }, ready, true, true, true},
		{"process stopped on its own", func(a *Application) { a.Processes[0].Stopped, a.Processes[0].Workers = true, nil }, ready, true, true, true},
		{"scaled to none", func(a *Application) { a.Processes[0].Workers = nil }, ready, true, false, true},
	} {
		b := newBed(t, noDisk, nil)
		app := probed(c.web, ready)
		if c.app != nil {
			c.app(&app)
		}
		b.source.set(app)
		for probe, ok := range map[string]bool{"livez": c.live, "readyz": c.ready, "startupz": c.start} {
			for _, target := range []string{"/" + probe, "/" + probe + "/demo", "/" + probe + "/demo/web", "/" + probe + "/"} {
				want := 503
				if ok {
					want = 200
				}
				if status, body := b.get(t, target); status != want || (body == "ok") != ok {
					t.Errorf("%s: GET %s: %d %q", c.name, target, status, body)
				}
			}
		}
		if status, _ := b.get(t, "/livez/demo/jobs"); status != 200 {
			t.Errorf("%s: the other process is %d", c.name, status)
		}
	}
}

func TestProbesAsKubernetesHasThem(t *testing.T) {
	b := newBed(t, noDisk, nil)
	b.want(t, "/livez", 200, "ok")
	b.want(t, "/readyz", 503, "[+]ping ok\n[-]applications failed: none runs\nreadyz check failed\n")
	b.want(t, "/startupz", 200, "ok")
	stopped := demo()
	stopped.Name, stopped.Running = "old", false
	b.source.set(probed(Worker{State: "running", Ready: true}, Worker{State: "backoff", Reason: "exited\nwith code 1"}), stopped)
	for _, c := range []struct {
		target string
		status int
		body   string
	}{
		{"/livez?verbose", 200, "[+]ping ok\n[+]demo/web ok\n[+]demo/jobs ok\nlivez check passed\n"},
		{"/readyz", 503, "[+]ping ok\n[+]demo/web ok\n[-]demo/jobs failed: no worker is ready: exited with code 1\nreadyz check failed\n"},
		{"/readyz?exclude=demo/jobs", 200, "ok"},
		{"/readyz?exclude=demo", 200, "ok"},
		{"/readyz?exclude=dem", 503, "[+]ping ok\n[+]demo/web ok\n[-]demo/jobs failed: no worker is ready: exited with code 1\n" +
			"warn: some health checks cannot be excluded: no matches for \"dem\"\nreadyz check failed\n"},
		{"/readyz?verbose&exclude=demo/jobs&exclude=x", 200, "[+]ping ok\n[+]demo/web ok\n[+]demo/jobs excluded: ok\n" +
			"warn: some health checks cannot be excluded: no matches for \"x\"\nreadyz check passed\n"},
		{"/readyz/demo/web?verbose", 200, "[+]demo/web ok\nreadyz check passed\n"},
		{"/readyz/old", 503, "[-]old failed: it does not run\nreadyz check failed\n"},
		{"/livez/old", 503, "[-]old failed: it does not run\nlivez check failed\n"},
		{"/readyz/none", 404, "Can't found an Application it named none"},
		{"/readyz/demo/none", 404, "Can't found a process it named none"},
		{"/readyz/demo/web/x", 404, "Not Found"},
		{"/READYZ/demo/web", 200, "ok"},
		{"/readyz/DEMO", 404, "Can't found an Application it named DEMO"},
	} {
		b.want(t, c.target, c.status, c.body)
	}
	if response := b.do("HEAD", "/readyz"); response.StatusCode != 503 {
		t.Errorf("HEAD: %d", response.StatusCode)
	}
}

// TestReadinessWithIndicators: only what the group readiness includes counts, and never for liveness.
func TestReadinessWithIndicators(t *testing.T) {
	b := newBed(t, `{"actuator":{"endPoint":{"health":{"groups":{"readiness":{"include":["db"]}},"initConfig":{"disk_space":{"enabled":false}}}}}}`, nil)
	ready := Worker{State: "running", Ready: true}
	b.source.set(probed(ready, ready))
	b.frames.announce(fixed(1, `[{"key":"db","data":"DOWN","description":"refused"},{"key":"cache","data":"DOWN"}]`), "health", "demo", "db", "a", "")
	b.want(t, "/readyz/demo", 503, "[+]demo/web ok\n[+]demo/jobs ok\n[-]demo:db failed: refused\nreadyz check failed\n")
	b.want(t, "/readyz?exclude=demo:db", 200, "ok")
	b.want(t, "/livez/demo?verbose", 200, "[+]demo/web ok\n[+]demo/jobs ok\nlivez check passed\n")
	b.want(t, "/health/readiness?appName=demo", 503, envelope(`{"status":"DOWN","db":{"status":"DOWN"},"readinessState":{"status":"UP"}}`))
	b.want(t, "/health/liveness?appName=demo", 200, envelope(`{"status":"UP","livenessState":{"status":"UP"}}`))
}

func TestHealthOptions(t *testing.T) {
	for _, c := range []struct{ config, key string }{
		{`{"showDetails":"sometimes"}`, "health.showDetails"},
		{`{"intervalMs":10}`, "health.intervalMs"},
		{`{"intervalMs":"5s"}`, "health.intervalMs"},
		{`{"groups":[]}`, "health.groups"},
		{`{"groups":{"a":{"include":"db"}}}`, "health.groups.a.include"},
		{`{"groups":{"a":{"exclude":[1]}}}`, "health.groups.a.exclude"},
		{`{"groups":{"liveness":{"include":["db"]}}}`, "health.groups.liveness"},
		{`{"groups":{"":{}}}`, "health.groups."},
	} {
		_, err := DecodeOptions([]byte(`{"actuator":{"endPoint":{"health":` + c.config + `}}}`))
		if err == nil || !strings.Contains(err.Error(), c.key) {
			t.Errorf("%s: %v", c.config, err)
		}
	}
	o, err := DecodeOptions([]byte(`{"actuator":{"endPoint":{"health":{"intervalMs":0,"initConfig":{"a":{"critical":false},"b":{"critical":true},"c":7}}}}}`))
	if err != nil || o.view.watch != 0 || !o.view.nonCritical["a"] || o.view.nonCritical["b"] {
		t.Errorf("%+v %v", o.view, err)
	}
}
