package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
)

// listenNotify is a service manager's end; it returns the address as NOTIFY_SOCKET has it.
func listenNotify(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// heard reads one message.
func heard(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pandora-n-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func TestServiceManager(t *testing.T) {
	path := filepath.Join(shortDir(t), "notify")
	conn := listenNotify(t, path)
	self := strconv.Itoa(os.Getpid())
	env := map[string]string{"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "20000", "WATCHDOG_PID": self}
	m := newServiceManager(func(key string) string { return env[key] }, zap.NewNop())
	if m.watchdog != 20*time.Millisecond {
		t.Errorf("watchdog is %v, want 20 ms", m.watchdog)
	}
	m.tell("READY=1\nSTATUS=%d applications", 2)
	if got := heard(t, conn); got != "READY=1\nSTATUS=2 applications" {
		t.Errorf("heard %q", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	alive := 0
	wg.Go(func() { m.watch(ctx, func() { alive++ }) })
	for range 3 {
		if got := heard(t, conn); got != "WATCHDOG=1" {
			t.Errorf("heard %q", got)
		}
	}
	cancel()
	wg.Wait()
	if alive < 3 {
		t.Errorf("three signs of life after %d looks", alive)
	}
}

// TestNoServiceManager: what is meant for another process, or is no number, is no watchdog; nobody is told of anything.
func TestNoServiceManager(t *testing.T) {
	for _, env := range []map[string]string{
		{},
		{"WATCHDOG_USEC": "20000"},
		{"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "20000", "WATCHDOG_PID": "1"},
		{"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "soon"},
		{"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "-1"},
	} {
		m := newServiceManager(func(key string) string { return env[key] }, zap.NewNop())
		if m.watchdog != 0 {
			t.Errorf("%v: watchdog is %v", env, m.watchdog)
		}
		m.watch(t.Context(), func() { t.Errorf("%v: it watches", env) })
		m.tell("READY=1") // to nobody: logged at most
	}
}

// TestDaemonTellsServiceManager runs a daemon as a service manager does.
func TestDaemonTellsServiceManager(t *testing.T) {
	b := newBench(t)
	path := filepath.Join(b.dir, "notify")
	conn := listenNotify(t, path)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	daemon := b.service("NOTIFY_SOCKET="+path, "WATCHDOG_USEC=200000")
	if got := heard(t, conn); !strings.HasPrefix(got, "READY=1\n") || !strings.Contains(got, "MAINPID="+strconv.Itoa(daemon.Process.Pid)) {
		t.Errorf("heard %q first", got)
	}
	if got := heard(t, conn); got != "WATCHDOG=1" {
		t.Errorf("heard %q then", got)
	}
	b.run("start", dir)
	// A worker must not find what is meant for the daemon.
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(b.apps()["app"].PIDs[0]) + "/environ")
	if err == nil && (strings.Contains(string(environ), "NOTIFY_SOCKET") || strings.Contains(string(environ), "WATCHDOG_USEC")) {
		t.Error("a worker got what is meant for the daemon")
	}
	if conn, err := net.Dial("tcp", address); err != nil {
		t.Error(err)
	} else {
		conn.Close()
	}
	b.run("stop", "app")
	if pid := b.daemonPID(); pid != daemon.Process.Pid {
		t.Errorf("with --stay the daemon ends with the last application: now it is %d", pid)
	}
	b.run("exit")
	for got := ""; got != "STOPPING=1"; got = heard(t, conn) {
		if got != "" && got != "WATCHDOG=1" {
			t.Errorf("heard %q at the end", got)
		}
	}
	if err := daemon.Wait(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

// TestServiceManagerGoesFirst: neither a guard nor a command starts a daemon while the service manager still may; when it
// does not, a guard does, and from then on guards act at once.
func TestServiceManagerGoesFirst(t *testing.T) {
	b := newBenchAlone(t)
	conn := listenNotify(t, filepath.Join(b.dir, "notify"))
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	first := b.service("NOTIFY_SOCKET=" + filepath.Join(b.dir, "notify"))
	heard(t, conn)
	b.run("start", dir)
	was := b.apps()["app"]
	killed(t, first.Process.Pid)
	if err := first.Wait(); err == nil {
		t.Error("a killed daemon has ended well")
	}
	// The service manager takes two seconds; a command waits for it.
	listed := make(chan error, 1)
	go func() {
		_, err := b.try("list")
		listed <- err
	}()
	timer := time.NewTimer(2 * time.Second)
	defer timer.Stop()
	<-timer.C
	second := b.service("NOTIFY_SOCKET=" + filepath.Join(b.dir, "notify"))
	if err := <-listed; err != nil {
		t.Errorf("list: %v", err)
	}
	if is := b.apps()["app"]; is.GuardPID != was.GuardPID || len(is.PIDs) != 1 || is.PIDs[0] != was.PIDs[0] {
		t.Errorf("list shows %+v, was %+v", is, was)
	}
	if pid := b.daemonPID(); pid != second.Process.Pid {
		t.Fatalf("the daemon is %d, want that of the service manager, %d", pid, second.Process.Pid)
	}
	// Now it does nothing.
	dead := second.Process.Pid
	since := killed(t, dead)
	_ = second.Wait()
	pid := 0
	within(t, servicePatience+20*time.Second, "a guard brings it back", func() bool { pid = b.daemonPID(); return pid != 0 })
	if took := time.Since(since); took < servicePatience {
		t.Errorf("a guard acted after %v", took)
	}
	within(t, 10*time.Second, "daemon status tells of the revival, and of no service manager", func() bool {
		out := b.run("daemon", "status")
		return strings.Contains(out, "revived   once") && !strings.Contains(out, "service  ")
	})
	dead, since = pid, killed(t, pid)
	within(t, 20*time.Second, "a guard brings it back again", func() bool { pid = b.daemonPID(); return pid != 0 && pid != dead })
	if took := time.Since(since); took >= servicePatience {
		t.Errorf("a guard acted after %v only, although no service manager keeps the daemon", took)
	}
}
