//go:build slow

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

// TestNoProcesses lets a guard of an ordinary user start no process (EAGAIN) while its worker is killed: the worker is
// due again with that reason, and comes once processes may be started.
func TestNoProcesses(t *testing.T) {
	requireNode(t)
	if _, err := exec.LookPath("prlimit"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("CI has no prlimit")
		}
		t.Skip("no prlimit (util-linux)")
	}
	home, err := os.MkdirTemp("", "pandora-eagain-")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: home, env: append(os.Environ(),
		"HOME="+home, "PANDORA_DIR="+filepath.Join(home, "p"), "PANDORA_ACTUATOR_PORT=0", "NO_COLOR=1")}
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	if os.Geteuid() == 0 {
		for _, path := range []string{home, dir} {
			if err := os.Chown(path, 65534, 65534); err != nil {
				t.Fatal(err)
			}
		}
	}
	user := func(args ...string) (string, error) {
		cmd := exec.Command("asnobody", append([]string{"pandora"}, args...)...)
		cmd.Env, cmd.Dir = b.env, home
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	t.Cleanup(func() {
		if out, err := user("exit"); err != nil {
			t.Logf("exit: %v\n%s", err, out)
		}
		os.RemoveAll(home)
	})
	if out, err := user("start", dir); err != nil {
		t.Fatalf("start: %v\n%s", err, out)
	}
	status := func() control.AppStatus {
		out, err := user("list", "--json")
		var list struct{ Applications []control.AppStatus }
		if err != nil || json.Unmarshal([]byte(out), &list) != nil || len(list.Applications) != 1 {
			return control.AppStatus{}
		}
		return list.Applications[0]
	}
	until := func(what string, ok func(control.AppStatus) bool) control.AppStatus {
		t.Helper()
		var a control.AppStatus
		defer func() {
			if t.Failed() {
				t.Logf("%s: %+v", what, a)
			}
		}()
		within(t, 20*time.Second, what, func() bool {
			a = status()
			return ok(a)
		})
		return a
	}
	a := until("running", isRunning)
	guard := a.GuardPID
	// Only its own user may limit it, unless we may do everything.
	limit := func(args ...string) (string, error) {
		out, err := exec.Command("asnobody", append([]string{"prlimit", "--pid", strconv.Itoa(guard)}, args...)...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	hard, err := limit("--nproc", "--output", "HARD", "--noheadings")
	if err != nil {
		t.Fatalf("prlimit: %v\n%s", err, hard)
	}
	if out, err := limit("--nproc=1:"); err != nil {
		t.Fatalf("prlimit: %v\n%s", err, out)
	}
	syscall.Kill(a.PIDs[0], syscall.SIGKILL)
	until("a reason", func(a control.AppStatus) bool {
		if a.GuardPID != guard {
			t.Fatalf("guard %d was lost", guard)
		}
		w := a.Processes[0].Workers[0]
		t.Logf("%s: %s", w.State, w.Reason)
		return w.State == supervisor.StateBackoff && strings.Contains(w.Reason, "resource temporarily unavailable")
	})
	if out, err := limit("--nproc=" + hard + ":"); err != nil {
		t.Fatalf("prlimit: %v\n%s", err, out)
	}
	until("running again", isRunning)
}

// isRunning reports whether the only worker runs.
func isRunning(a control.AppStatus) bool {
	return a.GuardPID > 0 && len(a.Processes) == 1 && len(a.Processes[0].Workers) == 1 &&
		a.Processes[0].Workers[0].State == supervisor.StateRunning
}
