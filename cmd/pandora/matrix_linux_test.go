package main

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/load"
)

// The matrix runs the applications of testdata/apps as unchanged processes, on whatever Node is in PATH: `make matrix`
// runs all of them on every version, `make test` some on the one at hand.

// matrixApp is one application of the matrix.
type matrixApp struct {
	name string
	// kinds are the ways to start it.
	kinds []string
	// ask sends requests until ctx ends.
	ask func(ctx context.Context, address string) load.Result
	// exclusive: only one process can have what it listens on, so that a reload has a gap; that must be shown.
	exclusive bool
	// modules is the folder below .cache with its packages, "apps" when it is not set.
	modules string
	// short: it is part of the tests on one Node version.
	short bool
}

var matrixApps = []matrixApp{
	{name: "http", kinds: []string{"fork", "cluster"}, ask: askHTTP},
	{name: "express", kinds: []string{"fork", "cluster"}, ask: askHTTP, short: true},
	{name: "koa", kinds: []string{"fork", "cluster"}, ask: askHTTP},
	{name: "fastify", kinds: []string{"fork", "cluster"}, ask: askHTTP},
	{name: "nest", kinds: []string{"fork", "cluster"}, ask: askHTTP},
	{name: "nested", kinds: []string{"fork"}, ask: askHTTP, short: true},
	{name: "egg", kinds: []string{"fork"}, ask: askHTTP},
	{name: "midway", kinds: []string{"fork"}, ask: askHTTP, modules: "midway"},
	{name: "ws", kinds: []string{"fork", "cluster"}, ask: askWebSocket, short: true},
	{name: "http2", kinds: []string{"fork", "cluster"}, ask: askHTTP2, short: true},
	{name: "net", kinds: []string{"fork", "cluster"}, ask: askLines},
	{name: "dgram", kinds: []string{"fork"}, ask: askDatagrams(100 * time.Millisecond), exclusive: true, short: true},
	{name: "dgram", kinds: []string{"cluster"}, ask: askDatagrams(5 * time.Second)},
}

// TestMatrix starts each application, reloads it under light load, and stops it.
func TestMatrix(t *testing.T) {
	requireNode(t)
	all, reloads := os.Getenv("PANDORA_MATRIX") != "", 2
	if all {
		reloads = 5
	}
	version, err := exec.Command("node", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var rows []string
	t.Cleanup(func() {
		slices.Sort(rows)
		t.Logf("Node %s\n%s", strings.TrimSpace(string(version)), strings.Join(rows, "\n"))
	})
	for _, app := range matrixApps {
		for _, kind := range app.kinds {
			if !all && (!app.short || kind == "fork" && len(app.kinds) > 1) {
				continue
			}
			t.Run(app.name+" "+kind, func(t *testing.T) {
				row := runMatrixApp(t, app, kind, installed(t, cmp.Or(app.modules, "apps"), all), reloads)
				mu.Lock()
				rows = append(rows, row)
				mu.Unlock()
			})
		}
	}
}

// installed is the folder of packages that the Makefile installs for tests into .cache/name; where it is missing the test is
// skipped, and fails when it must be there.
func installed(t *testing.T, name string, must bool) string {
	t.Helper()
	modules, err := filepath.Abs("../../.cache/" + name + "/node_modules")
	if err == nil {
		_, err = os.Stat(modules)
	}
	if err == nil {
		return modules
	}
	if must || os.Getenv("CI") == "true" {
		t.Fatalf("%v: run make .cache/%s/.installed", err, name)
	}
	t.Skipf("the packages of the test are not installed: run make .cache/%s/.installed", name)
	return ""
}

// runMatrixApp runs one application once and tells what happened.
func runMatrixApp(t *testing.T, app matrixApp, kind, modules string, reloads int) string {
	b := newBench(t)
	dir, address := b.matrixApp(app.name, kind, modules)
	began := time.Now()
	b.run("start", dir)
	answersWithin(t, app, address, 20*time.Second)
	started := time.Since(began)

	ctx, cancel := context.WithCancel(context.Background())
	result := make(chan load.Result, 1)
	go func() { result <- app.ask(ctx, address) }()
	var reload time.Duration
	for range reloads {
		began = time.Now()
		b.run("reload", "app")
		reload = max(reload, time.Since(began))
		time.Sleep(200 * time.Millisecond) // this generation answers alone
	}
	cancel()
	r := <-result
	if r.OK == 0 || r.Failed > 0 && !app.exclusive {
		t.Errorf("%v\n%s", r, b.log())
	}
	if len(r.Bodies) < reloads+1 {
		t.Errorf("answers of %d processes in %d reloads: %v", len(r.Bodies), reloads, r.Bodies)
	}
	if described := b.run("list", "--json"); app.exclusive && !strings.Contains(described, `"exclusive"`) {
		t.Errorf("not shown as exclusive:\n%s", described)
	}
	b.run("stop", "app")
	for pid := range r.Bodies {
		if _, err := os.Stat("/proc/" + pid); err == nil {
			t.Errorf("process %s is left", pid)
		}
	}
	if left := b.processes(dir); len(left) > 0 {
		t.Errorf("left after stop: %v", left)
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Errorf("somebody listens on %s after stop", address)
	}
	return fmt.Sprintf("%-8s %-8s start %4d ms, slowest reload %5d ms, %5d ok, %d failed", app.name, kind,
		started.Milliseconds(), reload.Milliseconds(), r.OK, r.Failed)
}

// matrixApp copies an application of testdata/apps and writes its procfile, unless it has one.
func (b *bench) matrixApp(name, kind, modules string) (dir, address string) {
	b.t.Helper()
	dir, address = b.app("")
	entry := name + ".js"
	source := filepath.Join("testdata", "apps", name)
	os.Remove(filepath.Join(dir, "procfile.js"))
	os.Remove(filepath.Join(dir, "app.js")) // which egg would take for its own
	if info, err := os.Stat(source); err == nil && info.IsDir() {
		entry = "server.js"
		if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
			b.t.Fatal(err)
		}
	} else if text, err := os.ReadFile(source + ".js"); err == nil {
		b.write(filepath.Join(dir, entry), string(text))
	} else {
		b.t.Fatal(err)
	}
	how := map[string]string{"fork": "fork('web', './%s')", "cluster": "cluster('web', './%s').scale(2)"}[kind]
	if _, err := os.Stat(filepath.Join(source, "procfile.js")); err != nil { // it has none of its own
		b.write(filepath.Join(dir, "procfile.js"), "module.exports = (pandora) => { pandora."+fmt.Sprintf(how, entry)+"; };\n")
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		b.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	// Egg and midway write logs below the home folder, which they ask the system for, and not HOME.
	b.env = append(b.env, "PORT="+port, "EGG_HOME="+b.dir, "MOCK_HOME_DIR="+b.dir)
	return dir, address
}

// log is the end of what the application printed.
func (b *bench) log() string {
	out, _ := b.try("log", "app", "--lines", "40")
	return out
}

// processes lists live processes whose working folder is dir, with their command lines.
func (b *bench) processes(dir string) (found []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range all {
		if cwd, err := os.Readlink(link); err == nil && cwd == dir {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
			if len(line) > 0 { // a zombie has none
				found = append(found, filepath.Base(filepath.Dir(link))+" "+strings.ReplaceAll(string(line), "\x00", " "))
			}
		}
	}
	return found
}

// answersWithin waits for a first answer; what listens only after its entry was loaded is ready later than started.
func answersWithin(t *testing.T, app matrixApp, address string, limit time.Duration) {
	t.Helper()
	for deadline := time.Now().Add(limit); ; {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		r := app.ask(ctx, address)
		cancel()
		if r.OK > 0 && r.Failed == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no answer within %v: %v", limit, r)
		}
	}
}

