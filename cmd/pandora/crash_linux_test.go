package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// installed is this test binary under the name pandora, with a home of its own.
type installed struct {
	t    *testing.T
	path string
	env  []string
}

// install makes an installed pandora; what it started is ended with the test.
func install(t *testing.T) *installed {
	t.Helper()
	requireNode(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Short, because unix socket paths are.
	home, err := os.MkdirTemp("", "pandora-e2e-")
	if err != nil {
		t.Fatal(err)
	}
	p := &installed{t: t, path: filepath.Join(home, "pandora")}
	data, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.path, data, 0o755); err != nil {
		t.Fatal(err)
	}
	p.env = append(os.Environ(), "HOME="+home, "PANDORA_DIR="+filepath.Join(home, "p"), "PANDORA_ACTUATOR_PORT=0", "PORT=0", "NO_COLOR=1")
	t.Cleanup(func() {
		if out, err := p.command("exit").CombinedOutput(); err != nil {
			t.Errorf("exit: %v\n%s", err, out)
		}
		os.RemoveAll(home)
	})
	return p
}

// command is one call of pandora.
func (p *installed) command(args ...string) *exec.Cmd {
	cmd := exec.Command(p.path, args...)
	cmd.Env = p.env
	return cmd
}

// run calls pandora and returns its standard output.
func (p *installed) run(args ...string) string {
	p.t.Helper()
	cmd := p.command(args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("pandora %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	}
	return string(out)
}

// worker is what this test reads of a worker in `list --json`.
type worker struct {
	Worker   int    `json:"worker"`
	State    string `json:"state"`
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
}

// listing is what this test reads of `list --json`.
type listing struct {
	Applications []struct {
		AppName   string `json:"appName"`
		GuardPID  int    `json:"guardPid"`
		Processes []struct {
			Workers []worker `json:"workers"`
		} `json:"processes"`
	} `json:"applications"`
}

// workers returns the guard's pid and the workers of the only application.
func (p *installed) workers() (guard int, all []worker) {
	p.t.Helper()
	var l listing
	if err := json.Unmarshal([]byte(p.run("list", "--json")), &l); err != nil {
		p.t.Fatal(err)
	}
	if len(l.Applications) != 1 {
		p.t.Fatalf("%d applications", len(l.Applications))
	}
	for _, process := range l.Applications[0].Processes {
		all = append(all, process.Workers...)
	}
	return l.Applications[0].GuardPID, all
}

// await polls until ok or the deadline.
func await(t *testing.T, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !ok(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within %v", what, limit)
		}
	}
}

// descriptors counts the open descriptors of a process.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// zombies counts the dead children that a process has not waited for.
func zombies(t *testing.T, parent int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// pid (name) state ppid: the name may hold spaces, so what counts comes after the last parenthesis.
		rest := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		if len(rest) > 1 && rest[0] == "Z" && rest[1] == strconv.Itoa(parent) {
			n++
		}
	}
	return n
}

// TestCrashesLeakNothing kills workers fifty times: neither guard nor daemon holds a zombie or another descriptor.
func TestCrashesLeakNothing(t *testing.T) {
	p := install(t)
	app := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(app, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	const scale, rounds = 10, 5
	write("procfile.js", fmt.Sprintf(`module.exports = (pandora) => { pandora.process('web').scale(%d).entry('./web.js'); };`, scale))
	write("web.js", `require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1');`)
	p.run("start", app, "--name", "crashes")

	var status struct {
		PID int `json:"pid"`
	}
	if err := json.Unmarshal([]byte(p.run("daemon", "status", "--json")), &status); err != nil {
		t.Fatal(err)
	}
	allRunning := func(restarts int) func() bool {
		return func() bool {
			_, all := p.workers()
			for _, w := range all {
				if w.State != "running" || w.Restarts < restarts {
					return false
				}
			}
			return len(all) == scale
		}
	}
	await(t, 30*time.Second, "all workers running", allRunning(0))
	guard, _ := p.workers()
	// The daemon's count moves by one or two with connections that come and go; the guard's must not move at all.
	guardBefore, daemonBefore := descriptors(t, guard), descriptors(t, status.PID)
	for round := range rounds {
		_, all := p.workers()
		for _, w := range all {
			if err := syscall.Kill(w.PID, syscall.SIGKILL); err != nil {
				t.Errorf("kill worker %d: %v", w.PID, err)
			}
		}
		await(t, 60*time.Second, fmt.Sprintf("round %d", round), allRunning(round+1))
	}
	await(t, 10*time.Second, "guard's descriptors back to what they were", func() bool { return descriptors(t, guard) <= guardBefore })
	await(t, 10*time.Second, "daemon's descriptors back to what they were", func() bool { return descriptors(t, status.PID) <= daemonBefore+2 })
	await(t, 5*time.Second, "no zombies", func() bool { return zombies(t, guard) == 0 && zombies(t, status.PID) == 0 })
}
