package supervisor_test

import (
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// TestClientsOfDatagramsReload: a socket that Node binds to send from it is nothing that the next process has to have,
// nor that keeps it from starting beside the old one; the same for a port that a worker takes for itself, whichever.
func TestClientsOfDatagramsReload(t *testing.T) {
	source := `
const client = require('dgram').createSocket('udp4');
client.send('x', 9, '127.0.0.1');
require('net').createServer().listen({ port: 0, host: '127.0.0.1', exclusive: true });
require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1');`
	for name, kind := range map[string]procfile.Kind{"plain": procfile.KindPlain, "cluster": procfile.KindWorker} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := guard(t, map[string]string{"app.js": source}, procfile.Process{
				ProcessName: "web", EntryFile: "./app.js", Kind: kind, Policy: &procfile.Policy{StartTimeoutMs: 20000},
			})
			g.must(supervisor.OpStart)
			g.until("listening", 10*time.Second, func() bool { return len(g.workers()[0].Listening) > 0 })
			if w := g.workers()[0]; len(w.Exclusive) > 0 {
				t.Errorf("exclusive: %q", w.Exclusive)
			}
			g.must(supervisor.OpReload)
			if w := g.workers()[0]; w.Generation != 2 {
				t.Errorf("%+v", w)
			}
		})
	}
}

// TestPolicyOfRealProcesses: what a process asks of its supervision, with real Node.
func TestPolicyOfRealProcesses(t *testing.T) {
	t.Run("liveness", func(t *testing.T) {
		t.Parallel()
		g := guard(t, map[string]string{"app.js": `
const fs = require('fs');
if (!fs.existsSync('hung')) setTimeout(() => { fs.writeFileSync('hung', ''); for (;;); }, 100);
else setInterval(() => {}, 1000);`}, procfile.Process{ProcessName: "web", EntryFile: "./app.js", Policy: &procfile.Policy{LivenessTimeoutMs: 1500}})
		g.must(supervisor.OpStart)
		g.until("replaced", 20*time.Second, func() bool { w := g.workers()[0]; return w.Generation == 2 && w.State == supervisor.StateRunning })
		if exit := g.workers()[0].LastExit; exit.Reason != supervisor.ReasonKilled || exit.Message != "its event loop did not answer for 1.5s and it was killed" {
			t.Errorf("%+v", exit)
		}
	})
	t.Run("ready message", func(t *testing.T) {
		t.Parallel()
		g := guard(t, map[string]string{"app.js": `process.send({ not: 'it' }); setTimeout(() => process.send({ up: [1] }), 600); setInterval(() => {}, 1000);`},
			procfile.Process{ProcessName: "web", EntryFile: "./app.js", Policy: &procfile.Policy{Ready: &procfile.ReadyCheck{Message: map[string]any{"up": []any{1.0}}}}})
		g.must(supervisor.OpStart)
		if w := g.workers()[0]; w.ReadyAt.Sub(w.SpawnedAt) < 600*time.Millisecond {
			t.Errorf("ready after %v", w.ReadyAt.Sub(w.SpawnedAt))
		}
	})
	t.Run("ready too late", func(t *testing.T) {
		t.Parallel()
		g := guard(t, map[string]string{"app.js": `setInterval(() => {}, 1000);`},
			procfile.Process{ProcessName: "web", EntryFile: "./app.js", Policy: &procfile.Policy{Ready: &procfile.ReadyCheck{TCP: "127.0.0.1:1", TimeoutMs: 300}}})
		op := g.perform(supervisor.OpStart)
		if op.Failure == nil || op.Failure.Exit == nil || op.Failure.Exit.Reason != supervisor.ReasonKilled {
			t.Errorf("%+v", op.Failure)
		}
	})
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		g := guard(t, map[string]string{"app.js": `
const fs = require('fs');
if (!fs.existsSync('full')) { fs.writeFileSync('full', ''); global.full = Buffer.alloc(200 << 20, 1); }
require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1');`},
			procfile.Process{ProcessName: "web", EntryFile: "./app.js", Policy: &procfile.Policy{MaxMemoryBytes: 150 << 20}})
		g.must(supervisor.OpStart)
		g.until("replaced", 40*time.Second, func() bool {
			all := g.workers()
			return len(all) == 1 && all[0].Generation == 2 && all[0].State == supervisor.StateRunning && all[0].Restarts == 0
		})
		if _, err := get(g.port()); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
