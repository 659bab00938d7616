package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/rotate"
)

func TestParseSince(t *testing.T) {
	now := time.Date(2026, 11, 25, 14, 30, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"10m":                       now.Add(-10 * time.Minute),
		"1h30m":                     now.Add(-90 * time.Minute),
		"2d":                        now.AddDate(0, 0, -2),
		"14:00":                     now.Add(-30 * time.Minute),
		"15:00:30":                  time.Date(2026, 11, 24, 15, 0, 30, 0, time.UTC),
		"2026-11-20":                time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
		"2026-11-20 10:00":          time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC),
		"2026-11-20T10:00:00+02:00": time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
	} {
		if got, err := parseSince(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"yesterday", "10", "25:00", "-"} {
		if got, err := parseSince(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// writeMarkedLog makes the log of an application: an earlier run, a compressed archive of this run and a live file, with
// lines of web 0, web 1 and pandora, a minute apart, the last one now.
func writeMarkedLog(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "logs", "shop", "nodejs_stdout.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	m, err := rotate.OpenMarks(rotate.MarksPath(path))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	at := time.Now().Add(-9 * time.Minute)
	var base, size int64
	put := func(text string, s rotate.Source) {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n, err := f.WriteString(text)
		size += int64(n)
		if err == nil {
			err = m.Add(base+size, at, s)
		}
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Minute)
	}
	turn := func(run bool) {
		name := rotate.NewName(path, at)
		err := os.Rename(path, name)
		if err == nil {
			err = m.Cut(size, name)
		}
		if err == nil && run {
			err = m.Restart(base+size, true)
		}
		if err == nil {
			err = (rotate.Archive{Path: name}).Compress(func() bool { return false })
		}
		if err != nil {
			t.Fatal(err)
		}
		base, size = base+size, 0
	}
	web := func(worker int) rotate.Source { return rotate.Source{Process: "web", Worker: worker} }
	put("earlier 0\n", web(0))
	turn(true)
	put("Process started\n", rotate.Source{})
	put("a 0\n", web(0))
	put("b 1\n", web(1))
	put("c 0\nERROR cut", web(0))
	turn(false)
	put(" in two\n", web(0))
	put("d 1\n", web(1))
	put("e 0\n", rotate.Source{Process: "api"})
	put("f 1\n", web(1))
	put("<g> 0\n", web(0))
}

func TestLogAcrossFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	writeMarkedLog(t, dir)
	for _, tt := range []struct{ flags, want string }{
		{"-l 2", "f 1|<g> 0|"},
		{"-l 5", "ERROR cut in two|d 1|e 0|f 1|<g> 0|"},
		{"-l 7", "b 1|c 0|ERROR cut in two|d 1|e 0|f 1|<g> 0|"},
		{"", "Process started|a 0|b 1|c 0|ERROR cut in two|d 1|e 0|f 1|<g> 0|"},
		{"--full", "Process started|a 0|b 1|c 0|ERROR cut in two|d 1|e 0|f 1|<g> 0|"},
		{"--full -l 1", "<g> 0|"},
		{"-l 0", ""},
		{"--process web/1", "b 1|d 1|f 1|"},
		{"--process web/1 -l 2", "d 1|f 1|"},
		{"--process web -l 3", "d 1|f 1|<g> 0|"},
		{"--process api", "e 0|"},
		{"--process none", ""},
		{"--grep ERROR", "ERROR cut in two|"},
		{"--grep ^[a-c].0$ -l 1", "c 0|"},
		{"--since 90s", "f 1|<g> 0|"},
		{"--since 90s -l 1", "<g> 0|"},
		{"--since 5d", "earlier 0|Process started|a 0|b 1|c 0|ERROR cut in two|d 1|e 0|f 1|<g> 0|"},
		{"--since 330s --process web/0", "c 0|ERROR cut in two|<g> 0|"},
		{"--since 0s", ""},
	} {
		var out, errs bytes.Buffer
		code := newCLI(&out, &errs, []string{"PANDORA_DIR=" + dir}).run(t.Context(), append([]string{"log", "shop"}, strings.Fields(tt.flags)...))
		if got := strings.ReplaceAll(out.String(), "\n", "|"); code != 0 || got != tt.want {
			t.Errorf("%s: code %d, %q, %s; want %q", tt.flags, code, got, errs.String(), tt.want)
		}
	}
	for _, flags := range []string{"--since never", "--grep (", "--process web/x", "--process /1", "-l -2", "--daemon --process web"} {
		var out, errs bytes.Buffer
		if code := newCLI(&out, &errs, []string{"PANDORA_DIR=" + dir}).run(t.Context(), append([]string{"logs", "shop"}, strings.Fields(flags)...)); code != exitUsage {
			t.Errorf("%s: code %d, %s", flags, code, errs.String())
		}
	}
}

func TestLogJSON(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	writeMarkedLog(t, dir)
	var out, errs bytes.Buffer
	if code := newCLI(&out, &errs, []string{"PANDORA_DIR=" + dir}).run(t.Context(), []string{"log", "shop", "--json"}); code != 0 {
		t.Fatal(errs.String())
	}
	var got []string
	last := time.Time{}
	for _, text := range strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n") {
		var line struct {
			Time          time.Time
			Process, Line string
			Worker        *int
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if line.Time.Before(last) || line.Time.IsZero() {
			t.Errorf("time %v after %v", line.Time, last)
		}
		last = line.Time
		worker := -1
		if line.Worker != nil {
			worker = *line.Worker
		}
		got = append(got, fmt.Sprintf("%s%d %s", line.Process, worker, line.Line))
	}
	want := "-1 Process started|web0 a 0|web1 b 1|web0 c 0|web0 ERROR cut in two|web1 d 1|api0 e 0|web1 f 1|web0 <g> 0"
	if strings.Join(got, "|") != want {
		t.Errorf("got %q", got)
	}
}

func TestLogOfDaemonSince(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	path := filepath.Join(dir, "logs", "pandorajs", "daemon.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	text := fmt.Sprintf("{\"time\":%q,\"msg\":\"old\"}\n{\"time\":%q,\"msg\":\"new\"}\n", now.Add(-time.Hour).Format(time.RFC3339Nano), now.Format(time.RFC3339Nano))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	code := newCLI(&out, &errs, []string{"PANDORA_DIR=" + dir}).run(t.Context(), []string{"log", "-d", "--since", "10m"})
	if code != 0 || strings.Contains(out.String(), "old") || !strings.Contains(out.String(), "new") {
		t.Errorf("code %d, %s %s", code, out.String(), errs.String())
	}
}

func TestPrefixOfLines(t *testing.T) {
	var out bytes.Buffer
	c := &cli{out: &out, outColour: true}
	p := newLogPrinter(c, false, true)
	for _, s := range []rotate.Source{{Process: "web", Worker: 1}, {}, {Process: "web", Worker: 1}} {
		if err := p.print("shop", rotate.Line{Text: []byte("x"), Source: s}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[36m[web-1]\x1b[0m x\n\x1b[33m[pandora]\x1b[0m x\n\x1b[36m[web-1]\x1b[0m x\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
