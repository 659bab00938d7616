package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// maxOperations is how many operations are remembered.
const maxOperations = 64

// operation is a submitted operation. snapshot and watchers are guarded by Supervisor.mu.
type operation struct {
	Request
	ctx    context.Context // ends when a stop interrupts the operation; set when it is taken
	cancel context.CancelFunc

	snapshot Operation
	watchers []chan Operation
}

// stopsAll reports whether it is the stop of the application.
func (o *operation) stopsAll() bool { return o.Kind == OpStop && o.Process == "" }

// copy returns a snapshot that nobody changes, without who is on the way; the caller holds mu.
func (o *operation) copy() Operation {
	c := o.snapshot
	c.Steps = append([]Step{}, o.snapshot.Steps...)
	c.Drift = slices.Clone(o.snapshot.Drift)
	return c
}

// final reports whether the operation has ended.
func (o *operation) final() bool { return o.snapshot.State != OpRunning }

// newOperation makes an operation and remembers it; the caller holds mu.
func (s *Supervisor) newOperation(r Request) *operation {
	op := &operation{Request: r, snapshot: Operation{
		ID: newUUID(), Kind: r.Kind, Process: r.Process, Worker: r.Worker, State: OpRunning, StartedAt: time.Now(), Steps: []Step{},
	}}
	if s.app != nil {
		op.snapshot.AppName = s.app.plan.App.AppName
	}
	add := func(name string, total int) {
		op.snapshot.Steps = append(op.snapshot.Steps, Step{Process: name, State: "waiting", Total: total})
	}
	switch {
	case r.Kind == OpReplace || r.Worker != nil:
		add(r.Process, 1)
	case r.Kind == OpStop || r.Plan == nil:
		if s.app == nil || !s.live {
			break
		}
		for _, role := range s.app.roles {
			if r.Process == "" || r.Process == role.process.ProcessName {
				add(role.process.ProcessName, role.process.Scale)
			}
		}
	default:
		op.snapshot.AppName = r.Plan.App.AppName
		for _, p := range r.Plan.App.Processes {
			if r.Process == "" || r.Process == p.ProcessName {
				add(p.ProcessName, p.Scale)
			}
		}
	}
	s.operations = append(s.operations, op)
	if len(s.operations) > maxOperations {
		s.operations = append([]*operation{}, s.operations[1:]...)
	}
	return op
}

// perform performs the current operation to its end.
func (s *Supervisor) perform(op *operation) {
	defer op.cancel()
	s.mu.Lock()
	s.recordOperationLocked(op, "begins")
	s.mu.Unlock()
	s.changed()
	s.logOperation(op, "begins")
	failure := s.performKind(op)
	state := OpSucceeded
	switch {
	case op.ctx.Err() != nil && !op.stopsAll():
		state, failure = OpCanceled, nil
	case failure != nil:
		state = OpFailed
	}
	s.mu.Lock()
	s.current = nil
	s.finishLocked(op, state, failure)
	// Whoever sees that the operation has ended finds the event, too.
	s.recordOperationLocked(op, string(state))
	s.mu.Unlock()
	s.logOperation(op, string(state))
	s.changed()
}

// performKind does what an operation asks for.
func (s *Supervisor) performKind(op *operation) *Failure {
	if op.Process != "" {
		return s.performOne(op)
	}
	switch op.Kind {
	case OpStart:
		return s.start(op)
	case OpStop:
		s.stopAll(op)
		return nil
	case OpReload, OpScale:
		return s.reload(op)
	}
	for i := range op.Plan.App.Processes {
		if p := &op.Plan.App.Processes[i]; !slices.Contains(op.Plan.Stopped, p.ProcessName) {
			if failure := s.checkSecrets(op, op.Plan, p); failure != nil {
				return failure
			}
		}
	}
	s.stopAll(nil)
	if op.ctx.Err() != nil {
		return nil
	}
	failure := s.start(op)
	if failure != nil {
		failure.Message += "; what ran before was stopped for the restart, so nothing of the application runs now"
	}
	return failure
}

