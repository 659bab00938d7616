package supervisor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/procfile"
)

// defaultReadyTimeout is generous: it is for a worker that hangs, not for a slow one.
const defaultReadyTimeout = 2 * time.Minute

// Config is what a Supervisor works with; the zero value runs real Node processes and lists them in no file.
type Config struct {
	// Spawner makes the processes; nil is a NodeSpawner.
	Spawner Spawner
	// Log is where the supervisor tells what it does; nil is nowhere.
	Log *zap.Logger
	// RosterPath is the file that lists the live processes, so that the next guard can end them if this one is lost;
	// "" keeps none.
	RosterPath string
	// Output takes the lines that workers write, in place of log files (dev). It is called from one goroutine per
	// stream and must not block for long. nil means log files.
	Output func(process string, worker int, line string, stderr bool)
	// Loaded takes the files that workers under dev have loaded, absolute paths, as Node reports them; nil asks for no
	// reports. It is called from one goroutine per worker and must not block.
	Loaded func(process string, files []string)
	// ReadyTimeout is how long a worker may take to become ready before it is killed; 0 means two minutes.
	ReadyTimeout time.Duration
	// Probe tries a readiness check until it holds or ctx ends; nil asks over the network.
	Probe func(ctx context.Context, check procfile.ReadyCheck) error
}

// What Submit answers when it takes no operation.
var (
	// ErrBusy: another operation is running, and only stop may interrupt it.
	ErrBusy = errors.New("another operation is running; wait for it, or stop the application")
	// ErrRunning: a start of what is already running.
	ErrRunning = errors.New("the application is already running")
	// ErrNotRunning: an operation that needs a running application.
	ErrNotRunning = errors.New("the application is not running")
	// ErrClosed: Run has ended.
	ErrClosed = errors.New("the supervisor has ended")
)

// UnknownError says that an operation is about a process or worker that the application does not have.
type UnknownError string

// Error is the text.
func (e UnknownError) Error() string { return string(e) }

// Supervisor runs one application. New makes one; it does nothing before Run.
type Supervisor struct {
	log          *zap.Logger
	spawner      Spawner
	output       func(process string, worker int) func(line string, stderr bool)
	loaded       func(process string, files []string)
	roster       *roster
	readyTimeout time.Duration
	probe        func(ctx context.Context, check procfile.ReadyCheck) error
	wake         chan struct{} // one slot: something to do for Run
	kill         chan struct{} // closed by Hurry
	killOnce     sync.Once
	turn         sync.Mutex // held by Run while it works, and by HandOver
	taken        bool       // TakeOver came before Run

	mu          sync.Mutex
	closed      bool
	current     *operation   // being performed
	queued      *operation   // to be performed next
	wanted      []*worker    // to be replaced once no operation runs
	operations  []*operation // oldest first, the last maxOperations
	app         *application // nil before the first start
	live        bool         // workers of app may exist
	spawned     int          // processes ever, for newID
	events      []Event      // oldest first, the last maxEvents
	seq         uint64
	guardID     string // of the events; never changes
	subscribers map[chan struct{}]struct{}
}

// application is one start of a plan, until it is stopped. A reload changes its plan and its roles. Its fields below the
// line are guarded by Supervisor.mu; only the goroutine of Run changes them.
type application struct {
	id        string
	startedAt time.Time

	plan         *Plan
	roles        []*role
	state        AppState
	startCount   int
	restartCount int
	slotCounts   map[slotKey]*slotCounts
}

// role is a process of the plan with its workers. Only the goroutine of Run changes it, under Supervisor.mu.
type role struct {
	process procfile.Process
	// slots holds the worker that fills each slot; workers also those that are on their way in or out, by slot and then
	// in the order they came.
	slots   []*worker
	workers []*worker
	stopped bool
	sockets socketKeeper
	// wanted is when a worker of a slot asked for its replacement last; guarded by Supervisor.mu.
	wanted map[int]time.Time
}

