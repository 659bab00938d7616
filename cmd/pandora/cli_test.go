package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/supervisor"
)

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0},
		{errors.New("any"), 1},
		{usageError(errors.New("flag")), 2},
		{&control.Error{Code: control.CodeNotFound}, 3},
		{state.ErrNoRecord, 3},
		{sentence(exitNotFound, "x"), 3},
		{fmt.Errorf("talk: %w", control.ErrUnreachable), 4},
		{&control.Error{Code: control.CodeVersion}, 4},
		{fmt.Errorf("wait: %w", context.DeadlineExceeded), 5},
		{&failure{code: exitPartly, err: errors.New("x")}, 6},
		{&evaluate.Error{}, 7},
		{procfileError(context.Background(), errors.New("scale")), 7},
		{&control.Error{Code: control.CodeExists}, 1},
		{context.Canceled, 130},
	} {
		if got := exitCode(tt.err); got != tt.want {
			t.Errorf("exitCode(%v) = %d, want %d", tt.err, got, tt.want)
		}
	}
}

// runCLI runs a command line in this process, in a home of its own.
func runCLI(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	dir := filepath.Join(t.TempDir(), "p")
	code = newCLI(&o, &e, []string{"PANDORA_DIR=" + dir, "HOME=" + dir}).run(t.Context(), args)
	return code, o.String(), e.String()
}

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		args     []string
		code     int
		out, err string
	}{
		{[]string{}, 2, "", "Usage:"},
		{[]string{"bogus"}, 2, "", `unknown command "bogus"`},
		{[]string{"strat"}, 2, "", "did you mean start"},
		{[]string{"start", "--nonsense"}, 2, "", "nonsense"},
		{[]string{"start", "a", "b"}, 3, "", `there is no application "a"`},
		{[]string{"start", "--env", "nonsense"}, 2, "", "--env"},
		{[]string{"start", "--name", "a/b"}, 2, "", `"a/b"`},
		{[]string{"start", "/no/such/folder"}, 3, "", "/no/such/folder"},
		{[]string{"structure", "--engine", "v8"}, 2, "", "auto, goja or node"},
		{[]string{"pid"}, 2, "", "one application name"},
		{[]string{"pid", "x"}, 0, notRunning, ""},
		{[]string{"ps", "x"}, 0, notRunning, ""},
		{[]string{"stop", "x"}, 0, notRunning, ""},
		{[]string{"restart", "x"}, 0, notRunning, ""},
		{[]string{"exit"}, 0, notRunning, ""},
		{[]string{"list"}, 0, notRunning, ""},
		{[]string{"ls", "--json"}, 0, `"applications": []`, ""},
		{[]string{"daemon", "status"}, 4, "", notRunning},
		{[]string{"log", "x"}, 3, "", "doesn't exist!"},
		{[]string{"log", "x", "--lines=-1"}, 2, "", "--lines"},
		{[]string{"--version"}, 0, "Pandora: dev", ""},
		{[]string{"version", "--json"}, 0, `"version": "dev"`, ""},
		{[]string{"--help"}, 0, "start", ""},
	} {
		t.Run(strings.Join(tt.args, " "), func(t *testing.T) {
			code, out, errOut := runCLI(t, tt.args...)
			if code != tt.code || !strings.Contains(out, tt.out) || !strings.Contains(errOut, tt.err) {
				t.Errorf("code %d, want %d\nout %s, want %q\nerr %s, want %q", code, tt.code, out, tt.out, errOut, tt.err)
			}
			if strings.Contains(out+errOut, "\x1b[") {
				t.Error("colours where there is no terminal")
			}
		})
	}
}

