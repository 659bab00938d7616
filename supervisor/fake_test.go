package supervisor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// fakeSpawner makes children that do what script says.
type fakeSpawner struct {
	t *testing.T
	// script runs in a goroutine of the child; it is the child's life.
	script func(c *fakeChild)
	// overlap allows two live processes in a slot, of different generations.
	overlap bool
	// refuse, when not nil, may refuse a spawn.
	refuse func(SpawnSpec) error

	mu       sync.Mutex
	begun    bool
	live     map[string]*fakeChild
	spawns   []SpawnSpec
	log      []string
	lastPID  int
	children sync.WaitGroup
}

func (f *fakeSpawner) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

// take returns the log so far and empties it.
func (f *fakeSpawner) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	log := f.log
	f.log = nil
	return log
}

func (f *fakeSpawner) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.spawns)
}

func (f *fakeSpawner) liveCount() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.live)
}

func (f *fakeSpawner) Begin(*Plan, string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.begun {
		f.t.Error("Begin twice")
	}
	f.begun, f.live = true, map[string]*fakeChild{}
	return nil
}

func (f *fakeSpawner) End() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.begun || len(f.live) > 0 {
		f.t.Errorf("End with begun=%v and %d live processes", f.begun, len(f.live))
	}
	f.begun = false
}

func (f *fakeSpawner) Update(plan *Plan)      {}
func (f *fakeSpawner) Sockets() []Socket      { return nil }
func (f *fakeSpawner) Suspend(process string) { f.note("suspend %s", process) }
func (f *fakeSpawner) Resume(process string)  { f.note("resume %s", process) }