// socketKeeper remembers whether the sockets of a process are open. The lock is held across closing and opening them:
// putting these in order is all it is for.
type socketKeeper struct {
	mu     sync.Mutex
	closed bool
}

// New returns a supervisor with nothing to supervise; Run makes it work.
func New(c Config) *Supervisor {
	s := &Supervisor{
		log: c.Log, spawner: c.Spawner, loaded: c.Loaded, readyTimeout: c.ReadyTimeout,
		wake: make(chan struct{}, 1), kill: make(chan struct{}), subscribers: map[chan struct{}]struct{}{},
		guardID: newUUID(),
	}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.spawner == nil {
		s.spawner = NewNodeSpawner(s.log, s.changed)
	}
	if s.readyTimeout <= 0 {
		s.readyTimeout = defaultReadyTimeout
	}
	if s.probe = c.Probe; s.probe == nil {
		s.probe = probeReady
	}
	s.output = func(string, int) func(string, bool) { return nil }
	if c.Output != nil {
		s.output = func(process string, worker int) func(string, bool) {
			return func(line string, stderr bool) { c.Output(process, worker, line, stderr) }
		}
	}
	s.roster = newRoster(c.RosterPath, s.log)
	return s
}

// Run performs the operations that Submit takes, until ctx ends; then it stops the application gracefully and returns
// when nothing runs any more. First it ends the processes that a lost predecessor left in the roster. The error says
// that these could not be ended: then nothing was started.
func (s *Supervisor) Run(ctx context.Context) error {
	if s.taken {
		s.resume()
	} else if err := s.roster.endAll(); err != nil {
		s.close()
		return fmt.Errorf("end the processes of an earlier guard: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			s.turn.Lock()
			defer s.turn.Unlock()
			s.close()
			s.stopAll(nil)
			return nil
		case <-s.wake:
		}
		for ctx.Err() == nil && s.performNext(ctx) {
		}
	}
}

// performNext performs the next operation, if there is one.
func (s *Supervisor) performNext(ctx context.Context) bool {
	s.turn.Lock()
	defer s.turn.Unlock()
	op := s.take(ctx)
	if op != nil {
		s.perform(op)
	}
	return op != nil
}

// Hurry makes every stop, of now and later, kill at once. It is for a guard that has to end and cannot wait.
func (s *Supervisor) Hurry() { s.killOnce.Do(func() { close(s.kill) }) }

// close refuses further operations and cancels the one that waits.
func (s *Supervisor) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.queued != nil {
		s.finishLocked(s.queued, OpCanceled, nil)
		s.queued = nil
	}
}

// take makes the queued operation the current one; if there is none, a replacement that a worker asked for.
func (s *Supervisor) take(ctx context.Context) *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := s.queued
	for op == nil && len(s.wanted) > 0 {
		w := s.wanted[0]
		s.wanted = s.wanted[1:]
		if s.live && s.app == w.app && s.app.fills(w) && w.shown.State == StateRunning {
			op = s.newOperation(Request{Kind: OpReplace, Process: w.process.ProcessName, slot: w.shown.Worker})
		}
	}
	if op == nil {
		return nil
	}
	s.queued, s.current = nil, op
	op.ctx, op.cancel = context.WithCancel(ctx)
	return op
}

// fills reports whether a worker is the one of its slot; the caller holds mu.
func (a *application) fills(w *worker) bool {
	r := a.role(w.process.ProcessName)
	return r != nil && w.shown.Worker < len(r.slots) && r.slots[w.shown.Worker] == w
}

// role returns the role of that name, or nil; the caller holds mu or is Run.
func (a *application) role(name string) *role {
	for _, r := range a.roles {
		if r.process.ProcessName == name {
			return r
		}
	}
	return nil
}

