package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

const (
	// daemonLimit is how long it may take until a dead daemon is back, guardLimit until a lost guard's application is.
	daemonLimit = 2 * time.Second
	guardLimit  = 3 * time.Second
)

// killed ends a process without a word.
func killed(t *testing.T, pid int) time.Time {
	t.Helper()
	if pid < 2 {
		t.Fatalf("no process %d to kill", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatalf("kill %d: %v", pid, err)
	}
	return time.Now()
}

// lives reports whether a process is there and no zombie.
func lives(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	fields := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])
	return len(fields) > 0 && fields[0] != "Z" && fields[0] != "X"
}

// within waits until a condition holds, and returns how long that took.
func within(t *testing.T, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Since(began) > limit {
			t.Fatalf("%s: not within %v", what, limit)
		}
		<-tick.C
	}
	return time.Since(began)
}

// daemonPID asks the control socket for the daemon, and starts none; 0 when nobody answers.
func (b *bench) daemonPID() int {
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	defer d.Close()
	info, err := d.Info(b.t.Context())
	if err != nil {
		return 0
	}
	return info.PID
}

// apps lists the applications by name.
func (b *bench) apps() map[string]control.AppStatus {
	b.t.Helper()
	var list struct{ Applications []control.AppStatus }
	if err := json.Unmarshal([]byte(b.run("list", "--json")), &list); err != nil {
		b.t.Fatal(err)
	}
	all := map[string]control.AppStatus{}
	for _, a := range list.Applications {
		all[a.AppName] = a
	}
	return all
}

// daemons counts the daemons of this home that live.
func (b *bench) daemons() (pids []int) {
	b.t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), "\x00daemon\x00") {
			continue
		}
		environ, err := os.ReadFile(filepath.Join(filepath.Dir(path), "environ"))
		if err == nil && strings.Contains(string(environ), "PANDORA_DIR="+filepath.Join(b.dir, "p")+"\x00") {
			pid := 0
			fmt.Sscan(filepath.Base(filepath.Dir(path)), &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}

// service runs a daemon in the foreground, as a service manager does.
func (b *bench) service(env ...string) *exec.Cmd {
	b.t.Helper()
	exe, err := exec.LookPath("pandora")
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(exe, "daemon", "--stay")
	cmd.Env, cmd.Dir = append(b.env, env...), b.dir
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	return cmd
}

// parentOf is the parent of a process; 0 when it is gone.
func parentOf(pid int) int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	parent := 0
	fmt.Sscan(strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:])[1], &parent)
	return parent
}

// revived waits for a daemon other than the one that died, which has adopted so many applications.
func (b *bench) revived(dead int, since time.Time, applications int, limit time.Duration) (pid int) {
	b.t.Helper()
	within(b.t, 10*time.Second, "another daemon with all applications", func() bool {
		if pid = b.daemonPID(); pid == 0 || pid == dead {
			return false
		}
		d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
		defer d.Close()
		list, err := d.List(b.t.Context())
		n := 0
		for _, a := range list {
			if a.State == supervisor.AppComplete && a.GuardPID != 0 {
				n++
			}
		}
		return err == nil && n == applications
	})
	took := time.Since(since)
	b.t.Logf("daemon %d is back as %d after %v", dead, pid, took.Round(time.Millisecond))
	if took > limit {
		b.t.Errorf("it took %v until a daemon was back, want at most %v", took, limit)
	}
	return pid
}

