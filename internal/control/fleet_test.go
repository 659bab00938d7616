package control

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/socket"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// fakeSupervisor runs operations that end when the test says so, or at once.
type fakeSupervisor struct {
	// outcome decides how an operation with this plan ends; nil means it succeeds at once.
	outcome func(kind supervisor.OpKind) supervisor.OpState

	mu      sync.Mutex
	status  supervisor.Status
	ops     map[string]supervisor.Operation
	changed chan struct{}
	plan    *supervisor.Plan
	before  *supervisor.Status // of the last operation
}

// Plan is the last one that was given.
func (s *fakeSupervisor) Plan() *supervisor.Plan {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plan
}

func newFakeSupervisor(app string, outcome func(supervisor.OpKind) supervisor.OpState) *fakeSupervisor {
	return &fakeSupervisor{
		outcome: outcome, ops: map[string]supervisor.Operation{}, changed: make(chan struct{}),
		status: supervisor.Status{AppName: app, AppDir: "/apps/" + app, State: supervisor.AppStopped, GuardPID: 1},
	}
}

func (s *fakeSupervisor) set(op supervisor.Operation, state supervisor.AppState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ops[op.ID] = op
	s.status.Operation = &op
	s.status.State = state
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *fakeSupervisor) Submit(r supervisor.Request) (supervisor.Operation, error) {
	kind, plan := r.Kind, r.Plan
	s.mu.Lock()
	op := supervisor.Operation{ID: uuid.NewString(), Kind: kind, AppName: s.status.AppName, State: supervisor.OpRunning, StartedAt: time.Now()}
	current := s.status.Operation
	s.before = r.Before
	if plan != nil {
		s.status.Structure, s.plan = plan.App, plan
	}
	s.mu.Unlock()
	if current != nil && !final(*current) {
		if kind != supervisor.OpStop {
			return supervisor.Operation{}, errors.New("busy")
		}
		canceled := *current
		canceled.State = supervisor.OpCanceled
		s.set(canceled, supervisor.AppPending)
	}
	s.set(op, supervisor.AppPending)
	end := supervisor.OpSucceeded
	if s.outcome != nil {
		end = s.outcome(kind)
	}
	if end != supervisor.OpRunning {
		done := op
		done.State = end
		state := supervisor.AppComplete
		if kind == supervisor.OpStop || end != supervisor.OpSucceeded {
			state = supervisor.AppStopped
		}
		if end == supervisor.OpFailed {
			done.Failure = &supervisor.Failure{Message: "as the test wants"}
		}
		s.set(done, state)
	}
	return op, nil
}

func (s *fakeSupervisor) Operation(id string) (supervisor.Operation, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	op, ok := s.ops[id]
	return op, ok
}

func (s *fakeSupervisor) Watch(ctx context.Context, id string) <-chan supervisor.Operation {
	out := make(chan supervisor.Operation)
	go func() {
		defer close(out)
		for {
			s.mu.Lock()
			op, changed := s.ops[id], s.changed
			s.mu.Unlock()
			select {
			case out <- op:
			case <-ctx.Done():
				return
			}
			if final(op) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

func (s *fakeSupervisor) Status() supervisor.Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

func (s *fakeSupervisor) Changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
			s.mu.Lock()
			changed = s.changed
			s.mu.Unlock()
			select {
			case out <- struct{}{}:
			default:
			}
		}
	}()
	return out
}

func (s *fakeSupervisor) Operations() []supervisor.Operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []supervisor.Operation
	for _, op := range s.ops {
		all = append(all, op)
	}
	slices.SortFunc(all, func(a, b supervisor.Operation) int { return a.StartedAt.Compare(b.StartedAt) })
	return all
}

func (s *fakeSupervisor) Events(uint64) []supervisor.Event {
	return []supervisor.Event{{Seq: 1, Kind: "spawned"}}
}

