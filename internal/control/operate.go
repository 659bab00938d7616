package control

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// closeLimit bounds the stop of all applications when the daemon ends; a worker that ignores everything is killed by
// its guard long before.
const closeLimit = 90 * time.Second

// claim takes the turn of an application; make says whether an unknown one is made. The caller gives it back with
// release.
func (f *Fleet) claim(ctx context.Context, name string, make bool) (*application, error) {
	f.mu.Lock()
	app := f.apps[name]
	if app == nil && make && !f.closing {
		app = newApplication(name)
		f.apps[name] = app
	}
	f.mu.Unlock()
	if app == nil {
		if make {
			return nil, errClosing()
		}
		return nil, notFound(name)
	}
	select {
	case <-app.turn:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f.mu.Lock()
	closing, forgotten := f.closing, f.apps[name] != app
	f.mu.Unlock()
	if closing {
		f.release(app)
		return nil, errClosing()
	}
	if forgotten {
		// It was forgotten while we waited for our turn.
		f.release(app)
		return f.claim(ctx, name, make)
	}
	return app, nil
}

func errClosing() error {
	return &Error{Code: CodeClosing, Message: "the daemon is about to end; try again in a moment"}
}

// release gives the turn back, and forgets an application that turned out not to exist.
func (f *Fleet) release(app *application) {
	f.mu.Lock()
	f.forget(app)
	f.mu.Unlock()
	app.turn <- struct{}{}
}

// forget removes an application without record that nobody works on. Fleet.mu is held.
func (f *Fleet) forget(app *application) {
	if app.record == nil && !app.keeping && app.guard == nil && f.apps[app.name] == app {
		delete(f.apps, app.name)
	}
}

// awaitGone waits for the end of a guard that was told to end.
func (f *Fleet) awaitGone(ctx context.Context, app *application) error {
	f.mu.Lock()
	gone := app.gone
	leaving := app.guard != nil && app.leaving
	f.mu.Unlock()
	if !leaving {
		return nil
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wait for the guard of %q to end: %w", app.name, ctx.Err())
	}
}

// Start records an application and begins to run it. The error has CodeExists when it runs already.
func (f *Fleet) Start(ctx context.Context, request StartRequest) (supervisor.Operation, error) {
	if err := check(request); err != nil {
		return supervisor.Operation{}, err
	}
	name := request.App.AppName
	app, err := f.claim(ctx, name, true)
	if err != nil {
		return supervisor.Operation{}, err
	}
	defer f.release(app)
	// From here on a caller that goes away changes nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), spawnTimeout+askTimeout)
	defer cancel()
	if err := f.awaitGone(ctx, app); err != nil {
		return supervisor.Operation{}, err
	}
	f.mu.Lock()
	running, previous := app.guard != nil, app.record
	f.mu.Unlock()
	if running {
		return supervisor.Operation{}, &Error{Code: CodeExists, Message: fmt.Sprintf("app[%s] has been initialized!", name)}
	}
	record := recordOf(request, previous)
	if err := f.cfg.Home.WriteRecord(record); err != nil {
		return supervisor.Operation{}, err
	}
	f.mu.Lock()
	app.record, app.previous, app.first, app.reviving = record, previous, true, false
	app.before, app.trouble = nil, ""
	f.mu.Unlock()
	op, err := f.launch(ctx, app, record)
	if err != nil {
		f.undo(app)
		return supervisor.Operation{}, err
	}
	return op, nil
}

// launch starts a guard and has it run a record. The caller has the turn.
func (f *Fleet) launch(ctx context.Context, app *application, record *state.Record) (supervisor.Operation, error) {
	if err := f.cfg.Spawn(ctx, app.name); err != nil {
		return supervisor.Operation{}, err
	}
	if f.cfg.Observer != nil {
		f.cfg.Observer.GuardStarted(app.name)
	}
	f.mu.Lock()
	before := app.before
	f.mu.Unlock()
	guard := DialGuard(f.cfg.Home.GuardSocket(app.name), f.cfg.Version)
	op, err := guard.Submit(ctx, supervisor.Request{Kind: supervisor.OpStart, Plan: f.plan(record), Before: before})
	if err != nil {
		_ = guard.Exit(ctx)
		guard.Close()
		return supervisor.Operation{}, fmt.Errorf("start application %q: %w", app.name, err)
	}
	f.mu.Lock()
	f.attach(app, guard, supervisor.Status{
		AppName: app.name, AppDir: record.AppDir, State: supervisor.AppPending, StartedAt: time.Now(),
		Structure: record.App, StdoutLogPath: f.cfg.Home.AppLog(app.name), Operation: &op,
	})
	fresh := !app.keeping
	app.keeping = true
	f.mu.Unlock()
	if !fresh {
		app.rouse()
		return op, nil
	}
	select {
	case f.keepers <- app:
	case <-ctx.Done(): // the daemon ends; the guard stays and is adopted by the next one
	}
	return op, nil
}

// rouse makes the keeper look again.
func (a *application) rouse() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// undo puts the record back to what it was before a start that failed.
func (f *Fleet) undo(app *application) {
	f.mu.Lock()
	if !app.first {
		f.mu.Unlock()
		return
	}
	previous := app.previous
	app.record, app.previous, app.first = previous, nil, false
	f.mu.Unlock()
	err := f.cfg.Home.DeleteRecord(app.name)
	if previous != nil {
		err = f.cfg.Home.WriteRecord(previous)
	}
	if err != nil {
		f.cfg.Log.Error("record not put back", zap.String("app", app.name), zap.Error(err))
	}
}

// Restart stops an application and runs what the request describes; a stopped one is started.
func (f *Fleet) Restart(ctx context.Context, request StartRequest) (supervisor.Operation, error) {
	if err := check(request); err != nil {
		return supervisor.Operation{}, err
	}
	app, err := f.claim(ctx, request.App.AppName, false)
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
	guard, previous, first := app.guard, app.record, app.first
	f.mu.Unlock()
	if guard == nil {
		f.release(app)
		return f.Start(ctx, request)
	}
	defer f.release(app)
	if first {
		return supervisor.Operation{}, &Error{Code: CodeRefused, Message: fmt.Sprintf("%s is being started; wait for it, or stop it first", app.name)}
	}
	record := recordOf(request, previous)
	if err := f.replace(app, record); err != nil {
		return supervisor.Operation{}, err
	}
	op, err := guard.Submit(ctx, supervisor.Request{Kind: supervisor.OpRestart, Plan: f.plan(record)})
	if err != nil {
		return supervisor.Operation{}, errors.Join(err, f.replace(app, previous))
	}
	f.mu.Lock()
	f.remember(op)
	f.mu.Unlock()
	return op, nil
}

// replace writes a record and makes it the application's.
func (f *Fleet) replace(app *application, record *state.Record) error {
	if err := f.cfg.Home.WriteRecord(record); err != nil {
		return err
	}
	f.mu.Lock()
	app.record = record
	f.mu.Unlock()
	return nil
}

// persist writes the record of an application that holds already. Where it cannot be written, it holds in this daemon only.
func (f *Fleet) persist(ctx context.Context, app *application) {
	for {
		f.mu.Lock()
		now := app.record
		f.mu.Unlock()
		if now == nil {
			return
		}
		written := *now // it gets the time of the write
		err := f.cfg.Home.WriteRecord(&written)
		f.mu.Lock()
		same := app.record == now
		f.mu.Unlock()
		if !same {
			continue // somebody has changed it meanwhile, and may have been faster
		}
		if err != nil {
			f.cfg.Log.Error("record not written", zap.String("app", app.name), zap.Error(err))
			f.history.note(ctx, app.name, "problem", "the record could not be written, so the next daemon does not know of the change: %v", err)
		}
		return
	}
}

// Stop begins to stop an application and remembers that it is not wanted. A start that is under way is cancelled.
func (f *Fleet) Stop(ctx context.Context, name string) (supervisor.Operation, error) {
	app, err := f.claim(ctx, name, false)
	if err != nil {
		return supervisor.Operation{}, err
	}
	defer f.release(app)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	return f.stop(ctx, app, true)
}

// stop asks the guard of an application to stop it. The caller has the turn.
func (f *Fleet) stop(ctx context.Context, app *application, forget bool) (supervisor.Operation, error) {
	f.mu.Lock()
	unwish := forget && app.record != nil && !app.first && app.record.Desired != state.DesiredStopped
	if unwish {
		changed := *app.record
		changed.Desired = state.DesiredStopped
		app.record = &changed
	}
	guard, leaving, gone := app.guard, app.leaving, app.gone
	f.mu.Unlock()
	if unwish {
		f.persist(ctx, app) // a full disk must not keep anything from being stopped
	}
	app.rouse()
	if guard == nil {
		return f.done(supervisor.OpStop, app.name), nil
	}
	if !leaving {
		op, err := guard.Submit(ctx, supervisor.Request{Kind: supervisor.OpStop})
		if err == nil {
			f.mu.Lock()
			f.remember(op)
			f.mu.Unlock()
			return op, nil
		}
		f.mu.Lock()
		leaving = app.leaving
		f.mu.Unlock()
		if !leaving && !errors.Is(err, ErrUnreachable) {
			return supervisor.Operation{}, err
		}
	}
	// The guard is ending; everything is stopped when it has.
	select {
	case <-gone:
		return f.done(supervisor.OpStop, app.name), nil
	case <-ctx.Done():
		return supervisor.Operation{}, fmt.Errorf("stop application %q: its guard does not end: %w", app.name, ctx.Err())
	}
}

// CloseIfIdle closes the fleet when nothing runs and nothing is about to, and reports whether it did.
func (f *Fleet) CloseIfIdle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closing {
		return true
	}
	for _, app := range f.apps {
		if len(app.turn) == 0 || app.keeping && !app.leaving {
			return false
		}
	}
	f.closing = true
	close(f.closed)
	return true
}

