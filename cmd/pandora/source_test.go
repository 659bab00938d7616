package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

// TestSourceOf holds what arguments mean, and what the applications and processes are called.
func TestSourceOf(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for name, text := range map[string]string{
		"package.json": `{"name":"@firm/shop","main":"lib/main","bin":{"x":"./cli.js"},"scripts":{"start":"node --x server.js"}}`,
		"lib/main.ts":  "", "cli.js": "", "server.js": "", "other.js": "", "sub/index.js": "", "ecosystem.config.cjs": "", "pm2.json": "",
		"Procfile": "", "Procfile.dev": "", "job.py": "", "bin/www": "#!/usr/bin/env node\n", "run": "#!/bin/sh\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		argument string
		kind     procfile.SourceKind
		name     string
	}{
		{"lib/main.ts", procfile.SourceScript, "shop"}, {"cli.js", procfile.SourceScript, "shop"}, {"server.js", procfile.SourceScript, "shop"},
		{"other.js", procfile.SourceScript, "other"}, {"sub/index.js", procfile.SourceScript, "sub"}, {"bin/www", procfile.SourceScript, "www"},
		{"ecosystem.config.cjs", procfile.SourcePM2, "shop"}, {"pm2.json", procfile.SourcePM2, "shop"},
		{"Procfile", procfile.SourceForeman, "shop"}, {"Procfile.dev", procfile.SourceForeman, "shop"},
		{"job.py", procfile.SourceCommand, "job"}, {"run", procfile.SourceCommand, "run"},
		{"sub", "", ""}, {"", "", ""}, {"nowhere", "", ""},
	} {
		source, err := new(appFlags).sourceOf(root, tt.argument)
		switch {
		case err != nil:
			t.Errorf("%q: %v", tt.argument, err)
		case tt.kind == "":
			if source != nil {
				t.Errorf("%q is %+v, expected a folder", tt.argument, source)
			}
		case source.Kind != tt.kind || sourceName(source, root) != tt.name:
			t.Errorf("%q is %+v, called %q; expected %s, called %q", tt.argument, source, sourceName(source, root), tt.kind, tt.name)
		}
	}
	for argument, code := range map[string]int{"missing.js": exitNotFound, "procfile.js": exitNotFound, "package.json/x.js": exitNotFound} {
		if _, err := new(appFlags).sourceOf(root, argument); exitCode(err) != code {
			t.Errorf("%q: %v, expected exit code %d", argument, err, code)
		}
	}
}

// TestTakeEnvironment holds what --env means for a process file.
func TestTakeEnvironment(t *testing.T) {
	t.Parallel()
	for given, want := range map[string][2]string{
		"": {"", ""}, "production": {"production", ""}, "A=1 B=2": {"", "A=1 B=2"}, " staging A=1": {"staging", "A=1"},
	} {
		f := appFlags{env: given}
		if name := f.takeEnvironment(); name != want[0] || f.env != want[1] {
			t.Errorf("%q: %q and %q, expected %q", given, name, f.env, want)
		}
	}
}
