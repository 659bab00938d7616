package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/procfile"
)

// list is what the verb list tells of the only application.
func (b *bench) list() control.AppStatus {
	b.t.Helper()
	var answer struct{ Applications []control.AppStatus }
	if err := json.Unmarshal([]byte(b.run("list", "--json")), &answer); err != nil || len(answer.Applications) != 1 {
		b.t.Fatalf("list: %d applications, %v", len(answer.Applications), err)
	}
	return answer.Applications[0]
}

// until waits for a condition.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	deadline := time.After(20 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			b.t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// build asks the guard which build it is.
func (b *bench) build() control.GuardBuild {
	b.t.Helper()
	sockets, _ := filepath.Glob(filepath.Join(b.dir, "p", "run", "*guard*"))
	for _, path := range sockets {
		guard := control.DialGuard(path, version)
		defer guard.Close()
		if build, err := guard.Info(b.t.Context()); err == nil {
			return build
		}
	}
	b.t.Fatalf("no guard answers on %q", sockets)
	return control.GuardBuild{}
}

// TestUpgradeLosesNothing replaces guard and daemon five times in a row under load, for each kind of process: no request
// is lost, the workers stay, and the guard still is their parent, their primary and the keeper of their output.
func TestUpgradeLosesNothing(t *testing.T) {
	for name, text := range map[string]string{
		"fork":      `module.exports = (pandora) => { pandora.fork('web', './app.js'); };`,
		"cluster 2": `module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`,
		"shared 2":  `module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2).balance('shared'); };`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir, address := b.app(text)
			b.counting(dir)
			b.run("start", dir)
			before, build := b.list(), b.build()
			results := under(address, func() {
				for range 5 {
					out := b.run("daemon", "upgrade")
					if !strings.Contains(out, "app: guard of version") || !strings.Contains(out, "daemon: version") {
						t.Errorf("upgrade said:\n%s", out)
					}
				}
			})
			for kind, r := range results {
				t.Logf("%s: %v", kind, r)
				if r.Failed > 0 || r.OK == 0 {
					t.Errorf("%s: %v", kind, r)
				}
			}
			after, is := b.list(), b.build()
			if fmt.Sprint(after.PIDs) != fmt.Sprint(before.PIDs) || after.AppID != before.AppID || after.RestartCount != 0 {
				t.Errorf("pids %v, restarts %d; had %v", after.PIDs, after.RestartCount, before.PIDs)
			}
			if is.PID != build.PID || is.Upgrades != 5 || !is.StartedAt.Equal(build.StartedAt) {
				t.Errorf("guard %+v, was %+v", is, build)
			}
			b.complete(before.PIDs)
			b.stillWorks(after)
		})
	}
}

// counting makes the application write numbered lines, of which a part comes in two pieces.
func (b *bench) counting(dir string) {
	b.t.Helper()
	path := filepath.Join(dir, "app.js")
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(path, string(text)+`
let n = 0;
(function next() {
  n++;
  if (n % 3) {
    console.log('line ' + process.pid + ' ' + n + ' end');
    return setTimeout(next, 4);
  }
  process.stdout.write('line ' + process.pid);
  setTimeout(() => { process.stdout.write(' ' + n + ' end\n'); next(); }, 2);
})();
process.on('message', (m) => process.send(m));
`)
}

// stillWorks kills a worker, which has to be replaced, then reloads and scales, and stops.
func (b *bench) stillWorks(app control.AppStatus) {
	b.t.Helper()
	unix.Kill(app.PIDs[0], unix.SIGKILL)
	b.until("the killed worker is replaced", func() bool {
		now := b.list()
		return len(now.PIDs) == len(app.PIDs) && now.RestartCount == 1
	})
	crashed := b.list()
	for _, w := range crashed.Processes[0].Workers {
		if w.LastExit != nil && w.LastExit.Signal != "SIGKILL" {
			b.t.Errorf("the killed worker %+v", w.LastExit)
		}
	}
	b.run("reload", "app")
	want := len(app.PIDs)
	if app.Processes[0].Kind == procfile.KindWorker {
		want = 3
		b.run("scale", "app", "web", "3")
	}
	scaled := b.list()
	if len(scaled.PIDs) != want {
		b.t.Errorf("%d workers, want %d", len(scaled.PIDs), want)
	}
	for _, pid := range scaled.PIDs {
		for _, old := range crashed.PIDs {
			if pid == old {
				b.t.Errorf("worker %d was not reloaded", pid)
			}
		}
	}
	if sockets := scaled.Sockets; len(sockets) != 1 && app.Processes[0].Kind == procfile.KindWorker {
		b.t.Errorf("sockets %+v", sockets)
	}
	b.run("stop", "app")
}

// complete holds that each of these workers' lines is in the merged log once, and in order.
func (b *bench) complete(pids []int) {
	b.t.Helper()
	logs, err := filepath.Glob(filepath.Join(b.dir, "p", "logs", "app", "nodejs_stdout.log"))
	if err != nil || len(logs) != 1 {
		b.t.Fatalf("logs %q, %v", logs, err)
	}
	data, err := os.ReadFile(logs[0])
	if err != nil {
		b.t.Fatal(err)
	}
	// A single worker writes to this file itself, and every third line in two parts: a line of the guard may stand between.
	data = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO \d+ [^\n]*\n`).ReplaceAll(data, nil)
	line := regexp.MustCompile(`^line (\d+) (\d+) end$`)
	next := map[int]int{}
	var before []string
	for text := range strings.Lines(string(data)) {
		text = strings.TrimSuffix(text, "\n")
		before = append(before, text)
		m := line.FindStringSubmatch(text)
		if m == nil {
			continue // not complete yet
		}
		pid, _ := strconv.Atoi(m[1])
		n, _ := strconv.Atoi(m[2])
		if n != next[pid]+1 {
			b.t.Fatalf("worker %d: line %d follows line %d; the last lines are\n%s", pid, n, next[pid],
				strings.Join(before[max(0, len(before)-6):], "\n"))
		}
		next[pid] = n
	}
	for _, pid := range pids {
		if next[pid] < 20 {
			b.t.Errorf("worker %d wrote %d lines", pid, next[pid])
		}
	}
}
