package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

const (
	// askTimeout bounds a request to a guard, spawnTimeout the start of one; both answer at once unless the machine
	// is on its knees.
	askTimeout   = 10 * time.Second
	spawnTimeout = 20 * time.Second
	// adoptTimeout bounds the first question to a guard that was there before the daemon.
	adoptTimeout = 2 * time.Second
	// keptOperations is how many operations are remembered.
	keptOperations = 200
)

// Observer is told what happens, for instrumentation. Its methods are called from many goroutines and must not wait.
type Observer interface {
	// GuardStarted reports a new guard process, GuardLost one that ended without being asked to.
	GuardStarted(app string)
	GuardLost(app string)
	// OperationEnded reports a final operation.
	OperationEnded(op supervisor.Operation)
}

// FleetConfig is what NewFleet needs.
type FleetConfig struct {
	Home state.Home
	// JSDir is the installed js/<digest> folder.
	JSDir string
	// Executable is the path of the pandora program, for workers.
	Executable string
	Version    string
	// LogRotation is when the logs of applications are rotated that do not say so themselves; see supervisor.Plan.
	LogRotation string
	// WorkerConfig is what the global configuration says that workers have to know; see supervisor.Plan.
	WorkerConfig json.RawMessage
	// Spawn starts the guard process of an application and returns when it listens on Home.GuardSocket(app).
	Spawn func(ctx context.Context, app string) error
	// Observer may be nil.
	Observer Observer
	// Noted is told of what was written into the event log, in that order, and must not wait. It may be nil.
	Noted func([]state.Event)
	Log   *zap.Logger
}

// Fleet is what the daemon knows of all applications. Records on disk and guards are the truth; the fleet can be lost
// and built again at any time.
type Fleet struct {
	cfg     FleetConfig
	history *history
	// keepers receives applications that need a goroutine; Run reads it.
	keepers chan *application
	// closed is closed when the fleet closes.
	closed chan struct{}

	mu sync.Mutex
	// The fields below are guarded by mu.
	apps    map[string]*application
	ops     map[string]supervisor.Operation
	opOrder []string
	closing bool
	// seed is that of Version.
	seed maphash.Seed
	// changed is closed and replaced whenever an operation changes.
	changed chan struct{}
}

// application is one application. Fields other than name, turn and wake are guarded by Fleet.mu. Records and statuses
// are replaced, never changed.
type application struct {
	name string
	// turn holds a token that one starts, stops and revives with.
	turn chan struct{}
	// wake makes the keeper look again.
	wake chan struct{}

	// record is nil when a first start has failed and nothing is to be remembered.
	record *state.Record
	// first is true while a start runs that the record goes back to previous for, should it fail.
	first    bool
	previous *state.Record
	// pending is the record that holds once the change that the guard is making has ended.
	pending *state.Record
	// reviving is true while a lost guard is being replaced: a failure is tried again.
	reviving bool
	status   supervisor.Status
	// before is how the application was when its guard was lost; nil when it was not.
	before *supervisor.Status
	// trouble says why the last try to bring the guard back failed; "" when it did not.
	trouble string
	guard   *Guard
	// leaving is true once the guard was told to end; gone is closed when it has.
	leaving bool
	gone    chan struct{}
	// keeping is true while a keeper goroutine runs, or is about to.
	keeping bool
}

// NewFleet makes an empty fleet. Adopt fills it, Run keeps it.
func NewFleet(cfg FleetConfig) *Fleet {
	return &Fleet{
		cfg:     cfg,
		history: newHistory(cfg.Home, cfg.Noted, cfg.Log),
		keepers: make(chan *application),
		closed:  make(chan struct{}),
		apps:    map[string]*application{},
		ops:     map[string]supervisor.Operation{},
		changed: make(chan struct{}), seed: maphash.MakeSeed(),
	}
}

func newApplication(name string) *application {
	a := &application{name: name, turn: make(chan struct{}, 1), wake: make(chan struct{}, 1)}
	a.turn <- struct{}{}
	return a
}

// Adopt reads the records and asks every guard that lives how it is. It returns sentences about records that could not
// be read. It must be called once, before Run.
func (f *Fleet) Adopt(ctx context.Context) (problems []string) {
	records, problems := f.cfg.Home.Records()
	known := map[string]bool{}
	for _, r := range records {
		app := newApplication(r.AppName)
		app.record = r
		f.apps[r.AppName] = app
		path := f.cfg.Home.GuardSocket(r.AppName)
		known[path] = true
		f.adopt(ctx, app, path)
	}
	for _, path := range f.cfg.Home.GuardSockets() {
		if known[path] {
			continue
		}
		if problem := f.adoptStranger(ctx, path); problem != "" {
			problems = append(problems, problem)
		}
	}
	return append(problems, f.clear()...)
}

