package supervisor_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// TestHandOverThatComesToNothing brings everything to rest again and again while clients ask; each time the build that
// was to take over cannot be executed, and all goes on.
func TestHandOverThatComesToNothing(t *testing.T) {
	server := `require('node:http').createServer((req, res) => res.end(String(process.pid))).listen(0, '127.0.0.1');
setInterval(() => console.log('tick'), 10);`
	g := guard(t, map[string]string{"web.js": server, "plain.js": server},
		procfile.Process{ProcessName: "web", EntryFile: "./web.js", Kind: procfile.KindWorker, Scale: 2},
		procfile.Process{ProcessName: "plain", EntryFile: "./plain.js"})
	g.must(supervisor.OpStart)
	g.until("both listen", 5*time.Second, func() bool { return len(g.Status().Sockets) == 2 })
	before := g.workers()
	var stop atomic.Bool
	var answered atomic.Int64
	var wg sync.WaitGroup
	for _, s := range g.Status().Sockets {
		for range 3 {
			wg.Go(func() {
				for !stop.Load() {
					if _, err := get(s.Port); err != nil {
						t.Error(err)
						return
					}
					answered.Add(1)
				}
			})
		}
	}
	refused := errors.New("refused")
	for done := 0; done < 20; {
		err := g.HandOver(t.Context(), func(document []byte, descriptors []int) error {
			if err := supervisor.CheckHandover(document); err != nil {
				t.Error(err)
			}
			if len(descriptors) < 5 { // three channels and two sockets
				t.Errorf("descriptors %v", descriptors)
			}
			return refused
		})
		switch {
		case errors.Is(err, refused):
			done++
		case !errors.Is(err, supervisor.ErrUnsettled):
			t.Fatal(err)
		}
		seen := answered.Load()
		g.until("requests are answered", 5*time.Second, func() bool { return answered.Load() > seen+6 || t.Failed() })
	}
	stop.Store(true)
	wg.Wait()
	for i, w := range g.workers() {
		if w.PID != before[i].PID {
			t.Errorf("worker %d has pid %d, had %d", i, w.PID, before[i].PID)
		}
	}
	// It still is their parent and primary.
	syscall.Kill(before[0].PID, syscall.SIGKILL)
	g.until("the dead one is replaced", 10*time.Second, func() bool {
		w := g.workers()[0]
		return w.State == supervisor.StateRunning && w.PID != before[0].PID
	})
	g.must(supervisor.OpReload)
	for i, w := range g.workers() {
		if w.PID == before[i].PID || w.State != supervisor.StateRunning {
			t.Errorf("after the reload: %+v", w)
		}
	}
	g.must(supervisor.OpStop)
}

// TestHandOverWaits: what is under way is not handed over, and not disturbed.
func TestHandOverWaits(t *testing.T) {
	g := guard(t, map[string]string{"slow.js": `setTimeout(() => {}, 1e6);`},
		procfile.Process{ProcessName: "slow", EntryFile: "./slow.js", Policy: &procfile.Policy{Ready: &procfile.ReadyCheck{Message: "go"}}})
	never := func([]byte, []int) error {
		t.Error("handed over")
		return errors.New("handed over")
	}
	if err := g.Settled(); err != nil {
		t.Errorf("before the first start: %v", err)
	}
	op, err := g.Submit(supervisor.Request{Kind: supervisor.OpStart, Plan: g.plan})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.HandOver(t.Context(), never); !errors.Is(err, supervisor.ErrUnsettled) {
		t.Errorf("a start is about to begin: %v", err)
	}
	g.until("the worker lives", 10*time.Second, func() bool { return len(g.workers()) > 0 && g.workers()[0].PID != 0 })
	if err := g.HandOver(t.Context(), never); !errors.Is(err, supervisor.ErrUnsettled) {
		t.Errorf("a start is under way: %v", err)
	}
	if o, _ := g.Operation(op.ID); o.State != supervisor.OpRunning {
		t.Errorf("the start is %s", o.State)
	}
	g.must(supervisor.OpStop)
}

func TestCheckHandoverRefuses(t *testing.T) {
	good := fmt.Sprintf(`{"format":%d,"live":true,"app":{"plans":[{}],"plan":0,"roles":[{"workers":[{"plan":0,"kept":true,"status":{"state":"backoff"}}]}]}}`,
		supervisor.HandoverFormat)
	if err := supervisor.CheckHandover([]byte(good)); err != nil {
		t.Error(err)
	}
	for name, bad := range map[string]string{
		"nothing":               "",
		"another format":        strings.Replace(good, `"format":`, `"format":9`, 1),
		"no plan":               strings.Replace(good, `"plans":[{}]`, `"plans":[]`, 1),
		"a null plan":           strings.Replace(good, `"plans":[{}]`, `"plans":[null]`, 1),
		"a worker without plan": strings.Replace(good, `"workers":[{"plan":0`, `"workers":[{"plan":1`, 1),
		"a state in between":    strings.Replace(good, "backoff", "starting", 1),
		"running without child": strings.Replace(good, "backoff", "running", 1),
	} {
		if err := supervisor.CheckHandover([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
