package supervisor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestStartInOrderAndInParallel(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Second)}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		begin := time.Now()
		op := perform(t, s, OpStart, testPlan("a", 1, "b", 3))
		if op.State != OpSucceeded || op.Failure != nil {
			t.Fatalf("start: %+v", op)
		}
		if d := time.Since(begin); d != 2*time.Second {
			t.Errorf("took %v, want one second per process", d)
		}
		for i, total := range []int{1, 3} {
			if st := op.Steps[i]; st.State != "done" || st.Done != total || st.Total != total || st.FinishedAt.Sub(st.StartedAt) != time.Second {
				t.Errorf("step %d: %+v", i, st)
			}
		}
		st := s.Status()
		if st.State != AppComplete || st.StartCount != 4 || st.RestartCount != 0 || st.AppID == "" || st.StdoutLogPath != "/logs/app/nodejs_stdout.log" {
			t.Errorf("status: %+v", st)
		}
		ids := map[int]bool{}
		for _, spec := range f.spawns {
			ids[spec.ID] = true
		}
		if len(ids) != 4 || f.spawns[0].Process.ProcessName != "a" {
			t.Errorf("spawns: %+v", f.spawns)
		}
		if _, err := s.Submit(Request{Kind: OpStart, Plan: testPlan("a", 1)}); !errors.Is(err, ErrRunning) {
			t.Errorf("second start: %v", err)
		}
		f.take()
		if op := perform(t, s, OpStop, nil); op.State != OpSucceeded || len(op.Steps) != 2 || op.Steps[1].Done != 3 {
			t.Errorf("stop: %+v", op)
		}
		if log := f.take(); log[0] != "drain a/0" || slices.Index(log, "end a/0") > slices.Index(log, "drain b/0") {
			t.Errorf("processes do not stop in order: %q", log)
		}
		if st := s.Status(); st.State != AppStopped || st.Processes[1].Workers[2].State != StateStopped || st.Processes[1].Workers[2].PID != 0 {
			t.Errorf("status after stop: %+v", st)
		}
		if op := perform(t, s, OpStop, nil); op.State != OpSucceeded {
			t.Errorf("stop of what is stopped: %+v", op)
		}
	})
}

// TestStopEscalates checks when which step of a stop comes, by how deaf the worker is.
func TestStopEscalates(t *testing.T) {
	ready := func(services int, life func(c *fakeChild)) func(*fakeChild) {
		return func(c *fakeChild) {
			c.events <- ChildEvent{Kind: ChildReady, Services: services}
			life(c)
		}
	}
	for name, test := range map[string]struct {
		script func(*fakeChild)
		log    []string
		took   time.Duration
	}{
		"polite without services": {ready(0, func(c *fakeChild) {
			c.until("drain")
			c.events <- ChildEvent{Kind: ChildDrained}
			c.until("terminate")
		}), []string{"drain w/0", "terminate w/0", "end w/0"}, 0},
		"polite with services": {ready(2, func(c *fakeChild) {
			c.until("drain")
			time.Sleep(time.Second)
			c.events <- ChildEvent{Kind: ChildDrained}
			c.until("shutdown")
			time.Sleep(time.Second)
			c.events <- ChildEvent{Kind: ChildFinished}
			c.until("disconnect")
		}), []string{"drain w/0", "shutdown w/0", "disconnect w/0", "end w/0"}, 2 * time.Second},
		"deaf without services": {ready(0, func(c *fakeChild) { c.until("kill") }),
			[]string{"drain w/0", "terminate w/0", "disconnect w/0", "terminate w/0", "kill w/0", "end w/0"}, 15 * time.Second},
		"deaf with services": {ready(1, func(c *fakeChild) { c.until("kill") }),
			[]string{"drain w/0", "shutdown w/0", "disconnect w/0", "terminate w/0", "kill w/0", "end w/0"}, 15 * time.Second},
		"answers what was not asked": {ready(1, func(c *fakeChild) {
			c.until("drain")
			c.events <- ChildEvent{Kind: ChildFinished}
			c.events <- ChildEvent{Kind: ChildReady}
			c.events <- ChildEvent{Kind: ChildError}
			c.until("shutdown")
			c.events <- ChildEvent{Kind: ChildDrained}
			c.until("kill")
		}), []string{"drain w/0", "shutdown w/0", "disconnect w/0", "terminate w/0", "kill w/0", "end w/0"}, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeSpawner{script: test.script}
			supervised(t, f, func(t *testing.T, s *Supervisor) {
				perform(t, s, OpStart, testPlan("w", 1))
				f.take()
				begin := time.Now()
				if op := perform(t, s, OpStop, nil); op.State != OpSucceeded {
					t.Fatalf("stop: %+v", op)
				}
				if d := time.Since(begin); d != test.took {
					t.Errorf("took %v, want %v", d, test.took)
				}
				if log := f.take(); !slices.Equal(log, test.log) {
					t.Errorf("got %q, want %q", log, test.log)
				}
			})
		})
	}
}

