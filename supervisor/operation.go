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
	plan   *Plan
	ctx    context.Context // ends when a stop interrupts the operation; set when it is taken
	cancel context.CancelFunc

	snapshot Operation
	watchers []chan Operation
}

// copy returns a snapshot that nobody changes; the caller holds mu.
func (o *operation) copy() Operation {
	c := o.snapshot
	c.Steps = append([]Step{}, o.snapshot.Steps...)
	c.Drift = slices.Clone(o.snapshot.Drift)
	return c
}

// final reports whether the operation has ended.
func (o *operation) final() bool { return o.snapshot.State != OpRunning }

// newOperation makes an operation and remembers it; the caller holds mu.
func (s *Supervisor) newOperation(kind OpKind, plan *Plan) *operation {
	op := &operation{plan: plan, snapshot: Operation{ID: newUUID(), Kind: kind, State: OpRunning, StartedAt: time.Now(), Steps: []Step{}}}
	switch {
	case kind != OpStop:
		op.snapshot.AppName = plan.App.AppName
		for _, p := range plan.App.Processes {
			op.snapshot.Steps = append(op.snapshot.Steps, Step{Process: p.ProcessName, State: "waiting", Total: p.Scale})
		}
	case s.app != nil:
		op.snapshot.AppName = s.app.plan.App.AppName
		if s.live {
			for _, p := range s.app.processes {
				op.snapshot.Steps = append(op.snapshot.Steps, Step{Process: p.Name, State: "waiting", Total: len(p.Workers)})
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
	s.recordOperation(op, "begins")
	var failure *Failure
	canceled := false
	switch op.snapshot.Kind {
	case OpStart:
		failure, canceled = s.start(op)
	case OpStop:
		s.stopAll(op)
	case OpRestart:
		s.stopAll(nil)
		if canceled = op.ctx.Err() != nil; !canceled {
			failure, canceled = s.start(op)
		}
		if failure != nil {
			failure.Message += "; what ran before was stopped for the restart, so nothing of the application runs now"
		}
	}
	state := OpSucceeded
	switch {
	case canceled:
		state, failure = OpCanceled, nil
	case failure != nil:
		state = OpFailed
	}
	s.mu.Lock()
	s.current = nil
	s.finishLocked(op, state, failure)
	s.mu.Unlock()
	s.recordOperation(op, string(state))
}

// start brings the plan of an operation up, process by process; when it fails or is canceled, nothing of it stays.
func (s *Supervisor) start(op *operation) (failure *Failure, canceled bool) {
	app, err := s.begin(op)
	if err != nil {
		return &Failure{Message: err.Error()}, false
	}
	for i := range op.plan.App.Processes {
		if op.ctx.Err() != nil {
			break
		}
		if failure = s.startProcess(op, app, i); failure != nil {
			break
		}
	}
	canceled = op.ctx.Err() != nil
	if failure != nil || canceled {
		s.stopAll(nil)
		return failure, canceled
	}
	s.mu.Lock()
	app.state = AppComplete
	s.mu.Unlock()
	s.changed()
	return nil, false
}

// begin makes the plan of an operation the application.
func (s *Supervisor) begin(op *operation) (*application, error) {
	app := &application{
		plan: op.plan, id: newUUID(), startedAt: time.Now(), state: AppPending,
		workers: make([][]*worker, len(op.plan.App.Processes)),
		sockets: make([]socketKeeper, len(op.plan.App.Processes)),
	}
	for _, p := range op.plan.App.Processes {
		status := ProcessStatus{Name: p.ProcessName, Kind: p.Kind}
		for slot := range p.Scale {
			status.Workers = append(status.Workers, WorkerStatus{Worker: slot, State: StatePending})
		}
		app.processes = append(app.processes, status)
	}
	if err := s.spawner.Begin(op.plan, app.id); err != nil {
		return nil, fmt.Errorf("start application %q: %w", op.plan.App.AppName, err)
	}
	s.mu.Lock()
	s.app, s.live = app, true
	s.mu.Unlock()
	s.changed()
	return app, nil
}

// startProcess starts the workers of one process at once and waits until all are ready or the first fails.
func (s *Supervisor) startProcess(op *operation, app *application, index int) *Failure {
	scale := op.plan.App.Processes[index].Scale
	s.step(op, index, func(st *Step) { st.State, st.StartedAt = "running", time.Now() })
	first := make(chan firstStart, scale)
	for slot := range scale {
		w := newWorker(s, app, index, slot, first)
		app.workers[index] = append(app.workers[index], w)
		go w.run() // stopAll waits for it
	}
	for range scale {
		select {
		case <-op.ctx.Done():
			s.step(op, index, func(st *Step) { st.State, st.FinishedAt = "failed", time.Now() })
			return nil
		case r := <-first:
			if r.failure != nil {
				s.step(op, index, func(st *Step) { st.State, st.FinishedAt = "failed", time.Now() })
				return r.failure
			}
			s.step(op, index, func(st *Step) { st.Done++ })
		}
	}
	s.step(op, index, func(st *Step) { st.State, st.FinishedAt = "done", time.Now() })
	return nil
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
	for i, workers := range app.workers {
		s.step(op, i, func(st *Step) { st.State, st.StartedAt = "running", time.Now() })
		for _, w := range workers {
			close(w.stop)
		}
		for _, w := range workers {
			<-w.done
			s.step(op, i, func(st *Step) { st.Done++ })
		}
		s.step(op, i, func(st *Step) { st.State, st.Done, st.FinishedAt = "done", st.Total, time.Now() })
	}
	s.spawner.End()
	s.mu.Lock()
	s.live = false
	app.state = AppStopped
	for i := range app.processes {
		for j := range app.processes[i].Workers {
			app.processes[i].Workers[j].State = StateStopped // also those that never had their turn
		}
	}
	s.mu.Unlock()
	s.changed()
}

// step changes one step of an operation; nothing when op is nil.
func (s *Supervisor) step(op *operation, index int, change func(*Step)) {
	if op == nil {
		return
	}
	s.mu.Lock()
	if index < len(op.snapshot.Steps) {
		change(&op.snapshot.Steps[index])
		s.tellWatchers(op)
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

// recordOperation puts an operation into the event log.
func (s *Supervisor) recordOperation(op *operation, what string) {
	s.mu.Lock()
	o := op.copy()
	s.mu.Unlock()
	message := string(o.Kind) + " " + what
	fields := []zap.Field{zap.String("app", o.AppName), zap.String("operation", string(o.Kind)), zap.String("state", what)}
	if o.Failure != nil {
		message += ": " + firstLine(o.Failure.Message)
		fields = append(fields, zap.String("err", o.Failure.Message))
	}
	s.log.Info("operation", fields...)
	s.addEvent(Event{App: o.AppName, Kind: "operation", Message: message, Worker: -1})
}

// firstLine is the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
