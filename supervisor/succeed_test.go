package supervisor

import (
	"os/exec"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/procid"
)

// TestStartAfterLostGuard goes on counting where the guard before has left off.
func TestStartAfterLostGuard(t *testing.T) {
	supervised(t, &fakeSpawner{script: serve(0)}, func(t *testing.T, s *Supervisor) {
		since := time.Now().Add(-time.Hour)
		plan := testPlan("web", 2, "job", 1)
		op := performRequest(t, s, Request{Kind: OpStart, Plan: plan, Before: &Status{
			AppName: "app", StartedAt: since, StartCount: 9, RestartCount: 4,
			Processes: []ProcessStatus{
				{Name: "web", Workers: []WorkerStatus{
					{Worker: 0, PID: 100, State: StateRunning, Generation: 5, Restarts: 3},
					{Worker: 1, PID: 101, State: StateStarting, Generation: 2, Restarts: 1},
					{Worker: 1, PID: 102, State: StateStopping, Generation: 1},
					{Worker: 7, PID: 103, State: StateRunning},
				}},
				{Name: "job", Workers: []WorkerStatus{{Worker: 0, State: StateBackoff, Generation: 3, Restarts: 2}}},
				{Name: "gone", Workers: []WorkerStatus{{Worker: 0, PID: 104, State: StateRunning}}},
			},
		}})
		if op.State != OpSucceeded {
			t.Fatalf("start: %+v", op)
		}
		st := s.Status()
		if !st.StartedAt.Equal(since) || st.StartCount != 12 || st.RestartCount != 6 {
			t.Errorf("started %v, %d starts, %d restarts; want %v, 12, 6", st.StartedAt, st.StartCount, st.RestartCount, since)
		}
		for _, want := range []struct{ process, slot, generation, restarts int }{{0, 0, 6, 4}, {0, 1, 3, 2}, {1, 0, 4, 2}} {
			w := st.Processes[want.process].Workers[want.slot]
			if w.Generation != want.generation || w.Restarts != want.restarts {
				t.Errorf("%s-%d: generation %d with %d restarts, want %d with %d", st.Processes[want.process].Name, want.slot,
					w.Generation, w.Restarts, want.generation, want.restarts)
			}
		}
		// The one after it is an ordinary start.
		perform(t, s, OpStop, nil)
		perform(t, s, OpStart, plan)
		if st := s.Status(); st.StartCount != 3 || st.RestartCount != 0 {
			t.Errorf("after stop and start: %d starts, %d restarts", st.StartCount, st.RestartCount)
		}
	})
}

// TestHurry kills what is being stopped, and what is stopped afterwards, but nothing that runs.
func TestHurry(t *testing.T) {
	deaf := func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildReady}
		c.until("kill")
		c.exit = Exit{Code: -1, Signal: "SIGKILL"}
	}
	supervised(t, &fakeSpawner{script: deaf}, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("a", 2, "b", 1))
		op, err := s.Submit(Request{Kind: OpStop})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		began := time.Now()
		s.Hurry()
		s.Hurry()
		if op = await(t, s, op.ID); op.State != OpSucceeded || time.Since(began) != 0 {
			t.Errorf("the stop %s %v after it was hurried", op.State, time.Since(began))
		}
		if n := s.Status().RestartCount; n != 0 {
			t.Errorf("%d workers were replaced", n)
		}
	})
	f := &fakeSpawner{script: deaf}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("a", 1))
		s.Hurry()
		time.Sleep(time.Second)
		if n := f.liveCount(); n != 1 {
			t.Errorf("%d workers live although nothing was stopped", n)
		}
	})
}

// TestZombieIsNotThere: what is dead but not reaped yet must not be waited for, process 1 may take its time.
func TestZombieIsNotThere(t *testing.T) {
	cmd := exec.Command("sleep", "300")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := rosterEntry{PID: cmd.Process.Pid, Start: procid.Start(cmd.Process.Pid)}
	if e.Start == "" {
		t.Fatal("a live process has no start time")
	}
	if goneWithin(e, 20*time.Millisecond) {
		t.Error("a live process is gone")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if !goneWithin(e, 5*time.Second) {
		t.Error("a killed process that nobody has reaped counts as there")
	}
	cmd.Wait()
}