// Hurry makes the guards kill what they are stopping. It is for whoever cannot wait for Close.
func (f *Fleet) Hurry(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	f.mu.Lock()
	guards := map[string]*Guard{}
	for name, app := range f.apps {
		if app.guard != nil {
			guards[name] = app.guard
		}
	}
	f.mu.Unlock()
	var wg sync.WaitGroup
	for name, guard := range guards {
		wg.Go(func() {
			if err := guard.Kill(ctx); err != nil {
				f.cfg.Log.Warn("guard does not hurry", zap.String("app", name), zap.Error(err))
			}
		})
	}
	wg.Wait()
}

// Close stops all applications, each by its guard and all at the same time, and waits until the guards have ended. With
// forget they are recorded as stopped; without, the next daemon starts them again. Nothing can be started afterwards.
func (f *Fleet) Close(ctx context.Context, forget bool) error {
	ctx, cancel := context.WithTimeout(ctx, closeLimit)
	defer cancel()
	f.mu.Lock()
	if !f.closing {
		f.closing = true
		close(f.closed)
	}
	apps := make([]*application, 0, len(f.apps))
	for _, app := range f.apps {
		apps = append(apps, app)
	}
	f.mu.Unlock()
	why := "signal"
	if forget {
		why = "exit"
	}
	// From here on no guard brings a daemon back, and those that are left without one end what they run.
	if err := f.cfg.Home.MarkDown(why); err != nil {
		f.cfg.Log.Error("end not marked", zap.Error(err))
	}
	errs := make([]error, len(apps))
	var wg sync.WaitGroup
	for i, app := range apps {
		wg.Go(func() { errs[i] = f.end(ctx, app, forget) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// end stops one application and waits until its guard has ended.
func (f *Fleet) end(ctx context.Context, app *application, forget bool) error {
	select {
	case <-app.turn:
	case <-ctx.Done():
		return fmt.Errorf("stop application %q: %w", app.name, ctx.Err())
	}
	defer func() { app.turn <- struct{}{} }()
	if _, err := f.stop(ctx, app, forget); err != nil {
		return err
	}
	f.mu.Lock()
	guard, gone := app.guard, app.gone
	f.mu.Unlock()
	if guard == nil {
		return nil
	}
	select {
	case <-gone:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop application %q: its guard does not end: %w", app.name, ctx.Err())
	}
}
