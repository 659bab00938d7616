package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

const (
	// probeTimeout bounds the question whether somebody listens on a socket of this machine.
	probeTimeout = 5 * time.Second
	// startTimeout bounds the start of a daemon, its lock and its configuration included.
	startTimeout = 60 * time.Second
	// exitTimeoutSpan bounds the end of a daemon with all its applications.
	exitTimeoutSpan = 2 * time.Minute
)

// home finds the home folder and refuses one of another user. The logs are where the last daemon had them.
func (c *cli) home() (state.Home, error) {
	home, err := c.plainHome()
	if err != nil {
		return home, err
	}
	return c.withLogs(home, home.ReadDaemon()), nil
}

// plainHome is the home folder without any configuration.
func (c *cli) plainHome() (state.Home, error) {
	home, err := state.Locate(c.getenv)
	if err != nil {
		return home, err
	}
	return home, home.Check()
}

// withLogs is the plain home with the logs where a daemon has them, as long as that folder exists: one that is gone must
// not be in the way of the next start.
func (c *cli) withLogs(home state.Home, spec *state.Daemon) state.Home {
	if spec == nil || spec.LogsDir == "" || c.getenv("PANDORA_LOGS_DIR") != "" {
		return home
	}
	if info, err := os.Stat(spec.LogsDir); err != nil || !info.IsDir() {
		return home
	}
	return home.WithLogs(spec.LogsDir)
}

// attach connects to the running daemon. Where there is none but a guard lives, or one was lost, it starts one, which
// adopts the guards and replaces the lost. With neither the daemon is nil.
func (c *cli) attach(ctx context.Context) (state.Home, *control.Daemon, error) {
	home, err := c.home()
	if err != nil {
		return home, nil, err
	}
	d, err := probe(ctx, home)
	if d == nil && err == nil && mustAttach(home) {
		d, _, err = c.ensure(ctx, home)
	}
	return home, d, err
}

// probe connects to the running daemon; nil when there is none.
func probe(ctx context.Context, home state.Home) (*control.Daemon, error) {
	d := control.DialDaemon(home.ControlSocket(), version)
	ask, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	_, err := d.Info(ask)
	switch {
	case err == nil:
		return d, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		text := fmt.Sprintf("ask the daemon at %q: it does not answer within %s; [ pandora log --daemon ] may tell why", home.ControlSocket(), probeTimeout)
		if pid := home.DaemonPID(); pid != 0 && home.DaemonLives() {
			text += fmt.Sprintf(", and [ kill -9 %d ] ends it: the applications go on, and the next command starts another", pid)
		}
		return nil, &failure{code: exitTimeout, err: errors.New(text)}
	case errors.Is(err, control.ErrUnreachable):
		d.Close()
		return nil, nil
	default:
		return nil, err
	}
}

// guardLives reports whether any guard listens.
func guardLives(home state.Home) bool {
	for _, path := range home.GuardSockets() {
		if listens(path) {
			return true
		}
	}
	return false
}