// yard holds the guards of a test, each a server in this process.
type yard struct {
	t    *testing.T
	home state.Home
	// outcome of operations; see fakeSupervisor.
	outcome func(app string, kind supervisor.OpKind) supervisor.OpState

	mu     sync.Mutex
	guards map[string]*fakeGuard
	spawns map[string]int
	wg     sync.WaitGroup
}

type fakeGuard struct {
	supervisor *fakeSupervisor
	kill       context.CancelFunc
	ended      chan struct{}
}

func newYard(t *testing.T) *yard {
	t.Helper()
	dir, err := os.MkdirTemp("", "pc-")
	if err != nil {
		t.Fatal(err)
	}
	home, err := state.Locate(func(key string) string {
		if key == "PANDORA_DIR" {
			return filepath.Join(dir, "p")
		}
		return ""
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := home.Prepare(); err != nil {
		t.Fatal(err)
	}
	y := &yard{t: t, home: home, guards: map[string]*fakeGuard{}, spawns: map[string]int{}}
	t.Cleanup(func() {
		y.mu.Lock()
		for _, g := range y.guards {
			g.kill()
		}
		y.mu.Unlock()
		y.wg.Wait()
		os.RemoveAll(dir)
	})
	return y
}

func (y *yard) spawn(_ context.Context, app string) error {
	listener, err := socket.Listen(y.home.GuardSocket(app))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var outcome func(supervisor.OpKind) supervisor.OpState
	if y.outcome != nil {
		outcome = func(kind supervisor.OpKind) supervisor.OpState { return y.outcome(app, kind) }
	}
	g := &fakeGuard{supervisor: newFakeSupervisor(app, outcome), kill: cancel, ended: make(chan struct{})}
	y.mu.Lock()
	y.guards[app] = g
	y.spawns[app]++
	y.mu.Unlock()
	y.wg.Go(func() {
		defer close(g.ended)
		_ = Serve(ctx, listener, GuardHandler(GuardConfig{Supervisor: g.supervisor, Version: "1", Exit: func(bool) { cancel() }}))
	})
	return nil
}

// fleet runs a fleet and returns it with a stop function.
func (y *yard) fleet() (*Fleet, func()) {
	f := NewFleet(FleetConfig{Home: y.home, Version: "1", Spawn: y.spawn, Log: zap.NewNop()})
	f.Adopt(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { f.Run(ctx); close(done) }()
	stop := func() { cancel(); <-done }
	y.t.Cleanup(stop)
	return f, stop
}

func request(app string) StartRequest {
	return StartRequest{App: procfile.Application{AppName: app, AppDir: "/apps/" + app, Processes: []procfile.Process{{ProcessName: "web", Scale: 1}}}, Env: []string{"A=1"}, Cwd: "/"}
}

// finish follows an operation to its end.
func finish(t *testing.T, f *Fleet, op supervisor.Operation) supervisor.Operation {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var last supervisor.Operation
	f.Follow(ctx, op.ID, func(op supervisor.Operation) bool { last = op; return true })
	if !final(last) {
		t.Fatalf("operation %s did not end: %+v", op.ID, last)
	}
	return last
}

// eventually waits until what is true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline.C:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func start(t *testing.T, f *Fleet, app string) supervisor.Operation {
	t.Helper()
	op, err := f.Start(t.Context(), request(app))
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, f, op)
}

func TestStartStopStart(t *testing.T) {
	y := newYard(t)
	f, _ := y.fleet()
	for range 3 {
		if op := start(t, f, "shop"); op.State != supervisor.OpSucceeded {
			t.Fatalf("start: %+v", op)
		}
		if _, err := f.Start(t.Context(), request("shop")); CodeOf(err) != CodeExists || err.Error() != "app[shop] has been initialized!" {
			t.Fatalf("second start: %v", err)
		}
		if f.CloseIfIdle() {
			t.Fatal("idle while an application runs")
		}
		op, err := f.Stop(t.Context(), "shop")
		if err != nil {
			t.Fatal(err)
		}
		if op = finish(t, f, op); op.State != supervisor.OpSucceeded {
			t.Fatalf("stop: %+v", op)
		}
		if r, err := y.home.ReadRecord("shop"); err != nil || r.Desired != state.DesiredStopped {
			t.Fatalf("record after stop: %+v, %v", r, err)
		}
	}
	if !f.CloseIfIdle() {
		t.Error("not idle after the last stop")
	}
	if _, err := f.Start(t.Context(), request("late")); CodeOf(err) != CodeClosing {
		t.Errorf("start after closing: %v", err)
	}
}

func TestFailedFirstStartLeavesNothing(t *testing.T) {
	y := newYard(t)
	y.outcome = func(_ string, kind supervisor.OpKind) supervisor.OpState {
		if kind == supervisor.OpStart {
			return supervisor.OpFailed
		}
		return supervisor.OpSucceeded
	}
	f, _ := y.fleet()
	if op := start(t, f, "bad"); op.State != supervisor.OpFailed || op.Failure == nil {
		t.Fatalf("start: %+v", op)
	}
	eventually(t, "application forgotten", func() bool { return len(f.List()) == 0 })
	if _, err := y.home.ReadRecord("bad"); !errors.Is(err, state.ErrNoRecord) {
		t.Errorf("record: %v", err)
	}
	<-y.guards["bad"].ended
}

func TestFailedStartKeepsOldRecord(t *testing.T) {
	y := newYard(t)
	fail := false
	y.outcome = func(_ string, kind supervisor.OpKind) supervisor.OpState {
		if fail && kind == supervisor.OpStart {
			return supervisor.OpFailed
		}
		return supervisor.OpSucceeded
	}
	f, _ := y.fleet()
	start(t, f, "a")
	op, _ := f.Stop(t.Context(), "a")
	finish(t, f, op)
	fail = true
	r := request("a")
	r.Env = []string{"B=2"}
	op, err := f.Start(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	finish(t, f, op)
	got, err := y.home.ReadRecord("a")
	if err != nil || got.Desired != state.DesiredStopped || got.Env[0] != "A=1" {
		t.Errorf("record %+v, %v", got, err)
	}
}

func TestStopCancelsStart(t *testing.T) {
	y := newYard(t)
	y.outcome = func(_ string, kind supervisor.OpKind) supervisor.OpState {
		if kind == supervisor.OpStart {
			return supervisor.OpRunning
		}
		return supervisor.OpSucceeded
	}
	f, _ := y.fleet()
	op, err := f.Start(t.Context(), request("slow"))
	if err != nil {
		t.Fatal(err)
	}
	stop, err := f.Stop(t.Context(), "slow")
	if err != nil {
		t.Fatal(err)
	}
	if got := finish(t, f, stop); got.State != supervisor.OpSucceeded {
		t.Errorf("stop: %+v", got)
	}
	if got := finish(t, f, op); got.State != supervisor.OpCanceled {
		t.Errorf("start: %+v", got)
	}
	eventually(t, "application forgotten", func() bool { return len(f.List()) == 0 })
}

func TestLostGuardIsReplaced(t *testing.T) {
	y := newYard(t)
	f, _ := y.fleet()
	start(t, f, "a")
	old := y.guards["a"]
	old.kill()
	<-old.ended
	eventually(t, "replaced and running", func() bool {
		y.mu.Lock()
		defer y.mu.Unlock()
		list := f.List()
		return y.spawns["a"] == 2 && len(list) == 1 && list[0].State == supervisor.AppComplete
	})
	op, err := f.Stop(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	finish(t, f, op)
}

func TestLostGuardDuringFirstStart(t *testing.T) {
	y := newYard(t)
	y.outcome = func(_ string, kind supervisor.OpKind) supervisor.OpState { return supervisor.OpRunning }
	f, _ := y.fleet()
	op, err := f.Start(t.Context(), request("a"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "guard followed", func() bool { return f.List()[0].GuardPID == 1 })
	y.guards["a"].kill()
	got := finish(t, f, op)
	if got.State != supervisor.OpFailed || got.Failure == nil || !strings.Contains(got.Failure.Message, "guard") {
		t.Errorf("%+v", got)
	}
	eventually(t, "application forgotten", func() bool { return len(f.List()) == 0 })
}

func TestNewDaemonAdopts(t *testing.T) {
	y := newYard(t)
	f, stop := y.fleet()
	start(t, f, "a")
	start(t, f, "b")
	op, _ := f.Stop(t.Context(), "b")
	finish(t, f, op)
	stop() // the daemon dies, the guard of a lives
	if err := y.home.DeleteRecord("a"); err != nil {
		t.Fatal(err)
	}
	f, _ = y.fleet()
	list := f.List()
	if len(list) != 2 {
		t.Fatalf("list %+v", list)
	}
	for _, a := range list {
		want := supervisor.AppComplete
		if a.AppName == "b" {
			want = supervisor.AppStopped
		}
		if a.State != want {
			t.Errorf("%s is in state %d", a.AppName, a.State)
		}
	}
	if y.spawns["a"] != 1 {
		t.Errorf("guard of a started %d times", y.spawns["a"])
	}
	if r, err := y.home.ReadRecord("a"); err != nil || len(r.Env) != 1 {
		t.Errorf("lost record not written again: %+v, %v", r, err)
	}
	if err := f.Close(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	<-y.guards["a"].ended
}

func TestCloseKeepsWishWithoutForget(t *testing.T) {
	y := newYard(t)
	f, stop := y.fleet()
	start(t, f, "a")
	if err := f.Close(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	stop()
	f, _ = y.fleet()
	eventually(t, "started again by the next daemon", func() bool {
		list := f.List()
		return len(list) == 1 && list[0].State == supervisor.AppComplete
	})
}

func TestFailedRestartLeavesStopped(t *testing.T) {
	y := newYard(t)
	y.outcome = func(_ string, kind supervisor.OpKind) supervisor.OpState {
		if kind == supervisor.OpRestart {
			return supervisor.OpFailed
		}
		return supervisor.OpSucceeded
	}
	f, _ := y.fleet()
	start(t, f, "a")
	op, err := f.Restart(t.Context(), request("a"))
	if err != nil {
		t.Fatal(err)
	}
	finish(t, f, op)
	<-y.guards["a"].ended
	r, err := y.home.ReadRecord("a")
	if err != nil || r.Desired != state.DesiredStopped {
		t.Errorf("record %+v, %v", r, err)
	}
	if y.spawns["a"] != 1 {
		t.Errorf("started %d times", y.spawns["a"])
	}
}

// TestOverTheSocket runs the daemon's handler and client against each other.
func TestOverTheSocket(t *testing.T) {
	y := newYard(t)
	f, _ := y.fleet()
	listener, err := socket.Listen(y.home.ControlSocket())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	exited := make(chan struct{})
	go func() {
		served <- Serve(ctx, listener, DaemonHandler(DaemonConfig{
			Fleet: f, Version: "1.0", Info: func() DaemonInfo { return DaemonInfo{PID: 7, Version: "1.0"} }, Exit: func() { close(exited) },
		}))
	}()
	defer func() { cancel(); <-served }()

	other := DialDaemon(y.home.ControlSocket(), "2.0")
	defer other.Close()
	if _, err := other.List(ctx); CodeOf(err) != CodeVersion || !strings.Contains(err.Error(), "1.0") || !strings.Contains(err.Error(), "2.0") || !strings.Contains(err.Error(), "pandora daemon upgrade") {
		t.Errorf("another version: %v", err)
	}
	if info, err := other.Info(ctx); err != nil || info.PID != 7 {
		t.Errorf("info of another version: %+v, %v", info, err)
	}

	d := DialDaemon(y.home.ControlSocket(), "1.0")
	defer d.Close()
	op, err := d.Start(ctx, request("with space"))
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	if op, err = d.Follow(ctx, op.ID, func(supervisor.Operation) { changes++ }); err != nil || op.State != supervisor.OpSucceeded || changes == 0 {
		t.Fatalf("follow: %+v, %v, %d changes", op, err, changes)
	}
	app, err := d.Get(ctx, "with space")
	if err != nil || app.StateName != "Running" || app.Structure == nil || app.Structure.AppName != "with space" {
		t.Errorf("get: %+v, %v", app, err)
	}
	for _, err := range []error{
		second(d.Stop(ctx, "nobody")), second(d.Get(ctx, "nobody")), second(d.Follow(ctx, "none", nil)),
	} {
		if CodeOf(err) != CodeNotFound {
			t.Errorf("unknown: %v", err)
		}
	}
	bad := request("a/b")
	if _, err := d.Start(ctx, bad); CodeOf(err) != CodeInvalid {
		t.Errorf("invalid name: %v", err)
	}
	if exiting, err := d.Exit(ctx, true); err != nil || exiting {
		t.Errorf("exit if idle: %v, %v", exiting, err)
	}
	if exiting, err := other.Exit(ctx, false); err != nil || !exiting {
		t.Errorf("exit: %v, %v", exiting, err)
	}
	<-exited
	nobody := DialDaemon(filepath.Join(y.home.Run, "none.sock"), "1.0")
	defer nobody.Close()
	if _, err := nobody.Info(ctx); !errors.Is(err, ErrUnreachable) {
		t.Errorf("no daemon: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestGuardOverTheSocket(t *testing.T) {
	y := newYard(t)
	if err := y.spawn(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	g := DialGuard(y.home.GuardSocket("a"), "1")
	defer g.Close()
	if _, err := g.Plan(t.Context()); CodeOf(err) != CodeNotFound {
		t.Errorf("plan before any: %v", err)
	}
	op, err := g.Submit(t.Context(), supervisor.Request{
		Kind: supervisor.OpStart, Plan: &supervisor.Plan{App: procfile.Application{AppName: "a"}, Env: []string{"A=1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if op, err = g.Follow(t.Context(), op.ID, nil); err != nil || op.State != supervisor.OpSucceeded {
		t.Errorf("follow: %+v, %v", op, err)
	}
	if p, err := g.Plan(t.Context()); err != nil || p.App.AppName != "a" {
		t.Errorf("plan: %+v, %v", p, err)
	}
	if events, err := g.Events(t.Context(), 0); err != nil || len(events) != 1 {
		t.Errorf("events: %+v, %v", events, err)
	}
	seen := make(chan supervisor.Status, 10)
	watched := make(chan error, 1)
	go func() {
		watched <- g.WatchStatus(t.Context(), supervisor.EventMark{}, func(s supervisor.Status, _ []supervisor.Event) { seen <- s })
	}()
	if s := <-seen; s.State != supervisor.AppComplete {
		t.Errorf("status %+v", s)
	}
	if err := g.Exit(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-watched
	<-y.guards["a"].ended
}

func TestBodiesAreBounded(t *testing.T) {
	h := handlerFunc(func(r *http.Request) (any, error) {
		var v any
		return v, decodeBody(r, &v)
	})
	y := newYard(t)
	listener, err := socket.Listen(filepath.Join(y.home.Run, "x.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener, h) }()
	defer func() { cancel(); <-done }()
	c := newClient(filepath.Join(y.home.Run, "x.sock"), "1")
	defer c.close()
	if err := c.call(t.Context(), http.MethodPost, "/", strings.Repeat("x", maxBody), nil); err == nil {
		t.Error("a body beyond the bound was accepted")
	}
	if err := c.call(t.Context(), http.MethodPost, "/", "small", nil); err != nil {
		t.Errorf("a small body after it: %v", err)
	}
}
