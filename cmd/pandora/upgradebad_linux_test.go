package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

// upgradeTo asks the only guard to be replaced by this build.
func (b *bench) upgradeTo(executable string) (control.GuardBuild, error) {
	b.t.Helper()
	sockets, _ := filepath.Glob(filepath.Join(b.dir, "p", "run", "guard-*.sock"))
	if len(sockets) != 1 {
		b.t.Fatalf("guards %q", sockets)
	}
	guard := control.DialGuard(sockets[0], version)
	defer guard.Close()
	return guard.Upgrade(b.t.Context(), control.UpgradeRequest{Executable: executable})
}

// script writes a program that pretends to be a build; pandora is a variable of it.
func (b *bench) script(name, text string) string {
	b.t.Helper()
	exe, err := exec.LookPath("pandora")
	if err != nil {
		b.t.Fatal(err)
	}
	if exe, err = filepath.Abs(exe); err != nil {
		b.t.Fatal(err)
	}
	path := filepath.Join(b.dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\npandora='"+exe+"'\n"+text), 0o755); err != nil {
		b.t.Fatal(err)
	}
	return path
}

// TestBadBuildsAreRefused: whatever is wrong with a build, the guard goes on as it was and its workers notice nothing.
func TestBadBuildsAreRefused(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); pandora.fork('one', './one.js'); };`)
	b.write(filepath.Join(dir, "one.js"), `setInterval(() => {}, 1000);`)
	b.run("start", dir)
	before, build := b.list(), b.build()
	says := fmt.Sprintf(`case "$*" in *--can-take-over*) echo '{"version":"9","format":%d}'; exit;; esac`, supervisor.HandoverFormat)
	results := under(address, func() {
		for name, c := range map[string]struct{ executable, want string }{
			"nothing":         {filepath.Join(b.dir, "nothing"), "no such file"},
			"another format":  {b.script("format", `echo '{"version":"9","format":99}'`), "format 99"},
			"no pandora":      {b.script("other", `exit 0`), "does not say"},
			"a relative path": {"pandora", "not absolute"},
			// It takes the state for that of another application, and goes back.
			"goes back": {b.script("back", says+"\n"+`exec $pandora guard "$2" -- other`), `the state is that of "app"`},
		} {
			is, err := b.upgradeTo(c.executable)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v, want %q", name, err, c.want)
			}
			if is.PID != build.PID {
				t.Errorf("%s: the guard is %d, was %d", name, is.PID, build.PID)
			}
			if got := b.list(); fmt.Sprint(got.PIDs) != fmt.Sprint(before.PIDs) {
				t.Errorf("%s: pids %v, want %v", name, got.PIDs, before.PIDs)
			}
		}
	})
	for kind, r := range results {
		if r.Failed > 0 || r.OK == 0 {
			t.Errorf("%s: %v", kind, r)
		}
	}
	if is := b.build(); is.Upgrades != 0 || is.UpgradeError == "" && is.Upgrading {
		t.Errorf("guard %+v", is)
	}
	// It is still good for the real thing.
	b.run("daemon", "upgrade")
	b.run("reload", "app")
	if is := b.build(); is.Upgrades != 1 || is.UpgradeError != "" || is.PID != build.PID {
		t.Errorf("guard %+v", is)
	}
}

// TestUpgradeBetweenOperations: an upgrade waits for what is under way, and a command that comes meanwhile for it.
func TestUpgradeBetweenOperations(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => {
  pandora.cluster('web', './app.js').scale(2);
  pandora.fork('broken', './broken.js').env({ BROKEN: require('node:path').join(__dirname, 'break') });
};`)
	b.write(filepath.Join(dir, "broken.js"), `
if (require('node:fs').existsSync(process.env.BROKEN)) process.exit(3);
setInterval(() => { if (require('node:fs').existsSync(process.env.BROKEN)) process.exit(3); }, 20);`)
	b.run("start", dir)
	guard := b.build().PID
	results := under(address, func() {
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 2 {
				if out, err := b.try("reload", "app/web"); err != nil {
					t.Errorf("reload: %v\n%s", err, out)
				}
			}
		})
		wg.Go(func() {
			for range 3 {
				if out, err := b.try("daemon", "upgrade"); err != nil {
					t.Errorf("upgrade: %v\n%s", err, out)
				}
			}
		})
		wg.Wait()
	})
	for kind, r := range results {
		t.Logf("%s: %v", kind, r)
		if r.Failed > 0 || r.OK == 0 {
			t.Errorf("%s: %v", kind, r)
		}
	}
	if is := b.build(); is.PID != guard || is.Upgrades != 3 {
		t.Errorf("guard %+v, was %d", is, guard)
	}
	// A worker that fails again and again is tried again by the next build, which goes on counting.
	b.write(filepath.Join(dir, "break"), "")
	broken := func() supervisor.WorkerStatus {
		for _, p := range b.list().Processes {
			if p.Name == "broken" {
				return p.Workers[0]
			}
		}
		t.Fatal("process broken is missing")
		return supervisor.WorkerStatus{}
	}
	b.until("it failed twice", func() bool { return broken().Generation >= 3 })
	b.run("daemon", "upgrade")
	generation := broken().Generation
	if generation < 3 {
		t.Errorf("generation %d after the upgrade", generation)
	}
	b.until("it is given up", func() bool { return broken().State == supervisor.StateFatal })
	b.run("daemon", "upgrade")
	if w := broken(); w.State != supervisor.StateFatal || !strings.Contains(w.Reason, "tries") {
		t.Errorf("after the upgrade: %s, %s", w.State, w.Reason)
	}
	os.Remove(filepath.Join(dir, "break"))
	b.run("restart", "app/broken")
	if w := broken(); w.State != supervisor.StateRunning {
		t.Errorf("after the restart: %s", w.State)
	}
}
