package supervisor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
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
	// ReadyTimeout is how long a worker may take to become ready before it is killed; 0 means two minutes.
	ReadyTimeout time.Duration
}

// What Submit answers when it takes no operation.
var (
	// ErrBusy: another operation is running, and only stop may interrupt it.
	ErrBusy = errors.New("another operation is running; wait for it, or stop the application")
	// ErrRunning: a start of what is already running.
	ErrRunning = errors.New("the application is already running")
	// ErrClosed: Run has ended.
	ErrClosed = errors.New("the supervisor has ended")
)

// Supervisor runs one application. New makes one; it does nothing before Run.
type Supervisor struct {
	log          *zap.Logger
	spawner      Spawner
	output       func(process string, worker int) func(line string, stderr bool)
	roster       *roster
	readyTimeout time.Duration
	wake         chan struct{} // one slot: something to do for Run

	mu          sync.Mutex
	closed      bool
	current     *operation   // being performed
	queued      *operation   // to be performed next
	operations  []*operation // oldest first, the last maxOperations
	app         *application // nil before the first start
	live        bool         // workers of app may exist
	spawned     int          // processes ever, for newID
	events      []Event      // oldest first, the last maxEvents
	seq         uint64
	subscribers map[chan struct{}]struct{}
}

// application is one start of a plan: a new one for each start. Its fields below the line are guarded by Supervisor.mu.
type application struct {
	plan    *Plan
	id      string
	workers [][]*worker // by process and slot; owned by the goroutine of Run
	sockets []socketKeeper

	startedAt    time.Time
	state        AppState
	startCount   int
	restartCount int
	processes    []ProcessStatus
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
		log: c.Log, spawner: c.Spawner, readyTimeout: c.ReadyTimeout,
		wake: make(chan struct{}, 1), subscribers: map[chan struct{}]struct{}{},
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
	if err := s.roster.endAll(); err != nil {
		s.close()
		return fmt.Errorf("end the processes of an earlier guard: %w", err)
	}
	for {
		select {
		case <-ctx.Done():
			s.close()
			s.stopAll(nil)
			return nil
		case <-s.wake:
		}
		if op := s.take(ctx); op != nil {
			s.perform(op)
		}
	}
}

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

// take makes the queued operation the current one.
func (s *Supervisor) take(ctx context.Context) *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	op := s.queued
	if op == nil {
		return nil
	}
	s.queued, s.current = nil, op
	op.ctx, op.cancel = context.WithCancel(ctx)
	return op
}

// Submit queues an operation and returns its first snapshot; Watch follows it. plan is needed for start and restart.
// One operation runs at a time: others get ErrBusy, except stop, which cancels the one that runs; a second stop joins
// the first. A start of what runs is ErrRunning; a restart of what does not run is a start.
func (s *Supervisor) Submit(kind OpKind, plan *Plan) (Operation, error) {
	if kind != OpStop {
		if err := checkPlan(plan); err != nil {
			return Operation{}, fmt.Errorf("%s: %w", kind, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	busy := s.queued
	if busy == nil {
		busy = s.current
	}
	switch {
	case s.closed:
		return Operation{}, ErrClosed
	case busy != nil && kind != OpStop:
		return Operation{}, ErrBusy
	case busy != nil && busy.snapshot.Kind == OpStop:
		return busy.copy(), nil
	case busy != nil && busy == s.queued:
		s.finishLocked(busy, OpCanceled, nil)
	case busy != nil:
		busy.cancel()
	case kind == OpStart && s.live:
		return Operation{}, ErrRunning
	}
	op := s.newOperation(kind, plan)
	s.queued = op
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return op.copy(), nil
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

// countSpawn counts a process of an application.
func (s *Supervisor) countSpawn(app *application, replacement bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app.startCount++
	if replacement {
		app.restartCount++
	}
}

// keepSockets closes the sockets of a process that has no worker now or soon, and opens them for one that starts.
func (s *Supervisor) keepSockets(app *application, index int) {
	k := &app.sockets[index]
	k.mu.Lock()
	defer k.mu.Unlock()
	wanted := s.socketsWanted(app, index)
	switch name := app.plan.App.Processes[index].ProcessName; {
	case wanted && k.closed:
		s.log.Info("listening sockets open again", zap.String("app", app.plan.App.AppName), zap.String("process", name))
		s.spawner.Resume(name)
	case !wanted && !k.closed:
		s.log.Warn("listening sockets closed: no worker soon", zap.String("app", app.plan.App.AppName), zap.String("process", name))
		s.spawner.Suspend(name)
	}
	k.closed = !wanted
}

// socketsWanted reports whether a worker of the process lives or is due soon.
func (s *Supervisor) socketsWanted(app *application, index int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stopped := 0
	for _, w := range app.processes[index].Workers {
		switch w.State {
		case StateStopped:
			stopped++
		case StateBackoff:
			if time.Until(w.NextTryAt) <= socketsKeep {
				return true
			}
		case StateFatal:
		default:
			return true
		}
	}
	return stopped > 0 // in a stop, End closes them for good
}

// statusOf is what Status tells of the application besides live values; the caller holds mu.
func (s *Supervisor) statusOf(app *application) Status {
	st := Status{
		AppName: app.plan.App.AppName, AppDir: app.plan.App.AppDir, AppID: app.id, State: app.state, GuardPID: os.Getpid(),
		StartedAt: app.startedAt, StartCount: app.startCount, RestartCount: app.restartCount, Structure: app.plan.App,
		Processes: make([]ProcessStatus, len(app.processes)),
	}
	if !app.plan.Dev {
		st.StdoutLogPath = filepath.Join(app.plan.LogsDir, app.plan.App.AppName, "nodejs_stdout.log")
	}
	for i, p := range app.processes {
		p.Workers = append([]WorkerStatus(nil), p.Workers...)
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