// start brings the plan of an operation up, process by process; when it fails or is canceled, nothing of it stays.
func (s *Supervisor) start(op *operation) *Failure {
	app, err := s.begin(op)
	if err != nil {
		return &Failure{Message: err.Error()}
	}
	var failure *Failure
	for _, r := range app.roles {
		if op.ctx.Err() != nil || failure != nil {
			break
		}
		if !r.stopped {
			failure = s.startRole(op, r)
		}
	}
	if failure != nil || op.ctx.Err() != nil {
		s.stopAll(nil)
		return failure
	}
	s.mu.Lock()
	app.state = AppComplete
	s.mu.Unlock()
	s.changed()
	return nil
}

// begin makes the plan of an operation the application.
func (s *Supervisor) begin(op *operation) (*application, error) {
	app := &application{plan: op.Plan, id: newUUID(), startedAt: time.Now(), state: AppPending}
	for _, p := range op.Plan.App.Processes {
		r := &role{process: p, stopped: slices.Contains(op.Plan.Stopped, p.ProcessName)}
		s.fill(app, r, op.Plan)
		app.roles = append(app.roles, r)
	}
	if op.Before != nil {
		s.succeed(app, op.Before)
	}
	if err := s.spawner.Begin(op.Plan, app.id); err != nil {
		return nil, fmt.Errorf("start application %q: %w", op.Plan.App.AppName, err)
	}
	s.mu.Lock()
	s.app, s.live = app, true
	s.mu.Unlock()
	s.changed()
	return app, nil
}

// succeed makes an application go on counting where an earlier guard has left off.
func (s *Supervisor) succeed(app *application, before *Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	app.startCount, app.restartCount = before.StartCount, before.RestartCount
	if !before.StartedAt.IsZero() {
		app.startedAt = before.StartedAt
	}
	for _, p := range before.Processes {
		r := app.role(p.Name)
		for _, last := range p.Workers {
			if r == nil || last.Worker < 0 || last.Worker >= len(r.slots) {
				continue
			}
			w := r.slots[last.Worker]
			w.status.Generation, w.status.Restarts = max(w.status.Generation, last.Generation), max(w.status.Restarts, last.Restarts)
			if last.PID != 0 && last.State != StateStopping {
				w.status.Restarts++
				app.restartCount++
			}
			w.shown = w.status
		}
	}
}

// fill gives a role without live workers one for each slot; they are not running yet.
func (s *Supervisor) fill(app *application, r *role, plan *Plan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := map[int]WorkerStatus{}
	for _, w := range r.workers {
		last[w.shown.Worker] = w.shown
	}
	r.slots, r.workers = nil, nil
	for slot := range r.process.Scale {
		w := newWorker(s, app, plan, r.process, slot, nil)
		w.status.Generation, w.status.Restarts = last[slot].Generation, last[slot].Restarts
		if r.stopped {
			w.status.State = StateStopped
		}
		w.shown = w.status
		r.slots = append(r.slots, w)
		r.workers = append(r.workers, w)
	}
}

// startRole starts the workers of one process at once and waits until all are ready or the first fails.
func (s *Supervisor) startRole(op *operation, r *role) *Failure {
	name := r.process.ProcessName
	s.step(op, name, func(st *Step) { st.State, st.StartedAt = "running", time.Now() })
	first := make(chan firstStart, len(r.slots))
	for _, w := range r.slots {
		s.run(w, first)
	}
	for range r.slots {
		failure := s.awaitFirst(op, first)
		if failure != nil || op.ctx.Err() != nil {
			s.step(op, name, func(st *Step) { st.State, st.FinishedAt = "failed", time.Now() })
			return failure
		}
		s.step(op, name, func(st *Step) { st.Done++ })
	}
	s.step(op, name, func(st *Step) { st.State, st.FinishedAt = "done", time.Now() })
	return nil
}

// run sets a worker going; its first process reports to first.
func (s *Supervisor) run(w *worker, first chan<- firstStart) {
	w.running, w.first = true, first
	go w.run() // whoever takes it out of its role waits for it
}

