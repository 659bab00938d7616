package control

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// ChangeRequest asks for a change of an application that is recorded.
type ChangeRequest struct {
	// Kind is reload or scale; with Process also start, stop and restart.
	Kind supervisor.OpKind `json:"kind"`
	// Process limits the change to one process; "" is the whole application. A scale needs one.
	Process string `json:"process,omitempty"`
	// Worker limits a restart or reload of one process to one of its workers, by what runs: Start is nil then.
	Worker *int `json:"worker,omitempty"`
	// Parallel is how many workers of a process a reload replaces at a time; 0 is one.
	Parallel int `json:"parallel,omitempty"`
	// Scale is the number of workers to scale to.
	Scale int `json:"scale,omitempty"`
	// Start is what is to run from now on; nil keeps what is recorded. A reload of the application needs it.
	Start *StartRequest `json:"start,omitempty"`
}

// Create records an application and starts nothing. The error has CodeExists when it runs.
func (f *Fleet) Create(ctx context.Context, request StartRequest) error {
	if err := check(request); err != nil {
		return err
	}
	name := request.App.AppName
	app, err := f.claim(ctx, name, true)
	if err != nil {
		return err
	}
	defer f.release(app)
	f.mu.Lock()
	running, previous := app.guard != nil || app.keeping, app.record
	f.mu.Unlock()
	if running {
		return &Error{Code: CodeExists, Message: fmt.Sprintf("app[%s] has been initialized!", name)}
	}
	record := recordOf(request, previous)
	record.Desired = state.DesiredStopped
	if err := f.replace(app, record); err != nil {
		return err
	}
	f.history.note(ctx, name, "created", "recorded from %s, not started", record.AppDir)
	return nil
}

// CreateRecord records an application while no daemon runs. The caller holds the daemon's lock.
func CreateRecord(home state.Home, request StartRequest) error {
	if err := check(request); err != nil {
		return err
	}
	previous, err := home.ReadRecord(request.App.AppName)
	if err != nil {
		previous = nil // there is none, or one that cannot be read and is replaced
	}
	record := recordOf(request, previous)
	record.Desired = state.DesiredStopped
	return home.WriteRecord(record)
}

// Delete forgets an application; one that runs is stopped first. It returns when nothing of it is left.
func (f *Fleet) Delete(ctx context.Context, name string) error {
	app, err := f.claim(ctx, name, false)
	if err != nil {
		return err
	}
	defer f.release(app)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeLimit)
	defer cancel()
	if _, err := f.stop(ctx, app, true); err != nil {
		return err
	}
	f.mu.Lock()
	guard, gone := app.guard, app.gone
	f.mu.Unlock()
	if guard != nil {
		select {
		case <-gone:
		case <-ctx.Done():
			return fmt.Errorf("stop application %q: its guard does not end: %w", app.name, ctx.Err())
		}
	}
	if err := f.cfg.Home.DeleteRecord(name); err != nil {
		return fmt.Errorf("forget application %q: %w", name, err)
	}
	f.history.note(ctx, name, "deleted", "stopped and forgotten; its logs stay")
	f.mu.Lock()
	app.record, app.previous, app.first = nil, nil, false
	f.tell()
	f.mu.Unlock()
	return nil
}

// Change begins a change of an application. One that does not run is started by a reload, and refused otherwise.
func (f *Fleet) Change(ctx context.Context, name string, c ChangeRequest) (supervisor.Operation, error) {
	if c.Start != nil {
		if err := check(*c.Start); err != nil {
			return supervisor.Operation{}, err
		}
	}
	app, err := f.claim(ctx, name, false)
	if err != nil {
		return supervisor.Operation{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), spawnTimeout+askTimeout)
	defer cancel()
	if err := f.awaitGone(ctx, app); err != nil {
		f.release(app)
		return supervisor.Operation{}, err
	}
	f.mu.Lock()
	guard, record, first := app.guard, app.record, app.first
	f.mu.Unlock()
	if guard == nil && c.Kind == supervisor.OpReload && c.Process == "" && c.Start != nil {
		f.release(app)
		return f.Start(ctx, *c.Start)
	}
	defer f.release(app)
	switch {
	case record == nil:
		return supervisor.Operation{}, notFound(name)
	case guard == nil:
		return supervisor.Operation{}, &Error{Code: CodeRefused, Message: fmt.Sprintf("%s is not running; start it first", name)}
	case first:
		return supervisor.Operation{}, &Error{Code: CodeRefused, Message: fmt.Sprintf("%s is being started; wait for it, or stop it first", name)}
	}
	request, pending, err := f.changeOf(c, record)
	if err != nil {
		return supervisor.Operation{}, err
	}
	// Before the operation begins: it may end before we learn that it was taken.
	f.mu.Lock()
	before := app.pending
	app.pending = pending
	f.mu.Unlock()
	op, err := guard.Submit(ctx, request)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		app.pending = before
		return supervisor.Operation{}, err
	}
	f.remember(op)
	return op, nil
}

