package procfile

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

const valid = `{
  "appName": "shop", "appDir": "/srv/shop",
  "process": [
    {"appName": "shop", "appDir": "/srv/shop", "processName": "web", "scale": 2, "env": {"PORT": "80"}, "args": ["--x"],
     "execArgv": [], "order": 1.5, "offset": 0, "entryFile": "./web", "entryFileBaseDir": "/srv/shop", "kind": "worker"},
    {"appName": "shop", "appDir": "/srv/shop", "processName": "background", "scale": 1, "env": {}, "args": [],
     "execArgv": [], "offset": 3, "entryFileBaseDir": null, "kind": "plain"}],
  "definedProcesses": ["web", "background"], "defaultServiceCategory": "worker",
  "services": [{"serviceName": "a", "category": "background", "dependencies": ["b"], "publishToHub": false,
    "config": {"x": [1, {"y": null}]}, "hasConfigResolver": false, "entry": {"kind": "path", "path": "./a"}}],
  "applets": [], "engine": "goja", "warnings": []
}`

func decoded(t *testing.T) *Application {
	t.Helper()
	app, err := Decode([]byte(valid))
	if err != nil {
		t.Fatal(err)
	}
	return app
}

func TestDecode(t *testing.T) {
	app := decoded(t)
	data, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if changes := app.Diff(again); len(changes) != 0 || app.Digest() != again.Digest() {
		t.Fatalf("a round trip changes %v", changes)
	}
	if p := app.Process("web"); p == nil || *p.Order != 1.5 || app.Process("nope") != nil {
		t.Fatalf("Process(web) = %+v", p)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ name, old, new, path, message string }{
		{"no name", `"appName": "shop", "appDir": "/srv/shop",` + "\n", `"appName": "", "appDir": "/srv/shop",` + "\n", "appName", "expected a name"},
		{"relative folder", `"appDir": "/srv/shop",` + "\n", `"appDir": "shop",` + "\n", "appDir", "absolute"},
		{"scale 0", `"scale": 2`, `"scale": 0`, "process[0].scale", "expected 1 to 1024, got 0"},
		{"scale big", `"scale": 2`, `"scale": 1025`, "process[0].scale", "got 1025"},
		{"scale text", `"scale": 2`, `"scale": "auto"`, "scale", "got string"},
		{"scale fraction", `"scale": 2`, `"scale": 1.5`, "scale", "got number"},
		{"kind", `"kind": "plain"`, `"kind": "thread"`, "process[1].kind", `got "thread"`},
		{"twice", `"processName": "background"`, `"processName": "web"`, "process[1].processName", "twice"},
		{"undefined process", `["web", "background"]`, `["background"]`, "process[0].processName", "definedProcesses"},
		{"defined twice", `["web", "background"]`, `["web", "background", "web"]`, "definedProcesses[2]", "twice"},
		{"env name", `"PORT": "80"`, `"A=B": "80"`, `process[0].env["A=B"]`, "not a possible name"},
		{"env NUL", `"PORT": "80"`, `"PORT": "8\u00000"`, `process[0].env["PORT"]`, "NUL"},
		{"env number", `"PORT": "80"`, `"PORT": 80`, "env", "expected a text, got number"},
		{"argument", `["--x"]`, `["\u0000"]`, "process[0].args[0]", "NUL"},
		{"secret from nowhere", `"args": ["--x"]`, `"secrets": [{"name": "A"}], "args": []`, "process[0].secrets[0]", "got 0"},
		{"secret from two", `"args": ["--x"]`, `"secrets": [{"name": "A", "file": "/a", "credential": "a"}], "args": []`, "process[0].secrets[0]", "got 2"},
		{"secret twice", `"args": ["--x"]`, `"secrets": [{"name": "A", "file": "/a"}, {"name": "A", "file": "/b"}], "args": []`, "process[0].secrets[1].name", "twice"},
		{"secret without name", `"args": ["--x"]`, `"secrets": [{"name": "", "file": "/a"}], "args": []`, "process[0].secrets[0].name", "name of a variable"},
		{"secret in a relative file", `"args": ["--x"]`, `"secrets": [{"name": "A", "file": "a"}], "args": []`, "process[0].secrets[0].file", "absolute"},
		{"secret credential", `"args": ["--x"]`, `"secrets": [{"name": "A", "credential": "../a"}], "args": []`, "process[0].secrets[0].credential", "name of a credential"},
		{"secret timeout", `"args": ["--x"]`, `"secrets": [{"name": "A", "command": ["a"], "timeoutMs": 60001}], "args": []`, "process[0].secrets[0].timeoutMs", "got 60001"},
		{"secret command", `"args": ["--x"]`, `"secrets": [{"name": "A", "command": ["a"], "optional": true}], "args": []`, "process[0].secrets[0].command", "not optional"},
		{"secret argument", `"args": ["--x"]`, `"secrets": [{"name": "A", "command": ["a", "\u0000"]}], "args": []`, "process[0].secrets[0].command[1]", "NUL"},
		{"category", `"category": "background"`, `"category": "nope"`, "services[0].category", `got "nope"`},
		{"entry kind", `"kind": "path", "path": "./a"`, `"kind": "magic"`, "services[0].entry.kind", `got "magic"`},
		{"entry path", `"kind": "path", "path": "./a"`, `"kind": "path"`, "services[0].entry.path", "expected a path"},
		{"control", `"serviceName": "a"`, `"serviceName": "a\n"`, "services[0].serviceName", "control"},
		{"other application", `{"appName": "shop"`, `{"appName": "other"`, "process[0].appName", `got "other"`},
		{"unknown field", `"engine"`, `"more": 1, "engine"`, "", `the field "more", which this pandora does not know`},
		{"no record", valid, `nope`, "", "it is no JSON from its character 2 on"},
		{"after", `"warnings": []` + "\n}", `"warnings": []` + "\n} {}", "", "after the record"},
		{"empty", valid, ``, "", "there is nothing in it"},
		{"cut off", valid, valid[:40], "", "it ends in the middle"},
		{"a list", valid, `[]`, "", "expected an object, got array"},
		{"null", valid, `null`, "appName", "expected a name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			input := strings.Replace(valid, c.old, c.new, 1)
			if input == valid {
				t.Fatal("the case changes nothing")
			}
			_, err := Decode([]byte(input))
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Fatalf("error %v, want one with %q", err, c.message)
			}
			typed, ok := errors.AsType[*Error](err)
			if ok != (c.path != "") || ok && !strings.HasSuffix(typed.Path, c.path) {
				t.Fatalf("error %#v, want the path %q", err, c.path)
			}
		})
	}
}

