package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeRedis answers every command as a Redis would that has this password, until it is closed.
func fakeRedis(t *testing.T, password string) (port int, end func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	var open []net.Conn
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			wg.Go(func() {
				for lines := bufio.NewScanner(c); lines.Scan(); {
					switch lines.Text() {
					case "PING":
						_, _ = io.WriteString(c, "+PONG\r\n")
					case password:
						_, _ = io.WriteString(c, "+OK\r\n")
					}
				}
			})
		}
	})
	end = sync.OnceFunc(func() {
		l.Close()
		mu.Lock()
		for _, c := range open {
			c.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	t.Cleanup(end)
	return l.Addr().(*net.TCPAddr).Port, end
}

// indicatorRow is a row of /health.
type indicatorRow struct {
	Status, Description string
	Critical            bool
	Details             map[string]any
}

// indicatorRows are the rows of an application in /health.
func (b *bench) indicatorRows(app string) map[string]indicatorRow {
	var answer struct{ Data map[string]json.RawMessage }
	_ = json.Unmarshal([]byte(b.get("/health?verbose&appName="+app)), &answer)
	all := map[string]indicatorRow{}
	for name, raw := range answer.Data {
		var row indicatorRow
		if json.Unmarshal(raw, &row) == nil && row.Status != "" {
			all[name] = row
		}
	}
	return all
}

// TestBuiltinIndicators: what a procfile defines is checked by the daemon, from configuration and procfile to /health, and
// the password of a backend appears nowhere.
func TestBuiltinIndicators(t *testing.T) {
	b := newBench(t)
	port, end := fakeRedis(t, "hunter2")
	config := filepath.Join(b.dir, "config.js")
	b.write(config, `module.exports = { actuator: { endPoint: { health: { initConfig: {
  disk_space: { rate: 100 }, process: { enabled: true }, store: { type: 'redis', url: 'redis://:hunter2@127.0.0.1:1/', critical: false } } } } } };`)
	b.env = append(b.env, "PANDORA_CONFIG="+config)
	dir, address := b.app(fmt.Sprintf(`module.exports = (pandora) => {
  pandora.process('web').scale(2).entry('./app.js');
  pandora.indicator('cache', { type: 'redis', url: 'redis://:hunter2@127.0.0.1:%d/', intervalMs: 100 });
  pandora.indicator('port', { type: 'port', path: '/', bodyMatches: '^\\d+ [01]\\n$', intervalMs: 100 });
  pandora.indicator('loop', { type: 'event_loop', maxLagMs: 60000, intervalMs: 100 });
  pandora.indicator('memory', { type: 'memory', heapRate: 99, rate: 100, intervalMs: 100 });
};`, port))
	b.run("start", "--name", "demo", dir)

	up := map[string]indicatorRow{}
	within(t, 10*time.Second, "every check is UP", func() bool {
		up = b.indicatorRows("demo")
		for _, name := range []string{"disk_space", "process", "cache", "port", "loop", "memory"} {
			if up[name].Status != "UP" {
				return false
			}
		}
		return true
	})
	if row := up["store"]; row.Status != "DOWN" || row.Critical || !strings.Contains(row.Description, "connect to Redis at 127.0.0.1:1: connection refused") {
		t.Errorf("store %+v", row)
	}
	if addresses := fmt.Sprint(up["port"].Details["addresses"]); !strings.Contains(addresses, address) {
		t.Errorf("port of %s: %s", address, addresses)
	}
	for _, name := range []string{"loop", "memory"} {
		shown, _ := json.Marshal(up[name].Details)
		if !strings.Contains(string(shown), `"web/0":`) || !strings.Contains(string(shown), `"web/1":`) {
			t.Errorf("%s: %s", name, shown)
		}
	}
	end()
	var row indicatorRow
	within(t, 10*time.Second, "the cache is DOWN", func() bool {
		row = b.indicatorRows("demo")["cache"]
		return row.Status == "DOWN"
	})
	if !row.Critical || !strings.Contains(row.Description, fmt.Sprintf("connect to Redis at 127.0.0.1:%d: connection refused: nothing listens there", port)) {
		t.Errorf("cache %+v", row)
	}
	log, _ := os.ReadFile(filepath.Join(b.dir, "p", "logs", "pandorajs", "daemon.log"))
	for what, text := range map[string]string{
		"/health": b.get("/health?verbose"), "/info": b.get("/info?appName=demo"), "/daemon": b.get("/daemon"), "the log": string(log),
		"describe": b.run("describe", "demo", "--json"), "structure": b.run("structure", dir),
	} {
		if text == "" || strings.Contains(text, "hunter2") {
			t.Errorf("%s shows the password, or nothing: %.300s", what, text)
		}
	}
}
