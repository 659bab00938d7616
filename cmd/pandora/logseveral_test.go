package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
)

// appLog writes the log of an application, as a guard does.
type appLog struct {
	t          *testing.T
	path       string
	marks      *rotate.Marks
	base, size int64
}

func newAppLog(t *testing.T, dir, app string) *appLog {
	t.Helper()
	l := &appLog{t: t, path: filepath.Join(dir, "logs", app, "nodejs_stdout.log")}
	if err := os.MkdirAll(filepath.Dir(l.path), 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	if l.marks, err = rotate.OpenMarks(rotate.MarksPath(l.path)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.marks.Close() })
	return l
}

// put writes lines that a worker wrote at a time; none is pandora itself.
func (l *appLog) put(text string, at time.Time, source rotate.Source) {
	l.t.Helper()
	f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer f.Close()
	n, err := f.WriteString(text)
	l.size += int64(n)
	if err == nil {
		err = l.marks.Add(l.base+l.size, at, source)
	}
	if err != nil {
		l.t.Fatal(err)
	}
}

// rotate makes a compressed archive of what is there.
func (l *appLog) rotate(at time.Time) {
	l.t.Helper()
	name := rotate.NewName(l.path, at)
	err := os.Rename(l.path, name)
	if err == nil {
		err = l.marks.Cut(l.size, name)
	}
	if err == nil {
		err = (rotate.Archive{Path: name}).Compress(func() bool { return false })
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.base, l.size = l.base+l.size, 0
}

// recordApp records an application with processes, those of split with .stdio('split').
func recordApp(t *testing.T, dir, app string, split bool, processes ...string) {
	t.Helper()
	home, err := state.Locate((&cli{environ: []string{"PANDORA_DIR=" + dir}}).getenv)
	if err == nil {
		err = home.Prepare()
	}
	if err != nil {
		t.Fatal(err)
	}
	r := &state.Record{AppName: app, AppDir: dir, Desired: state.DesiredStopped, App: procfile.Application{AppName: app, AppDir: dir}}
	for _, name := range processes {
		p := procfile.Process{ProcessName: name, Scale: 2}
		if split {
			p.Policy = &procfile.Policy{Stdio: procfile.StdioSplit}
		}
		r.App.Processes = append(r.App.Processes, p)
	}
	if err := home.WriteRecord(r); err != nil {
		t.Fatal(err)
	}
}

func writer(process string, n int) rotate.Source { return rotate.Source{Process: process, Worker: n} }

// severalLogs makes four applications: shop, whose log was rotated, shop-b, which splits its output, gone, whose record is
// deleted, and new, which has no log. Their lines are a minute apart, in turn.
func severalLogs(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "p")
	recordApp(t, dir, "shop", false, "web", "api")
	recordApp(t, dir, "shop-b", true, "web")
	recordApp(t, dir, "new", false, "web")
	shop, shopB, gone := newAppLog(t, dir, "shop"), newAppLog(t, dir, "shop-b"), newAppLog(t, dir, "gone")
	at := time.Now().Add(-20 * time.Minute)
	next := func() time.Time { at = at.Add(time.Minute); return at }
	shop.put("Process started\n", next(), rotate.Source{})
	shopB.put("b1\n", next(), writer("web", 0))
	shop.put("s1\nends", next(), writer("web", 0))
	gone.put("g1\n", next(), writer("old", 1))
	shop.rotate(next())
	shop.put(" later\n", at, writer("web", 0))
	shopB.put("b2 ERROR\n", next(), rotate.Source{Process: "web", Worker: 1, Err: true})
	shop.put("s2\n", next(), writer("api", 1))
	gone.put("g2\nno end", next(), writer("old", 0))
	return dir
}

// logOf runs log in a home.
func logOf(t *testing.T, dir string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = newCLI(&o, &e, []string{"PANDORA_DIR=" + dir}).run(t.Context(), append([]string{"log"}, args...))
	return code, o.String(), e.String()
}

func TestLogsInOrder(t *testing.T) {
	dir := severalLogs(t)
	const (
		started = "shop | Process started|"
		b1      = "shop-b/web/0 | b1|"
		s1      = "shop/web/0 | s1|"
		ends    = "shop/web/0 | ends later|" // it began before g1
		g1      = "gone/old/1 | g1|"
		b2      = "shop-b/web/1 | b2 ERROR|"
		s2      = "shop/api/1 | s2|"
		g2      = "gone/old/0 | g2|gone/old/0 | no end|"
	)
	for _, tt := range []struct{ args, want string }{
		{"all", started + b1 + s1 + ends + g1 + b2 + s2 + g2},
		{"shop shop-b", started + b1 + s1 + ends + b2 + s2},
		{"shop-b shop shop", started + b1 + s1 + ends + b2 + s2},
		{"shop*", started + b1 + s1 + ends + b2 + s2},
		{"sho? gone", started + s1 + ends + g1 + s2 + g2},
		{"all -l 1", b2 + s2 + "gone/old/0 | no end|"},
		{"all -l 2", b1 + ends + b2 + s2 + g2},
		{"all -l 0", ""},
		{"all --full", started + b1 + s1 + ends + g1 + b2 + s2 + g2},
		{"all --grep [12]$ -l 1", b1 + s2 + "gone/old/0 | g2|"},
		{"all --since 15m30s", b2 + s2 + g2},
		{"all --process web", b1 + s1 + ends + b2},
		{"all --process web/1", b2},
		{"shop gone --process old/1", g1},
		{"shop/web shop-b", b1 + s1 + ends + b2},
		{"shop/web/0 shop/api shop-b/web/1", s1 + ends + b2 + s2},
		{"shop/web/0 shop", started + s1 + ends + s2},
		{"shop/*", s1 + ends + s2},
		{"*/web/0", b1 + s1 + ends},
		{"all/o*", g1 + g2},
		{"shop/a* shop/w*", s1 + ends + s2},
		{"all --err", b2},
		{"new* gone", g1 + g2},
	} {
		code, out, errOut := logOf(t, dir, strings.Fields(tt.args)...)
		if got := strings.ReplaceAll(out, "\n", "|"); code != 0 || got != tt.want || errOut != "" {
			t.Errorf("log %s: code %d, %s\n got %q\nwant %q", tt.args, code, errOut, got, tt.want)
		}
	}
}