// adopt attaches a live guard to an application, and marks what has to be done about it.
func (f *Fleet) adopt(ctx context.Context, app *application, path string) {
	guard := DialGuard(path, f.cfg.Version)
	ask, cancel := context.WithTimeout(ctx, adoptTimeout)
	defer cancel()
	status, err := guard.Status(ask)
	if err != nil {
		guard.Close()
		app.keeping = app.record.Desired == state.DesiredRunning
		return
	}
	// So that an operation which a command was following is found again; a guard of an older version does not tell.
	operations, _ := guard.Operations(ask)
	f.mu.Lock()
	for _, op := range operations {
		f.remember(op)
	}
	f.attach(app, guard, status)
	app.keeping = true
	f.mu.Unlock()
	f.cfg.Log.Info("guard adopted", zap.String("app", app.name), zap.Int("pid", status.GuardPID))
	f.history.note(ctx, app.name, "adopted", "the guard (process %d) is followed by a new daemon", status.GuardPID)
	if op := status.Operation; op != nil && final(*op) && app.changes(op) {
		f.sync(ctx, app, guard) // it may have ended while nobody was there to write it down
	}
	if app.record.Desired == state.DesiredStopped && status.State != supervisor.AppStopped {
		// The daemon before us ended between noting the wish and passing it on.
		if op, err := guard.Submit(ask, supervisor.Request{Kind: supervisor.OpStop}); err == nil {
			f.mu.Lock()
			f.remember(op)
			f.mu.Unlock()
		}
	}
}

// attach gives an application a guard that lives. Fleet.mu is held.
func (f *Fleet) attach(app *application, guard *Guard, status supervisor.Status) {
	app.guard, app.leaving, app.gone, app.status = guard, false, make(chan struct{}), status
	if status.Operation != nil {
		f.remember(*status.Operation)
	}
}

// adoptStranger adopts a guard whose record is lost and writes the record again.
func (f *Fleet) adoptStranger(ctx context.Context, path string) (problem string) {
	guard := DialGuard(path, f.cfg.Version)
	defer guard.Close()
	ask, cancel := context.WithTimeout(ctx, adoptTimeout)
	defer cancel()
	plan, err := guard.Plan(ask)
	if errors.Is(err, ErrUnreachable) {
		_ = os.Remove(path) // a dead guard's socket
		return ""
	}
	if err != nil {
		return fmt.Sprintf("the guard at %q cannot be adopted: %v", path, err)
	}
	r := recordOf(StartRequest{App: plan.App, Env: plan.Env, Cwd: plan.Cwd, Node: plan.Node}, nil)
	if err := f.cfg.Home.WriteRecord(r); err != nil {
		return fmt.Sprintf("the record of application %q cannot be written again: %v", r.AppName, err)
	}
	app := newApplication(r.AppName)
	app.record = r
	f.apps[r.AppName] = app
	f.adopt(ctx, app, path)
	return fmt.Sprintf("the record of application %q was lost; it was written again from its guard", r.AppName)
}

// Run keeps the applications until ctx ends: it follows their guards and replaces one that is lost. Guards outlive it.
func (f *Fleet) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	f.mu.Lock()
	var first []*application
	for _, app := range f.apps {
		if app.keeping {
			first = append(first, app)
		}
	}
	f.mu.Unlock()
	for _, app := range first {
		wg.Go(func() { f.keep(ctx, app) })
	}
	for {
		select {
		case <-ctx.Done():
			return
		case app := <-f.keepers:
			wg.Go(func() { f.keep(ctx, app) })
		}
	}
}

// recordOf makes the record of a request; it keeps the age of the previous one.
func recordOf(request StartRequest, previous *state.Record) *state.Record {
	r := &state.Record{
		AppName: request.App.AppName, AppDir: request.App.AppDir, Desired: state.DesiredRunning,
		App: request.App, Env: request.Env, Cwd: request.Cwd, Node: request.Node,
		GlobalEnvFiles: request.GlobalEnvFiles, GlobalEnv: request.GlobalEnv, GlobalArgs: request.GlobalArgs,
		GlobalExecArgv: request.GlobalExecArgv,
	}
	if previous != nil {
		r.CreatedAt = previous.CreatedAt
	}
	return r
}

// plan makes what a guard needs to run a record.
func (f *Fleet) plan(r *state.Record) *supervisor.Plan {
	return &supervisor.Plan{
		App: r.App, Env: r.Env, Node: r.Node, Cwd: r.Cwd,
		Stopped: r.Stopped, JSDir: f.cfg.JSDir, Executable: f.cfg.Executable, RunDir: f.cfg.Home.Run, Home: f.cfg.Home.Dir, LogsDir: f.cfg.Home.Logs,
		LogRotation: f.cfg.LogRotation, WorkerConfig: f.cfg.WorkerConfig,
	}
}

