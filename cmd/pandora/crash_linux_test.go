package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

// verbs runs verbs as a user would, in a home of their own.
type verbs struct {
	t   *testing.T
	env []string
}

func newVerbs(t *testing.T) *verbs {
	t.Helper()
	home, err := os.MkdirTemp("", "pandora-v-") // short enough for sockets
	if err != nil {
		t.Fatal(err)
	}
	v := &verbs{t: t, env: append(os.Environ(), "HOME="+home, "PANDORA_DIR="+filepath.Join(home, "p"), "PANDORA_ACTUATOR_PORT=0", "PANDORA_CONFIG=")}
	t.Cleanup(func() {
		v.run("exit")
		os.RemoveAll(home)
	})
	return v
}

func (v *verbs) run(args ...string) string {
	v.t.Helper()
	cmd := exec.Command("pandora", args...)
	cmd.Env = v.env
	var errOut strings.Builder
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err != nil {
		v.t.Errorf("pandora %s: %v\n%s%s", strings.Join(args, " "), err, out, errOut.String())
	}
	return string(out)
}

func (v *verbs) app() control.AppStatus {
	v.t.Helper()
	var list struct{ Applications []control.AppStatus }
	if err := json.Unmarshal([]byte(v.run("list", "--json")), &list); err != nil || len(list.Applications) != 1 {
		v.t.Fatalf("list: %v, %+v", err, list)
	}
	return list.Applications[0]
}

// descriptors counts the open descriptors of a process.
func descriptors(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// zombies counts the dead children of a process that nobody has waited for.
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
		fields := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
		if fields[0] == "Z" && fields[1] == strconv.Itoa(parent) {
			n++
		}
	}
	return n
}

// TestCrashesLeaveNothing kills workers fifty times: neither guard nor daemon keeps a descriptor or a zombie of them.
func TestCrashesLeaveNothing(t *testing.T) {
	requireNode(t)
	const scale, rounds = 10, 5
	dir := t.TempDir()
	for name, text := range map[string]string{
		"package.json": `{"name":"crashes"}`,
		"procfile.js":  `module.exports = (pandora) => { pandora.process('web').scale(` + strconv.Itoa(scale) + `).entry('./web.js'); };`,
		"web.js":       `require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1');`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v := newVerbs(t)
	v.run("start", dir)
	var info control.DaemonInfo
	if err := json.Unmarshal([]byte(v.run("daemon", "status", "--json")), &info); err != nil {
		t.Fatal(err)
	}
	// settled returns the application once every worker runs again.
	settled := func(restarts int) control.AppStatus {
		t.Helper()
		deadline := time.Now().Add(90 * time.Second)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			a := v.app()
			running := 0
			for _, w := range a.Processes[0].Workers {
				if w.State == supervisor.StateRunning {
					running++
				}
			}
			if running == scale && a.RestartCount == restarts {
				return a
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d of %d workers run, %d restarts, want %d: %+v", running, scale, a.RestartCount, restarts, a.Processes)
			}
			<-tick.C
		}
	}
	a := settled(0)
	guardBefore, daemonBefore := descriptors(t, a.GuardPID), descriptors(t, info.PID)
	for round := 1; round <= rounds; round++ {
		for _, pid := range a.PIDs {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		a = settled(round * scale)
	}
	// A command that has just ended may still have its connection open.
	const slack = 3
	if n := descriptors(t, a.GuardPID); n > guardBefore+slack {
		t.Errorf("the guard has %d descriptors, had %d", n, guardBefore)
	}
	if n := descriptors(t, info.PID); n > daemonBefore+slack {
		t.Errorf("the daemon has %d descriptors, had %d", n, daemonBefore)
	}
	if n := zombies(t, a.GuardPID) + zombies(t, info.PID); n != 0 {
		t.Errorf("%d zombies", n)
	}
}