// TestDaemonIsBroughtBack kills the daemon again and again under load, with two applications.
func TestDaemonIsBroughtBack(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`)
	b.run("start", dir)
	other := filepath.Join(b.dir, "other")
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(other, "procfile.js"), `module.exports = (pandora) => { pandora.fork('tick', './tick.js'); };`)
	b.write(filepath.Join(other, "tick.js"), `let n = 0; setInterval(() => console.log('tick ' + ++n), 5);`)
	b.run("start", other)
	killed(t, b.apps()["app"].PIDs[0]) // so that there is a restart to be remembered
	within(t, 10*time.Second, "the worker is replaced", func() bool {
		a := b.apps()["app"]
		return a.RestartCount == 1 && len(a.PIDs) == 2 && a.Processes[0].Workers[0].State == supervisor.StateRunning
	})
	before, began := b.apps(), time.Now()
	pid := b.daemonPID()
	results := under(address, func() {
		for range daemonKills {
			// Faster than a daemon counts as steady there would be a wait.
			within(t, 10*time.Second, "the daemon is steady", func() bool {
				info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
				return err == nil && time.Since(info.ModTime()) > steadyDaemon+time.Second
			})
			pid = b.revived(pid, killed(t, pid), 2, daemonLimit)
		}
	})
	for kind, r := range results {
		t.Logf("%s: %v", kind, r)
		if r.Failed > 0 || r.OK == 0 {
			t.Errorf("%s: %v", kind, r)
		}
	}
	took := time.Since(began).Seconds()
	after := b.apps()
	for name, was := range before {
		is := after[name]
		if !slices.Equal(was.PIDs, is.PIDs) || was.GuardPID != is.GuardPID || was.RestartCount != is.RestartCount || was.StartCount != is.StartCount {
			t.Errorf("%s: pids %v, guard %d, %d restarts of %d starts; were %v, %d, %d of %d", name,
				is.PIDs, is.GuardPID, is.RestartCount, is.StartCount, was.PIDs, was.GuardPID, was.RestartCount, was.StartCount)
		}
		if is.Uptime < was.Uptime+took-0.5 {
			t.Errorf("%s: uptime %.1f s, was %.1f s %.1f s ago", name, is.Uptime, was.Uptime, took)
		}
	}
	if all := b.daemons(); len(all) != 1 || all[0] != pid {
		t.Errorf("daemons %v, want only %d", all, pid)
	}
	if parent := parentOf(pid); parent == after["app"].GuardPID || parent == after["other"].GuardPID {
		t.Errorf("the daemon is a child of guard %d", parent)
	}
	b.checkTicks(filepath.Join(b.dir, "p", "logs", "other", "nodejs_stdout.log"))
	if out := b.run("daemon", "status"); !strings.Contains(out, times(daemonKills)) {
		t.Errorf("daemon status does not tell of %d revivals:\n%s", daemonKills, out)
	}
}

// checkTicks reads an application's counting output: no line may be missing.
func (b *bench) checkTicks(path string) {
	b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	want := 1
	for _, line := range strings.Split(string(data), "\n") {
		n := 0
		if _, err := fmt.Sscanf(line, "tick %d", &n); err != nil {
			continue
		}
		if n != want {
			b.t.Fatalf("after tick %d comes tick %d", want-1, n)
		}
		want++
	}
	if want < 100 {
		b.t.Errorf("only %d ticks", want-1)
	}
}

// shows waits until an address of the daemon's HTTP server shows a text.
func (b *bench) shows(path, text string) {
	b.t.Helper()
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	defer d.Close()
	within(b.t, 10*time.Second, path+" shows "+text, func() bool {
		info, err := d.Info(b.t.Context())
		if err != nil || info.Actuator == "" {
			return false
		}
		response, err := http.Get("http://" + info.Actuator + path)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return err == nil && strings.Contains(string(body), text)
	})
}

// TestRevivedDaemonOutlivesGuard: health and the workers' metrics are back with the daemon, and the guard that brought it
// back may end.
func TestRevivedDaemonOutlivesGuard(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.run("start", dir)
	pid := b.daemonPID()
	const metric = `{app="app",process="web",worker="0"}`
	b.shows("/metrics", metric)
	pid = b.revived(pid, killed(t, pid), 1, daemonLimit)
	b.shows("/health", `"app":{"status":"UP"`)
	b.shows("/metrics", metric)
	old := b.apps()["app"]
	since := killed(t, old.GuardPID)
	b.replacedGuard(old, since, address)
	if now := b.daemonPID(); now != pid {
		t.Errorf("the daemon is %d, was %d", now, pid)
	}
}

// TestExitIsNotRevived: what the user has ended stays so, also when the daemon dies on the way.
func TestExitIsNotRevived(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	// The application takes its time to end, so that the daemon can die in the middle.
	b.write(filepath.Join(dir, "app.js"), `process.on('SIGTERM', () => {}); setInterval(() => {}, 1000);`)
	b.run("start", dir)
	app, pid := b.apps()["app"], b.daemonPID()
	exited := make(chan error, 1)
	go func() {
		_, err := b.try("exit")
		exited <- err
	}()
	within(t, 10*time.Second, "exit is marked", func() bool {
		_, err := os.Stat(filepath.Join(b.dir, "p", "state", "down.json"))
		return err == nil
	})
	killed(t, pid)
	if err := <-exited; err == nil {
		t.Error("exit tells nothing of the daemon that died in the middle")
	}
	within(t, 15*time.Second, "guard and worker end", func() bool { return !lives(app.GuardPID) && !lives(app.PIDs[0]) })
	if all := b.daemons(); len(all) > 0 {
		t.Errorf("daemons %v after an exit", all)
	}
	if out := b.run("list"); !strings.Contains(out, "Stopped") {
		t.Errorf("list says:\n%s", out)
	}
}

// replacedGuard waits until an application runs again under another guard; address is where it answers.
func (b *bench) replacedGuard(old control.AppStatus, since time.Time, address string) control.AppStatus {
	b.t.Helper()
	var now control.AppStatus
	within(b.t, 10*time.Second, "another guard with the application", func() bool {
		now = b.apps()[old.AppName]
		return now.GuardPID != 0 && now.GuardPID != old.GuardPID && now.State == supervisor.AppComplete
	})
	took := time.Since(since)
	b.t.Logf("guard %d is back as %d after %v", old.GuardPID, now.GuardPID, took.Round(time.Millisecond))
	if took > guardLimit {
		b.t.Errorf("it took %v until the application was back, want at most %v", took, guardLimit)
	}
	for _, pid := range old.PIDs {
		if lives(pid) {
			b.t.Errorf("the old worker %d lives", pid)
		}
	}
	if len(now.PIDs) != len(old.PIDs) {
		b.t.Errorf("workers %v, were %v", now.PIDs, old.PIDs)
	}
	if want := old.RestartCount + len(old.PIDs); now.RestartCount != want {
		b.t.Errorf("%d restarts, want %d", now.RestartCount, want)
	}
	if now.Uptime < old.Uptime {
		b.t.Errorf("uptime %.2f s, was %.2f s", now.Uptime, old.Uptime)
	}
	if address != "" {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			b.t.Errorf("the port does not answer: %v", err)
		} else {
			conn.Close()
		}
	}
	return now
}

// TestGuardIsReplaced kills guards of workers that do not notice: the next guard ends them all first.
func TestGuardIsReplaced(t *testing.T) {
	for name, test := range map[string]struct {
		code   string
		freeze bool
	}{
		"healthy": {},
		"blocked": {code: `process.on('SIGUSR2', () => { for (;;); });`},
		"stopped": {freeze: true},
		"detached": {code: `
const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'],
  { detached: true, stdio: 'ignore' });
child.unref();
require('node:fs').writeFileSync(__dirname + '/child', String(child.pid));`},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
			app, err := os.ReadFile(filepath.Join(dir, "app.js"))
			if err != nil {
				t.Fatal(err)
			}
			b.write(filepath.Join(dir, "app.js"), string(app)+test.code)
			b.run("start", dir)
			old := b.apps()["app"]
			if name == "blocked" {
				if err := syscall.Kill(old.PIDs[0], syscall.SIGUSR2); err != nil {
					t.Fatal(err)
				}
				within(t, 10*time.Second, "the event loop is blocked", func() bool { return busy(old.PIDs[0]) })
			}
			if test.freeze {
				if err := syscall.Kill(old.PIDs[0], syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
			}
			grandchild := 0
			if data, err := os.ReadFile(filepath.Join(dir, "child")); err == nil {
				fmt.Sscan(string(data), &grandchild)
			}
			now := b.replacedGuard(old, killed(t, old.GuardPID), address)
			if grandchild != 0 && lives(grandchild) {
				t.Errorf("the detached grandchild %d lives", grandchild)
			}
			if holders := listeners(t, address); !slices.Equal(holders, now.PIDs) && !slices.Contains(holders, now.GuardPID) {
				t.Errorf("the port is held by %v, want the worker %v or its guard %d", holders, now.PIDs, now.GuardPID)
			}
		})
	}
}

// busy reports whether a process is running on a processor, three times in a row.
func busy(pid int) bool {
	for range 3 {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return false
		}
		if fields := strings.Fields(string(data)[strings.LastIndexByte(string(data), ')')+1:]); fields[0] != "R" {
			return false
		}
	}
	return true
}

// listeners are the processes that hold a listening TCP socket.
func listeners(t *testing.T, address string) (pids []int) {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	fmt.Sscan(port, &number)
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	inodes := map[string]bool{}
	for _, line := range strings.Split(string(table), "\n")[1:] {
		fields := strings.Fields(line)
		if len(fields) > 9 && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", number)) && fields[3] == "0A" {
			inodes["socket:["+fields[9]+"]"] = true
		}
	}
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && inodes[target] {
			pid := 0
			fmt.Sscan(strings.Split(link, "/")[2], &pid)
			if !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	slices.Sort(pids)
	return pids
}

// both kills the daemon and the guard of an application, which must not notice each other's death.
func (b *bench) both(guard int) {
	b.t.Helper()
	pid := b.daemonPID()
	for _, p := range []int{pid, guard} {
		if err := syscall.Kill(p, syscall.SIGSTOP); err != nil {
			b.t.Fatal(err)
		}
	}
	killed(b.t, pid)
	killed(b.t, guard)
	within(b.t, 5*time.Second, "both are dead", func() bool { return !lives(pid) && !lives(guard) })
}

// TestDaemonAndGuardLost: with one application, nobody is left to bring anything back; the next verb does.
func TestDaemonAndGuardLost(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.run("start", dir)
	old := b.apps()["app"]
	// The worker does not notice, and would hold its port for ever; unless the kernel hangs up on its stopped group first.
	if err := syscall.Kill(old.PIDs[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.both(old.GuardPID)
	within(t, 10*time.Second, "the next verb brings the application back", func() bool {
		return b.apps()["app"].State == supervisor.AppComplete
	})
	if lives(old.PIDs[0]) {
		t.Errorf("the old worker lives")
	}
	if conn, err := net.DialTimeout("tcp", address, time.Second); err != nil {
		t.Errorf("the port does not answer: %v", err)
	} else {
		conn.Close()
	}
}

// TestLeftBehindOfUnwanted: what is left of an application that is not wanted is ended, and starts nothing.
func TestLeftBehindOfUnwanted(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.run("start", dir)
	old := b.apps()["app"]
	if err := syscall.Kill(old.PIDs[0], syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.both(old.GuardPID)
	path := filepath.Join(b.dir, "p", "state", "apps", "app.json")
	record, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b.write(path, strings.Replace(string(record), `"desired": "running"`, `"desired": "stopped"`, 1))
	if a := b.apps()["app"]; a.State != supervisor.AppStopped || a.GuardPID != 0 {
		t.Errorf("it is %+v", a)
	}
	if lives(old.PIDs[0]) {
		t.Error("the old worker lives")
	}
	b.run("exit")
	b.run("list")
	if all := b.daemons(); len(all) > 0 {
		t.Errorf("list starts a daemon although nothing is left: %v", all)
	}
}

// TestDaemonAndGuardLostTogether: the guard of another application brings the daemon back, and that the lost guard.
func TestDaemonAndGuardLostTogether(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.run("start", dir)
	other := filepath.Join(b.dir, "other")
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(other, "procfile.js"), `module.exports = (pandora) => { pandora.fork('idle', './idle.js'); };`)
	b.write(filepath.Join(other, "idle.js"), `setInterval(() => {}, 1000);`)
	b.run("start", other)
	before := b.apps()
	pid, old := b.daemonPID(), before["app"]
	killed(t, pid)
	since := killed(t, old.GuardPID)
	pid = b.revived(pid, since, 2, daemonLimit+guardLimit)
	now := b.apps()
	if lives(old.PIDs[0]) || len(now["app"].PIDs) != 1 {
		t.Errorf("workers %v, and the old one lives: %v", now["app"].PIDs, lives(old.PIDs[0]))
	}
	if !slices.Equal(now["other"].PIDs, before["other"].PIDs) || now["other"].GuardPID != before["other"].GuardPID {
		t.Errorf("the other application is %+v, was %+v", now["other"], before["other"])
	}
	// The guard that was lost may have been bringing one back, too; it gives way.
	within(t, 3*time.Second, "only one daemon", func() bool {
		all := b.daemons()
		return len(all) == 1 && all[0] == pid
	})
	if conn, err := net.DialTimeout("tcp", address, time.Second); err != nil {
		t.Errorf("the port does not answer: %v", err)
	} else {
		conn.Close()
	}
}

// TestSignalsEndTheDaemon: a daemon that is told to end stops all in order; the next one starts them again.
func TestSignalsEndTheDaemon(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			b := newBench(t)
			dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
			b.run("start", dir)
			old, pid := b.apps()["app"], b.daemonPID()
			if err := syscall.Kill(pid, signal); err != nil {
				t.Fatal(err)
			}
			within(t, 15*time.Second, "daemon, guard and worker end", func() bool {
				return !lives(pid) && !lives(old.GuardPID) && !lives(old.PIDs[0])
			})
			if out, err := b.try("list"); err != nil || !strings.Contains(out, "Stopped") {
				t.Errorf("list: %v\n%s", err, out)
			}
			if out := b.run("resurrect"); !strings.Contains(out, "app started successfully!") {
				t.Errorf("resurrect says:\n%s", out)
			}
			if conn, err := net.DialTimeout("tcp", address, time.Second); err != nil {
				t.Errorf("the port does not answer: %v", err)
			} else {
				conn.Close()
			}
		})
	}
}

// TestSecondSignalHurries: an application that ignores everything ends at once when the daemon is told again.
func TestSecondSignalHurries(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.write(filepath.Join(dir, "app.js"), `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000);`)
	b.run("start", dir)
	old, pid := b.apps()["app"], b.daemonPID()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Second, "the daemon has begun to end", func() bool {
		_, err := os.Stat(filepath.Join(b.dir, "p", "state", "down.json"))
		return err == nil
	})
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	took := within(t, 10*time.Second, "daemon, guard and worker end", func() bool {
		return !lives(pid) && !lives(old.GuardPID) && !lives(old.PIDs[0])
	})
	t.Logf("all ended %v after the second signal", took.Round(time.Millisecond))
	if limit := 5 * time.Second; took > limit {
		t.Errorf("it took %v, want at most %v: a graceful stop takes ten seconds", took, limit)
	}
}
