package main

import (
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

func TestMasked(t *testing.T) {
	app := &procfile.Application{
		Processes: []procfile.Process{{Env: map[string]string{"DB_PASSWORD": "hunter2", "PORT": "80"}}},
		Services:  []procfile.Service{{Config: map[string]any{"list": []any{map[string]any{"apiToken": "x", "size": 3.0}}}}},
	}
	got := masked(app)
	if env := got.Processes[0].Env; env["DB_PASSWORD"] != mask || env["PORT"] != "80" {
		t.Errorf("env %v", env)
	}
	inner := got.Services[0].Config.(map[string]any)["list"].([]any)[0].(map[string]any)
	if inner["apiToken"] != mask || inner["size"] != 3.0 {
		t.Errorf("config %v", inner)
	}
	for _, name := range []string{"licenseKey", "Api-Key", "Authorization", "NEW_RELIC_LICENSE_KEY", "apiKey"} {
		if !secretName(name) {
			t.Errorf("%s is shown", name)
		}
	}
	if app.Processes[0].Env["DB_PASSWORD"] != "hunter2" {
		t.Error("the graph itself was changed")
	}
}
