package supervisor

import (
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// TestMemoryBoundThatNobodyKeeps: every worker is over the limit, and each slot is replaced once a minute at most.
func TestMemoryBoundThatNobodyKeeps(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		c.memory.Store(200)
		serve(time.Second)(c)
	}
	plan := testPlan("w", 2)
	plan.App.Processes[0].Policy = &procfile.Policy{MaxMemoryBytes: 100}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan)
		time.Sleep(10*time.Minute - time.Second)
		if n := f.count(); n < 2+2*8 || n > 2+2*10 {
			t.Errorf("%d processes in ten minutes", n)
		}
		if w := workerOf(s, 0, 0); w.Restarts != 0 || w.State != StateRunning {
			t.Errorf("%+v", w)
		}
	})
}

// TestMemoryReplacementThatFails is tried again, and the old worker serves meanwhile.
func TestMemoryReplacementThatFails(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		switch c.spec.Generation {
		case 1:
			c.memory.Store(200)
			serve(time.Second)(c)
		case 2:
			crash(3)(c)
		default:
			serve(time.Second)(c)
		}
	}
	plan := testPlan("w", 1)
	plan.App.Processes[0].Policy = &procfile.Policy{MaxMemoryBytes: 100}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan)
		time.Sleep(30 * time.Second)
		if got := shape(s, 0); got != "0.1:running" {
			t.Errorf("after the failure: %s", got)
		}
		time.Sleep(time.Minute)
		if got := shape(s, 0); got != "0.3:running" {
			t.Errorf("after a minute: %s", got)
		}
	})
}

// TestUserComesAfterReplacement: what a user asks for while a worker is replaced is done next, and not refused; a stop
// does not wait for it.
func TestUserComesAfterReplacement(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		if c.spec.Generation == 1 {
			c.memory.Store(200)
			serve(time.Second)(c)
			return
		}
		if c.soon(20*time.Second) == "" { // nobody told it to end
			serve(0)(c)
		}
	}
	plan := testPlan("w", 1)
	plan.App.Processes[0].Policy = &procfile.Policy{MaxMemoryBytes: 100}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan)
		time.Sleep(10 * time.Second)
		if op := s.Status().Operation; op == nil || op.Kind != OpReplace || op.State != OpRunning {
			t.Fatalf("no replacement: %+v", op)
		}
		reload, err := s.Submit(Request{Kind: OpReload, Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Submit(Request{Kind: OpReload, Plan: plan}); err != ErrBusy {
			t.Errorf("a second one: %v", err)
		}
		if op := await(t, s, reload.ID); op.State != OpSucceeded || shape(s, 0) != "0.3:running" {
			t.Errorf("reload: %+v, %s", op, shape(s, 0))
		}
	})
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, plan)
		time.Sleep(10 * time.Second)
		reload, err := s.Submit(Request{Kind: OpReload, Plan: plan})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if op := perform(t, s, OpStop, nil); op.State != OpSucceeded || time.Since(begin) > 5*time.Second {
			t.Errorf("stop after %v: %+v", time.Since(begin), op)
		}
		if op := await(t, s, reload.ID); op.State != OpCanceled {
			t.Errorf("reload: %+v", op)
		}
	})
}

// TestGuardWasAway: the guard itself stood still for longer than the limit, so the answer to its last ping has not been
// read when it looks; that is no silence of the worker.
func TestGuardWasAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(Config{Spawner: &fakeSpawner{t: t}})
		plan := testPlan("w", 1)
		p := plan.App.Processes[0]
		p.Policy = &procfile.Policy{LivenessTimeoutMs: 9000}
		w := newWorker(s, &application{plan: plan}, plan, p, 0, nil)
		child := &fakeChild{f: s.spawner.(*fakeSpawner), told: make(chan string, 16)}
		w.child, w.stage, w.answered = child, stageRunning, time.Now()
		w.feel()
		time.Sleep(time.Minute)
		w.feel()
		if w.because != "" {
			t.Fatalf("after an absence: %s", w.because)
		}
		w.said(ChildEvent{Kind: ChildPong})
		for range 5 {
			time.Sleep(3 * time.Second)
			w.feel()
		}
		if !strings.Contains(w.because, "did not answer for 9s") {
			t.Errorf("not noticed: %q", w.because)
		}
	})
}

