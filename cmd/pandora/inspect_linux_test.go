package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// freePorts finds so many ports in a row that nobody listens on.
func freePorts(t *testing.T, count int) int {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		base := first.Addr().(*net.TCPAddr).Port
		free := 1
		for ; free < count; free++ {
			next, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+free))
			if err != nil {
				break
			}
			next.Close()
		}
		first.Close()
		if free == count {
			return base
		}
	}
	t.Fatalf("no %d free ports in a row", count)
	return 0
}

// debugged are the ports of the inspectors by worker, each of which has answered what it debugs.
func (b *bench) debugged(name string) map[string]string {
	b.t.Helper()
	var shown struct {
		Processes []struct {
			Name    string
			Workers []struct {
				Worker    int
				Inspector string
			}
		}
	}
	if err := json.Unmarshal([]byte(b.run("describe", name, "--json")), &shown); err != nil {
		b.t.Fatal(err)
	}
	ports := map[string]string{}
	for _, p := range shown.Processes {
		for _, w := range p.Workers {
			at, err := url.Parse(w.Inspector)
			if err != nil || at.Port() == "" {
				b.t.Fatalf("inspector of %s: %q", p.Name, w.Inspector)
			}
			response, err := http.Get("http://" + at.Host + "/json/list")
			if err != nil {
				b.t.Fatal(err)
			}
			var targets []struct{ WebSocketDebuggerURL string }
			err = json.NewDecoder(response.Body).Decode(&targets)
			response.Body.Close()
			if err != nil || len(targets) != 1 || targets[0].WebSocketDebuggerURL != w.Inspector {
				b.t.Errorf("%s, worker %d at %s: %v %+v", p.Name, w.Worker, w.Inspector, err, targets)
			}
			ports[fmt.Sprintf("%s-%d", p.Name, w.Worker)] = at.Port()
		}
	}
	return ports
}

// TestInspect: each worker has the port of the original's plan; one that comes while the old one has it takes another.
func TestInspect(t *testing.T) {
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => {
		pandora.fork('web', './idle.js');
		pandora.fork('pool', './idle.js').scale(2).nodeArgs(['--inspect=1']);
	};`)
	b.write(dir+"/idle.js", `setInterval(() => {}, 60000);`)
	base := freePorts(t, 4)
	port := func(n int) string { return fmt.Sprint(base + n) }
	b.run("start", dir, fmt.Sprintf("--inspect=127.0.0.1:%d", base))
	ports := b.debugged("app")
	if want := map[string]string{"web-0": port(0), "pool-0": port(2), "pool-1": port(3)}; fmt.Sprint(ports) != fmt.Sprint(want) {
		t.Errorf("ports %v, want %v", ports, want)
	}
	if text := b.run("describe", "app"); !strings.Contains(text, "ws://127.0.0.1:"+port(3)) {
		t.Errorf("describe does not show where a debugger attaches:\n%s", text)
	}
	b.run("reload", "app/web")
	if now := b.debugged("app"); now["web-0"] == "" || now["pool-1"] != port(3) {
		t.Errorf("ports after a reload: %v", now)
	}
	if out, err := b.try("start", dir, "--inspect=80"); err == nil || !strings.Contains(out, "1024 to 65535") {
		t.Errorf("a port that Node refuses: %v %s", err, out)
	}
}
