package main

import (
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

func TestIndicatorsOfAGraph(t *testing.T) {
	app := &procfile.Application{Indicators: []procfile.Indicator{
		{Name: "db", Group: "health", Type: "mysql", Options: map[string]any{"port": 3307.0}, IntervalMs: 5000, TimeoutMs: 3000, Critical: true, At: "procfile.js:3:9"},
		{Name: "script", Group: "health", Scripted: true},
		{Name: "cache", Group: "health", Type: "redis", Options: map[string]any{"prot": 1.0}, IntervalMs: 5000, TimeoutMs: 3000, At: "C:/x/procfile.js:12:3"},
		{Name: "disk", Group: "health", Type: "disk_space", Options: map[string]any{"rate": 101.0}, At: "procfile.js"},
	}}
	list := declaredIndicators(app.Indicators)
	if d := list[0]; string(d.Options) != `{"port":3307}` || d.Interval != 5*time.Second || d.Timeout != 3*time.Second || !d.Critical || d.At != "procfile.js:3:9" {
		t.Errorf("%+v", d)
	}
	var texts []string
	for _, p := range indicatorProblems(app) {
		texts = append(texts, p.String())
	}
	want := []string{
		`C:/x/procfile.js:12:3: error: indicator "cache": option "prot": there is none of this name; there are `,
		`procfile.js: error: indicator "disk": option "rate": 101 is not valid; give a percentage from 0 to 100 (its row in /health would be DOWN)`,
	}
	if len(texts) != 2 || !strings.HasPrefix(texts[0], want[0]) || texts[1] != want[1] {
		t.Errorf("%q", texts)
	}
}
