package supervisor

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// What random walks have found, each on its own.

// TestNoReplacementOfStopped: a worker asks for its replacement just before its process is stopped.
func TestNoReplacementOfStopped(t *testing.T) {
	f := &fakeSpawner{script: serve(time.Second), overlap: true}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("a", 1, "b", 1))
		performRequest(t, s, Request{Kind: OpStop, Process: "a"})
		n := f.count()
		s.wantReplacement(s.app.roles[0].slots[0])
		time.Sleep(time.Minute)
		if f.count() != n || shape(s, 0) != "0.1:stopped" {
			t.Errorf("a stopped process was started: %s", shape(s, 0))
		}
	})
}

// TestReadyTooLate: what is said by a worker that has been killed for being late does not make it ready.
func TestReadyTooLate(t *testing.T) {
	f := &fakeSpawner{script: func(c *fakeChild) {
		c.until("kill")
		c.events <- ChildEvent{Kind: ChildReady}
		time.Sleep(time.Second)
		c.exit = Exit{Code: -1, Signal: "SIGKILL"}
	}}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		if op := perform(t, s, OpStart, testPlan("w", 1)); op.State != OpFailed {
			t.Errorf("start: %+v", op)
		}
	})
}

// TestGenerationsOfOneSlot: the old worker crashes while the new one starts, and the new one fails; each process of the
// slot has a number of its own, and no restart is forgotten.
func TestGenerationsOfOneSlot(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		switch c.spec.Generation {
		case 1:
			c.events <- ChildEvent{Kind: ChildReady}
			time.Sleep(2 * time.Second)
		case 2: // of the reload
			time.Sleep(3 * time.Second)
			serve(0)(c)
		default:
			serve(0)(c)
		}
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 1))
		time.Sleep(time.Second)
		perform(t, s, OpReload, testPlan("w", 1))
		if w := workerOf(s, 0, 0); shape(s, 0) != "0.2:running" || w.Restarts != 1 {
			t.Errorf("%s, %+v", shape(s, 0), w)
		}
		perform(t, s, OpReload, testPlan("w", 1))
		if shape(s, 0) != "0.4:running" {
			t.Errorf("the next one: %s", shape(s, 0))
		}
	})
}

// TestSocketsOfWhatIsGone: a scale that leaves only a worker which was given up, and a new process that fails, leave no
// socket open that nobody accepts from.
func TestSocketsOfWhatIsGone(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		switch {
		case c.spec.Process.ProcessName == "bad":
			crash(1)(c)
		case c.spec.Worker == 0 && c.spec.Generation > 1:
			crash(2)(c)
		case c.spec.Worker == 0:
			c.events <- ChildEvent{Kind: ChildReady}
			time.Sleep(time.Second)
		default:
			serve(0)(c)
		}
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 2))
		time.Sleep(time.Minute)
		synctest.Wait()
		f.take()
		perform(t, s, OpScale, testPlan("w", 1))
		if log := f.take(); shape(s, 0) != "0.6:fatal" || !slices.Contains(log, "suspend w") {
			t.Errorf("%s: %q", shape(s, 0), log)
		}
		perform(t, s, OpReload, testPlan("bad", 1, "w", 1))
		if log := f.take(); log[len(log)-1] != "suspend bad" {
			t.Errorf("a process that is not there any more: %q", log)
		}
	})
}

// TestCanceledReloadLeavesOnePerSlot: a reload is canceled while two workers are in a slot, and the new one crashes
// before the stop has come to it.
func TestCanceledReloadLeavesOnePerSlot(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		if c.spec.Process.ProcessName == "b" && c.spec.Generation > 1 {
			c.until("terminate", "drain", "kill")
			return
		}
		if c.spec.Process.ProcessName == "a" && c.spec.Generation > 1 {
			c.events <- ChildEvent{Kind: ChildReady}
			c.until("terminate")
			return
		}
		serve(0)(c)
	}
	p := testPlan("a", 1, "b", 1)
	p.App.Processes[0].Policy = &procfile.Policy{StopTimeoutMs: 1000}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, p)
		reload, err := s.Submit(Request{Kind: OpReload, Plan: p})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		f.take()
		perform(t, s, OpStop, nil)
		if op := await(t, s, reload.ID); op.State != OpCanceled {
			t.Errorf("reload: %+v", op)
		}
		if log := withoutPings(f.take()); slices.Index(log, "end b/0.2") > slices.Index(log, "terminate a/0.2") {
			t.Errorf("the new worker does not leave first: %q", log)
		}
		if got := shape(s, 1); got != "0.1:stopped" {
			t.Errorf("b is shown as %s", got)
		}
	})
}

// TestOtherKindAlone: a process becomes one of another kind with fewer workers; none of the old kind is there when the
// new one starts, and all are back when that fails.
func TestOtherKindAlone(t *testing.T) {
	broken := false
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		if c.spec.Process.Kind == procfile.KindPlain && broken {
			crash(1)(c)
			return
		}
		serve(time.Second)(c)
	}
	plain := testPlan("w", 1)
	plain.App.Processes[0].Kind = procfile.KindPlain
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 3))
		broken = true
		if op := perform(t, s, OpReload, plain); op.State != OpFailed {
			t.Fatalf("reload: %+v", op)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := shape(s, 0); got != "0.3:running 1.2:running 2.2:running" {
			t.Errorf("not all are back: %s", got)
		}
		broken = false
		f.take()
		if op := perform(t, s, OpReload, plain); op.State != OpSucceeded || shape(s, 0) != "0.4:running" {
			t.Fatalf("reload: %+v, %s", op, shape(s, 0))
		}
		log := f.take()
		if slices.Index(log, "end w/2.2") > slices.Index(log, "spawn w/0.4") {
			t.Errorf("both kinds at once: %q", withoutPings(log))
		}
	})
}
