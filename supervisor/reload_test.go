package supervisor

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// shape tells the workers of a process as slot.generation:state.
func shape(s *Supervisor, process int) string {
	var parts []string
	for _, w := range s.Status().Processes[process].Workers {
		parts = append(parts, string(rune('0'+w.Worker))+"."+string(rune('0'+w.Generation))+":"+string(w.State))
	}
	return strings.Join(parts, " ")
}

// withoutPings drops the signs of life from a log.
func withoutPings(log []string) []string {
	return slices.DeleteFunc(log, func(line string) bool { return strings.HasPrefix(line, "ping ") })
}

func TestReloadOneByOne(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Second), overlap: true}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 2))
		f.take()
		op := perform(t, s, OpReload, testPlan("w", 2))
		if op.State != OpSucceeded || op.Replaced != 2 {
			t.Fatalf("reload: %+v", op)
		}
		log := f.take()
		for _, slot := range []string{"w/0", "w/1"} {
			want := []string{"spawn " + slot + ".2", "drain gently " + slot + ".1", "terminate " + slot + ".1", "end " + slot + ".1"}
			got := slices.DeleteFunc(withoutPings(slices.Clone(log)), func(line string) bool { return !strings.Contains(line, slot) })
			if !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if slices.Index(log, "spawn w/1.2") > slices.Index(log, "end w/0.1") {
			t.Errorf("the next slot waited for the drain: %q", log)
		}
		if got := shape(s, 0); got != "0.2:running 1.2:running" {
			t.Errorf("afterwards %s", got)
		}
		if w := workerOf(s, 0, 0); w.Restarts != 0 {
			t.Errorf("a reload is no restart: %+v", w)
		}
	})
}

func TestReloadParallel(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Second), overlap: true}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 4))
		f.take()
		begin := time.Now()
		if op := performRequest(t, s, Request{Kind: OpReload, Plan: testPlan("w", 4), Parallel: 4}); op.Replaced != 4 {
			t.Fatalf("reload: %+v", op)
		}
		if took := time.Since(begin); took != 7*time.Second { // 1 s to start, 6 s to drain
			t.Errorf("took %v", took)
		}
	})
}

func TestReloadFails(t *testing.T) {
	broken := false
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		if broken && c.spec.Worker == 1 {
			crash(7)(c)
			return
		}
		serve(time.Second)(c)
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 3))
		broken = true
		op := perform(t, s, OpReload, testPlan("w", 3))
		if op.State != OpFailed || op.Replaced != 1 || op.Failure == nil || !strings.Contains(op.Failure.Message, "exited with code 7") {
			t.Fatalf("reload: %+v %+v", op, op.Failure)
		}
		if got := shape(s, 0); got != "0.2:running 1.1:running 2.1:running" {
			t.Errorf("afterwards %s", got)
		}
		broken = false
		if op := perform(t, s, OpReload, testPlan("w", 3)); op.Replaced != 3 {
			t.Errorf("second reload: %+v", op)
		}
	})
}

func TestReloadStopFirst(t *testing.T) {
	broken := false
	f := &fakeSpawner{} // no overlap
	f.script = func(c *fakeChild) {
		if broken && c.spec.Plan.Cwd == "new" {
			crash(1)(c)
			return
		}
		serve(time.Second)(c)
	}
	plan := func(cwd string) *Plan {
		p := testPlan("w", 2)
		p.Cwd = cwd
		p.App.Processes[0].Policy = &procfile.Policy{Reload: procfile.ReloadStopFirst}
		return p
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan("old"))
		if op := perform(t, s, OpReload, plan("new")); op.Replaced != 2 || op.State != OpSucceeded {
			t.Fatalf("reload: %+v", op)
		}
		perform(t, s, OpReload, plan("old"))
		broken = true
		op := perform(t, s, OpReload, plan("new"))
		if op.State != OpFailed || op.Replaced != 0 {
			t.Fatalf("reload: %+v", op)
		}
		time.Sleep(2 * time.Second)
		if got := shape(s, 0); got != "0.5:running 1.3:running" {
			t.Errorf("the old definition is not back: %s", got)
		}
	})
}

func TestReloadExclusive(t *testing.T) {
	f := &fakeSpawner{}
	f.script = func(c *fakeChild) {
		c.listening, c.exclusive = []string{"udp 0.0.0.0:53"}, []string{"udp 0.0.0.0:53"}
		c.events <- ChildEvent{Kind: ChildListening}
		serve(time.Second)(c)
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 1))
		if op := perform(t, s, OpReload, testPlan("w", 1)); op.State != OpSucceeded {
			t.Fatalf("reload: %+v", op)
		}
	})
}