func TestResolveTarget(t *testing.T) {
	root := t.TempDir()
	write := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("plain/x", "")
	write("named/package.json", `{"name":"shop"}`)
	write("scoped/package.json", "\ufeff"+`{"name":"@acme/shop"}`)
	write("broken/package.json", `{"name":`)
	write("number/package.json", `{"name":7}`)
	write("file.js", "")
	for _, tt := range []struct{ argument, name, want, dir string }{
		{"plain", "", "plain", "plain"},
		{"plain/", "", "plain", "plain"},
		{"./plain/../plain", "", "plain", "plain"},
		{filepath.Join(root, "plain"), "", "plain", "plain"},
		{"plain", "given", "given", "plain"},
		{"named", "", "shop", "named"},
		{"scoped", "", "shop", "scoped"},
		{"broken", "", "broken", "broken"},
		{"number", "", "number", "number"},
		{"", "", filepath.Base(root), ""},
		{".", "", filepath.Base(root), ""},
	} {
		got, err := resolveTarget(root, tt.argument, tt.name)
		if err != nil || got.Name != tt.want || got.Dir != filepath.Join(root, tt.dir) {
			t.Errorf("resolveTarget(%q, %q) = %+v, %v; want %q", tt.argument, tt.name, got, err, tt.want)
		}
	}
	if got, err := resolveTarget(filepath.Join(root, "named"), "..", ""); err != nil || got.Dir != root {
		t.Errorf("..: %+v, %v", got, err)
	}
	if _, err := resolveTarget(root, "file.js", ""); err == nil || !strings.Contains(err.Error(), "can only start a Pandora.js project directory") {
		t.Errorf("a file: %v", err)
	}
	if _, err := resolveTarget("/", "/", ""); exitCode(err) != exitUsage {
		t.Errorf("a folder without a name: %v", err)
	}
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	table(&out, 0, []string{"A", "Long"}, [][]cell{{{text: "ünï"}, {text: "x", paint: func(s string) string { return "<" + s + ">" }}}})
	want := "┌─────┬──────┐\n│ A   │ Long │\n├─────┼──────┤\n│ ünï │ <x>    │\n└─────┴──────┘\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m 1s", 2*time.Hour + 5*time.Minute: "2h 5m",
		50 * time.Hour: "2d 2h",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestTroubles(t *testing.T) {
	now := time.Now()
	app := control.AppStatus{AppName: "shop", Processes: []supervisor.ProcessStatus{{Name: "web", Workers: []supervisor.WorkerStatus{
		{Worker: 0, State: supervisor.StateRunning},
		{Worker: 1, State: supervisor.StateBackoff, NextTryAt: now.Add(1500 * time.Millisecond), Restarts: 3, LastExit: &supervisor.Exit{Code: 3}},
		{Worker: 2, State: supervisor.StateFatal, Reason: "never ready\nafter 5 tries"},
	}}}}
	got := strings.Join(troubles(app, now), "\n")
	want := "shop: web-1 backoff, next try in 1.5 s, 3 restarts: ended with code 3\nshop: web-2 fatal: never ready after 5 tries"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestSeekLastLines(t *testing.T) {
	long := strings.Repeat("x", 70<<10)
	for _, tt := range []struct {
		text string
		n    int
		want string
	}{
		{"", 5, ""}, {"a", 1, "a"}, {"a\n", 1, "a\n"}, {"a\nb\n", 1, "b\n"}, {"a\nb\nc", 2, "b\nc"}, {"a\nb\n", 50, "a\nb\n"},
		{"a\nb\n", 0, ""}, {"a\n\n\n", 2, "\n\n"}, {"first\n" + long + "\nlast\n", 2, long + "\nlast\n"}, {long + "\n" + long, 1, long},
	} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if err := seekLastLines(file, tt.n); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(file)
		if err != nil || string(got) != tt.want {
			t.Errorf("last %d of %.20q: got %.40q, %v; want %.40q", tt.n, tt.text, got, err, tt.want)
		}
	}
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	chunks chan string
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	if len(p) > 0 {
		b.chunks <- string(p)
	}
	return len(p), nil
}

func TestLogFollowsRenameAndCut(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "p")
	path := filepath.Join(dir, "logs", "shop", "nodejs_stdout.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	put := func(flag int, text string) {
		t.Helper()
		file, err := os.OpenFile(path, flag|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	put(0, "one\ntwo\n")
	out := &lockedBuffer{chunks: make(chan string, 100)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan int, 1)
	go func() {
		done <- newCLI(out, io.Discard, []string{"PANDORA_DIR=" + dir}).run(ctx, []string{"log", "shop", "-f", "-l", "1"})
	}()
	seen := ""
	expect := func(text string) {
		t.Helper()
		deadline := time.After(10 * time.Second)
		for !strings.Contains(seen, text) {
			select {
			case chunk := <-out.chunks:
				seen += chunk
			case <-deadline:
				t.Fatalf("no %q in %q", text, seen)
			}
		}
	}
	expect("two\n")
	put(os.O_APPEND, "three\n")
	expect("three\n")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	put(0, "four\n")
	expect("four\n")
	put(os.O_TRUNC, "5\n")
	expect("5\n")
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(seen, "one") {
		t.Errorf("more than the last line: %q", seen)
	}
}

func TestPrefixer(t *testing.T) {
	var out, errOut bytes.Buffer
	p := newPrefixer(&cli{out: &out, err: &errOut, outColour: true})
	p.line("web", 0, "hello", false)
	p.line("web", 1, "oops", true)
	if out.String() != "\x1b[36m[web-0]\x1b[0m hello\n" || errOut.String() != "[web-1] oops\n" {
		t.Errorf("out %q, err %q", out.String(), errOut.String())
	}
}

func TestWorkerMarksAreDropped(t *testing.T) {
	env := daemonEnviron([]string{"A=1", "NODE_UNIQUE_ID=3", supervisor.TreeEnv + "=x", "PANDORA_DIR=p", "NODE_CHANNEL_FD=3"}, state.Home{Dir: "/abs/p"})
	if got := strings.Join(env, " "); got != "A=1 PANDORA_DIR=/abs/p" {
		t.Errorf("got %s", got)
	}
}

func TestSameJSON(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{{"", "{}", true}, {`{"a":1,"b":2}`, `{"b":2, "a":1}`, true}, {`{"a":1}`, `{"a":2}`, false}} {
		if got := sameJSON([]byte(tt.a), []byte(tt.b)); got != tt.want {
			t.Errorf("sameJSON(%s, %s) = %v", tt.a, tt.b, got)
		}
	}
}

func TestActuatorPort(t *testing.T) {
	for env, ok := range map[string]bool{"": true, "0": true, "7002": true, "65536": false, "-1": false, "x": false} {
		if _, err := actuatorPort(testOptions(), env); (err == nil) != ok {
			t.Errorf("PANDORA_ACTUATOR_PORT=%q: %v", env, err)
		}
	}
}
