package supervisor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

// driftApp is the graph that workers are compared with.
func driftApp() *procfile.Application {
	base := "/app"
	return &procfile.Application{
		AppName: "demo", AppDir: "/app", Engine: "goja", DefinedProcesses: []string{"worker", "background"}, DefaultServiceCategory: "worker",
		Processes: []procfile.Process{
			{AppName: "demo", AppDir: "/app", ProcessName: "worker", Scale: 2, Kind: procfile.KindWorker, Env: map[string]string{"A": "1"}, Args: []string{}, ExecArgv: []string{}, Offset: 3},
			{AppName: "demo", AppDir: "/app", ProcessName: "web", Scale: 1, Kind: procfile.KindPlain, EntryFile: "./a.js", EntryFileBaseDir: &base, Args: []string{"-p", "1"}, ExecArgv: []string{}},
		},
		Services: []procfile.Service{{
			ServiceName: `a"b.c`, Category: "background", Dependencies: []string{}, Config: map[string]any{"password": "hidden"},
			Entry: procfile.Entry{Kind: procfile.EntryClass, Name: "A"},
		}},
		Applets:    []procfile.Service{},
		Evaluation: &procfile.Evaluation{Digest: "0123456789abcdef", Environment: "./env"},
	}
}

// bindingOf is what a worker that sees this graph sends.
func bindingOf(t *testing.T, app *procfile.Application) string {
	t.Helper()
	data, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(data, &record); err != nil {
		t.Fatal(err)
	}
	record["environment"], record["configurator"] = "./env", ""
	for _, p := range record["process"].([]any) {
		for _, name := range []string{"env", "offset", "appName", "appDir"} {
			delete(p.(map[string]any), name)
		}
	}
	for _, s := range record["services"].([]any) {
		delete(s.(map[string]any)["entry"].(map[string]any), "kind")
	}
	data, _ = json.Marshal(record)
	return string(data)
}

func TestDriftSaysWhatDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*procfile.Application)
		want   []string
	}{
		"nothing that the graph shows": {func(*procfile.Application) {}, []string{"its evaluation of the procfile differs from the evaluation by goja in something that the graph does not show"}},
		"category":                     {func(a *procfile.Application) { a.Services[0].Category = "worker" }, []string{`service "a\"b.c" runs in "worker" here, in "background" in the evaluation by goja`}},
		"a secret": {func(a *procfile.Application) { a.Services[0].Config = map[string]any{"password": "also hidden"} },
			[]string{`service "a\"b.c": config.password is not the same as in the evaluation by goja`}},
		"a service less": {func(a *procfile.Application) { a.Services = []procfile.Service{} }, []string{`service "a\"b.c" is not defined here, but in the evaluation by goja`}},
		"a process more": {func(a *procfile.Application) {
			a.Processes = append(a.Processes, procfile.Process{ProcessName: "x", Scale: 1})
		}, []string{`process "x" is defined here, but not in the evaluation by goja`}},
		"scale and arguments": {func(a *procfile.Application) {
			a.Processes[0].Scale = 3
			a.Processes[1].Args = []string{"-p", "secret"}
		},
			[]string{`process "web": args is not the same as in the evaluation by goja`, `process "worker": scale is 3 here, 2 in the evaluation by goja`}},
		"environment of a process": {func(a *procfile.Application) { a.Processes[0].Env = map[string]string{"A": "2"} },
			[]string{"its evaluation of the procfile differs from the evaluation by goja in something that the graph does not show"}},
		"default": {func(a *procfile.Application) { a.DefaultServiceCategory = "x" }, []string{`defaultServiceCategory is "x" here, "worker" in the evaluation by goja`}},
	} {
		app, seen := driftApp(), driftApp()
		c.change(seen)
		d := driftMessage{Digest: "fedcba9876543210", Binding: bindingOf(t, seen)}.against(app)
		if !slices.Equal(d.Differences, c.want) || d.Digest != "fedcba9876543210" {
			t.Errorf("%s: %s: %q, want %q", name, d.Digest, d.Differences, c.want)
		}
	}
	standards := strings.Replace(bindingOf(t, driftApp()), `"configurator":""`, `"configurator":"a class"`, 1)
	standards = strings.Replace(standards, `"environment":"./env"`, `"environment":""`, 1)
	want := []string{
		"pandora.environment() is not called here, ./env in the evaluation by goja",
		"pandora.configurator() is a class here, not called in the evaluation by goja",
	}
	if d := (driftMessage{Binding: standards}).against(driftApp()); !slices.Equal(d.Differences, want) {
		t.Errorf("standards: %q, want %q", d.Differences, want)
	}
}

