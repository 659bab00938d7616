package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
)

// TestProbesOfAnApplication: a real daemon that must not be reached from elsewhere stays on this machine and says why; the
// probes follow its workers, and what reveals something takes the token.
func TestProbesOfAnApplication(t *testing.T) {
	b := newBench(t)
	token := filepath.Join(b.dir, "token")
	b.write(token, "0123456789abcdef\n")
	config := filepath.Join(b.dir, "config.js")
	b.write(config, `module.exports = { actuator: { http: { host: '0.0.0.0', tokenFile: `+"`"+token+"`"+` } } };`)
	b.env = append(b.env, "PANDORA_CONFIG="+config)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); pandora.fork('jobs', './jobs.js'); };`)
	flag := filepath.Join(b.dir, "broken")
	b.write(filepath.Join(dir, "jobs.js"), `if (require('node:fs').existsSync(`+"`"+flag+"`"+`)) throw new Error('no'); setInterval(() => {}, 60000);`)
	b.run("start", dir)
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	info, err := d.Info(t.Context())
	d.Close()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(info.Actuator, "127.0.0.1:") || !strings.Contains(strings.Join(info.Problems, "\n"), "actuator.http.insecure") {
		t.Errorf("serves on %s, problems %q", info.Actuator, info.Problems)
	}
	get := func(path, authorization string) (int, string) {
		request, err := http.NewRequest(http.MethodGet, "http://"+info.Actuator+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", authorization)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err.Error()
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body) // a broken body is not the expected one
		return response.StatusCode, string(body)
	}
	for path, want := range map[string]int{
		"/": 200, "/livez": 200, "/readyz/app/web": 200, "/startupz": 200, "/health": 200, "/readyz/none": 404, "/info": 401, "/metrics": 401,
		"/process?appName=app": 401, "/error": 401, "/daemon": 401, "/runtime": 401, "/events": 401,
	} {
		if status, body := get(path, ""); status != want {
			t.Errorf("GET %s: %d %s, want %d", path, status, body, want)
		}
		if want != 401 || path == "/events" {
			continue // that one goes on for ever
		}
		if status, _ := get(path, "Bearer 0123456789abcdef"); status != 200 {
			t.Errorf("GET %s with the token: %d", path, status)
		}
	}
	if status, body := get("/readyz", "Bearer 0123456789abcdef"); status != 200 || body != "ok" {
		t.Errorf("readyz: %d %s", status, body)
	}

	// One process crashes again and again: it lives, as the supervisor goes on, and is not ready.
	b.write(flag, "")
	for _, p := range b.list().Processes {
		if p.Name == "jobs" {
			if err := syscall.Kill(p.Workers[0].PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
	}
	within(t, 10*time.Second, "not ready", func() bool {
		status, body := get("/readyz?verbose", "Bearer 0123456789abcdef")
		return status == 503 && strings.Contains(body, "[+]app/web ok\n[-]app/jobs failed: no worker is ready")
	})
	if status, body := get("/livez/app", ""); status != 200 {
		t.Errorf("livez: %d %s", status, body)
	}
	if status, body := get("/readyz/app/web", ""); status != 200 {
		t.Errorf("the other process: %d %s", status, body)
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "ready again", func() bool { status, _ := get("/readyz", ""); return status == 200 })
}