// TestBackoffGrowsAndResets crashes a worker again and again after it was ready.
func TestBackoffGrowsAndResets(t *testing.T) {
	f := &fakeSpawner{}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		lives := make(chan time.Duration, 1) // how long the next life lasts
		f.script = func(c *fakeChild) {
			c.events <- ChildEvent{Kind: ChildReady}
			select {
			case d := <-lives:
				time.Sleep(d)
			case <-c.told:
			}
		}
		perform(t, s, OpStart, testPlan("w", 1))
		died := func(life time.Duration) (away time.Duration) {
			n := f.count()
			lives <- life
			time.Sleep(life)
			synctest.Wait()
			if f.count() > n {
				return 0
			}
			w := workerOf(s, 0, 0)
			away = time.Until(w.NextTryAt)
			if w.State != StateBackoff || w.Reason == "" || away <= 0 {
				t.Fatalf("not running: %+v", w)
			}
			time.Sleep(away)
			synctest.Wait()
			if f.count() != n+1 {
				t.Fatalf("%d processes instead of one at the time told", f.count()-n)
			}
			return away
		}
		within := func(d, full time.Duration) {
			t.Helper()
			if d > full+2*time.Millisecond || d < full*3/4 {
				t.Errorf("replaced after %v, want %v or up to a quarter less", d, full)
			}
		}
		if d := died(time.Second); d != 0 {
			t.Errorf("first replacement after %v, want at once", d)
		}
		for full := 100 * time.Millisecond; full < 50*time.Second; full *= 2 {
			within(died(59*time.Second), min(full, 30*time.Second))
		}
		for range 20 { // for ever
			within(died(time.Millisecond), 30*time.Second)
		}
		if d := died(61 * time.Second); d != 0 {
			t.Errorf("replaced after %v though it had run for a minute", d)
		}
		w := workerOf(s, 0, 0)
		if w.State != StateRunning || w.Restarts != w.Generation-1 || s.Status().RestartCount != w.Restarts || w.Restarts != 31 {
			t.Errorf("status: %+v", w)
		}
	})
}

// TestNeverReadyBecomesFatal: five replacements in a row that are not ready end the tries, and the sockets close.
func TestNeverReadyBecomesFatal(t *testing.T) {
	f := &fakeSpawner{}
	f.script = func(c *fakeChild) {
		if c.spec.Generation > 1 && c.spec.Worker == 0 {
			crash(3)(c)
			return
		}
		c.events <- ChildEvent{Kind: ChildReady}
		if c.spec.Worker == 0 {
			time.Sleep(time.Second)
			return
		}
		c.until("terminate", "drain")
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 1, "other", 2))
		f.take()
		time.Sleep(time.Minute)
		synctest.Wait()
		w := workerOf(s, 0, 0)
		if w.State != StateFatal || !strings.Contains(w.Reason, "not ready once in 5 tries") || w.Generation != 6 || w.LastExit.Code != 3 {
			t.Errorf("worker: %+v", w)
		}
		if log := f.take(); !slices.Contains(log, "suspend w") || slices.Contains(log, "suspend other") {
			t.Errorf("sockets: %q", log)
		}
	})
}

