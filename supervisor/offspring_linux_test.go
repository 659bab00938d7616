package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// offspringSource leaves behind one process of each kind; each writes its pid into the folder "left". The last one to come
// makes "complete".
const offspringSource = `
const { spawn } = require('child_process');
const fs = require('fs');
const note = 'echo $$ > left/$0-$$; ';
const apart = { detached: true, stdio: 'ignore' };
const bare = { PATH: process.env.PATH };
fs.mkdirSync('left', { recursive: true });
spawn('sh', ['-c', note + 'exec sleep 300', 'detached'], apart);
spawn('sh', ['-c', note + 'exec sleep 300', 'bare'], { stdio: 'ignore', env: bare });
// Led by one with the mark, in a session of its own, without the mark itself.
spawn('sh', ['-c', 'env -i sh -c "echo \\$\\$ > left/led-\\$\\$; exec sleep 300" & wait'], apart);
spawn('sh', ['-c', 'trap "" TERM HUP INT QUIT; ' + note + 'while :; do sleep 1; done', 'deaf'], apart);
spawn('sh', ['-c', note + 'kill -STOP $$; sleep 300', 'stopped'], apart);
// Its parent ends at once, so that it belongs to nobody.
spawn('sh', ['-c', 'setsid sh -c "echo \\$\\$ > left/orphan-\\$\\$; exec sleep 300" & exit 0'], apart);
// It starts another of itself again and again.
spawn('sh', ['-c', note + 'while :; do sh -c "sleep 0.02"; done', 'busy'], apart);
spawn(process.execPath, ['-e', 'require("net").createServer().listen(' + process.env.OWN_PORT + ', "127.0.0.1", () => require("fs").writeFileSync("left/port-" + process.pid, String(process.pid)))'], apart);
require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1');
`

// offspringKinds is how many kinds there are.
const offspringKinds = 8

// offspring are the pids in the folder "left", once one of each kind is there besides known.
func (g *guarded) offspring(known []int) (pids []int) {
	g.t.Helper()
	g.until("all offspring", 30*time.Second, func() bool {
		pids = nil
		files, _ := filepath.Glob(filepath.Join(g.plan.App.AppDir, "left", "*"))
		for _, file := range files {
			data, _ := os.ReadFile(file)
			if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && !slices.Contains(known, pid) {
				pids = append(pids, pid)
			}
		}
		return len(pids) >= offspringKinds
	})
	return pids
}

// ended fails for each process that lives, and when the port is taken.
func (g *guarded) ended(what string, pids []int, port int) {
	g.t.Helper()
	for _, pid := range pids {
		if alive(pid) {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			g.t.Errorf("%s: process %d lives on: %q", what, pid, name)
		}
	}
	if port > 0 {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			g.t.Errorf("%s: the port is held: %v", what, err)
			return
		}
		l.Close()
	}
}

// freePort is a port that was free a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// offspringGuard is a guard of an application that leaves offspring, stop-first because of their port.
func offspringGuard(t *testing.T) (*guarded, int) {
	port := freePort(t)
	return guard(t, map[string]string{"app.js": offspringSource}, procfile.Process{
		ProcessName: "web", EntryFile: "./app.js", Env: map[string]string{"OWN_PORT": strconv.Itoa(port)},
		Policy: &procfile.Policy{StopTimeoutMs: 200, Reload: procfile.ReloadStopFirst},
	}), port
}

// TestNothingIsLeftBehind: whatever ends a worker ends all it has started, before another takes its place.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Run("crash, restart, reload, stop", func(t *testing.T) {
		t.Parallel()
		g, port := offspringGuard(t)
		g.must(supervisor.OpStart)
		all := g.offspring(nil)
		syscall.Kill(g.workers()[0].PID, syscall.SIGKILL)
		second := g.offspring(all)
		g.ended("crash", all, 0)
		all = append(all, second...)
		for _, kind := range []supervisor.OpKind{supervisor.OpRestart, supervisor.OpReload} {
			g.must(kind)
			next := g.offspring(all)
			g.ended(string(kind), all, 0)
			all = append(all, next...)
		}
		g.must(supervisor.OpStop)
		g.ended("stop", all, port)
	})
	t.Run("failed start", func(t *testing.T) {
		t.Parallel()
		g, port := offspringGuard(t)
		g.plan.App.Processes[0].Policy.Ready = &procfile.ReadyCheck{Message: "never", TimeoutMs: 2000}
		if op := g.perform(supervisor.OpStart); op.State != supervisor.OpFailed {
			t.Fatalf("%+v", op)
		}
		g.ended("failed start", g.offspring(nil), port)
	})
	t.Run("one process", func(t *testing.T) {
		t.Parallel()
		g, port := offspringGuard(t)
		g.must(supervisor.OpStart)
		all := g.offspring(nil)
		op, err := g.Submit(supervisor.Request{Kind: supervisor.OpStop, Process: "web"})
		if err != nil {
			t.Fatal(err)
		}
		for range g.Watch(t.Context(), op.ID) {
		}
		g.ended("stop of the process", all, port)
	})
	t.Run("end of the guard", func(t *testing.T) {
		t.Parallel()
		g, port := offspringGuard(t)
		g.must(supervisor.OpStart)
		all := g.offspring(nil)
		g.end() // as SIGTERM does it
		g.ended("end of the guard", all, port)
	})
}