func (f *fakeSpawner) Spawn(spec SpawnSpec) (Child, error) {
	if f.refuse != nil {
		if err := f.refuse(spec); err != nil {
			return nil, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := fmt.Sprintf("%s/%d", spec.Process.ProcessName, spec.Worker)
	if f.overlap {
		others := 0
		for other := range f.live {
			if strings.HasPrefix(other, key+".") {
				others++
			}
		}
		key += fmt.Sprintf(".%d", spec.Generation)
		if others > 1 {
			f.t.Errorf("a third process in slot %s", key)
		}
	}
	if !f.begun {
		f.t.Error("Spawn before Begin")
	}
	if f.live[key] != nil {
		f.t.Errorf("two live processes in slot %s", key)
	}
	f.spawns = append(f.spawns, spec)
	f.log = append(f.log, "spawn "+key)
	f.lastPID++
	c := &fakeChild{f: f, key: key, spec: spec, pid: 1000 + f.lastPID, events: make(chan ChildEvent, 8), told: make(chan string, 16), at: time.Now()}
	f.live[key] = c
	f.children.Go(func() { f.script(c); c.end() })
	return c, nil
}

// fakeChild is a child without a process.
type fakeChild struct {
	f      *fakeSpawner
	key    string
	spec   SpawnSpec
	pid    int
	events chan ChildEvent
	told   chan string
	at     time.Time
	exit   Exit

	listening, exclusive []string
	memory               atomic.Int64
}

func (c *fakeChild) end() {
	c.f.mu.Lock()
	delete(c.f.live, c.key)
	c.f.log = append(c.f.log, "end "+c.key)
	c.f.mu.Unlock()
	c.exit.At = time.Now()
	close(c.events)
}

func (c *fakeChild) tell(what string) {
	c.f.note("%s %s", what, c.key)
	select {
	case c.told <- what:
	default:
	}
}

func (c *fakeChild) PID() int                  { return c.pid }
func (c *fakeChild) LogPath() string           { return "" }
func (c *fakeChild) Events() <-chan ChildEvent { return c.events }
func (c *fakeChild) Exit() Exit                { return c.exit }
func (c *fakeChild) Listening() []string       { return c.listening }
func (c *fakeChild) Exclusive() []string       { return c.exclusive }
func (c *fakeChild) Memory() int64             { return c.memory.Load() }
func (c *fakeChild) Ping() error               { c.tell("ping"); return nil }
func (c *fakeChild) Drain(d Drain) error {
	if d.Gently {
		c.tell("drain gently")
	} else {
		c.tell("drain")
	}
	return nil
}
func (c *fakeChild) Shutdown() error { c.tell("shutdown"); return nil }
func (c *fakeChild) Disconnect()     { c.tell("disconnect") }
func (c *fakeChild) Terminate()      { c.tell("terminate") }
func (c *fakeChild) Kill()           { c.tell("kill") }

// until waits until it is told one of these.
func (c *fakeChild) until(what ...string) string {
	for got := range c.told {
		for _, w := range what {
			if got == w {
				return got
			}
		}
	}
	return ""
}

// soon is what it is told within a time; "" when that is nothing.
func (c *fakeChild) soon(within time.Duration) string {
	select {
	case what := <-c.told:
		return what
	case <-time.After(within):
		return ""
	}
}

// serve is ready after a while and then runs until it is terminated or killed.
func serve(after time.Duration) func(*fakeChild) {
	return func(c *fakeChild) {
		time.Sleep(after)
		c.events <- ChildEvent{Kind: ChildReady}
		for {
			switch c.until("drain", "drain gently", "ping", "terminate", "kill") {
			case "ping":
				c.events <- ChildEvent{Kind: ChildPong}
			case "drain gently":
				time.Sleep(6 * time.Second)
				c.events <- ChildEvent{Kind: ChildDrained}
			case "drain":
				c.events <- ChildEvent{Kind: ChildDrained}
			case "terminate":
				c.exit = Exit{Code: -1, Signal: "SIGTERM"}
				return
			case "kill":
				c.exit = Exit{Code: -1, Signal: "SIGKILL"}
				return
			}
		}
	}
}

// crash ends at once with a code.
func crash(code int) func(*fakeChild) {
	return func(c *fakeChild) { c.exit = Exit{Code: code} }
}

// testPlan describes processes by name and scale.
func testPlan(processes ...any) *Plan {
	p := &Plan{App: procfile.Application{AppName: "app", AppDir: "/app"}, LogsDir: "/logs"}
	for i := 0; i < len(processes); i += 2 {
		p.App.Processes = append(p.App.Processes, procfile.Process{
			AppName: "app", ProcessName: processes[i].(string), Scale: processes[i+1].(int), Kind: procfile.KindWorker,
		})
	}
	return p
}

// supervised runs test in virtual time with a supervisor that is stopped afterwards; nothing may be left then.
func supervised(t *testing.T, f *fakeSpawner, test func(t *testing.T, s *Supervisor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f.t = t
		s := New(Config{Spawner: f})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		test(t, s)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		f.children.Wait()
		if n := f.liveCount(); n != 0 {
			t.Errorf("%d processes left", n)
		}
		if _, err := s.Submit(Request{Kind: OpStop}); !errors.Is(err, ErrClosed) {
			t.Errorf("Submit after Run: %v", err)
		}
	})
}

// perform submits an operation and waits for its end.
func perform(t *testing.T, s *Supervisor, kind OpKind, plan *Plan) Operation {
	t.Helper()
	return performRequest(t, s, Request{Kind: kind, Plan: plan})
}

func performRequest(t *testing.T, s *Supervisor, r Request) Operation {
	t.Helper()
	op, err := s.Submit(r)
	if err != nil {
		t.Fatalf("submit %s: %v", r.Kind, err)
	}
	return await(t, s, op.ID)
}

func await(t *testing.T, s *Supervisor, id string) (last Operation) {
	t.Helper()
	for last = range s.Watch(t.Context(), id) {
	}
	if last.State == OpRunning || last.State == "" {
		t.Fatalf("the watch of %s ended with state %q", last.Kind, last.State)
	}
	return last
}

// workerOf returns one worker's status.
func workerOf(s *Supervisor, process, slot int) WorkerStatus {
	return s.Status().Processes[process].Workers[slot]
}
