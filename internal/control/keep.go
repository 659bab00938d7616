package control

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

const (
	// steady is how long a guard must have lived for the next loss to count as the first.
	steady = time.Minute
	// longestWait bounds the wait between two tries to bring a guard back.
	longestWait = time.Minute
)

// keep follows the guards of one application for as long as the application is wanted, one guard after the other.
func (f *Fleet) keep(ctx context.Context, app *application) {
	for attempt := 0; ; {
		f.mu.Lock()
		guard := app.guard
		f.mu.Unlock()
		if guard != nil {
			began := time.Now()
			f.follow(ctx, app, guard)
			if time.Since(began) > steady {
				attempt = 0
			}
		}
		f.mu.Lock()
		done := ctx.Err() != nil || app.guard == nil && !f.wanted(app)
		again := app.guard != nil
		if done {
			app.keeping = false
			f.forget(app)
		}
		f.mu.Unlock()
		if done {
			return
		}
		if again {
			continue
		}
		f.revive(ctx, app, attempt)
		attempt++
	}
}

// wanted reports whether the application should have a guard. Fleet.mu is held.
func (f *Fleet) wanted(app *application) bool {
	return !f.closing && app.record != nil && app.record.Desired == state.DesiredRunning
}

// follow reads the status stream of a guard until the guard has ended, or ctx.
func (f *Fleet) follow(ctx context.Context, app *application, guard *Guard) {
	defer guard.Close()
	for ctx.Err() == nil {
		f.mu.Lock()
		newest := app.status.LastEvent.Guard
		f.mu.Unlock()
		mark := f.history.mark(ctx, newest)
		err := guard.WatchStatus(ctx, mark, func(s supervisor.Status, events []supervisor.Event) {
			// Whoever sees an operation ended finds it in the event log.
			f.history.takeIn(ctx, app.name, guard, events)
			f.observe(ctx, app, guard, s)
		})
		f.mu.Lock()
		leaving := app.leaving
		f.mu.Unlock()
		if leaving || ctx.Err() != nil {
			break
		}
		// A stream may break while the guard lives, when the machine was too busy to take a line in time.
		ask, cancel := context.WithTimeout(ctx, adoptTimeout)
		_, askErr := guard.Status(ask)
		cancel()
		if ctx.Err() != nil {
			break // the daemon ends, and not the guard
		}
		if askErr != nil {
			f.cfg.Log.Warn("guard lost", zap.String("app", app.name), zap.NamedError("err", err))
			f.history.note(ctx, app.name, "guardLost", "the guard ended without being asked to")
			break
		}
	}
	if ctx.Err() == nil {
		f.lost(app)
	}
}

// observe takes a new status in, and settles what an operation that has ended means.
func (f *Fleet) observe(ctx context.Context, app *application, guard *Guard, s supervisor.Status) {
	op := s.Operation
	f.mu.Lock()
	app.status = s
	f.tell()
	if op == nil || !final(*op) {
		if op != nil {
			f.remember(*op)
		}
		f.mu.Unlock()
		return
	}
	old, known := f.ops[op.ID]
	news := !known || !final(old)
	over, changed := false, false
	switch {
	case app.leaving:
	case s.State == supervisor.AppStopped:
		over = true
	default:
		app.first, app.previous, app.reviving, app.before = false, nil, false, nil
		changed = news
	}
	write := false
	if over {
		app.leaving = true
		if op.Kind != supervisor.OpStop && !app.first && !app.reviving && app.record != nil {
			// A restart that failed leaves a stopped application.
			stopped := *app.record
			stopped.Desired = state.DesiredStopped
			app.record, write = &stopped, true
		}
	}
	f.mu.Unlock()
	switch {
	case over:
		f.settle(ctx, app, guard, write)
	case changed && app.changes(op):
		f.sync(ctx, app, guard)
	}
	f.mu.Lock()
	f.remember(*op)
	f.mu.Unlock()
	if news && f.cfg.Observer != nil {
		f.cfg.Observer.OperationEnded(*op)
	}
}

// changes reports whether an operation may have changed what runs from what is recorded.
func (a *application) changes(op *supervisor.Operation) bool {
	return op.Kind == supervisor.OpReload || op.Kind == supervisor.OpScale || op.Process != "" && op.Kind != supervisor.OpReplace
}

// settle writes down that nothing runs any more and lets the guard go.
func (f *Fleet) settle(ctx context.Context, app *application, guard *Guard, write bool) {
	f.undo(app)
	if write {
		f.persist(ctx, app)
	}
	f.finishOthers(ctx, app, guard)
	ask, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if err := guard.Exit(ask); err != nil {
		f.cfg.Log.Warn("guard did not take leave", zap.String("app", app.name), zap.Error(err))
	}
}