// TestSocketsCloseInLongBackoff: a socket stays open while the next try is within ten seconds.
func TestSocketsCloseInLongBackoff(t *testing.T) {
	f := &fakeSpawner{script: func(c *fakeChild) { c.events <- ChildEvent{Kind: ChildReady} }}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 1))
		waits := map[bool][]time.Duration{}
		for range 14 {
			synctest.Wait()
			w := workerOf(s, 0, 0)
			d := time.Until(w.NextTryAt)
			if d <= 0 {
				t.Fatalf("%+v", w)
			}
			closed := slices.Contains(f.take(), "suspend w")
			waits[closed] = append(waits[closed], d)
			time.Sleep(d)
			synctest.Wait()
		}
		for _, d := range waits[true] {
			if d <= socketsKeep {
				t.Errorf("sockets closed for %v", d)
			}
		}
		for _, d := range waits[false] {
			if d > socketsKeep {
				t.Errorf("sockets open for %v without a worker", d)
			}
		}
		if len(waits[true]) < 2 || len(waits[false]) < 6 {
			t.Errorf("waits: %v", waits)
		}
	})
}

func TestFailedStartIsRolledBack(t *testing.T) {
	f := &fakeSpawner{script: func(c *fakeChild) {
		if c.spec.Process.ProcessName == "c" && c.spec.Worker == 1 {
			time.Sleep(time.Second)
			c.exit = Exit{Code: 7, Error: "Error: no treasure\n    at web.js:1", Output: []string{"last words"}}
			c.events <- ChildEvent{Kind: ChildError}
			return
		}
		serve(2 * time.Second)(c)
	}}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		op := perform(t, s, OpStart, testPlan("a", 1, "b", 1, "c", 2, "d", 1))
		if op.State != OpFailed || op.Failure.Process != "c" || op.Failure.Worker != 1 || op.Failure.Exit.Code != 7 || op.Failure.Exit.Output[0] != "last words" {
			t.Fatalf("operation: %+v %+v", op, op.Failure)
		}
		if want := `worker 1 of process "c" did not become ready: exited with code 7: Error: no treasure`; op.Failure.Message != want {
			t.Errorf("got %q, want %q", op.Failure.Message, want)
		}
		var states []string
		for _, st := range op.Steps {
			states = append(states, st.State)
		}
		if want := []string{"done", "done", "failed", "waiting"}; !slices.Equal(states, want) {
			t.Errorf("steps %q, want %q", states, want)
		}
		log := f.take()
		if a, b := slices.Index(log, "end a/0"), slices.Index(log, "end b/0"); a < 0 || b < a || slices.Contains(log, "spawn d/0") {
			t.Errorf("rolled back out of order: %q", log)
		}
		if st := s.Status(); st.State != AppStopped || f.liveCount() != 0 || st.Processes[3].Workers[0].State != StateStopped {
			t.Errorf("status: %+v", st)
		}
		// What failed can be started again.
		if op := perform(t, s, OpStart, testPlan("a", 1)); op.State != OpSucceeded {
			t.Errorf("start after a failed one: %+v", op)
		}
	})
}

func TestSpawnRefused(t *testing.T) {
	refuse := false
	f := &fakeSpawner{script: serve(0)}
	f.refuse = func(SpawnSpec) error {
		if refuse {
			return &PermanentError{errors.New(`no "node" in PATH`)}
		}
		return nil
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		refuse = true
		op := perform(t, s, OpStart, testPlan("a", 2))
		if op.State != OpFailed || op.Failure.Exit != nil || !strings.Contains(op.Failure.Message, `no "node" in PATH`) {
			t.Fatalf("operation: %+v", op.Failure)
		}
		refuse = false
		perform(t, s, OpStart, testPlan("a", 1))
		refuse = true
		f.mu.Lock()
		f.live["a/0"].told <- "kill"
		f.mu.Unlock()
		synctest.Wait()
		if w := workerOf(s, 0, 0); w.State != StateFatal || w.Reason != `no "node" in PATH` {
			t.Errorf("worker: %+v", w)
		}
	})
}

