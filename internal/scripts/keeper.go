package scripts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	// firstPause is how long the keeper waits before it starts a host again that has ended; each time twice as long, up to
	// lastPause, until one has lived for steadyAfter.
	firstPause  = time.Second
	lastPause   = time.Minute
	steadyAfter = time.Minute
	// killAfter is how long a host that is no longer needed may take to end.
	killAfter = 3 * time.Second
	// maxEvents bounds the events that wait for a host, the oldest go first.
	maxEvents = 100
	// maxQuestions bounds what one host may ask at a time.
	maxQuestions = 100
)

// Process is a running host.
type Process interface {
	// Out is what it says, In what it hears. Closing In asks it to end.
	Out() io.Reader
	In() io.WriteCloser
	// Kill ends it at once. Wait waits for its end and tells how that was.
	Kill()
	Wait() error
}

// Config is what a Keeper needs.
type Config struct {
	// Start starts a host that will hear its Spec.
	Start func(spec Spec) (Process, error)
	// Spec makes the specification of an application's host, each time that one is started.
	Spec func(app string) (Spec, error)
	// Answer answers what a script asks the daemon: "metrics", "application" or, that of
	// the global configuration (app is ""), "endpoint".
	Answer func(ctx context.Context, app, what string, arg json.RawMessage) (json.RawMessage, error)
	// Up is told of a host whose indicators are to be registered, Down that its registrations are over.
	Up   func(h *Host)
	Down func(h *Host)
	// Print takes what scripts print and what goes wrong in them.
	Print func(app, owner, text string)
	Log   *zap.Logger
}

// App is an application that may need a host, or, with the name "", the global configuration.
type App struct {
	Name, Dir string
	// Version changes with everything that its scripts depend on; another one starts the host anew.
	Version string
	// Scripted says that its procfile defines something for a host.
	Scripted bool
}

// Keeper keeps the script host of each application that needs one. Its methods may be called from any goroutine; the
// goroutines of a host end with Run, which waits for them.
type Keeper struct {
	config Config
	lastID atomic.Uint64

	mu   sync.Mutex // guards what follows
	ctx  context.Context
	apps map[string]*kept
	wg   sync.WaitGroup
}

// kept is the host of one application, or the next one.
type kept struct {
	app    App
	cancel context.CancelFunc
	done   chan struct{}

	mu sync.Mutex // guards what follows
	// current is nil while none runs.
	current *Host
	// known is what was loaded last, also when the host has ended.
	known loaded
	// problem is why none runs, nextTry when that will be tried again.
	problem string
	nextTry time.Time
	// events wait for a host.
	events []json.RawMessage
}

// NewKeeper makes a Keeper that starts nothing before Run.
func NewKeeper(c Config) *Keeper {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return &Keeper{config: c, apps: map[string]*kept{}}
}

// Run keeps hosts until ctx ends, and ends them.
func (k *Keeper) Run(ctx context.Context) {
	k.mu.Lock()
	k.ctx = ctx
	k.mu.Unlock()
	<-ctx.Done()
	k.mu.Lock()
	k.ctx = nil
	k.mu.Unlock()
	k.wg.Wait()
}

// needed reports whether an application, or "" for the global configuration, has anything that a host runs.
func needed(a App) bool { return a.Scripted || len(files(a.Dir)) > 0 }

// Sync makes the hosts those of the applications that run.
func (k *Keeper) Sync(apps []App) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ctx == nil {
		return
	}
	wanted := map[string]App{}
	for _, a := range apps {
		if needed(a) {
			wanted[a.Name] = a
		}
	}
	for name, e := range k.apps {
		if a, still := wanted[name]; !still || a != e.app {
			e.cancel()
			delete(k.apps, name)
		}
	}
	for name, a := range wanted {
		if k.apps[name] != nil {
			continue
		}
		ctx, cancel := context.WithCancel(k.ctx)
		e := &kept{app: a, cancel: cancel, done: make(chan struct{})}
		k.apps[name] = e
		k.wg.Go(func() {
			defer close(e.done)
			k.keep(ctx, e)
		})
	}
}

