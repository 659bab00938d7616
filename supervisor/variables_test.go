package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
	env, err := environment(SpawnSpec{Plan: &Plan{Env: []string{"HOME=/h", "NODE_UNIQUE_ID=3"}}, Process: *process}, unread)
	if err == nil || env != nil {
		t.Errorf("a worker is started without what it requires: %v", env)
	}
}

// TestSecretsCount holds what secrets count more and less than, that an optional one gives way, and that showing them runs
// nothing.
func TestSecretsCount(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "db")
	if err := os.WriteFile(path, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(dir, "ran")
	process := &procfile.Process{
		ProcessName: "web", Env: map[string]string{"B": "process"},
		Secrets: []procfile.Secret{
			{Name: "A", File: path}, {Name: "B", File: path}, {Name: "C", File: dir + "/no", Optional: true}, {Name: "D", Credential: "no", Optional: true},
			{Name: "E", Command: []string{"sh", "-c", `echo $B$C; echo ran >> "$0"`, ran}},
		},
	}
	plan := &Plan{Env: []string{"A=shell", "B=shell", "C=shell", "D=shell", "E=shell", "PATH=" + os.Getenv("PATH")}, App: procfile.Application{
		AppDir: dir, Processes: []procfile.Process{*process},
		Places: []procfile.Place{{Of: procfile.OfApplication, Member: "secrets.A", File: "/p/procfile.js", Line: 3, Column: 2}},
	}}
	shown, err := Variables(plan, process)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range shown {
		if v.Origin == OriginSecret && v.Value != "" {
			t.Errorf("%s is read to be shown: %v", v.Name, v)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("a command has run for showing it")
	}
	given, err := variables(plan, process, new(secrets).reader(plan, process, dir, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range given {
		got[v.Name] = fmt.Sprint(v.Value, " ", v.Origin, " ", v.At)
	}
	for name, want := range map[string]string{
		"A": "secret secret file " + path, "B": "process procfile ", "C": "shell shell ", "D": "shell shell ", "E": "processshell secret command sh",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	_, err = variables(plan, process, new(secrets).reader(plan, process, dir, nil))
	if err == nil || !strings.Contains(err.Error(), "there is no such file (named at /p/procfile.js:3:2)") {
		t.Errorf("%v", err)
	}
}

// TestStoppedReaderTakesNoOtherAlong holds that of workers which wait for one run of a command, one that is stopped does
// not take the others with it: they run it again.
func TestStoppedReaderTakesNoOtherAlong(t *testing.T) {
	dir := t.TempDir()
	begun, ran := filepath.Join(dir, "begun"), filepath.Join(dir, "ran")
	if err := syscall.Mkfifo(begun, 0o600); err != nil {
		t.Fatal(err)
	}
	process := &procfile.Process{ProcessName: "web", Secrets: []procfile.Secret{
		{Name: "A", Command: []string{"sh", "-c", `echo ran >> "$0"; [ "$(wc -l < "$0")" != 1 ] || { echo > "$1"; sleep 60 & wait; }; echo x`, ran, begun}},
	}}
	plan := &Plan{Env: []string{"PATH=" + os.Getenv("PATH")}, App: procfile.Application{AppDir: dir}}
	var r secrets
	unwanted := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		if _, err := variables(plan, process, r.reader(plan, process, dir, unwanted)); !errors.Is(err, context.Canceled) {
			t.Errorf("of the stopped: %v", err)
		}
	})
	if _, err := os.ReadFile(begun); err != nil { // it runs, for a minute if nobody stops it
		t.Fatal(err)
	}
	waiting := make(chan struct{}, 8)
	for range cap(waiting) {
		all.Go(func() {
			waiting <- struct{}{}
			if _, err := variables(plan, process, r.reader(plan, process, dir, nil)); err != nil {
				t.Error(err)
			}
		})
	}
	for range cap(waiting) {
		<-waiting
	}
	close(unwanted)
	all.Wait()
	data, err := os.ReadFile(ran)
	if lines := strings.Count(string(data), "\n"); err != nil || lines < 2 || lines > 1+cap(waiting) {
		t.Errorf("%d runs, %v", lines, err)
	}
}
