package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestLay holds which layer each value is from.
func TestLay(t *testing.T) {
	layer := func(origin Origin, from, text string) Layer { return Layer{origin, from, json.RawMessage(text)} }
	for _, tt := range []struct {
		name    string
		layers  []Layer
		refused []string
		want    string
	}{
		{"none", nil, nil, ""},
		{"empty", []Layer{layer(OriginDefault, "", "{}")}, nil, ""},
		{"key by key", []Layer{
			layer(OriginDefault, "", `{"a":{"b":1,"c":2}}`), layer(OriginModule, "m", `{"a":{"c":3,"d":4}}`), layer(OriginEnvironment, "E", `{"a":{"d":5}}`),
		}, nil, "a.b=1 default; a.c=3 m; a.d=5 E"},
		{"index by index", []Layer{layer(OriginModule, "m", `{"l":[1,2,3,4,5,6,7,8,9,10,11]}`), layer(OriginModule, "n", `{"l":[0]}`)}, nil,
			"l[0]=0 n; l[1]=2 m; l[2]=3 m; l[3]=4 m; l[4]=5 m; l[5]=6 m; l[6]=7 m; l[7]=8 m; l[8]=9 m; l[9]=10 m; l[10]=11 m"},
		{"another kind", []Layer{layer(OriginModule, "m", `{"a":{"b":1},"c":[1],"d":2}`), layer(OriginModule, "n", `{"a":[2],"c":{"x":3},"d":{}}`)}, nil,
			"a[0]=2 n; c.x=3 n; d=map[] n"},
		{"nothing inside", []Layer{layer(OriginDefault, "", `{"a":{"b":1},"l":[]}`), layer(OriginModule, "m", `{"a":{}}`)}, nil, "a.b=1 default; l=[] default"},
		{"null", []Layer{layer(OriginDefault, "", `{"port":1,"on":true,"o":{"x":1}}`), layer(OriginModule, "m", `{"port":null,"on":null,"o":null}`)}, nil,
			"o=<nil> m; on=<nil> m; port=1 default"},
		{"refused", []Layer{layer(OriginDefault, "", `{"a":{"b":1}}`), layer(OriginModule, "m", `{"a":{"b":2,"c":3}}`), layer(OriginModule, "n", `{"a":7,"x":1}`)},
			[]string{"a.b", "x", "none.at.all"}, "a=7 n"},
		{"odd names", []Layer{layer(OriginModule, "m", `{"a.b":{"":1,"c d":2}}`)}, nil, `"a.b".""=1 m; "a.b"."c d"=2 m`},
		{"large numbers", []Layer{layer(OriginModule, "m", `{"a":12345678901234567890}`)}, nil, "a=12345678901234567890 m"},
	} {
		settings, err := Lay(tt.layers, tt.refused...)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		var got []string
		for _, s := range settings {
			from := s.From
			if from == "" {
				from = string(s.Origin)
			}
			got = append(got, fmt.Sprintf("%s=%v %s", s.Key(), s.Value, from))
		}
		if text := strings.Join(got, "; "); text != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, text, tt.want)
		}
	}
	if _, err := Lay([]Layer{layer(OriginModule, "m", `7`)}); err == nil || !strings.Contains(err.Error(), `module "m"`) {
		t.Errorf("no object: %v", err)
	}
}

// TestLayersAreWhatEachModuleSays holds that Load keeps the modules apart.
func TestLayersAreWhatEachModuleSays(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "one.js", `module.exports = { a: 1, list: [1, 2] };`)
	write(t, dir, "two.js", `module.exports = { a: 2, list: [9] };`)
	result, err := Load(t.Context(), Options{Env: []string{"PANDORA_CONFIG=./one.js:./missing:./two.js"}, Cwd: dir})
	if err != nil || len(result.Layers) != 2 || len(result.Paths) != 2 {
		t.Fatalf("layers %s of %q, %v", result.Layers, result.Paths, err)
	}
	for i, want := range []string{`{"a":1,"list":[1,2]}`, `{"a":2,"list":[9]}`} {
		if got := string(result.Layers[i]); got != want {
			t.Errorf("layer %d is %s, want %s", i, got, want)
		}
	}
}

// TestRefusedLoggers holds that keys whose values are left out are told.
func TestRefusedLoggers(t *testing.T) {
	got := RefusedLoggers(json.RawMessage(`{"logger":{"logsDir":5,"daemonLogger":{"level":"LOUD"},"serviceLogger":{"maxFiles":"x"}},"hook":3}`))
	if want := "[logger.logsDir logger.daemonLogger.level logger.serviceLogger.maxFiles hook]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %v", got, want)
	}
}