// TestManyRestartsAreNotRemembered: without maxRestarts nothing counts them.
func TestManyRestartsAreNotRemembered(t *testing.T) {
	f := &fakeSpawner{}
	f.script = func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildReady}
		time.Sleep(time.Second)
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 1))
		time.Sleep(time.Hour)
		w := s.app.roles[0].slots[0]
		perform(t, s, OpStop, nil)
		if n := len(w.replaced); n != 0 || w.status.Restarts < 100 {
			t.Errorf("%d of %d restarts are remembered", n, w.status.Restarts)
		}
	})
}

// TestDecision14: the sentences of the restart policy, one by one, in virtual time.
func TestDecision14(t *testing.T) {
	var mu sync.Mutex
	var spawned []time.Duration
	var begin time.Time
	run := func(lives ...time.Duration) *fakeSpawner {
		spawned = nil
		f := &fakeSpawner{}
		f.script = func(c *fakeChild) {
			mu.Lock()
			n := len(spawned)
			spawned = append(spawned, time.Since(begin))
			mu.Unlock()
			c.events <- ChildEvent{Kind: ChildReady}
			if n < len(lives) {
				time.Sleep(lives[n])
				return // exit 0 restarts, too
			}
			serve(0)(c)
		}
		return f
	}
	gaps := func(t *testing.T, f *fakeSpawner, lives []time.Duration, want ...[2]time.Duration) {
		t.Helper()
		supervised(t, f, func(t *testing.T, s *Supervisor) {
			mu.Lock()
			begin = time.Now()
			mu.Unlock()
			perform(t, s, OpStart, testPlan("w", 1))
			time.Sleep(2 * time.Hour)
			mu.Lock()
			defer mu.Unlock()
			if len(spawned) != len(lives)+1 {
				t.Fatalf("%d spawns, want %d", len(spawned), len(lives)+1)
			}
			for i, bounds := range want {
				if gap := spawned[i+1] - spawned[i] - lives[i]; gap < bounds[0] || gap > bounds[1] {
					t.Errorf("replacement %d came after %v, want %v to %v", i+1, gap, bounds[0], bounds[1])
				}
			}
		})
	}
	ms := time.Millisecond
	short := []time.Duration{ms, ms, ms, ms, ms, ms, ms, ms, ms, ms, ms, ms, ms}
	gaps(t, run(short...), short, [2]time.Duration{0, 0}, [2]time.Duration{75 * ms, 100 * ms}, [2]time.Duration{150 * ms, 200 * ms},
		[2]time.Duration{300 * ms, 400 * ms}, [2]time.Duration{600 * ms, 800 * ms}, [2]time.Duration{1200 * ms, 1600 * ms},
		[2]time.Duration{2400 * ms, 3200 * ms}, [2]time.Duration{4800 * ms, 6400 * ms}, [2]time.Duration{9600 * ms, 12800 * ms},
		[2]time.Duration{19200 * ms, 25600 * ms}, [2]time.Duration{22500 * ms, 30 * time.Second}, [2]time.Duration{22500 * ms, 30 * time.Second})
	// A minute of running makes the next one the first again; 59 s do not.
	long := []time.Duration{ms, ms, 61 * time.Second, ms, 59 * time.Second, ms}
	gaps(t, run(long...), long, [2]time.Duration{0, 0}, [2]time.Duration{75 * ms, 100 * ms}, [2]time.Duration{0, 0},
		[2]time.Duration{75 * ms, 100 * ms}, [2]time.Duration{150 * ms, 200 * ms}, [2]time.Duration{300 * ms, 400 * ms})
}

// TestSocketsFollowTheBackoff: they stay while a worker is due within 10 s, close past that, and open at the next start.
func TestSocketsFollowTheBackoff(t *testing.T) {
	f := &fakeSpawner{}
	f.script = func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildReady}
		time.Sleep(time.Millisecond)
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		perform(t, s, OpStart, testPlan("w", 1))
		time.Sleep(10 * time.Second) // 0.1 + … + 6.4 s of backoff are not over
		if log := strings.Join(f.take(), " "); strings.Contains(log, "suspend") {
			t.Errorf("closed early: %s", log)
		}
		time.Sleep(40 * time.Second)
		var order []string
		for _, line := range f.take() {
			if line == "suspend w" || line == "resume w" || strings.HasPrefix(line, "spawn") {
				order = append(order, line)
			}
		}
		text := strings.Join(order, ", ")
		if !strings.Contains(text, "suspend w, ") || !strings.Contains(text, "suspend w, resume w, spawn w/0") && !strings.Contains(text, "suspend w, spawn w/0, resume w") {
			t.Errorf("in order: %s", text)
		}
	})
}