func TestStopCancelsStart(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Hour)}
	f.script = func(c *fakeChild) { // hangs before it is ready
		c.until("terminate")
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		start, err := s.Submit(Request{Kind: OpStart, Plan: testPlan("a", 2, "b", 1)})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if _, err := s.Submit(Request{Kind: OpRestart, Plan: testPlan("a", 1)}); !errors.Is(err, ErrBusy) {
			t.Errorf("restart during start: %v", err)
		}
		stop, err := s.Submit(Request{Kind: OpStop})
		if err != nil {
			t.Fatal(err)
		}
		again, err := s.Submit(Request{Kind: OpStop})
		if err != nil || again.ID != stop.ID {
			t.Errorf("second stop: %+v %v, want to join %s", again, err, stop.ID)
		}
		if op := await(t, s, start.ID); op.State != OpCanceled || op.Failure != nil {
			t.Errorf("start: %+v", op)
		}
		if op := await(t, s, stop.ID); op.State != OpSucceeded {
			t.Errorf("stop: %+v", op)
		}
		if f.liveCount() != 0 || s.Status().State != AppStopped {
			t.Errorf("left: %+v", s.Status())
		}
		// A start that has not begun is canceled too.
		first, _ := s.Submit(Request{Kind: OpStart, Plan: testPlan("a", 1)})
		if _, err := s.Submit(Request{Kind: OpStop}); err != nil {
			t.Fatal(err)
		}
		if op := await(t, s, first.ID); op.State != OpCanceled {
			t.Errorf("start: %+v", op)
		}
	})
}

func TestHangingStartIsKilled(t *testing.T) {
	f := &fakeSpawner{script: func(c *fakeChild) { c.until("kill"); c.exit = Exit{Code: -1, Signal: "SIGKILL"} }}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		begin := time.Now()
		op := perform(t, s, OpStart, testPlan("a", 1))
		if op.State != OpFailed || !strings.Contains(op.Failure.Message, "was not ready within 2m0s") || time.Since(begin) != defaultReadyTimeout {
			t.Errorf("after %v: %+v", time.Since(begin), op.Failure)
		}
	})
	// One that reports an error and then does not exit does not get that long.
	f = &fakeSpawner{script: func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildError}
		c.until("kill")
		c.exit.Error = "Error: x"
	}}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		begin := time.Now()
		op := perform(t, s, OpStart, testPlan("a", 1))
		if op.State != OpFailed || !strings.Contains(op.Failure.Message, "Error: x") || time.Since(begin) != errorTime {
			t.Errorf("after %v: %+v", time.Since(begin), op.Failure)
		}
	})
}

func TestRestart(t *testing.T) {
	f := &fakeSpawner{script: func(c *fakeChild) {
		if c.spec.Process.ProcessName == "bad" {
			crash(1)(c)
			return
		}
		serve(0)(c)
	}}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		if op := perform(t, s, OpRestart, testPlan("a", 1)); op.State != OpSucceeded {
			t.Fatalf("restart of nothing: %+v", op)
		}
		old := s.Status().AppID
		f.take()
		if op := perform(t, s, OpRestart, testPlan("b", 2)); op.State != OpSucceeded || len(op.Steps) != 1 || op.Steps[0].Done != 2 {
			t.Fatalf("restart: %+v", op)
		}
		if log := f.take(); slices.Index(log, "end a/0") > slices.Index(log, "spawn b/0") {
			t.Errorf("started before all was stopped: %q", log)
		}
		st := s.Status()
		if st.AppID == old || st.StartCount != 2 || st.Processes[0].Name != "b" {
			t.Errorf("status: %+v", st)
		}
		op := perform(t, s, OpRestart, testPlan("b", 1, "bad", 1))
		if op.State != OpFailed || !strings.Contains(op.Failure.Message, "nothing of the application runs now") || f.liveCount() != 0 {
			t.Errorf("failed restart: %+v", op.Failure)
		}
	})
}

func TestBadPlans(t *testing.T) {
	f := &fakeSpawner{script: serve(0)}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		unnamed, escaping := testPlan("a", 1), testPlan("a", 1)
		unnamed.App.AppName, escaping.App.AppName = "", "../b"
		for name, plan := range map[string]*Plan{
			"nil": nil, "no process": testPlan(), "unnamed": unnamed, "escaping": escaping,
			"scale": testPlan("a", 0), "duplicate": testPlan("a", 1, "a", 1), "unnamed process": testPlan("", 1),
		} {
			if _, err := s.Submit(Request{Kind: OpStart, Plan: plan}); err == nil {
				t.Errorf("plan %q was taken", name)
			}
		}
	})
}