// awaitFirst waits for one of several workers to become ready; nil when it is, or when the operation is canceled.
func (s *Supervisor) awaitFirst(op *operation, first <-chan firstStart) *Failure {
	select {
	case <-op.ctx.Done():
		return nil
	case r := <-first:
		return r.failure
	}
}

// leave tells a worker to stop, and does not wait. One that is leaving gently hurries when it is told so.
func (w *worker) leave(gently bool) {
	w.out.Store(true)
	switch {
	case !w.running:
	case !w.leaving:
		w.leaving, w.gently = true, gently
		if !gently {
			close(w.hurry) // first: it must not begin gently
		}
		close(w.stop)
	case w.gently && !gently:
		w.gently = false
		close(w.hurry)
	}
}

// gone waits until nothing is left of a worker that was told to leave.
func (w *worker) gone() {
	if w.running {
		<-w.done
	}
}

// stopRole stops the workers of a process, also those on their way in or out.
func (s *Supervisor) stopRole(op *operation, r *role) {
	name := r.process.ProcessName
	s.step(op, name, func(st *Step) { st.State, st.StartedAt = "running", time.Now() })
	for _, w := range r.workers {
		w.leave(false)
	}
	for _, w := range r.workers {
		w.gone()
		s.step(op, name, func(st *Step) { st.Done = min(st.Done+1, st.Total) })
	}
	s.mu.Lock()
	for _, w := range r.workers {
		w.shown.State = StateStopped // also those that never had their turn
	}
	s.mu.Unlock()
	s.step(op, name, func(st *Step) { st.State, st.Done, st.FinishedAt = "done", st.Total, time.Now() })
}

// stopAll stops what runs, process by process in start order, and waits until nothing is left. op takes the progress;
// it may be nil. Nothing interrupts a stop: each of its steps has its time, so it ends by itself.
func (s *Supervisor) stopAll(op *operation) {
	s.mu.Lock()
	app, live := s.app, s.live
	s.mu.Unlock()
	if !live {
		return
	}
	for _, r := range app.roles {
		s.stopRole(op, r)
	}
	s.spawner.End()
	s.mu.Lock()
	s.live, s.wanted = false, nil
	app.state = AppStopped
	for _, r := range app.roles {
		r.workers = slices.Clone(r.slots) // without those that a canceled reload had on their way
	}
	s.mu.Unlock()
	s.changed()
}

// step changes the step of one process in an operation; nothing when op is nil.
func (s *Supervisor) step(op *operation, process string, change func(*Step)) {
	if op == nil {
		return
	}
	s.mu.Lock()
	for i := range op.snapshot.Steps {
		if op.snapshot.Steps[i].Process == process {
			change(&op.snapshot.Steps[i])
			s.tellWatchers(op)
		}
	}
	s.mu.Unlock()
	s.changed()
}

// finishLocked ends an operation; the caller holds mu.
func (s *Supervisor) finishLocked(op *operation, state OpState, failure *Failure) {
	op.snapshot.State, op.snapshot.Failure, op.snapshot.FinishedAt = state, failure, time.Now()
	s.tellWatchers(op)
	for _, c := range op.watchers {
		close(c)
	}
	op.watchers = nil
}

// recordOperationLocked puts an operation into the events; the caller holds mu.
func (s *Supervisor) recordOperationLocked(op *operation, what string) {
	o := &op.snapshot
	message := string(o.Kind) + " " + what
	if o.Process != "" {
		message = string(o.Kind) + " of process " + o.Process + " " + what
	}
	if o.Failure != nil {
		message += ": " + firstLine(o.Failure.Message)
	}
	s.addEventLocked(Event{App: o.AppName, Process: o.Process, Kind: "operation", Message: message, Worker: -1})
}

// logOperation logs how far an operation is.
func (s *Supervisor) logOperation(op *operation, what string) {
	s.mu.Lock()
	o := op.copy()
	s.mu.Unlock()
	fields := []zap.Field{zap.String("app", o.AppName), zap.String("operation", string(o.Kind)), zap.String("state", what)}
	if o.Failure != nil {
		fields = append(fields, zap.String("err", o.Failure.Message))
	}
	s.log.Info("operation", fields...)
}

// firstLine is the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
