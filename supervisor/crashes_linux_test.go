//go:build slow

package supervisor_test

import (
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// holdings are what a guard may leak.
type holdings struct{ descriptors, goroutines int }

func countHoldings(t *testing.T) holdings {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return holdings{len(entries), runtime.NumGoroutine()}
}

// settledAt waits until no more is held than before, and tells what is held then.
func settledAt(t *testing.T, before holdings) holdings {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		now := countHoldings(t)
		if now.descriptors <= before.descriptors && now.goroutines <= before.goroutines || time.Now().After(deadline) {
			return now
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestTwoHundredCrashes kills workers of both kinds two hundred times: the guard keeps no descriptor and no goroutine of
// them, and every slot is filled again each time.
func TestTwoHundredCrashes(t *testing.T) {
	const scale, rounds = 17, 6 // of each kind; the backoff grows with the rounds
	start := countHoldings(t)
	g := guard(t, map[string]string{"web.js": `require('http').createServer((q, r) => r.end('ok')).listen(0, '127.0.0.1');`},
		procfile.Process{ProcessName: "plain", EntryFile: "./web.js", Scale: scale},
		procfile.Process{ProcessName: "cluster", EntryFile: "./web.js", Scale: scale, Kind: procfile.KindWorker})
	if op := g.perform(supervisor.OpStart); op.State != supervisor.OpSucceeded {
		t.Fatalf("start: %+v", op.Failure)
	}
	all := g.filled(0)
	before := countHoldings(t)
	crashes := 0
	for round := range rounds {
		for _, w := range all {
			if err := syscall.Kill(w.PID, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			crashes++
		}
		all = g.filled(round + 1)
	}
	if n := g.Status().RestartCount; n != crashes || crashes != 2*scale*rounds {
		t.Errorf("%d restarts after %d crashes", n, crashes)
	}
	if after := settledAt(t, before); after.descriptors > before.descriptors || after.goroutines > before.goroutines {
		t.Errorf("%d crashes: %+v before, %+v after", crashes, before, after)
	}
	g.end()
	if after := settledAt(t, start); after.descriptors > start.descriptors || after.goroutines > start.goroutines {
		t.Errorf("after the end: %+v before, %+v after", start, after)
	}
}

// filled waits until every worker runs, has been replaced so often, and listens.
func (g *guarded) filled(restarts int) []supervisor.WorkerStatus {
	g.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		var all []supervisor.WorkerStatus
		missing := 0
		for _, p := range g.Status().Processes {
			for _, w := range p.Workers {
				if w.State != supervisor.StateRunning || w.Restarts < restarts || len(w.Listening) == 0 {
					missing++
				}
				all = append(all, w)
			}
		}
		if missing == 0 {
			return all
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("%d of %d workers do not run with %d restarts: %+v", missing, len(all), restarts, all)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