func TestReloadWaitsForSockets(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	listen := func(c *fakeChild) {
		c.listening = []string{"tcp :80"}
		c.events <- ChildEvent{Kind: ChildListening}
	}
	f.script = func(c *fakeChild) {
		if c.spec.Generation == 1 {
			listen(c)
		} else {
			c.events <- ChildEvent{Kind: ChildReady}
			time.Sleep(5 * time.Second)
			listen(c)
		}
		serve(time.Second)(c)
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 1))
		begin := time.Now()
		perform(t, s, OpReload, testPlan("w", 1))
		if took := time.Since(begin); took != 11*time.Second {
			t.Errorf("the old one left before the new one listened, after %v", took)
		}
		changed := testPlan("w", 1)
		changed.App.Processes[0].Args = []string{"--other"}
		begin = time.Now()
		perform(t, s, OpReload, changed)
		if took := time.Since(begin); took != 6*time.Second {
			t.Errorf("another definition may listen elsewhere; took %v", took)
		}
	})
}

func TestReloadPlan(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Second), overlap: true}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("a", 1, "b", 3, "c", 1))
		op := perform(t, s, OpReload, testPlan("d", 2, "b", 1, "a", 1))
		if op.State != OpSucceeded {
			t.Fatalf("reload: %+v", op)
		}
		var names []string
		for _, p := range s.Status().Processes {
			names = append(names, p.Name)
		}
		if !slices.Equal(names, []string{"d", "b", "a"}) || shape(s, 0) != "0.1:running 1.1:running" || shape(s, 1) != "0.2:running" {
			t.Errorf("afterwards %q, %s, %s", names, shape(s, 0), shape(s, 1))
		}
	})
}

func TestScale(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Second), overlap: true}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("a", 1, "b", 1))
		perform(t, s, OpScale, testPlan("a", 1, "b", 3))
		if shape(s, 0) != "0.1:running" || shape(s, 1) != "0.1:running 1.1:running 2.1:running" {
			t.Errorf("up: %s, %s", shape(s, 0), shape(s, 1))
		}
		perform(t, s, OpScale, testPlan("a", 1, "b", 1))
		if shape(s, 1) != "0.1:running" {
			t.Errorf("down: %s", shape(s, 1))
		}
	})
}

func TestOneProcess(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Second), overlap: true}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		if _, err := s.Submit(Request{Kind: OpStop, Process: "b"}); err == nil {
			t.Error("a process of nothing was stopped")
		}
		perform(t, s, OpStart, testPlan("a", 1, "b", 2))
		f.take()
		performRequest(t, s, Request{Kind: OpStop, Process: "b"})
		if got := s.Status().Processes[1]; !got.Stopped || shape(s, 1) != "0.1:stopped 1.1:stopped" {
			t.Errorf("stopped: %+v", got)
		}
		if log := f.take(); !slices.Contains(log, "suspend b") {
			t.Errorf("its sockets stay open: %q", log)
		}
		perform(t, s, OpReload, testPlan("a", 1, "b", 2))
		if shape(s, 1) != "0.1:stopped 1.1:stopped" {
			t.Errorf("a reload started it: %s", shape(s, 1))
		}
		f.take()
		performRequest(t, s, Request{Kind: OpStart, Process: "b"})
		if shape(s, 1) != "0.2:running 1.2:running" {
			t.Errorf("started: %s", shape(s, 1))
		}
		if log := f.take(); !slices.Contains(log, "resume b") {
			t.Errorf("its sockets stay closed: %q", log)
		}
		performRequest(t, s, Request{Kind: OpRestart, Process: "b"})
		performRequest(t, s, Request{Kind: OpReload, Process: "b"})
		if shape(s, 1) != "0.4:running 1.4:running" || shape(s, 0) != "0.2:running" {
			t.Errorf("afterwards: %s, %s", shape(s, 1), shape(s, 0))
		}
		if _, err := s.Submit(Request{Kind: OpReload, Process: "x"}); err == nil || !strings.Contains(err.Error(), "only a, b") {
			t.Errorf("an unknown process: %v", err)
		}
		if _, err := s.Submit(Request{Kind: OpStart, Process: "a"}); err == nil {
			t.Error("a running process was started")
		}
	})
}

