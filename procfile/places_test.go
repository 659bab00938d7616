package procfile

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var places = [...]Place{
	{Of: OfProcess, Name: "web", File: "/srv/shop/procfile.js", Line: 2, Column: 11},
	{Of: OfProcess, Name: "web", Member: "scale", File: "/srv/shop/procfile.js", Line: 3, Column: 6},
	{Of: OfService, Name: "a", File: "/srv/shop/procfile.js", Line: 4, Column: 11},
	{Of: OfUnknown, Name: "pandora", Member: "x", File: "/srv/shop/procfile.js"},
}

func TestPlaces(t *testing.T) {
	app := decoded(t)
	digest := app.Digest()
	app.Places = slices.Clone(places[:])
	if app.Digest() != digest || len(app.Diff(decoded(t))) != 0 || len(Steps(decoded(t), app)) != 0 {
		t.Error("places count as a difference")
	}
	clone := app.Clone()
	clone.Places[0].Line = 99
	if app.Places[0].Line != 2 {
		t.Error("the clone shares its places")
	}
	for _, c := range []struct {
		members []string
		want    string
	}{
		{[]string{"scale", ""}, "/srv/shop/procfile.js:3:6"},
		{[]string{"env", ""}, "/srv/shop/procfile.js:2:11"},
		{[]string{"env"}, ""},
	} {
		place, ok := app.Place(OfProcess, "web", c.members...)
		if place.String() != c.want || ok != (c.want != "") {
			t.Errorf("Place(web, %q) = %q, %v, want %q", c.members, place, ok, c.want)
		}
	}
	if got := places[3].String(); got != "/srv/shop/procfile.js" {
		t.Errorf("a place without a line is %q", got)
	}
	if got := (Place{File: "/a", Line: 3}).String(); got != "/a:3" {
		t.Errorf("a place without a column is %q", got)
	}
	data, err := json.Marshal(app)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Decode(data)
	if err != nil || !slices.Equal(again.Places, app.Places) {
		t.Fatalf("a round trip gives %v, %v", again, err)
	}
	if _, err := Decode([]byte(strings.Replace(string(data), `"line":2`, `"line":-2`, 1))); err == nil {
		t.Error("a line before the first is accepted")
	}
}

func TestSteps(t *testing.T) {
	scaled := Step{Action: ActionChanged, Kind: OfProcess, Name: "web", Field: []string{"scale"}, Old: 2.0, New: 3.0}
	for _, c := range []struct {
		name   string
		change func(*Application)
		want   []Step
	}{
		{"nothing", func(a *Application) { a.Engine = "node" }, nil},
		{"scale", func(a *Application) { a.Processes[0].Scale = 3; a.Processes[1].Offset = 4 }, []Step{scaled}},
		{"only defined", func(a *Application) { a.DefinedProcesses = append(a.DefinedProcesses, "idle") }, nil},
		{"env", func(a *Application) { a.Processes[0].Env = map[string]string{"B": "1"} }, []Step{
			{Action: ActionChanged, Kind: OfProcess, Name: "web", Field: []string{"env", "B"}, New: "1"},
			{Action: ActionChanged, Kind: OfProcess, Name: "web", Field: []string{"env", "PORT"}, Old: "80"},
		}},
		{"policy", func(a *Application) { a.Processes[0].Policy = &Policy{MaxMemoryBytes: 5, Reload: ReloadStopFirst} }, []Step{
			{Action: ActionChanged, Kind: OfProcess, Name: "web", Field: []string{"policy", "maxMemoryBytes"}, New: 5.0},
			{Action: ActionChanged, Kind: OfProcess, Name: "web", Field: []string{"policy", "reload"}, New: "stop-first"},
		}},
		{"renamed", func(a *Application) { a.Processes[1].ProcessName = "bg" }, []Step{
			{Action: ActionAdded, Kind: OfProcess, Name: "bg"}, {Action: ActionRemoved, Kind: OfProcess, Name: "background"},
		}},
		{"service", func(a *Application) { a.Services[0].Category = "web" }, []Step{
			{Action: ActionChanged, Kind: OfService, Name: "a", Field: []string{"category"}, Old: "background", New: "web"},
		}},
		{"gone", func(a *Application) { a.Services = nil }, []Step{{Action: ActionRemoved, Kind: OfService, Name: "a"}}},
		{"folder", func(a *Application) { a.AppDir = "/b" }, []Step{
			{Action: ActionChanged, Kind: OfApplication, Name: "shop", Field: []string{"appDir"}, Old: "/srv/shop", New: "/b"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			is := decoded(t).Clone()
			c.change(is)
			if got := Steps(decoded(t), is); !reflect.DeepEqual(got, c.want) {
				t.Errorf("steps %+v, want %+v", got, c.want)
			}
		})
	}
	all := Steps(nil, decoded(t))
	if len(all) != 3 || slices.ContainsFunc(all, func(s Step) bool { return s.Action != ActionAdded }) {
		t.Errorf("against nothing: %+v", all)
	}
}

func TestNearest(t *testing.T) {
	for member, want := range map[string]string{
		"scale": "scale", "scael": "scale", "scal": "scale", "scalee": "scale", "proces": "process", "nodeArg": "nodeArgs",
		"env": "env", "foo": "", "": "", "args2": "args", "enviroment": "environment", "instances": "",
	} {
		if got := Nearest(member); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", member, got, want)
		}
	}
}