// listens reports whether somebody listens on a socket.
func listens(path string) bool {
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// mustAttach reports whether a daemon is missing: a guard lives, or it was lost together with the daemon and may have left
// workers behind.
func mustAttach(home state.Home) bool {
	if guardLives(home) {
		return true
	}
	for _, path := range home.Rosters() {
		if supervisor.LeftBehind(path) {
			return true
		}
	}
	return false
}

// ensure connects to the running daemon, or starts one. started is nil when one ran already.
func (c *cli) ensure(ctx context.Context, home state.Home) (d *control.Daemon, started *readiness, err error) {
	if d, err = probe(ctx, home); d != nil || err != nil {
		return d, nil, err
	}
	if err := home.Prepare(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if d, err = awaitService(ctx, home); d != nil || err != nil {
		return d, nil, err
	}
	// Of several commands that find no daemon, one starts it; the others wait here and then find it.
	lock, err := home.LockStart(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("start the daemon: another command is doing it and does not finish: %w", err)
	}
	defer lock.Close()
	if d, err = probe(ctx, home); d != nil || err != nil {
		return d, nil, err
	}
	if d, err = awaitOther(ctx, home); d != nil || err != nil {
		return d, nil, err
	}
	if home, err = c.plainHome(); err != nil {
		return nil, nil, err
	}
	spec, err := c.daemonSpec(ctx, home)
	if err != nil {
		return nil, nil, err
	}
	ready, err := startDaemon(ctx, c.withLogs(home, spec), spec)
	if err != nil {
		return nil, nil, err
	}
	return control.DialDaemon(home.ControlSocket(), version), &ready, nil
}

// awaitOther waits for a daemon that holds its lock and does not answer: it is ending, or it is being started by a guard
// that was lost meanwhile. The daemon is nil when the lock is free, or it has been held for too long.
func awaitOther(ctx context.Context, home state.Home) (*control.Daemon, error) {
	limited, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for home.DaemonLives() {
		select {
		case <-limited.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		if d, err := probe(limited, home); d != nil || err != nil && limited.Err() == nil {
			return d, err
		}
	}
	return nil, nil
}

// awaitService gives the service manager that keeps the daemon the time to bring back one that has died; a daemon that is
// started meanwhile would be in its way. The daemon is nil when there is no service manager, or it does not.
func awaitService(ctx context.Context, home state.Home) (*control.Daemon, error) {
	if spec := home.ReadDaemon(); spec == nil || !spec.Service || home.IsDown() || !mustAttach(home) {
		return nil, nil
	}
	limited, cancel := context.WithTimeout(ctx, servicePatience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-limited.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		if d, err := probe(limited, home); d != nil || err != nil && limited.Err() == nil {
			return d, err
		}
	}
}

// daemonSpec decides what a new daemon is started with. One that adopts living guards gets what the lost one had; any
// other gets the environment of this command. Either is written down for the next.
func (c *cli) daemonSpec(ctx context.Context, home state.Home) (*state.Daemon, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the path of this program: %w", err)
	}
	if old := home.ReadDaemon(); old != nil && mustAttach(home) {
		old.Version, old.Executable, old.Service = version, executable, false
		return old, home.WriteDaemon(old)
	}
	return c.freshSpec(ctx, home, executable)
}

// freshSpec is a daemon with the environment and the global configuration of this command, written down.
func (c *cli) freshSpec(ctx context.Context, home state.Home, executable string) (*state.Daemon, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the current folder: %w", err)
	}
	result, err := config.Load(ctx, config.Options{Env: c.environ, Cwd: cwd, Executable: executable})
	if err != nil {
		return nil, err
	}
	for _, w := range result.Warnings {
		c.warn("%s", w)
	}
	spec := &state.Daemon{
		Version: version, Executable: executable, Cwd: cwd, Env: daemonEnviron(c.environ, home),
		Config: result.JSON, ConfigPaths: result.Paths, LogsDir: c.configuredLogs(home, result.JSON, cwd),
	}
	return spec, errors.Join(home.WriteDaemon(spec), home.ForgetRevivals())
}

// daemonEnviron is the environment of a daemon or guard: the caller's, without what would make it part of a worker when
// the command was run by one, and with PANDORA_DIR absolute.
func daemonEnviron(environ []string, home state.Home) []string {
	env := withoutWorkerMarks(environ)
	for i, kv := range env {
		if key, value, _ := strings.Cut(kv, "="); key == "PANDORA_DIR" && value != "" {
			env[i] = "PANDORA_DIR=" + home.Dir
		}
	}
	return env
}

// withoutWorkerMarks drops what a guard gives to the worker this command may run in, and what a service manager gives to
// the daemon: it is not for others.
func withoutWorkerMarks(environ []string) []string {
	env := make([]string, 0, len(environ))
	for _, kv := range environ {
		switch key, _, _ := strings.Cut(kv, "="); key {
		case supervisor.TreeEnv, "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE", "NODE_UNIQUE_ID",
			"NODE_APP_INSTANCE", "PANDORA_WORKER", "PANDORA_PROCESS_REPRESENTATION",
			"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID":
		default:
			env = append(env, kv)
		}
	}
	return env
}

// startDaemon starts a daemon process and waits until it says that it is ready.
func startDaemon(ctx context.Context, home state.Home, spec *state.Daemon) (readiness, error) {
	logFile, err := rotate.OpenShared(home.DaemonStd(), ownRotation())
	if err != nil {
		return readiness{}, fmt.Errorf("start the daemon: %w", err)
	}
	defer logFile.Close()
	child, err := spawnReady(ctx, spawnSpec{
		executable: spec.Executable, verb: "daemon", env: spec.Env, dir: home.Dir, output: logFile,
	})
	if err != nil {
		return readiness{}, fmt.Errorf("start the daemon: %w", err)
	}
	if child.ready.Error != "" {
		_, _ = child.process.Wait()
		return readiness{}, fmt.Errorf("start the daemon: %s", child.ready.Error)
	}
	if child.ready.PID == 0 {
		text := child.death()
		if tail := lastLines(home.DaemonStd(), 10); len(tail) > 0 {
			text += "\n" + strings.Join(tail, "\n")
		}
		return readiness{}, fmt.Errorf("%s\nits log is %s", text, home.DaemonLog())
	}
	return child.ready, child.process.Release()
}

// awaitDaemonEnd waits until the daemon's lock is free, which is when its process has ended.
func awaitDaemonEnd(ctx context.Context, home state.Home) error {
	ctx, cancel := context.WithTimeout(ctx, exitTimeoutSpan)
	defer cancel()
	lock, err := home.LockDaemon(ctx)
	if err != nil {
		return fmt.Errorf("wait for the end of the daemon: %w", errors.Join(err, ctx.Err()))
	}
	return lock.Close()
}

// unwish notes that recorded applications are not wanted any more, while no daemon runs: all of them, or the one named.
func unwish(ctx context.Context, home state.Home, name string) error {
	if _, err := os.Stat(filepath.Join(home.State, "daemon.lock")); err != nil {
		return nil // no daemon ever ran here
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	lock, err := home.LockDaemon(ctx)
	if err != nil {
		return err
	}
	defer lock.Close()
	records, _ := home.Records()
	for _, r := range records {
		if (name == "" || r.AppName == name) && r.Desired != state.DesiredStopped {
			r.Desired = state.DesiredStopped
			if err := home.WriteRecord(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// lastLines returns the last n lines of a file, looking at its last 64 KB; nil when it cannot be read.
func lastLines(path string, n int) []string {
	const window = 64 << 10
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		_, _ = file.Seek(max(0, size-window), io.SeekStart)
	}
	data, err := io.ReadAll(io.LimitReader(file, window))
	if err != nil || len(data) == 0 {
		return nil
	}
	lines := bytes.Split(bytes.TrimRight(data, "\n"), []byte("\n"))
	var out []string
	for _, line := range lines[max(0, len(lines)-n):] {
		out = append(out, string(line))
	}
	return out
}

// sameJSON reports whether two JSON texts mean the same; empty is {}.
func sameJSON(a, b json.RawMessage) bool {
	canonical := func(raw json.RawMessage) string {
		if len(bytes.TrimSpace(raw)) == 0 {
			return "{}"
		}
		var v any
		if json.Unmarshal(raw, &v) != nil {
			return string(raw)
		}
		data, _ := json.Marshal(v) // keys sorted
		return string(data)
	}
	return canonical(a) == canonical(b)
}