// changeOf makes what a guard is asked for, and the record that holds once that has succeeded.
func (f *Fleet) changeOf(c ChangeRequest, record *state.Record) (supervisor.Request, *state.Record, error) {
	request := supervisor.Request{Kind: c.Kind, Process: c.Process, Worker: c.Worker, Parallel: c.Parallel}
	pending := *record
	if c.Start != nil {
		pending = *recordOf(*c.Start, record)
		pending.Stopped = record.Stopped
	}
	switch c.Kind {
	case supervisor.OpScale:
		app, err := scaled(&pending.App, c.Process, c.Scale)
		if err != nil {
			return request, nil, err
		}
		pending.App, request.Process = *app, ""
	case supervisor.OpStart, supervisor.OpStop, supervisor.OpRestart, supervisor.OpReload:
		if c.Process == "" && (c.Kind != supervisor.OpReload || c.Start == nil) {
			return request, nil, &Error{Code: CodeInvalid, Message: fmt.Sprintf("%s: the request names no process and no graph", c.Kind)}
		}
		if c.Process != "" && record.App.Process(c.Process) == nil {
			return request, nil, noProcess(&record.App, c.Process)
		}
	default:
		return request, nil, &Error{Code: CodeInvalid, Message: fmt.Sprintf("no change is called %q", c.Kind)}
	}
	if c.Kind == supervisor.OpScale || c.Start != nil {
		request.Plan = f.plan(&pending)
	}
	return request, &pending, nil
}

// scaled is a graph with another number of workers for one process. A plain process of which there are to be several
// becomes a cluster.
func scaled(app *procfile.Application, process string, n int) (*procfile.Application, error) {
	c := app.Clone()
	p := c.Process(process)
	if p == nil {
		return nil, noProcess(app, process)
	}
	if n < 1 || n > procfile.MaxScale {
		return nil, &Error{Code: CodeInvalid, Message: fmt.Sprintf("scale of process %q is %d, want 1 to %d", process, n, procfile.MaxScale)}
	}
	p.Scale = n
	if n > 1 {
		p.Kind = procfile.KindWorker
	}
	return c, nil
}

// noProcess is the error for a process that an application does not have.
func noProcess(app *procfile.Application, process string) error {
	names := make([]string, len(app.Processes))
	for i := range app.Processes {
		names[i] = app.Processes[i].ProcessName
	}
	return &Error{Code: CodeNotFound, Message: fmt.Sprintf("application %s has no process %q, only %s", app.AppName, process, strings.Join(names, ", "))}
}

// sync writes down what a guard runs after a change: the guard is the truth, and a change may have succeeded in part.
func (f *Fleet) sync(ctx context.Context, app *application, guard *Guard) {
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	plan, err := guard.Plan(ask)
	if err != nil {
		f.cfg.Log.Warn("guard does not tell its plan", zap.String("app", app.name), zap.Error(err))
		return
	}
	f.mu.Lock()
	record := app.record
	if app.pending != nil {
		record = app.pending
	}
	app.pending = nil
	f.mu.Unlock()
	if record == nil {
		return
	}
	changed := *record
	changed.App, changed.Env, changed.Cwd, changed.Node = plan.App, plan.Env, plan.Cwd, plan.Node
	changed.Stopped = slices.Clone(plan.Stopped)
	f.mu.Lock()
	if app.record != nil && app.record.Desired == state.DesiredStopped {
		changed.Desired = state.DesiredStopped // it was stopped meanwhile
	}
	app.record = &changed
	f.mu.Unlock()
	f.persist(ctx, app)
}