func TestStopDuringReload(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		if c.spec.Generation == 1 {
			c.events <- ChildEvent{Kind: ChildReady}
			c.until("drain", "terminate", "kill") // never drains gently
			return
		}
		serve(time.Second)(c)
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 2))
		reload, err := s.Submit(Request{Kind: OpReload, Plan: testPlan("w", 2)})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		begin := time.Now()
		if op := perform(t, s, OpStop, nil); op.State != OpSucceeded {
			t.Fatalf("stop: %+v", op)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("the stop took %v", took)
		}
		if op := await(t, s, reload.ID); op.State != OpCanceled {
			t.Errorf("reload: %+v", op)
		}
	})
}

func TestLiveness(t *testing.T) {
	f := &fakeSpawner{}
	f.script = func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildReady}
		if c.spec.Generation == 1 {
			c.until("kill") // deaf to pings
			return
		}
		serve(0)(c)
	}
	plan := testPlan("w", 1)
	plan.App.Processes[0].Policy = &procfile.Policy{LivenessTimeoutMs: 9000}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan)
		time.Sleep(10 * time.Second)
		if workerOf(s, 0, 0).UnresponsiveSince.IsZero() {
			t.Error("not shown as unresponsive")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		w := workerOf(s, 0, 0)
		if w.Generation != 2 || w.Restarts != 1 || !w.UnresponsiveSince.IsZero() {
			t.Errorf("not replaced: %+v", w)
		}
		if !slices.ContainsFunc(s.Events(0), func(e Event) bool { return strings.Contains(e.Message, "did not answer for 9s") }) {
			t.Errorf("no reason in %+v", s.Events(0))
		}
	})
}

func TestMaxMemory(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		if c.spec.Generation == 1 {
			c.memory.Store(200)
		}
		serve(time.Second)(c)
	}
	plan := testPlan("w", 2)
	plan.App.Processes[0].Policy = &procfile.Policy{MaxMemoryBytes: 100}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan)
		time.Sleep(40 * time.Second)
		if got := shape(s, 0); got != "0.2:running 1.2:running" {
			t.Errorf("afterwards %s", got)
		}
	})
}

func TestMaxRestarts(t *testing.T) {
	f := &fakeSpawner{}
	f.script = func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildReady}
		time.Sleep(time.Second)
	}
	plan := testPlan("w", 1)
	plan.App.Processes[0].Policy = &procfile.Policy{MaxRestarts: &procfile.RestartLimit{Count: 3, WindowMs: 60000}}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan)
		time.Sleep(time.Minute)
		w := workerOf(s, 0, 0)
		if w.State != StateFatal || w.Restarts != 3 || !strings.Contains(w.Reason, "replaced 3 times within 1m0s") {
			t.Errorf("%+v", w)
		}
	})
}

func TestReadyChecks(t *testing.T) {
	f := &fakeSpawner{}
	f.script = func(c *fakeChild) {
		time.Sleep(time.Second)
		c.events <- ChildEvent{Kind: ChildReady}
		if told := c.soon(2 * time.Second); told == "" {
			c.events <- ChildEvent{Kind: ChildMessage}
		} else {
			return
		}
		c.until("drain", "terminate", "kill")
	}
	start := func(t *testing.T, check procfile.ReadyCheck, probe func(context.Context) error) (op Operation, took time.Duration) {
		plan := testPlan("w", 1)
		plan.App.Processes[0].Policy = &procfile.Policy{Ready: &check}
		supervised(t, f, func(t *testing.T, s *Supervisor) {
			s.probe = func(ctx context.Context, _ procfile.ReadyCheck) error { return probe(ctx) }
			begin := time.Now()
			op = perform(t, s, OpStart, plan)
			took = time.Since(begin)
		})
		return op, took
	}
	never := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	t.Run("message", func(t *testing.T) {
		if op, took := start(t, procfile.ReadyCheck{Message: "ready"}, never); op.State != OpSucceeded || took != 3*time.Second {
			t.Errorf("%+v after %v", op, took)
		}
	})
	t.Run("probe", func(t *testing.T) {
		later := func(context.Context) error { time.Sleep(4 * time.Second); return nil }
		if op, took := start(t, procfile.ReadyCheck{TCP: "localhost:1"}, later); op.State != OpSucceeded || took != 5*time.Second {
			t.Errorf("%+v after %v", op, took)
		}
	})
	t.Run("late", func(t *testing.T) {
		op, took := start(t, procfile.ReadyCheck{HTTP: "http://localhost:1/", TimeoutMs: 2000}, never)
		if op.State != OpFailed || !strings.Contains(op.Failure.Message, "http://localhost:1/ did not answer") || took != 3*time.Second {
			t.Errorf("%+v %+v after %v", op, op.Failure, took)
		}
	})
}
