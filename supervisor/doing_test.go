package supervisor

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// TestOperationTellsWhoIsOnTheWay follows a start and a reload whose workers take their time, as whoever waits sees them.
func TestOperationTellsWhoIsOnTheWay(t *testing.T) {
	f := &fakeSpawner{overlap: true}
	f.script = func(c *fakeChild) {
		c.events <- ChildEvent{Kind: ChildDoing, Doing: "service \"db\":\n start()"}
		time.Sleep(time.Duration(c.spec.Worker+1) * time.Second)
		c.events <- ChildEvent{Kind: ChildReady}
		time.Sleep(time.Second)
		c.events <- ChildEvent{Kind: ChildMessage}
		if c.until("drain", "drain gently") == "drain gently" {
			c.events <- ChildEvent{Kind: ChildDraining, Connections: 3}
			time.Sleep(time.Second)
			c.events <- ChildEvent{Kind: ChildDraining, Connections: 1}
			time.Sleep(time.Second)
		}
		c.events <- ChildEvent{Kind: ChildDrained}
		c.until("terminate")
	}
	supervised(t, f, func(t *testing.T, s *Supervisor) {
		plan := testPlan("w", 2)
		plan.App.Processes[0].Policy = &procfile.Policy{Ready: &procfile.ReadyCheck{Message: "up"}}
		// follow performs an operation and tells what its step says each half second, without repetitions.
		type sight struct {
			state                   string
			done, starting, leaving int
			doing                   string
		}
		follow := func(kind OpKind) (seen []sight) {
			op, err := s.Submit(Request{Kind: kind, Plan: plan})
			if err != nil {
				t.Fatal(err)
			}
			for wait := 250 * time.Millisecond; op.State == OpRunning; wait = 500 * time.Millisecond { // between whatever happens
				time.Sleep(wait)
				synctest.Wait()
				op, _ = s.Operation(op.ID)
				st := op.Steps[0]
				if at := (sight{st.State, st.Done, st.Starting, st.Leaving, st.Doing}); len(seen) == 0 || seen[len(seen)-1] != at {
					seen = append(seen, at)
				}
			}
			return seen
		}
		service := `runs service "db": start()`
		got, want := follow(OpStart), []sight{
			{"running", 0, 2, 0, service}, {"running", 0, 2, 0, "waits for the message up"},
			{"running", 1, 1, 0, "waits for the message up"}, {"done", 2, 0, 0, ""},
		}
		if !slices.Equal(got, want) {
			t.Errorf("start: got  %+v\nwant %+v", got, want)
		}
		got, want = follow(OpReload), []sight{
			{"running", 0, 1, 0, service}, {"running", 0, 1, 0, "waits for the message up"},
			{"running", 1, 1, 1, service}, {"running", 1, 1, 0, "waits for the message up"},
			{"done", 2, 0, 1, "drains 3 connections"}, {"done", 2, 0, 1, "drains 1 connection"}, {"done", 2, 0, 0, ""},
		}
		if !slices.Equal(got, want) {
			t.Errorf("reload: got  %+v\nwant %+v", got, want)
		}
		if w := workerOf(s, 0, 0); w.Doing != "" {
			t.Errorf("a running worker is at %q", w.Doing)
		}
	})
}

// TestWorkerTellsWhatItWaitsFor walks the stages of a worker and what a starting one may wait for.
func TestWorkerTellsWhatItWaitsFor(t *testing.T) {
	http, tcp := procfile.ReadyCheck{HTTP: "http://127.0.0.1:8080/health"}, procfile.ReadyCheck{TCP: "127.0.0.1:8080"}
	for _, c := range []struct {
		w    *worker
		want string
	}{
		{&worker{stage: stagePending}, ""},
		{&worker{stage: stageStarting, waits: waits{report: true}}, ""},
		{&worker{stage: stageStarting, waits: waits{report: true, doing: "service db: start()"}}, "runs service db: start()"},
		{&worker{stage: stageStarting, waits: waits{probe: true}, policy: procfile.Policy{Ready: &http}}, "waits for http://127.0.0.1:8080/health to answer"},
		{&worker{stage: stageStarting, waits: waits{probe: true}, policy: procfile.Policy{Ready: &tcp}}, "waits for 127.0.0.1:8080 to accept connections"},
		{&worker{stage: stageStarting, must: []string{"0.0.0.0:80"}}, "waits until it listens on 0.0.0.0:80"},
		{&worker{stage: stageStarting, because: "late", waits: waits{report: true}}, "is killed"},
		{&worker{stage: stageRunning, connections: 3}, ""},
		{&worker{stage: stageDraining}, ""},
		{&worker{stage: stageDraining, connections: 1}, "drains 1 connection"},
		{&worker{stage: stageFinishing}, "stops its services"},
		{&worker{stage: stageAsked}, "has got SIGTERM"},
		{&worker{stage: stageDisconnecting}, "has lost its channel and is to end"},
		{&worker{stage: stageTerminating}, "does not end and has got SIGTERM again"},
		{&worker{stage: stageKilling}, "is killed"},
		{&worker{stage: stageStopped}, ""}, {&worker{stage: stageBackoff}, ""}, {&worker{stage: stageFatal}, ""},
	} {
		if got := c.w.atNow(); got != c.want {
			t.Errorf("stage %s: got %q, want %q", c.w.stage, got, c.want)
		}
	}
}