func TestCloneSharesNothing(t *testing.T) {
	app := decoded(t)
	app.Processes[0].Policy = &Policy{
		MaxRestarts: &RestartLimit{Count: 1, WindowMs: 1}, Ready: &ReadyCheck{Message: map[string]any{"up": true}},
	}
	app.Processes[0].Secrets = []Secret{{Name: "A", Command: []string{"pass", "a"}}}
	digest := app.Digest()
	clone := app.Clone()
	clone.Processes[0].Secrets[0].Command[1] = "changed"
	clone.Processes[0].Env["PORT"] = "81"
	clone.Processes[0].Args[0] = "changed"
	*clone.Processes[0].Order = 9
	clone.Processes[0].Policy.MaxRestarts.Count = 9
	clone.Processes[0].Policy.Ready.Message.(map[string]any)["up"] = false
	*clone.Processes[0].EntryFileBaseDir = "/"
	clone.DefinedProcesses[0] = "changed"
	clone.Services[0].Dependencies[0] = "changed"
	clone.Services[0].Config.(map[string]any)["x"].([]any)[1].(map[string]any)["y"] = true
	if app.Digest() != digest {
		t.Fatal("changing the clone changes the original")
	}
	if clone.Digest() == digest {
		t.Fatal("the digest does not see the changes")
	}
}

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Application)
		paths  []string
	}{
		{"nothing", func(a *Application) { a.Engine, a.Warnings = "node", []string{"x"} }, nil},
		{"scale", func(a *Application) { a.Processes[0].Scale = 3 }, []string{`process["web"].scale`}},
		{"env", func(a *Application) { a.Processes[0].Env = map[string]string{"B-C": "1"} },
			[]string{`process["web"].env.PORT`, `process["web"].env["B-C"]`}},
		{"gone", func(a *Application) { a.Processes = a.Processes[:1] }, []string{`process["background"]`}},
		{"order", func(a *Application) { slices.Reverse(a.Processes) }, []string{"process"}},
		{"config", func(a *Application) { a.Services[0].Config = map[string]any{"x": 1} }, []string{`services["a"].config.x`}},
		{"policy", func(a *Application) { a.Processes[0].Policy = &Policy{MaxMemoryBytes: 5} }, []string{`process["web"].policy`}},
		{"secrets", func(a *Application) { a.Processes[0].Secrets = []Secret{{Name: "A", File: "/a"}} }, []string{`process["web"].secrets`}},
		{"folder", func(a *Application) { a.AppDir = "/b" }, []string{"appDir"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			app := decoded(t)
			changed := app.Clone()
			c.change(changed)
			var paths []string
			for _, change := range app.Diff(changed) {
				paths = append(paths, change.Path)
			}
			if !slices.Equal(paths, c.paths) {
				t.Fatalf("changes %q, want %q", paths, c.paths)
			}
			if len(c.paths) > 0 == (app.Digest() == changed.Digest()) {
				t.Fatal("digest and diff disagree")
			}
		})
	}
}

func TestFlags(t *testing.T) {
	env, err := SplitEnvFlag(" A=1  B=x=y C=")
	if err != nil || !maps.Equal(env, map[string]string{"A": "1", "B": "x=y", "C": ""}) {
		t.Fatalf("env %v, %v", env, err)
	}
	for _, bad := range []string{"A", "=1", "A=1 B", "A=\x00"} {
		if env, err := SplitEnvFlag(bad); err == nil {
			t.Errorf("SplitEnvFlag(%q) = %v", bad, env)
		}
	}
	if args := SplitArgsFlag("--a=1  --b x"); !slices.Equal(args, []string{"--a=1", "--b", "x"}) {
		t.Fatalf("args %q", args)
	}
	if args := SplitArgsFlag(""); args == nil || len(args) != 0 {
		t.Fatalf("args %#v", args)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(valid))
	f.Add([]byte(`{"process":[{}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		app, err := Decode(data)
		if err != nil {
			return
		}
		encoded, err := json.Marshal(app)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Decode(encoded)
		if err != nil {
			t.Fatalf("%v in its own encoding %s", err, encoded)
		}
		if changes := app.Diff(again); len(changes) != 0 || again.Digest() != app.Digest() || app.Clone().Digest() != app.Digest() {
			t.Fatalf("a round trip changes %v", changes)
		}
	})
}

func FuzzSplitEnvFlag(f *testing.F) {
	f.Add("A=1 B=x=y")
	f.Fuzz(func(t *testing.T, value string) {
		env, err := SplitEnvFlag(value)
		if err != nil {
			return
		}
		for name, v := range env {
			if name == "" || strings.ContainsAny(name, "= \x00") || strings.ContainsAny(v, " \x00") {
				t.Fatalf("%q gives %q=%q", value, name, v)
			}
		}
	})
}