// keep runs one host after another.
func (k *Keeper) keep(ctx context.Context, e *kept) {
	pause := firstPause
	for ctx.Err() == nil {
		begun := time.Now()
		err := k.once(ctx, e)
		if ctx.Err() != nil {
			return
		}
		if time.Since(begun) >= steadyAfter {
			pause = firstPause
		}
		e.mu.Lock()
		e.problem, e.nextTry = err.Error(), time.Now().Add(pause)
		e.mu.Unlock()
		k.config.Log.Warn("script host ended", zap.String("app", e.app.Name), zap.Error(err), zap.Duration("after", time.Since(begun)), zap.Duration("pause", pause))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		pause = min(2*pause, lastPause)
	}
}

// once runs one host to its end, and tells why it ended.
func (k *Keeper) once(ctx context.Context, e *kept) error {
	spec, err := k.config.Spec(e.app.Name)
	if err != nil {
		return err
	}
	process, err := k.config.Start(spec)
	if err != nil {
		return fmt.Errorf("start script host: %w", err)
	}
	h := &Host{
		App: e.app.Name, keeper: k, kept: e, in: &lines{w: process.In()}, results: map[[2]string]*shown{},
		questions: make(chan struct{}, maxQuestions),
	}
	// A host ends with its input, and is killed when it does not.
	stop := context.AfterFunc(ctx, func() {
		_ = process.In().Close()
		time.AfterFunc(killAfter, process.Kill)
	})
	defer stop()
	hctx, cancel := context.WithCancel(ctx)
	h.ctx = hctx
	if err := h.in.write(toHost{Spec: &spec}); err != nil {
		process.Kill()
	}
	readErr := each(process.Out(), h.heard)
	if readErr != nil {
		process.Kill()
	}
	_ = process.In().Close()
	cancel()
	h.end()
	h.wg.Wait()
	waitErr := process.Wait()
	switch {
	case h.lastWord != "":
		return errors.New(h.lastWord)
	case readErr != nil:
		return readErr
	case waitErr != nil:
		return waitErr
	}
	return errors.New("it ended by itself")
}

// Indicators lists what an application's host runs or would run; with what is in its way as Problem.
func (k *Keeper) Indicators(app string) []Indicator {
	e := k.of(app)
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	list := slices.Clone(e.known.Indicators)
	for i := range list {
		if list[i].Problem == "" {
			list[i].Problem = e.trouble()
		}
	}
	return list
}

// Problem says why nothing of an application's procfile runs in a host; "" when nothing is in the way.
func (k *Keeper) Problem(app string) string {
	e := k.of(app)
	if e == nil {
		return "its script host has not been started yet"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current != nil && e.known.Problem != "" {
		return e.known.Problem
	}
	return e.trouble()
}

// trouble says why no host runs. e.mu is held.
func (e *kept) trouble() string {
	switch {
	case e.current != nil:
		return ""
	case e.problem == "":
		return "its script host is starting"
	}
	return fmt.Sprintf("its script host is not running (%s); it is started again at %s", e.problem, e.nextTry.Format("15:04:05"))
}

func (k *Keeper) of(app string) *kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.apps[app]
}

// Event has an application's hooks called, once. event is {event, at, appName, …}.
func (k *Keeper) Event(app string, event json.RawMessage) {
	e := k.of(app)
	if e == nil {
		return
	}
	e.mu.Lock()
	h := e.current
	if h == nil {
		e.events = append(e.events, event)
		e.events = e.events[max(0, len(e.events)-maxEvents):]
	}
	e.mu.Unlock()
	if h != nil {
		_ = h.in.write(toHost{Event: event})
	}
}

// Files lists the files of indicators that an application's folder has.
func Files(dir string) []string {
	var list []string
	for path := range files(dir) {
		list = append(list, filepath.Base(path))
	}
	slices.Sort(list)
	return list
}

// Reporters are the reporters of an application, or of the global configuration, that is ""; nil while no host runs.
func (k *Keeper) Reporters(app string) []Reporter {
	e := k.of(app)
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil || e.known.Problem != "" {
		return nil
	}
	return e.known.Reporters
}

// EndPoints are the EndPoints of the global configuration, that is ""; nil while no host runs.
func (k *Keeper) EndPoints(app string) []EndPoint {
	e := k.of(app)
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.current == nil {
		return nil
	}
	return e.known.EndPoints
}

// Failure says why no host runs that has been tried, or why what it was to run does not; "" otherwise.
func (k *Keeper) Failure(app string) string {
	e := k.of(app)
	if e == nil {
		return ""
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.current != nil:
		return e.known.Problem
	case e.problem == "":
		return ""
	}
	return e.trouble()
}