// TestNextGuardEndsOffspring: the guard is lost, and the worker ends with its channel; the next guard ends the others
// before it starts anything.
func TestNextGuardEndsOffspring(t *testing.T) {
	g, port := offspringGuard(t)
	g.must(supervisor.OpStart)
	all := g.offspring(nil)
	roster, err := os.ReadFile(g.roster)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(t.TempDir(), "roster.json")
	if err := os.WriteFile(left, roster, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := supervisor.New(supervisor.Config{RosterPath: left}).Run(ctx); err != nil {
		t.Fatal(err)
	}
	g.ended("next guard", all, 0)
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the roster is still there: %v", err)
	}
	second := g.offspring(all) // of a worker that the first guard, which is not really lost, has started; the next one may have ended some of them, too
	g.must(supervisor.OpStop)
	g.ended("stop", append(all, second...), port)
}

// eggSource is the shape of egg: a plain master forks an agent, and workers of a cluster of its own.
const eggSource = `
const cluster = require('cluster');
const fs = require('fs');
const { fork } = require('child_process');
if (process.argv[2] === 'agent') {
  fs.writeFileSync('agent', String(process.pid));
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => {});
  setInterval(() => {}, 1000);
} else if (cluster.isPrimary) {
  fork(__filename, ['agent'], { detached: true });
  cluster.setupPrimary({ exec: __filename });
  for (let i = 0; i < 2; i++) cluster.fork();
  process.on('SIGTERM', () => {});
} else {
  process.on('SIGTERM', () => {});
  process.on('disconnect', () => {});
  cluster.worker.on('disconnect', () => {});
  require('http').createServer((q, r) => r.end(String(process.pid))).listen(Number(process.env.WEB_PORT), '127.0.0.1', () => {
    fs.writeFileSync('worker-' + process.pid, String(process.pid));
  });
  setInterval(() => {}, 1000);
}`

// TestEggLeavesNothing: master, agent and workers end together, and their port is free, after a kill of the master and
// after a stop.
func TestEggLeavesNothing(t *testing.T) {
	port := freePort(t)
	g := guard(t, map[string]string{"app.js": eggSource}, procfile.Process{
		ProcessName: "egg", EntryFile: "./app.js", Env: map[string]string{"WEB_PORT": strconv.Itoa(port)}, Policy: &procfile.Policy{StopTimeoutMs: 200},
	})
	family := func(known []int) (pids []int) {
		g.until("an agent and two workers", 30*time.Second, func() bool {
			pids = nil
			files, _ := filepath.Glob(filepath.Join(g.plan.App.AppDir, "worker-*"))
			for _, file := range append(files, filepath.Join(g.plan.App.AppDir, "agent")) {
				data, _ := os.ReadFile(file)
				if pid := atoi(strings.TrimSpace(string(data))); pid > 0 && !slices.Contains(known, pid) {
					pids = append(pids, pid)
				}
			}
			return len(pids) == 3
		})
		return pids
	}
	g.must(supervisor.OpStart)
	first := family(nil)
	if body, err := get(port); err != nil || !slices.Contains(first, atoi(body)) {
		t.Errorf("answer %q %v of %v", body, err, first)
	}
	syscall.Kill(g.workers()[0].PID, syscall.SIGKILL)
	second := family(first)
	g.ended("kill of the master", first, 0)
	if body, err := get(port); err != nil || !slices.Contains(second, atoi(body)) {
		t.Errorf("answer %q %v of %v", body, err, second)
	}
	g.must(supervisor.OpStop)
	g.ended("stop", append(first, second...), port)
}

// TestDaemonOfAnApplication: one that leaves group and session, and has cleared its environment, and whose parent has
// ended, belongs to nobody: it is left alone, as docs/procfile.md says. It holds no socket of the application.
func TestDaemonOfAnApplication(t *testing.T) {
	g := guard(t, map[string]string{"app.js": `
require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1', () => {
  const script = 'setsid env -i sh -c "echo \\$\\$ > daemon.pid; ls -l /proc/self/fd > daemon.fds; exec sleep 300" & exit 0';
  require('child_process').spawn('sh', ['-c', script], { detached: true, stdio: 'ignore' });
});`}, procfile.Process{ProcessName: "web", EntryFile: "./app.js"})
	g.must(supervisor.OpStart)
	pid := 0
	g.until("a daemon", 10*time.Second, func() bool {
		data, _ := os.ReadFile(filepath.Join(g.plan.App.AppDir, "daemon.pid"))
		pid = atoi(strings.TrimSpace(string(data)))
		return pid > 0
	})
	port := g.port()
	g.must(supervisor.OpStop)
	if !alive(pid) {
		t.Errorf("process %d was ended", pid)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	g.ended("stop", nil, port)
}
