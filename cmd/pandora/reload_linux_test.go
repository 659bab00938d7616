package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/load"
)

// bench is one home with the commands that run in it.
type bench struct {
	t   *testing.T
	env []string
	dir string
}

// newBench makes a home of its own, whose daemon ends with the test. The test runs beside others: most of its time it waits.
func newBench(t *testing.T) *bench {
	t.Helper()
	t.Parallel()
	return newBenchAlone(t)
}

// newBenchAlone is newBench for a test that has the machine to itself.
func newBenchAlone(t *testing.T) *bench {
	t.Helper()
	requireNode(t)
	home, err := os.MkdirTemp("", "pandora-load-")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: home, env: append(os.Environ(),
		"HOME="+home, "PANDORA_DIR="+filepath.Join(home, "p"), "PANDORA_ACTUATOR_PORT=0", "NO_COLOR=1", "PANDORA_TEST_MAIN=1")}
	t.Cleanup(func() {
		if out, err := b.try("exit"); err != nil {
			t.Logf("exit: %v\n%s", err, out)
		}
		os.RemoveAll(home)
	})
	return b
}

// try runs a command and returns all it printed.
func (b *bench) try(args ...string) (string, error) {
	exe, err := exec.LookPath("pandora")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(exe, args...)
	cmd.Env, cmd.Dir = b.env, b.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// run runs a command that has to succeed.
func (b *bench) run(args ...string) string {
	b.t.Helper()
	out, err := b.try(args...)
	if err != nil {
		b.t.Fatalf("pandora %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// app writes an application with this procfile, whose app.js listens on a port of its own and answers within 0 to 50 ms.
func (b *bench) app(procfile string) (dir, address string) {
	b.t.Helper()
	address = freeAddress(b.t)
	dir = filepath.Join(b.dir, "app")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	b.write(filepath.Join(dir, "app.js"), fmt.Sprintf(`'use strict';
const http = require('node:http');
http.createServer((request, response) => {
  setTimeout(() => response.end(process.pid + ' ' + process.env.NODE_APP_INSTANCE + '\n'), Math.random() * 50);
}).listen(%s, '127.0.0.1');
`, port))
	b.write(filepath.Join(dir, "procfile.js"), procfile)
	return dir, address
}

func (b *bench) write(path, text string) {
	b.t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// under runs work while clients of both kinds, and some that think for 2 s, ask; it returns what became of the requests.
func under(address string, work func()) map[string]load.Result {
	return underWithin(address, load.DefaultTimeout, work)
}

// underWithin is under for requests that may take so long, as those that wait for the next process.
func underWithin(address string, timeout time.Duration, work func()) map[string]load.Result {
	ctx, cancel := context.WithCancel(context.Background())
	results := map[string]load.Result{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for name, o := range map[string]load.Options{
		"keep-alive": {Connections: 16, KeepAlive: true},
		"close":      {Connections: 12},
		"thinking":   {Connections: 4, KeepAlive: true, Think: 2 * time.Second},
	} {
		o.Address, o.Timeout = address, timeout
		wg.Go(func() {
			r := load.Run(ctx, o)
			mu.Lock()
			results[name] = r
			mu.Unlock()
		})
	}
	work()
	cancel()
	wg.Wait()
	return results
}

// TestReloadLosesNothing reloads ten times under load, for each kind of process.
func TestReloadLosesNothing(t *testing.T) {
	for name, procfile := range map[string]string{
		"fork":      `module.exports = (pandora) => { pandora.fork('web', './app.js'); };`,
		"cluster 1": `module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(1); };`,
		"cluster 2": `module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir, address := b.app(procfile)
			b.run("start", dir)
			results := under(address, func() {
				for range 10 {
					b.run("reload", "app")
				}
			})
			for kind, r := range results {
				t.Logf("%s: %v", kind, r)
				if r.Failed > 0 || r.OK == 0 {
					t.Errorf("%s: %v", kind, r)
				}
				if kind == "close" && len(r.Bodies) < 10 {
					t.Errorf("only %d workers answered in ten reloads", len(r.Bodies))
				}
			}
		})
	}
}