func TestEventsChangesAndWatch(t *testing.T) {
	f := &fakeSpawner{script: func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildReady}
		time.Sleep(50 * time.Second)
	}}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		ctx, cancel := context.WithCancel(t.Context())
		changes := s.Changes(ctx)
		op, _ := s.Submit(Request{Kind: OpStart, Plan: testPlan("w", 40)})
		slow := s.Watch(t.Context(), op.ID)
		given := s.Watch(ctx, op.ID)
		await(t, s, op.ID)
		<-changes
		var seen []Operation
		for o := range slow {
			seen = append(seen, o)
		}
		if last := seen[len(seen)-1]; last.State != OpSucceeded || len(seen) > watchBuffer {
			t.Errorf("slow watcher: %d snapshots, the last %+v", len(seen), last)
		}
		var kinds []string
		for _, e := range s.Events(0) {
			kinds = append(kinds, e.Kind)
		}
		if kinds[0] != "operation" || kinds[1] != "spawned" || !slices.Contains(kinds, "ready") {
			t.Errorf("events: %q", kinds)
		}
		time.Sleep(2 * time.Hour)
		all := s.Events(0)
		if len(all) != maxEvents || all[maxEvents-1].Seq != all[0].Seq+maxEvents-1 {
			t.Fatalf("%d events kept", len(all))
		}
		seq := all[maxEvents-1].Seq
		if got := s.Events(seq - 3); len(got) != 3 || got[0].Seq != seq-2 {
			t.Errorf("events since: %+v", got)
		}
		if got := s.Events(seq + 10); len(got) != 0 {
			t.Errorf("events of the future: %+v", got)
		}
		cancel()
		synctest.Wait()
		for range changes {
		}
		for range given {
		}
		for range s.Watch(t.Context(), "nobody") {
			t.Error("an unknown operation has a snapshot")
		}
	})
}

// TestRandomFaults lets workers crash, hang and refuse at random under random operations: every slot has at most one
// live process (the fake checks), and every worker that is wanted runs, starts, is due at a known time, or is fatal with a
// reason.
func TestRandomFaults(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			faults := make(chan uint64, 1)
			faults <- seed
			random := func(n int) int { // one source, whichever goroutine asks
				state := <-faults
				r := rand.New(rand.NewPCG(seed, state))
				v := r.IntN(n)
				faults <- state + 1
				return v
			}
			f := &fakeSpawner{script: func(c *fakeChild) {
				time.Sleep(time.Duration(random(500)) * time.Millisecond)
				switch random(8) {
				case 0:
					return
				case 1:
					c.until("kill", "terminate")
					return
				}
				c.events <- ChildEvent{Kind: ChildReady, Services: random(2)}
				if random(2) == 0 {
					time.Sleep(time.Duration(random(100)) * time.Second)
					return
				}
				c.until([]string{"drain", "shutdown", "disconnect", "terminate", "kill"}[random(5)], "kill")
			}}
			f.refuse = func(SpawnSpec) error {
				switch random(40) {
				case 0:
					return errors.New("no memory")
				case 1:
					return &PermanentError{errors.New("no node")}
				}
				return nil
			}
			supervised(t, f, func(t *testing.T, s *Supervisor) {
				for range 100 {
					switch random(12) {
					case 0:
						s.Submit(Request{Kind: OpStop})
					case 1, 2, 3:
						s.Submit(Request{Kind: OpStart, Plan: testPlan("a", 1+random(3), "b", 1)})
					case 4:
						s.Submit(Request{Kind: OpRestart, Plan: testPlan("b", 1+random(3))})
					}
					time.Sleep(time.Duration(random(20)) * time.Second)
					synctest.Wait()
					checkStatus(t, s.Status())
				}
			})
		})
	}
}

func checkStatus(t *testing.T, st Status) {
	t.Helper()
	busy := st.Operation != nil && st.Operation.State == OpRunning
	for _, p := range st.Processes {
		for _, w := range p.Workers {
			wrong := false
			switch w.State {
			case StateRunning, StateStarting, StateStopping:
				wrong = w.PID == 0
			case StateBackoff:
				wrong = w.NextTryAt.Before(time.Now()) || w.Reason == "" || w.PID != 0
			case StateFatal:
				wrong = w.Reason == "" || w.PID != 0
			case StateStopped:
				wrong = st.State == AppComplete && !busy || w.PID != 0
			case StatePending:
				wrong = !busy
			default:
				wrong = true
			}
			if wrong || st.State == AppStopped && !busy && w.State != StateStopped {
				t.Fatalf("worker %+v of an application in state %d (busy: %v)", w, st.State, busy)
			}
		}
	}
}