// wantReplacement asks for a replacement of a worker, once no operation runs. It returns false when its slot was replaced
// in this way a short while ago: a limit that no worker can keep must not keep everyone busy.
func (s *Supervisor) wantReplacement(w *worker) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := w.app.role(w.process.ProcessName)
	if last, asked := r.wanted[w.shown.Worker]; asked && time.Since(last) < replacePause {
		return false
	}
	if r.wanted == nil {
		r.wanted = map[int]time.Time{}
	}
	r.wanted[w.shown.Worker] = time.Now()
	s.wanted = append(s.wanted, w)
	s.rouse()
	return true
}

// rouse makes Run look for something to do.
func (s *Supervisor) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Submit queues an operation and returns its first snapshot; Watch follows it. One operation runs at a time, and one that
// is asked for begins after a replacement that runs; others get ErrBusy, except the stop of the application, which cancels the one that runs; a second stop joins the first. A start of
// what runs is ErrRunning; a restart or reload of what does not run is a start; what concerns one process, and a scale,
// needs a running application (ErrNotRunning).
func (s *Supervisor) Submit(r Request) (Operation, error) {
	stop := r.Kind == OpStop && r.Process == ""
	if err := checkRequest(r); err != nil {
		return Operation{}, fmt.Errorf("%s: %w", r.Kind, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := s.queued
	if busy == nil && s.current != nil && (stop || s.current.Kind != OpReplace) {
		busy = s.current // a replacement that nobody asked for is waited for
	}
	switch {
	case s.closed:
		return Operation{}, ErrClosed
	case busy != nil && !stop:
		return Operation{}, ErrBusy
	case busy != nil && busy.stopsAll():
		return busy.copy(), nil
	case busy != nil && busy == s.queued:
		s.finishLocked(busy, OpCanceled, nil)
		if s.current != nil {
			s.current.cancel()
		}
	case busy != nil:
		busy.cancel()
	case r.Process == "" && r.Kind == OpStart && s.live:
		return Operation{}, ErrRunning
	case !s.live && (r.Process != "" || r.Kind == OpScale):
		return Operation{}, ErrNotRunning
	case r.Process != "":
		if err := s.checkProcess(r); err != nil {
			return Operation{}, err
		}
	}
	if r.Kind == OpReload && !s.live {
		r.Kind = OpStart
	}
	op := s.newOperation(r)
	s.queued = op
	s.rouse()
	return op.copy(), nil
}

// checkProcess refuses an operation on a process that is not there or, for a start, runs; the caller holds mu.
func (s *Supervisor) checkProcess(r Request) error {
	role := s.app.role(r.Process)
	switch {
	case role == nil:
		names := make([]string, len(s.app.roles))
		for i, known := range s.app.roles {
			names[i] = known.process.ProcessName
		}
		return UnknownError(fmt.Sprintf("application %q has no process %q, only %s", s.app.plan.App.AppName, r.Process, strings.Join(names, ", ")))
	case r.Kind == OpStart && !role.stopped:
		return fmt.Errorf("process %q: %w", r.Process, ErrRunning)
	case r.Worker == nil:
	case role.stopped:
		return fmt.Errorf("%s: process %q was stopped on its own: %w", r.Kind, r.Process, ErrNotRunning)
	case *r.Worker < 0 || *r.Worker >= len(role.slots):
		return UnknownError(fmt.Sprintf("process %q of application %q has no worker %d; it has %d, from 0", r.Process, s.app.plan.App.AppName, *r.Worker, len(role.slots)))
	}
	return nil
}

// checkRequest refuses what makes no sense whatever runs.
func checkRequest(r Request) error {
	switch r.Kind {
	case OpStart, OpRestart, OpReload, OpScale:
	case OpStop:
		return nil
	default:
		return fmt.Errorf("no such operation")
	}
	if r.Parallel < 0 {
		return fmt.Errorf("parallel is %d, want 1 or more", r.Parallel)
	}
	if r.Worker != nil && (r.Process == "" || r.Plan != nil || r.Kind != OpRestart && r.Kind != OpReload) {
		return errors.New("one worker can be restarted or reloaded, as a worker of a process and by the plan that runs")
	}
	if r.Plan == nil && r.Process != "" {
		return nil
	}
	return checkPlan(r.Plan)
}

// checkPlan refuses a plan that cannot be run whatever happens.
func checkPlan(p *Plan) error {
	switch {
	case p == nil:
		return errors.New("a plan is needed")
	case p.App.AppName == "":
		return errors.New("the plan names no application")
	case !filepath.IsLocal(p.App.AppName) || filepath.Base(p.App.AppName) != p.App.AppName:
		return fmt.Errorf("application name %q cannot be the name of a log folder", p.App.AppName)
	case len(p.App.Processes) == 0:
		return fmt.Errorf("application %q has no process", p.App.AppName)
	}
	names := map[string]bool{}
	for i := range p.App.Processes {
		process := &p.App.Processes[i]
		if names[process.ProcessName] || process.ProcessName == "" {
			return fmt.Errorf("application %q has two processes named %q, or one without a name", p.App.AppName, process.ProcessName)
		}
		names[process.ProcessName] = true
		if process.Scale < 1 {
			return fmt.Errorf("process %q has scale %d, want at least 1", process.ProcessName, process.Scale)
		}
	}
	return nil
}

// newID numbers the processes.
func (s *Supervisor) newID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spawned++
	return s.spawned
}

// keepSockets closes the sockets of a process that has no worker now or soon, and opens them for one that starts.
func (s *Supervisor) keepSockets(app *application, name string) {
	s.mu.Lock()
	r, appName, dev := app.role(name), app.plan.App.AppName, app.plan.Dev // a reload gives it another plan
	s.mu.Unlock()
	if r == nil {
		return
	}
	k := &r.sockets
	k.mu.Lock()
	defer k.mu.Unlock()
	// Under dev a browser waits for the next change, not in front of a refusal.
	wanted := dev || s.socketsWanted(r)
	switch {
	case wanted && k.closed:
		s.log.Info("listening sockets open again", zap.String("app", appName), zap.String("process", name))
		s.spawner.Resume(name)
	case !wanted && !k.closed:
		s.log.Warn("listening sockets closed: no worker soon", zap.String("app", appName), zap.String("process", name))
		s.spawner.Suspend(name)
	}
	k.closed = !wanted
}

// socketsWanted reports whether a worker of the process lives or is due soon.
func (s *Supervisor) socketsWanted(r *role) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stopped := 0
	for _, w := range r.workers {
		switch w.shown.State {
		case StateStopped:
			stopped++
		case StateBackoff:
			if time.Until(w.shown.NextTryAt) <= socketsKeep {
				return true
			}
		case StateFatal:
		default:
			return true
		}
	}
	// While the whole process stops, the end of the stop decides.
	return stopped > 0 && !r.stopped
}

// statusOf is what Status tells of the application besides live values; the caller holds mu.
func (s *Supervisor) statusOf(app *application) Status {
	st := Status{
		AppName: app.plan.App.AppName, AppDir: app.plan.App.AppDir, AppID: app.id, State: app.state, GuardPID: os.Getpid(),
		StartedAt: app.startedAt, StartCount: app.startCount, RestartCount: app.restartCount, Structure: app.plan.App,
		Processes: make([]ProcessStatus, len(app.roles)),
	}
	if !app.plan.Dev {
		st.StdoutLogPath = filepath.Join(app.plan.LogsDir, app.plan.App.AppName, "nodejs_stdout.log")
	}
	for i, r := range app.roles {
		p := ProcessStatus{Name: r.process.ProcessName, Kind: r.process.Kind, Stopped: r.stopped, Workers: []WorkerStatus{}}
		for _, w := range r.workers {
			shown := w.shown
			shown.Restarts = app.counts(p.Name, shown).restarts
			p.Workers = append(p.Workers, shown)
		}
		st.Processes[i] = p
	}
	return st
}

// newUUID makes a random (version 4) uuid.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
