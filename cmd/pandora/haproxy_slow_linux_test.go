//go:build slow

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
)

// haproxyConfig balances one application twice: by its readiness and by its health. The ports of the application and of the
// endpoints follow.
const haproxyConfig = `global
  stats socket %[1]s/stats.sock mode 600
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
  default-server inter 100ms fall 1 rise 1
frontend ready
  bind unix@%[1]s/ready.sock
  default_backend ready
frontend health
  bind unix@%[1]s/health.sock
  default_backend health
backend ready
  option httpchk
  http-check send meth GET uri /readyz/app ver HTTP/1.1 hdr Host localhost
  server app 127.0.0.1:%[2]s check port %[3]s
backend health
  option httpchk GET /health?appName=app
  server app 127.0.0.1:%[2]s check port %[3]s
`

// haproxy is a running HAProxy.
type haproxy struct {
	t   *testing.T
	dir string
}

// startHAProxy starts one before an application's port, which checks it by the endpoints' port.
func startHAProxy(t *testing.T, port, actuator string) *haproxy {
	t.Helper()
	program, err := exec.LookPath("haproxy")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("haproxy is not installed: apt-get install haproxy")
	}
	h := &haproxy{t: t, dir: t.TempDir()}
	file := filepath.Join(h.dir, "haproxy.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, haproxyConfig, h.dir, port, actuator), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", file)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Log(out.String())
		}
	})
	return h
}

// state is what HAProxy thinks of the application in a backend: "UP" or "DOWN" with the reason.
func (h *haproxy) state(backend string) string {
	conn, err := net.Dial("unix", filepath.Join(h.dir, "stats.sock"))
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	fmt.Fprintln(conn, "show stat")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if fields := strings.Split(lines.Text(), ","); len(fields) > 38 && fields[0] == backend && fields[1] == "app" {
			return fields[17] + " " + fields[36] + " " + fields[37]
		}
	}
	return "unknown"
}

// get asks the application through a frontend.
func (h *haproxy) get(frontend, path string) (int, string) {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(h.dir, frontend+".sock"))
	}}}
	response, err := client.Get("http://app" + path)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body) // a broken body is not the expected one
	return response.StatusCode, strings.TrimSpace(string(body))
}

// until waits until HAProxy thinks so of both backends.
func (h *haproxy) until(what, ready, health string) {
	h.t.Helper()
	within(h.t, 10*time.Second, what, func() bool {
		return strings.HasPrefix(h.state("ready"), ready+" ") && strings.HasPrefix(h.state("health"), health+" ")
	})
	h.t.Logf("%-34s readyz: %-24s health: %s", what, h.state("ready"), h.state("health"))
}

// TestHAProxy: a real HAProxy takes an application out of service when its health is DOWN, and when it begins to stop, while
// the requests it has are still answered; and back in again.
func TestHAProxy(t *testing.T) {
	b := newBench(t)
	dir, address := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	_, port, _ := net.SplitHostPort(address)
	broken := filepath.Join(b.dir, "broken")
	b.write(filepath.Join(dir, "app.js"), fmt.Sprintf(`'use strict';
const { HealthIndicator } = require('dorapan');
class Store extends HealthIndicator {
  constructor() { super(); this.name = 'store'; }
  async doCheck(builder) { if (require('node:fs').existsSync(%q)) builder.down(); else builder.up(); }
}
new Store().initialize();
require('node:http').createServer((request, response) => {
  setTimeout(() => response.end('answered'), request.url === '/slow' ? 2000 : 0);
}).listen(%s, '127.0.0.1');
`, broken, port))
	keeper := filepath.Join(b.dir, "keeper") // the daemon ends with its last application
	if err := os.MkdirAll(keeper, 0o755); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(keeper, "procfile.js"), `module.exports = (pandora) => { pandora.fork('idle', './idle.js'); };`)
	b.write(filepath.Join(keeper, "idle.js"), `setInterval(() => {}, 60000);`)
	b.run("start", keeper)
	b.run("start", dir)
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	info, err := d.Info(t.Context())
	d.Close()
	if err != nil {
		t.Fatal(err)
	}
	_, actuator, _ := net.SplitHostPort(info.Actuator)
	h := startHAProxy(t, port, actuator)

	h.until("started", "UP", "UP")
	for _, frontend := range []string{"ready", "health"} {
		if status, body := h.get(frontend, "/"); status != 200 || body != "answered" {
			t.Errorf("%s: %d %s", frontend, status, body)
		}
	}
	b.write(broken, "")
	h.until("an indicator is DOWN", "UP", "DOWN")
	if status, _ := h.get("health", "/"); status != 503 {
		t.Errorf("out of service, and answers %d", status)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	h.until("the indicator is UP again", "UP", "UP")
	b.run("reload", "app")
	h.until("reloaded", "UP", "UP")

	slow := make(chan string, 1)
	go func() {
		status, body := h.get("ready", "/slow")
		slow <- fmt.Sprint(status, " ", body)
	}()
	within(t, 5*time.Second, "a request under way", func() bool {
		conn, err := net.Dial("unix", filepath.Join(h.dir, "stats.sock"))
		if err != nil {
			return false
		}
		defer conn.Close()
		fmt.Fprintln(conn, "show stat")
		all, _ := io.ReadAll(conn) // nothing read is nothing found
		for _, line := range strings.Split(string(all), "\n") {
			if fields := strings.Split(line, ","); len(fields) > 5 && fields[0] == "ready" && fields[1] == "app" {
				return fields[4] == "1"
			}
		}
		return false
	})
	stopped := make(chan string, 1)
	go func() {
		out, _ := b.try("stop", "app") // checked by what HAProxy sees
		stopped <- out
	}()
	h.until("stopping", "DOWN", "DOWN")
	if len(slow) > 0 {
		t.Error("out of service only after its last request")
	}
	if got := <-slow; got != "200 answered" {
		t.Errorf("the request under way got %s", got)
	}
	t.Logf("the request under way was answered; %s", strings.TrimSpace(<-stopped))
	if status, _ := h.get("ready", "/"); status != 503 {
		t.Errorf("stopped, and answers %d", status)
	}
	b.run("start", dir)
	h.until("started again", "UP", "UP")
}
