package main

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/supervisor"
)

// workersNow are the workers of the only process, once all of them run and none is among gone.
func (b *bench) workersNow(gone []int) (pids []int) {
	b.t.Helper()
	b.until("all workers run", func() bool {
		pids = nil
		workers := b.list().Processes[0].Workers
		for _, w := range workers {
			if w.State == supervisor.StateRunning && !slices.Contains(gone, w.PID) {
				pids = append(pids, w.PID)
			}
		}
		return len(pids) == len(workers)
	})
	return pids
}

// TestCrashUnderLoad kills workers under load: that costs the requests that were under way in them and no other, none
// hangs, and nobody is refused, also while no worker is left.
func TestCrashUnderLoad(t *testing.T) {
	for name, c := range map[string]struct {
		procfile string
		rounds   int
		all      bool // kill all workers at once, else one
	}{
		"one of two":        {`module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`, 3, false},
		"all of two":        {`module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2); };`, 2, true},
		"one of two shared": {`module.exports = (pandora) => { pandora.cluster('web', './app.js').scale(2).balance('shared'); };`, 3, false},
		"a fork":            {`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			dir, address := b.app(c.procfile)
			b.run("start", dir)
			rounds, kills := 0, 0
			results := under(address, func() {
				pids := b.workersNow(nil)
				var gone []int
				for range c.rounds {
					time.Sleep(300 * time.Millisecond) // of load
					victims := pids
					if !c.all {
						victims = pids[:1]
					}
					for _, pid := range victims {
						if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
							t.Fatal(err)
						}
						kills++ // a client that lost one worker may reach the next before that is killed too
					}
					rounds++
					gone = append(gone, victims...)
					pids = b.workersNow(gone)
				}
				time.Sleep(300 * time.Millisecond)
			})
			failed, answered := 0, map[string]bool{}
			for kind, r := range results {
				t.Logf("%s: %v", kind, r)
				failed += r.Failed
				if r.Hung > 0 || r.OK == 0 {
					t.Errorf("%s: %v", kind, r)
				}
				if most := kills * map[string]int{"keep-alive": 16, "close": 12, "thinking": 4}[kind]; r.Failed > most {
					t.Errorf("%s: %d kills cost %d requests, more than the %d that were under way", kind, kills, r.Failed, most)
				}
				for text := range r.Errors {
					if strings.Contains(text, "refused") {
						t.Errorf("%s: refused: %v", kind, r.Errors)
					}
				}
				for pid := range r.Bodies {
					answered[pid] = true
				}
			}
			if failed == 0 {
				t.Error("nothing was under way when workers were killed: the load shows nothing")
			}
			if want := rounds + 1; len(answered) < want {
				t.Errorf("%d workers have answered, want %d", len(answered), want)
			}
			if why := b.run("list", "--json"); !strings.Contains(why, fmt.Sprintf("%q", supervisor.ReasonSignal)) {
				t.Errorf("no reason in %s", why)
			}
		})
	}
}
