package secret

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// file writes a file into a folder of the test.
func file(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// environ is an environment in which the usual programs are found.
func environ() []string { return []string{"PATH=" + os.Getenv("PATH"), "WHO=me"} }

func TestRead(t *testing.T) {
	credentials := filepath.Dir(file(t, "db", "from systemd\n", 0o600))
	for name, c := range map[string]struct {
		source Source
		want   string
	}{
		"file":               {Source{File: file(t, "f", "value", 0o600)}, "value"},
		"one line end":       {Source{File: file(t, "f", "value\n\n", 0o600)}, "value\n"},
		"CRLF":               {Source{File: file(t, "f", "value\r\n", 0o600)}, "value"},
		"spaces stay":        {Source{File: file(t, "f", " a b \n", 0o600)}, " a b "},
		"empty":              {Source{File: file(t, "f", "", 0o600)}, ""},
		"several lines":      {Source{File: file(t, "f", "-----\nx\n-----\n", 0o600)}, "-----\nx\n-----"},
		"longest":            {Source{File: file(t, "f", strings.Repeat("x", MaxSize-3), 0o600)}, strings.Repeat("x", MaxSize-3)},
		"credential":         {Source{Credential: "db"}, "from systemd"},
		"command":            {Source{Command: []string{"printf", "a %s", "b"}}, "a b"},
		"command's env":      {Source{Command: []string{"sh", "-c", "echo $WHO$HOME; echo talk >&2"}}, "me"},
		"command's folder":   {Source{Command: []string{"sh", "-c", "pwd"}}, credentials},
		"relative program":   {Source{Command: []string{"./" + filepath.Base(script(t, credentials))}}, "ran"},
		"name of no program": {Source{Command: []string{"sh", "-c", "echo $0", "x"}}, "x"},
	} {
		c.source.Name = "DB"
		got, err := Read(t.Context(), c.source, Options{Dir: credentials, Env: environ(), Credentials: credentials})
		if err != nil || got != c.want {
			t.Errorf("%s: %.40q, %v, want %.40q", name, got, err, c.want)
		}
	}
}

// script is a program that prints "ran".
func script(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "print.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho ran\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestErrorsHaveNoValues holds that errors tell of the place and of what to do, and never of the value.
func TestErrorsHaveNoValues(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		source  Source
		want    string
		missing bool
	}{
		"no file":          {Source{File: dir + "/no"}, "secret DB: file " + dir + "/no: there is no such file", true},
		"folder":           {Source{File: dir}, "it is a folder", false},
		"fifo":             {Source{File: fifo}, "not an ordinary file", false},
		"NUL":              {Source{File: file(t, "f", "hush\x00", 0o600)}, "holds a NUL character", false},
		"too long":         {Source{File: file(t, "f", "hush"+strings.Repeat("x", MaxSize), 0o600)}, "longer than the 131068 bytes", false},
		"exactly too long": {Source{File: file(t, "f", "hush"+strings.Repeat("x", MaxSize-6), 0o600)}, "longer than the 131068 bytes", false},
		"no credential":    {Source{Credential: "key"}, "LoadCredential=key:/path/of/it", true},
		"exit code":        {Source{Command: []string{"sh", "-c", "echo hush; echo first >&2; printf 'vault \\033[1mis sealed\\n\\n' >&2; exit 3"}}, "command sh: it ended with exit code 3: vault [1mis sealed", false},
		"signal":           {Source{Command: []string{"sh", "-c", "kill -9 $$"}}, "signal killed", false},
		"no program":       {Source{Command: []string{"pandora-test-nothing", "hush"}}, `cannot be run: no "pandora-test-nothing" in PATH`, false},
		"not executable":   {Source{Command: []string{file(t, "f", "", 0o600)}}, "no file that may be executed", false},
		"too late":         {Source{Command: []string{"sh", "-c", "exec sleep 60"}, TimeoutMs: 20}, "not done after 20ms and was killed", false},
		"nothing":          {Source{}, "comes from nowhere", false},
	} {
		c.source.Name = "DB"
		_, err := Read(t.Context(), c.source, Options{Dir: dir, Env: environ(), Credentials: dir})
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hush") || errors.Is(err, ErrMissing) != c.missing {
			t.Errorf("%s: %v (missing %v), want %q (missing %v)", name, err, errors.Is(err, ErrMissing), c.want, c.missing)
		}
	}
	if _, err := Read(t.Context(), Source{Name: "DB", Credential: "key"}, Options{}); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "not given any credentials") {
		t.Errorf("without credentials: %v", err)
	}
}

// TestUnwanted holds that a program ends, with what it has started, when nobody waits for it any more.
func TestUnwanted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	started := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(started, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		data, err := os.ReadFile(started) // until the program has written
		if err != nil || string(data) != "yes\n" {
			t.Errorf("%q, %v", data, err)
		}
		cancel()
	}()
	source := Source{Name: "DB", Command: []string{"sh", "-c", "echo yes > " + started + "; sleep 60 & wait"}}
	_, err := Read(ctx, source, Options{Dir: t.TempDir(), Env: environ()})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "not wanted any more") {
		t.Errorf("%v", err)
	}
}