// finishOthers asks how operations ended that a later one replaced before their end was seen.
func (f *Fleet) finishOthers(ctx context.Context, app *application, guard *Guard) {
	f.mu.Lock()
	current := ""
	if app.status.Operation != nil {
		current = app.status.Operation.ID
	}
	var open []string
	for id, op := range f.ops {
		if op.AppName == app.name && !final(op) && id != current {
			open = append(open, id)
		}
	}
	f.mu.Unlock()
	for _, id := range open {
		ask, cancel := context.WithTimeout(ctx, adoptTimeout)
		op, err := guard.Follow(ask, id, nil)
		cancel()
		f.mu.Lock()
		if err != nil {
			op = f.ops[id]
			op.State, op.FinishedAt = supervisor.OpCanceled, time.Now()
		}
		f.remember(op)
		f.mu.Unlock()
	}
}

// lost notes that the guard of an application is gone, wanted or not.
func (f *Fleet) lost(app *application) {
	f.mu.Lock()
	unexpected := !app.leaving
	if last := app.status; unexpected && last.AppID != "" {
		app.before = &last
	}
	app.guard = nil
	app.status = ended(app.status)
	if f.wanted(app) && !app.first {
		app.status.State = supervisor.AppPending
	}
	var open []supervisor.Operation
	for _, op := range f.ops {
		if op.AppName == app.name && !final(op) {
			open = append(open, op)
		}
	}
	f.mu.Unlock()
	if unexpected {
		f.undo(app)
		if f.cfg.Observer != nil {
			f.cfg.Observer.GuardLost(app.name)
		}
	}
	f.mu.Lock()
	for _, op := range open {
		op.FinishedAt = time.Now()
		op.State = supervisor.OpSucceeded
		if op.Kind != supervisor.OpStop {
			op.State = supervisor.OpFailed
			op.Failure = &supervisor.Failure{
				Message: fmt.Sprintf("the guard of %s ended in the middle; run [ pandora log --daemon ] to see why", app.name),
			}
		}
		f.remember(op)
	}
	close(app.gone)
	f.tell()
	f.mu.Unlock()
}

// ended is a status after the end of its guard: nothing lives.
func ended(s supervisor.Status) supervisor.Status {
	s.State, s.GuardPID, s.Sockets = supervisor.AppStopped, 0, nil
	s.Processes = slices.Clone(s.Processes)
	for i, p := range s.Processes {
		p.Workers = slices.Clone(p.Workers)
		for j := range p.Workers {
			p.Workers[j].PID = 0
			p.Workers[j].NextTryAt = time.Time{}
			if p.Workers[j].State != supervisor.StateFatal {
				p.Workers[j].State = supervisor.StateStopped
			}
		}
		s.Processes[i] = p
	}
	return s
}

// revive waits its time and starts a new guard, if the application is still wanted then.
func (f *Fleet) revive(ctx context.Context, app *application, attempt int) {
	select {
	case <-app.wake: // of an earlier change
	default:
	}
	f.mu.Lock()
	idle := app.guard == nil && f.wanted(app)
	f.mu.Unlock()
	if wait := backoff(attempt); idle && wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
		case <-f.closed:
		case <-app.wake:
		case <-timer.C:
		}
	}
	select {
	case <-app.turn:
	case <-ctx.Done():
		return
	}
	defer func() { app.turn <- struct{}{} }()
	f.mu.Lock()
	needed := app.guard == nil && f.wanted(app)
	record := app.record
	if needed {
		app.reviving, app.trouble = true, ""
	}
	f.mu.Unlock()
	if !needed || ctx.Err() != nil {
		return
	}
	limited, cancel := context.WithTimeout(ctx, spawnTimeout+askTimeout)
	defer cancel()
	// It may only have been slow to answer.
	guard := DialGuard(f.cfg.Home.GuardSocket(app.name), f.cfg.Version)
	ask, done := context.WithTimeout(ctx, adoptTimeout)
	status, err := guard.Status(ask)
	done()
	if err == nil {
		f.cfg.Log.Info("guard answers again", zap.String("app", app.name))
		f.history.note(ctx, app.name, "adopted", "the guard (process %d) answers again", status.GuardPID)
		f.mu.Lock()
		f.attach(app, guard, status)
		f.mu.Unlock()
		return
	}
	guard.Close()
	f.cfg.Log.Info("guard is started again", zap.String("app", app.name), zap.Int("attempt", attempt))
	f.history.note(ctx, app.name, "guardStarted", "a guard is started for what is meant to run")
	if _, err := f.launch(limited, app, record); err != nil {
		f.cfg.Log.Error("guard not started", zap.String("app", app.name), zap.Error(err))
		f.mu.Lock()
		app.trouble = err.Error()
		f.tell()
		f.mu.Unlock()
	}
}

// backoff is the wait before a try: none, 1 s, 2 s, 4 s … at most longestWait.
func backoff(attempt int) time.Duration {
	if attempt == 0 {
		return 0
	}
	return min(time.Second<<min(attempt-1, 10), longestWait)
}
