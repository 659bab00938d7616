package supervisor

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/rotate"
)

// outputEventually polls until ok, or fails after 10 seconds.
func outputEventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within 10 s: %s", what)
		case <-tick.C:
		}
	}
}

// outputRun runs o until the returned function is called, which waits for the end.
func outputRun(t *testing.T, o *output) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); o.run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

// outputBegin begins a run.
func outputBegin(t *testing.T, o *output) {
	t.Helper()
	if err := o.begin(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.close)
}

func outputRead(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

func TestOutputSingle(t *testing.T) {
	o := newOutput(filepath.Join(t.TempDir(), "app"), true, nil)
	file, path, err := o.open(rotate.Source{Process: "web", Worker: 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if path != o.stdoutPath() {
		t.Errorf("the only worker writes to %s", path)
	}
	for path, want := range map[string]os.FileMode{o.dir: 0o700, path: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, want %v", path, info.Mode(), err, want)
		}
	}
	cmd := exec.Command("echo", "hello")
	cmd.Stdout = file
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	o.line("Process [name = web, pid = 7] Started successfully!")
	want := regexp.MustCompile(`^hello\n\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO \d+ Process \[name = web, pid = 7\] Started successfully!\n$`)
	if got := outputRead(t, path); !want.MatchString(got) {
		t.Errorf("got %q", got)
	}
}

func TestOutputRotateAtStart(t *testing.T) {
	o := newOutput(t.TempDir(), true, nil)
	if err := o.begin(); err != nil {
		t.Fatalf("with no file: %v", err)
	}
	o.line("old")
	if err := o.begin(); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(o.stdoutPath() + "*")
	if err != nil || len(names) != 1 || !regexp.MustCompile(`nodejs_stdout\.log\.\d{4}-\d\d-\d\d-\d{13}$`).MatchString(names[0]) {
		t.Errorf("files %v, %v", names, err)
	}
}

func TestOutputTail(t *testing.T) {
	o := newOutput(t.TempDir(), true, nil)
	path := filepath.Join(o.dir, "f")
	if o.end(path) != 0 || o.tail(path, 0, 5) != nil {
		t.Error("a missing file has an end or lines")
	}
	os.WriteFile(path, []byte("before\n"), 0o600)
	from := o.end(path)
	if got := o.tail(path, from, 5); got != nil {
		t.Errorf("nothing written, got %q", got)
	}
	os.WriteFile(path, []byte("before\none\n\ntwo\nthree"), 0o600)
	if got := o.tail(path, from, 3); !slices.Equal(got, []string{"", "two", "three"}) {
		t.Errorf("got %q", got)
	}
	if got := o.tail(path, from, 50); !slices.Equal(got, []string{"one", "", "two", "three"}) {
		t.Errorf("got %q", got)
	}
	if got := o.tail(path, 1<<40, 1); !slices.Equal(got, []string{"three"}) {
		t.Errorf("after a cut got %q", got)
	}
	os.WriteFile(path, []byte(strings.Repeat("0123456789\n", 100_000)), 0o600)
	got := o.tail(path, 0, 1<<30)
	if len(got) == 0 || len(got)*11 > outputTailBytes || got[0] != "0123456789" {
		t.Errorf("%d lines, first %q", len(got), got[0])
	}
}

// TestMergeKeepsLines has several writers write lines in pieces, some longer than any buffer, while the supervisor
// writes its own, and looks for every line, whole, and in the order of its writer.
func TestMergeKeepsLines(t *testing.T) {
	o := newOutput(t.TempDir(), false, nil)
	stop := outputRun(t, o)
	const writers, lines = 4, 400
	var group sync.WaitGroup
	for w := range writers {
		file, _, err := o.open(rotate.Source{Process: "web", Worker: w}, false)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			defer file.Close()
			for i := range lines {
				text := fmt.Sprintf("w%d:%d:", w, i)
				if i%100 == 50 {
					text += strings.Repeat("x", 3*outputChunk)
				}
				text += ":end\n"
				half := len(text) / 2
				file.WriteString(text[:half])
				file.WriteString(text[half:])
			}
		})
	}
	for i := range lines {
		o.line(fmt.Sprintf("own %d", i))
	}
	group.Wait()
	stop()
	next := make([]int, writers)
	own := 0
	for _, line := range strings.Split(strings.TrimSuffix(outputRead(t, o.stdoutPath()), "\n"), "\n") {
		if strings.Contains(line, fmt.Sprintf("INFO %d own %d", os.Getpid(), own)) {
			own++
			continue
		}
		var w, i int
		if n, _ := fmt.Sscanf(line, "w%d:%d:", &w, &i); n != 2 || !strings.HasSuffix(line, ":end") || strings.Count(line, "w") != 1 {
			t.Fatalf("broken line %.80q", line)
		}
		if i != next[w] {
			t.Fatalf("writer %d: line %d, want %d", w, i, next[w])
		}
		next[w]++
	}
	for w, n := range next {
		if n != lines {
			t.Errorf("writer %d: %d lines", w, n)
		}
	}
	if own != lines {
		t.Errorf("%d lines of the supervisor", own)
	}
}

func TestMergeFollowsAndFlushes(t *testing.T) {
	o := newOutput(t.TempDir(), false, nil)
	os.WriteFile(filepath.Join(o.dir, "web-0.log"), []byte("of an earlier run\n"), 0o600)
	outputBegin(t, o)
	stop := outputRun(t, o)
	file, _, err := o.open(rotate.Source{Process: "web", Worker: 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	file.WriteString("first\nno end")
	outputEventually(t, "the first line", func() bool { return outputRead(t, o.stdoutPath()) == "first\n" })

	o.mergeAll()
	if got := outputRead(t, o.stdoutPath()); got != "first\nno end\n" {
		t.Errorf("after the worker's end: %q", got)
	}
	o.mergeAll()
	file.WriteString("next worker\ncrash")
	again, _, err := o.open(rotate.Source{Process: "web", Worker: 0}, false)
	if err != nil {
		t.Fatal(err)
	}
	again.WriteString("third\nlast")
	again.Close()
	stop()
	want := "first\nno end\nnext worker\ncrash\nthird\nlast\n"
	if got := outputRead(t, o.stdoutPath()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOutputNamesStayInFolder(t *testing.T) {
	o := newOutput(t.TempDir(), false, nil)
	file, path, err := o.open(rotate.Source{Process: "../../etc/x", Worker: 3}, false)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if filepath.Dir(path) != o.dir {
		t.Errorf("path %s", path)
	}
}

func TestOutputWithoutFolder(t *testing.T) {
	o := newOutput("/dev/null/logs", false, nil)
	if _, _, err := o.open(rotate.Source{Process: "web", Worker: 0}, false); err == nil || !strings.Contains(err.Error(), "make log folder") {
		t.Errorf("got %v", err)
	}
	if err := o.begin(); err == nil {
		t.Error("a log that cannot be renamed is no error")
	}
	o.line("nobody reads this")
}