func TestDriftIsBounded(t *testing.T) {
	many := driftApp()
	for i := range 50 {
		many.Services = append(many.Services, procfile.Service{ServiceName: fmt.Sprintf("s%02d%s", i, strings.Repeat("ü", 500))})
	}
	large := driftApp()
	large.Services[0].ServiceName = strings.Repeat("x", maxBinding)
	for name, m := range map[string]driftMessage{
		"many":         {Binding: bindingOf(t, many)},
		"large":        {Binding: bindingOf(t, large)},
		"none":         {Digest: strings.Repeat("1", 100)},
		"no JSON":      {Binding: "{"},
		"another kind": {Binding: `{"process":[{"scale":"x"}],"services":7}`},
		"nulls":        {Binding: `{"process":null,"services":[{}],"applets":[{"entry":null}]}`},
		"a failure":    {Failure: "\x1b[31m" + strings.Repeat("long ", 1000)},
	} {
		d := m.against(driftApp())
		if n := len(d.Differences); n < 1 || n > maxDifferences {
			t.Errorf("%s: %d differences", name, n)
		}
		if len(d.Digest) > 16 {
			t.Errorf("%s: digest %q", name, d.Digest)
		}
		for _, text := range d.Differences {
			if len(text) > maxDifference || strings.ContainsAny(text, "\x1b\n") {
				t.Errorf("%s: difference %q", name, text)
			}
		}
	}
	bare := &procfile.Application{}
	if d := (driftMessage{Binding: `{}`}).against(bare); len(d.Differences) == 0 {
		t.Error("an empty graph")
	}
}

func FuzzDrift(f *testing.F) {
	f.Add("0123456789abcdef", `{"process":[{"processName":"web"}],"services":[{"serviceName":"a","config":{"x":[1]}}]}`, "")
	f.Add("", "", "Error: x")
	f.Fuzz(func(t *testing.T, digest, binding, failure string) {
		d := driftMessage{Digest: digest, Binding: binding, Failure: failure}.against(driftApp())
		if len(d.Differences) == 0 || len(d.Differences) > maxDifferences {
			t.Fatalf("%d differences", len(d.Differences))
		}
		for _, text := range d.Differences {
			if len(text) > maxDifference {
				t.Fatalf("a difference of %d bytes", len(text))
			}
		}
	})
}

// TestDriftIsTold holds that the drift of a worker is in its status, in the operation and in the events until another
// process takes its place.
func TestDriftIsTold(t *testing.T) {
	f := &fakeSpawner{script: func(c *fakeChild) {
		if c.spec.Worker == 1 && c.spec.Generation == 1 {
			c.events <- ChildEvent{Kind: ChildDrift, Drift: &Drift{Digest: "1", Differences: []string{"one", "two"}}}
			c.events <- ChildEvent{Kind: ChildReady}
			c.until("kill", "drain")
			return
		}
		serve(0)(c)
	}}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		op := perform(t, s, OpStart, testPlan("w", 2))
		if op.State != OpSucceeded || len(op.Drift) != 1 {
			t.Fatalf("operation: %+v", op)
		}
		if d := op.Drift[0]; d.Process != "w" || d.Worker != 1 || d.Digest != "1" || !slices.Equal(d.Differences, []string{"one", "two"}) {
			t.Errorf("drift of the operation: %+v", d)
		}
		if workerOf(s, 0, 0).Drift != nil || workerOf(s, 0, 1).Drift == nil {
			t.Errorf("status: %+v", s.Status().Processes[0].Workers)
		}
		events := s.Events(0)
		i := slices.IndexFunc(events, func(e Event) bool { return e.Kind == "drift" })
		if i < 0 || events[i].Worker != 1 || events[i].Message != "evaluates the procfile differently: one; two" {
			t.Errorf("events: %+v", events)
		}
		f.mu.Lock()
		first := f.live["w/1"]
		f.mu.Unlock()
		changes := s.Changes(t.Context()) // from before the kill: the second process may be ready at once
		first.Kill()
		for range changes {
			if w := workerOf(s, 0, 1); w.Generation == 2 && w.State == StateRunning {
				break
			}
		}
		if workerOf(s, 0, 1).Drift != nil {
			t.Error("the drift outlives its process")
		}
	})
}