// askHTTP asks with and without keep-alive.
func askHTTP(ctx context.Context, address string) load.Result {
	return askAll(
		func() load.Result {
			return load.Run(ctx, load.Options{Address: address, Connections: 4, KeepAlive: true, Think: 5 * time.Millisecond})
		},
		func() load.Result {
			return load.Run(ctx, load.Options{Address: address, Connections: 2, Think: 10 * time.Millisecond})
		},
	)
}

// askAll adds up what several clients do at the same time.
func askAll(clients ...func() load.Result) load.Result {
	total := load.Result{Errors: map[string]int{}, Bodies: map[string]int{}}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, client := range clients {
		wg.Go(func() {
			r := client()
			mu.Lock()
			defer mu.Unlock()
			total.OK, total.Failed, total.Hung = total.OK+r.OK, total.Failed+r.Failed, total.Hung+r.Hung
			for text, n := range r.Errors {
				total.Errors[text] += n
			}
			for text, n := range r.Bodies {
				total.Bodies[text] += n
			}
		})
	}
	wg.Wait()
	return total
}

// repeat is a client that does one thing again and again in connections goroutines; what it returns is the pid that
// answered.
func repeat(ctx context.Context, connections int, once func() (string, error)) load.Result {
	one := func() load.Result {
		r := load.Result{Errors: map[string]int{}, Bodies: map[string]int{}}
		for ctx.Err() == nil {
			switch pid, err := once(); {
			case err != nil:
				r.Failed++
				r.Errors[err.Error()]++
				time.Sleep(20 * time.Millisecond)
			default:
				r.OK++
				r.Bodies[pid]++
			}
		}
		return r
	}
	return askAll(slices.Repeat([]func() load.Result{one}, connections)...)
}

// askHTTP2 keeps eight streams in flight on the connections of one client, which has to respect GOAWAY.
func askHTTP2(ctx context.Context, address string) load.Result {
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &protocols}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: load.DefaultTimeout}
	return repeat(ctx, 8, func() (string, error) {
		response, err := client.Get("http://" + address + "/")
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		var pid, name string
		_, err = fmt.Fscan(response.Body, &pid, &name)
		return pid, err
	})
}

// askLines opens connections, asks on each some lines, and closes.
func askLines(ctx context.Context, address string) load.Result {
	return repeat(ctx, 4, func() (string, error) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(load.DefaultTimeout))
		var pid string
		for i := range 5 {
			if _, err := fmt.Fprintf(conn, "line%d\n", i); err != nil {
				return "", err
			}
			var line string
			if _, err := fmt.Fscan(conn, &pid, &line); err != nil || line != fmt.Sprintf("line%d", i) {
				return "", fmt.Errorf("answer %q: %v", line, err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		return pid, nil
	})
}

// askDatagrams sends datagrams and waits for each to come back, as long as is given.
func askDatagrams(within time.Duration) func(context.Context, string) load.Result {
	ask := func(address string) (string, error) {
		conn, err := net.Dial("udp", address)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(within))
		if _, err := conn.Write([]byte("ping")); err != nil {
			return "", fmt.Errorf("not sent")
		}
		buf := make([]byte, 100)
		n, err := conn.Read(buf)
		if err != nil {
			return "", fmt.Errorf("no answer")
		}
		time.Sleep(5 * time.Millisecond)
		pid, _, _ := strings.Cut(string(buf[:n]), " ")
		return pid, nil
	}
	return func(ctx context.Context, address string) load.Result {
		return repeat(ctx, 4, func() (string, error) { return ask(address) })
	}
}