func TestLogsThatAreNotThere(t *testing.T) {
	dir := severalLogs(t)
	for _, tt := range []struct {
		args   string
		code   int
		lines  int
		errOut string
	}{
		{"nope shop", exitPartly, 4, `there is no application "nope"`},
		{"nope shop", exitPartly, 4, "1 of 2 were not printed"},
		{"shpo gone nope*", exitPartly, 3, "did you mean shop"},
		{"shpo gone nope*", exitPartly, 3, `no application matches "nope*"`},
		{"shop new", exitPartly, 4, "new/nodejs_stdout.log doesn't exist!"},
		{"nope new", exitNotFound, 0, "2 of 2 were not printed"},
		{"nope*", exitNotFound, 0, `no application matches "nope*"`},
		{"shop/x*", exitNotFound, 0, `no process matches "shop/x*"`},
		{"shop/x* gone", exitPartly, 3, `no process matches "shop/x*"`},
		{"shop/wbe gone", exitOK, 3, `warning: shop has no process "wbe", only web, api`},
		{"shop shop-b --process wbe", exitNotFound, 0, `warning: none of these applications has a process "wbe"`},
		{"shop shop-b --err", exitOK, 1, "warning: every process of shop writes"},
		{"shop new --err", exitUsage, 0, "every process of these applications writes"},
		{"new*", exitOK, 0, "no application has a log yet"},
		{"shop/web gone --process web", exitUsage, 0, "says it twice"},
		{"shop/web/x gone", exitUsage, 0, "not a number"},
		{"shop gone/", exitUsage, 0, "selects nothing"},
		{"shop [", exitUsage, 0, "a bracket is not closed"},
		{"shop gone --process web/x", exitUsage, 0, "want a process or a worker"},
		{"shop gone -d", exitUsage, 0, "2 names are given"},
		{strings.Repeat("x", 10_000) + " shop", exitUsage, 0, "10000 bytes"},
		{strings.Repeat("shop ", 1001), exitUsage, 0, "at most 1000"},
	} {
		code, out, errOut := logOf(t, dir, strings.Fields(tt.args)...)
		if code != tt.code || strings.Count(out, "\n") != tt.lines || !strings.Contains(errOut, tt.errOut) || len(errOut) > 4000 {
			t.Errorf("log %.60s: code %d, want %d\n%s%s", tt.args, code, tt.code, out, errOut)
		}
	}
	code, out, errOut := logOf(t, filepath.Join(t.TempDir(), "p"), "all", "-f")
	if code != 0 || out != "" || errOut != "no application has a log yet\n" {
		t.Errorf("without any: code %d, %s%s", code, out, errOut)
	}
}

// An application may have the name that means all, or that is a pattern.
func TestLogOfAnOddName(t *testing.T) {
	dir := severalLogs(t)
	for _, name := range []string{"all", "s*"} {
		newAppLog(t, dir, name).put("odd\n", time.Now(), writer("web", 0))
		if code, out, errOut := logOf(t, dir, name); code != 0 || out != "odd\n" {
			t.Errorf("%s: code %d, %s%s", name, code, out, errOut)
		}
	}
}

func TestLogsAsJSON(t *testing.T) {
	dir := severalLogs(t)
	for _, tt := range []struct{ args, want string }{
		{"shop-b gone", "shop-b web0 b1,gone old1 g1,shop-b web1 b2 ERROR stderr,gone old0 g2,gone old0 no end"},
		{"gone", "gone old1 g1,gone old0 g2,gone old0 no end"},
		{"shop gone -l 0", ""},
	} {
		code, out, errOut := logOf(t, dir, append(strings.Fields(tt.args), "--json")...)
		if code != 0 {
			t.Errorf("%s: code %d, %s", tt.args, code, errOut)
		}
		var got []string
		for text := range strings.Lines(out) {
			var line struct {
				Time                           time.Time
				AppName, Process, Stream, Line string
				Worker                         int
			}
			if err := json.Unmarshal([]byte(text), &line); err != nil || line.Time.IsZero() {
				t.Fatalf("%s: %v", text, err)
			}
			got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s%d %s %s", line.AppName, line.Process, line.Worker, line.Line, line.Stream)))
		}
		if strings.Join(got, ",") != tt.want {
			t.Errorf("%s: got %q", tt.args, got)
		}
	}
}

