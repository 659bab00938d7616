package main

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

func TestReadPackageSettings(t *testing.T) {
	for _, tt := range []struct {
		text, entry string
		flags       map[string]string
		config      []string
		failure     string
	}{
		{text: ``},
		{text: `{`},
		{text: `[]`},
		{text: `{"pandora": 7}`},
		{text: `{"pandora": {"dev": {"env": "A=1"}}}`},
		{text: `{"pandora": {"start": null}}`},
		{text: "\ufeff" + `{"pandora": {"start": {"env": "A=1 B=x=y"}}}`, flags: map[string]string{"env": "A=1 B=x=y"}},
		{text: `{"pandora": {"start": {"name": "not-this", "appName": "this", "entry": "dist", "unknown": {}}}}`,
			entry: "dist", flags: map[string]string{"name": "this"}},
		{text: `{"pandora": {"start": {"args": ["--one", "two"], "node-args": "--max-old-space-size=512", "config": ["a", "./b"]}}}`,
			flags: map[string]string{"args": "--one two", "node-args": "--max-old-space-size=512"}, config: []string{"a", "./b"}},
		{text: `{"pandora": {"start": {"nodeArgs": ["--a"], "inspect": true, "inspect-port": 9300, "config": "one"}}}`,
			flags: map[string]string{"node-args": "--a", "inspect": "0", "inspect-port": "9300"}, config: []string{"one"}},
		{text: `{"pandora": {"start": {"inspect": false}}}`, flags: map[string]string{"inspect": ""}},
		{text: `{"pandora": {"start": []}}`, failure: "pandora.start is [], expected an object"},
		{text: `{"pandora": {"start": {"env": {"A": 1}}}}`, failure: `pandora.start.env: expected a text, got {"A":1}`},
		{text: `{"pandora": {"start": {"args": [1]}}}`, failure: `pandora.start.args: expected a list of texts, got [1]`},
		{text: `{"pandora": {"start": {"config": {}}}}`, failure: `pandora.start.config: expected a list of texts, got {}`},
		{text: `{"pandora": {"start": {"entry": 1}}}`, failure: `pandora.start.entry: expected a text, got 1`},
	} {
		got, err := readPackageSettings(tt.text, "start")
		if tt.failure != "" {
			if err == nil || err.Error() != tt.failure {
				t.Errorf("%s: error %v, want %s", tt.text, err, tt.failure)
			}
			continue
		}
		if err != nil || got.entry != tt.entry || !maps.Equal(got.flags, tt.flags) || !slices.Equal(got.config, tt.config) {
			t.Errorf("%s: %+v, %v", tt.text, got, err)
		}
	}
}

func FuzzReadPackageSettings(f *testing.F) {
	f.Add(`{"pandora": {"start": {"args": ["--one", "two"], "config": ["a"], "inspect": 1}}}`)
	f.Add(`{"pandora": {"start": []}}`)
	f.Fuzz(func(t *testing.T, text string) {
		settings, err := readPackageSettings(text, "start")
		if err != nil && !strings.HasPrefix(err.Error(), "pandora.start") {
			t.Errorf("%q: %v", text, err)
		}
		for flag := range settings.flags {
			if !slices.Contains([]string{"name", "env", "args", "node-args", "inspect", "inspect-port"}, flag) {
				t.Errorf("%q: flag %q", text, flag)
			}
		}
	})
}