// check refuses a request that makes no sense.
func check(request StartRequest) error {
	if err := state.ValidName(request.App.AppName); err != nil {
		return &Error{Code: CodeInvalid, Message: err.Error()}
	}
	if !filepath.IsAbs(request.App.AppDir) {
		return &Error{Code: CodeInvalid, Message: fmt.Sprintf("the folder %q of application %q is not absolute", request.App.AppDir, request.App.AppName)}
	}
	if len(request.App.Processes) == 0 {
		return &Error{Code: CodeInvalid, Message: "Start failed, looks like not a pandora project, in appDir " + request.App.AppDir}
	}
	return nil
}

// List returns all applications in the order they were first started.
func (f *Fleet) List() []AppStatus { return f.snapshot(false) }

// Snapshot is List with the graph of every application.
func (f *Fleet) Snapshot() []AppStatus { return f.snapshot(true) }

func (f *Fleet) snapshot(graphs bool) []AppStatus {
	type row struct {
		created string
		status  AppStatus
	}
	now := time.Now()
	f.mu.Lock()
	rows := make([]row, 0, len(f.apps))
	for _, app := range f.apps {
		if app.record == nil {
			continue
		}
		rows = append(rows, row{created: app.record.CreatedAt, status: app.show(now, graphs)})
	}
	f.mu.Unlock()
	slices.SortFunc(rows, func(a, b row) int {
		if c := strings.Compare(a.created, b.created); c != 0 {
			return c
		}
		return strings.Compare(a.status.AppName, b.status.AppName)
	})
	all := make([]AppStatus, len(rows))
	for i, r := range rows {
		all[i] = r.status
	}
	return all
}

// show makes the row of one application; Fleet.mu is held.
func (a *application) show(now time.Time, graph bool) AppStatus {
	s := a.status
	if s.AppName == "" {
		s.AppName, s.AppDir, s.State = a.name, a.record.AppDir, supervisor.AppStopped
		s.Structure = a.record.App
		if a.keeping {
			s.State = supervisor.AppPending
		}
	}
	row := NewAppStatus(s, now)
	if graph {
		g := s.Structure
		row.Structure = &g
	}
	return row
}

// RecordStatus shows an application of which only the record is known.
func RecordStatus(r *state.Record, logPath string) AppStatus {
	return NewAppStatus(supervisor.Status{
		AppName: r.AppName, AppDir: r.AppDir, State: supervisor.AppStopped, StdoutLogPath: logPath,
	}, time.Time{})
}

// Get returns one application with its graph.
func (f *Fleet) Get(name string) (AppStatus, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	app := f.apps[name]
	if app == nil || app.record == nil {
		return AppStatus{}, notFound(name)
	}
	return app.show(time.Now(), true), nil
}

func notFound(name string) error {
	return &Error{Code: CodeNotFound, Message: name + " does not exists!"}
}

// Operation returns an operation as last seen.
func (f *Fleet) Operation(id string) (supervisor.Operation, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op, ok := f.ops[id]
	return op, ok
}

// Follow calls each with an operation now and at every change, until it is final, each returns false, or ctx ends.
func (f *Fleet) Follow(ctx context.Context, id string, each func(supervisor.Operation) bool) {
	shown := false
	var last supervisor.Operation
	for {
		f.mu.Lock()
		op, changed := f.ops[id], f.changed
		f.mu.Unlock()
		if !shown || !sameOperation(op, last) {
			if !each(op) {
				return
			}
			shown, last = true, op
		}
		if final(op) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func sameOperation(a, b supervisor.Operation) bool {
	return a.State == b.State && a.Replaced == b.Replaced && slices.Equal(a.Steps, b.Steps)
}

// remember notes the newest state of an operation, unless a final one is known. Fleet.mu is held.
func (f *Fleet) remember(op supervisor.Operation) {
	old, known := f.ops[op.ID]
	if known && final(old) {
		return
	}
	f.ops[op.ID] = op
	if !known {
		f.opOrder = append(f.opOrder, op.ID)
		for len(f.opOrder) > keptOperations {
			delete(f.ops, f.opOrder[0])
			f.opOrder = f.opOrder[1:]
		}
	}
	f.tell()
}

// tell wakes whoever waits for a change. Fleet.mu is held.
func (f *Fleet) tell() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// done makes an operation that needed nobody.
func (f *Fleet) done(kind supervisor.OpKind, app string) supervisor.Operation {
	now := time.Now()
	op := supervisor.Operation{
		ID: uuid.NewString(), Kind: kind, AppName: app, State: supervisor.OpSucceeded, StartedAt: now, FinishedAt: now,
		Steps: []supervisor.Step{},
	}
	f.mu.Lock()
	f.remember(op)
	f.mu.Unlock()
	return op
}