// Lines of a log without marks have no time: each stays where it is in its log, before what has a time.
func TestLogsWithoutTimes(t *testing.T) {
	dir := severalLogs(t)
	path := filepath.Join(dir, "logs", "plain", "nodejs_stdout.log")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("p1\np2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "logs", "empty", "nodejs_stdout.log"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := logOf(t, dir, "shop-b", "plain")
	if want := "plain | p1\nplain | p2\nshop-b/web/0 | b1\nshop-b/web/1 | b2 ERROR\n"; code != 0 || out != want {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
	if code, out, errOut := logOf(t, dir, "empty", "plain"); code != exitPartly || strings.Count(out, "\n") != 2 {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
}

// An archive that cannot be read ends what is printed of its application, and nothing else.
func TestLogsWithABrokenArchive(t *testing.T) {
	dir := severalLogs(t)
	all, err := rotate.Archives(filepath.Join(dir, "logs", "shop", "nodejs_stdout.log"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := os.WriteFile(all[0].Path, []byte("this is no archive"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := logOf(t, dir, "shop", "gone", "--full")
	if code != exitPartly || strings.Count(out, "gone/") != 3 || !strings.Contains(errOut, "1 of 2 were not printed") {
		t.Errorf("code %d, %s%s", code, out, errOut)
	}
}

func TestLogsFollowed(t *testing.T) {
	dir := severalLogs(t)
	one, two := newAppLog(t, dir, "one"), newAppLog(t, dir, "two")
	one.put("first\n", time.Now(), writer("web", 0))
	two.put("first\n", time.Now(), writer("web", 0))
	for i, tt := range []struct {
		args string
		code int
		last string
	}{
		{"one two", 0, "one/web/0 | first\ntwo/web/0 | first\n"},
		{"one nope two", exitPartly, "two/web/1 | second 0\none/web/0 | after 0\n"},
	} {
		out := &lockedBuffer{chunks: make(chan string, 100)}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan int, 1)
		go func() {
			done <- newCLI(out, io.Discard, []string{"PANDORA_DIR=" + dir}).run(ctx, append([]string{"log", "-f", "-l", "1"}, strings.Fields(tt.args)...))
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
		expect(tt.last)
		two.put(fmt.Sprintf("second %d\n", i), time.Now(), writer("web", 1))
		expect(fmt.Sprintf("two/web/1 | second %d\n", i))
		one.put(fmt.Sprintf("before %d\n", i), time.Now(), writer("web", 0))
		one.rotate(time.Now())
		one.put(fmt.Sprintf("after %d\n", i), time.Now(), writer("web", 0))
		expect(fmt.Sprintf("one/web/0 | before %d\n", i))
		expect(fmt.Sprintf("one/web/0 | after %d\n", i))
		cancel()
		if code := <-done; code != tt.code {
			t.Errorf("%s: exit code %d", tt.args, code)
		}
	}
}

// oneWriter takes the first write only; first is closed by it.
type oneWriter struct {
	written bool
	first   chan struct{}
}

func (w *oneWriter) Write(p []byte) (int, error) {
	if w.written {
		return 0, os.ErrClosed
	}
	w.written = true
	close(w.first)
	return len(p), nil
}

// When nothing can be written any more following ends, and so do all that read.
func TestLogsFollowedByNobody(t *testing.T) {
	dir := severalLogs(t)
	third := newAppLog(t, dir, "third")
	third.put("first\n", time.Now(), writer("web", 0))
	out := &oneWriter{first: make(chan struct{})}
	done := make(chan int, 1)
	go func() {
		done <- newCLI(out, io.Discard, []string{"PANDORA_DIR=" + dir}).run(t.Context(), []string{"log", "shop", "third", "-f", "-l", "1"})
	}()
	select {
	case <-out.first:
	case code := <-done:
		t.Fatalf("exit code %d", code)
	}
	third.put("second\n", time.Now(), writer("web", 0))
	select {
	case code := <-done:
		if code != exitFailure {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
}

func TestPrefixOfApplications(t *testing.T) {
	var out bytes.Buffer
	p := newLogPrinter(&cli{out: &out, outColour: true}, false, true)
	p.several = true
	for _, s := range []struct {
		app    string
		source rotate.Source
	}{{"shop", writer("web", 1)}, {"blog", rotate.Source{}}, {"shop", writer("api", 0)}} {
		if err := p.print(s.app, rotate.Line{Text: []byte("x"), Source: s.source}); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.flush(); err != nil {
		t.Fatal(err)
	}
	if want := "\x1b[36mshop/web/1\x1b[0m | x\n\x1b[33mblog\x1b[0m | x\n\x1b[36mshop/api/0\x1b[0m | x\n"; out.String() != want {
		t.Errorf("got %q", out.String())
	}
}
