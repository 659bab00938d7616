package supervisor

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/procfile"
)

// TestPrecedence gives a variable of the same name in every combination of places that there are, and holds who counts.
func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	file := func(name string) procfile.EnvFile {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("\nNODE_ENV="+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return procfile.EnvFile{Path: path}
	}
	first, last := file("first"), file("last")
	for bits := range 1 << 5 {
		plan, process := &Plan{JSDir: "/js"}, &procfile.Process{Env: map[string]string{}}
		want, origin, at := "", Origin(""), ""
		if bits&1 != 0 {
			plan.Dev, want, origin = true, "local", OriginDefault
		}
		if bits&2 != 0 {
			process.EnvFiles = append(process.EnvFiles, first)
			want, origin, at = "first", OriginFile, first.Path+":2"
		}
		if bits&4 != 0 {
			process.EnvFiles = append(process.EnvFiles, last)
			want, origin, at = "last", OriginFile, last.Path+":2"
		}
		if bits&8 != 0 {
			plan.Env = []string{"NODE_ENV=shell", "X=1"}
			want, origin, at = "shell", OriginShell, ""
		}
		if bits&16 != 0 {
			process.Env["NODE_ENV"] = "process"
			want, origin, at = "process", OriginProcfile, ""
		}
		all, err := Variables(plan, process)
		if err != nil {
			t.Fatal(err)
		}
		var got Variable
		for _, v := range all {
			if v.Name == "NODE_ENV" {
				got = v
			}
		}
		if got.Value != want || got.Origin != origin || got.At != at {
			t.Errorf("combination %05b: %+v, want %s from %s %s", bits, got, want, origin, at)
		}
	}
}

// TestVariablesOfFiles holds that values may use the shell's, and what a missing file and a broken one do.
func TestVariablesOfFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".env")
	process := &procfile.Process{EnvFiles: []procfile.EnvFile{{Path: path}}}
	if _, err := Variables(&Plan{}, process); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing: %v", err)
	}
	process.EnvFiles[0].Optional = true
	if _, err := Variables(&Plan{}, process); err != nil {
		t.Error(err)
	}
	for _, c := range []struct{ text, want string }{
		{"A=$HOME/x\nHOME=/file", "/h/x"}, {"A=${NO:?nope}", "line 1, column 3"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := Variables(&Plan{Env: []string{"HOME=/h"}}, process)
		if got := fmt.Sprint(all, err); !strings.Contains(got, c.want) || strings.Contains(got, "/file}") {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
	env, err := environment(SpawnSpec{Plan: &Plan{Env: []string{"HOME=/h", "NODE_UNIQUE_ID=3"}}, Process: *process})
	if err == nil || env != nil {
		t.Errorf("a worker is started without what it requires: %v", env)
	}
}
