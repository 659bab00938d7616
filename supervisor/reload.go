package supervisor

import (
	"fmt"
	"slices"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// reload makes the plan of an operation what runs, slot by slot and without a moment when nobody answers. A scale leaves
// workers alone whose definition has not changed. When a new worker does not become ready, replacing stops: what has
// been replaced stays, and so does the old worker of that slot.
func (s *Supervisor) reload(op *operation) *Failure {
	app := s.app
	s.spawner.Update(op.Plan)
	var leaving []*worker
	failure := s.reloadRoles(op, app, &leaving)
	if failure == nil && op.ctx.Err() == nil {
		failure = s.removeRoles(op, app, &leaving)
	}
	// Those that leave go on until they have answered; a canceled operation leaves them to the stop that follows.
	s.awaitLeaving(op, leaving)
	s.mu.Lock()
	app.plan = planOf(app, op, failure == nil && op.ctx.Err() == nil)
	s.mu.Unlock()
	s.changed()
	return failure
}

// reloadRoles brings every process of the new plan up to date, in start order.
func (s *Supervisor) reloadRoles(op *operation, app *application, leaving *[]*worker) *Failure {
	for _, p := range op.Plan.App.Processes {
		if op.ctx.Err() != nil {
			return nil
		}
		r := app.role(p.ProcessName)
		var failure *Failure
		switch {
		case r == nil:
			failure = s.addRole(op, app, p)
		case r.stopped:
			s.mu.Lock()
			r.process = p
			s.mu.Unlock()
			s.fill(app, r, op.Plan)
		default:
			failure = s.reloadRole(op, app, r, p, leaving)
		}
		if failure != nil {
			return failure
		}
	}
	return nil
}

// addRole starts a process that the running plan does not have.
func (s *Supervisor) addRole(op *operation, app *application, p procfile.Process) *Failure {
	r := &role{process: p}
	r.sockets.closed = true // as far as an earlier process of that name has left any
	s.fill(app, r, op.Plan)
	s.mu.Lock()
	app.roles = append(app.roles, r)
	s.mu.Unlock()
	failure := s.startRole(op, r)
	if failure == nil && op.ctx.Err() == nil {
		s.countReplaced(op, len(r.slots))
		return nil
	}
	if op.ctx.Err() == nil {
		s.stopRole(nil, r)
		s.mu.Lock()
		app.roles = slices.DeleteFunc(slices.Clone(app.roles), func(other *role) bool { return other == r })
		s.mu.Unlock()
		s.spawner.Suspend(p.ProcessName)
	}
	return failure
}

// removeRoles stops the processes that the new plan does not have, and puts the others in its order.
func (s *Supervisor) removeRoles(op *operation, app *application, leaving *[]*worker) *Failure {
	var stay []*role
	for _, p := range op.Plan.App.Processes {
		stay = append(stay, app.role(p.ProcessName))
	}
	s.mu.Lock()
	all := app.roles
	s.mu.Unlock()
	for _, r := range all {
		if slices.Contains(stay, r) {
			continue
		}
		for _, w := range slices.Clone(r.workers) {
			w.leave(true)
			*leaving = append(*leaving, w)
		}
	}
	s.awaitLeaving(op, *leaving)
	if op.ctx.Err() != nil {
		return nil // they are still roles, for the stop to find
	}
	for _, r := range all {
		if !slices.Contains(stay, r) {
			s.spawner.Suspend(r.process.ProcessName)
		}
	}
	s.mu.Lock()
	app.roles = stay
	s.mu.Unlock()
	s.changed()
	return nil
}

// reloadRole replaces the workers of one process, or only adds and removes some.
func (s *Supervisor) reloadRole(op *operation, app *application, r *role, p procfile.Process, leaving *[]*worker) *Failure {
	name := p.ProcessName
	was := r.process
	s.step(op, name, func(st *Step) { st.State, st.StartedAt = "running", time.Now() })
	change := roleChange{plan: op.Plan, was: was, is: p, parallel: max(op.Parallel, 1)}
	change.keep = op.Kind == OpScale && was.SameRun(&p)
	change.stopFirst = p.PolicyOrDefault().Reload == procfile.ReloadStopFirst || was.Kind != p.Kind
	if was.Kind != p.Kind {
		change.parallel = max(was.Scale, p.Scale) // both kinds cannot share their sockets
	}
	var failure *Failure
	for slot := 0; slot < p.Scale && failure == nil && op.ctx.Err() == nil; slot += change.parallel {
		failure = s.reloadSlots(op, app, r, change, slot, min(slot+change.parallel, p.Scale), leaving)
	}
	if failure != nil || op.ctx.Err() != nil {
		s.step(op, name, func(st *Step) { st.State, st.FinishedAt = "failed", time.Now() })
		return failure
	}
	s.mu.Lock()
	r.process = p
	if len(r.slots) > p.Scale {
		for _, w := range r.slots[p.Scale:] {
			w.leave(true)
			*leaving = append(*leaving, w)
		}
		r.slots = r.slots[:p.Scale]
	}
	s.mu.Unlock()
	s.step(op, name, func(st *Step) { st.State, st.Done, st.FinishedAt = "done", st.Total, time.Now() })
	return nil
}

// roleChange is how one process changes.
type roleChange struct {
	plan      *Plan
	was, is   procfile.Process
	parallel  int
	keep      bool // workers that are there stay
	stopFirst bool
}

// reloadSlots replaces the workers of the slots from to, excluding to, at the same time.
func (s *Supervisor) reloadSlots(op *operation, app *application, r *role, c roleChange, from, to int, leaving *[]*worker) *Failure {
	var fresh, old []*worker
	stopFirst := c.stopFirst
	for slot := from; slot < to; slot++ {
		var before *worker
		if slot < len(r.slots) {
			before = r.slots[slot]
		}
		if before != nil && c.keep {
			s.step(op, c.is.ProcessName, func(st *Step) { st.Done++ })
			continue
		}
		w := newWorker(s, app, c.plan, c.is, slot, nil)
		if before != nil {
			shown := s.shownOf(before)
			w.status.Generation, w.status.Restarts = shown.Generation, shown.Restarts
			stopFirst = stopFirst || len(shown.Exclusive) > 0
			if c.was.SameRun(&c.is) {
				// What only one process can hold may have a port of the system's choice, another one each time.
				w.must = slices.DeleteFunc(slices.Clone(shown.Listening), func(address string) bool { return slices.Contains(shown.Exclusive, address) })
			}
		}
		w.shown = w.status
		fresh, old = append(fresh, w), append(old, before)
	}
	if c.was.Kind != c.is.Kind && len(r.slots) > to {
		old = append(old, r.slots[to:]...) // no worker of the other kind may hold a socket
	}
	if stopFirst {
		for _, w := range old {
			if w != nil {
				w.leave(false)
			}
		}
		s.removeGone(r, old)
		s.dropSockets(r, c)
	}
	failure := s.bringIn(op, r, fresh)
	if op.ctx.Err() != nil {
		for _, w := range fresh {
			w.leave(false) // at once, so that it is not replaced beside the old one; the stop waits for it
		}
		return nil
	}
	if failure == nil {
		s.takeOver(op, r, fresh, old, leaving)
		return nil
	}
	for _, w := range fresh {
		w.leave(false)
	}
	s.removeGone(r, fresh)
	if stopFirst {
		s.dropSockets(r, c)
		s.bringBack(app, r, c, old)
	}
	s.keepSockets(app, r.process.ProcessName)
	return failure
}

// dropSockets closes the sockets of a process that changes its kind, while no worker is there: those of a cluster are the
// guard's own, and those of a plain process are held for that process alone, so that the others could not bind.
func (s *Supervisor) dropSockets(r *role, c roleChange) {
	if keeper, ok := s.spawner.(interface{ Forget(process string) }); ok && c.was.Kind != c.is.Kind {
		keeper.Forget(r.process.ProcessName)
	}
}

// bringIn runs new workers beside those of their slots and waits until all are ready or the first fails.
func (s *Supervisor) bringIn(op *operation, r *role, fresh []*worker) *Failure {
	if len(fresh) == 0 {
		return nil
	}
	s.mu.Lock()
	r.workers = append(slices.Clone(r.workers), fresh...)
	sortWorkers(r.workers)
	s.mu.Unlock()
	first := make(chan firstStart, len(fresh))
	for _, w := range fresh {
		s.run(w, first)
	}
	for range fresh {
		if failure := s.awaitFirst(op, first); failure != nil || op.ctx.Err() != nil {
			return failure
		}
		s.step(op, r.process.ProcessName, func(st *Step) { st.Done++ })
	}
	return nil
}

// takeOver makes ready workers those of their slots and lets the old ones leave.
func (s *Supervisor) takeOver(op *operation, r *role, fresh, old []*worker, leaving *[]*worker) {
	s.mu.Lock()
	slots := slices.Clone(r.slots)
	for _, w := range fresh {
		for len(slots) <= w.shown.Worker {
			slots = append(slots, nil)
		}
		slots[w.shown.Worker] = w
	}
	r.slots = slots
	s.mu.Unlock()
	s.countReplaced(op, len(fresh))
	for _, w := range old {
		if w != nil && !w.leaving {
			w.leave(true)
			*leaving = append(*leaving, w)
		}
	}
}

// bringBack starts workers of the old definition again, where the new ones have failed after the old were stopped. They
// are kept up like any that has run before.
func (s *Supervisor) bringBack(app *application, r *role, c roleChange, old []*worker) {
	s.mu.Lock()
	slots := slices.Clone(r.slots)
	var again []*worker
	for _, before := range old {
		if before == nil {
			continue
		}
		w := newWorker(s, app, before.plan, before.process, before.shown.Worker, nil)
		w.ready = true
		w.status.Generation, w.status.Restarts = before.shown.Generation, before.shown.Restarts
		w.shown = w.status
		slots[before.shown.Worker] = w
		again = append(again, w)
	}
	r.slots = slots
	r.workers = append(slices.Clone(r.workers), again...)
	sortWorkers(r.workers)
	s.mu.Unlock()
	for _, w := range again {
		s.run(w, nil)
	}
}

// sortWorkers orders workers by slot; those of one slot stay in the order they came.
func sortWorkers(workers []*worker) {
	slices.SortStableFunc(workers, func(a, b *worker) int { return a.shown.Worker - b.shown.Worker })
}

// shownOf is what Status tells of a worker.
func (s *Supervisor) shownOf(w *worker) WorkerStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	return w.shown
}

// removeGone waits for workers that were told to leave and takes them out of a role.
func (s *Supervisor) removeGone(r *role, workers []*worker) {
	for _, w := range workers {
		if w != nil {
			w.gone()
		}
	}
	s.mu.Lock()
	r.workers = slices.DeleteFunc(slices.Clone(r.workers), func(w *worker) bool { return slices.Contains(workers, w) })
	s.mu.Unlock()
	s.changed()
}

// awaitLeaving waits for workers that leave, each until it has gone or the operation is canceled, and takes those that
// have gone out of their roles.
func (s *Supervisor) awaitLeaving(op *operation, leaving []*worker) {
	for _, w := range leaving {
		if !w.running {
			continue
		}
		select {
		case <-w.done:
		case <-op.ctx.Done():
			return
		}
	}
	s.mu.Lock()
	for _, r := range s.app.roles {
		r.workers = slices.DeleteFunc(slices.Clone(r.workers), func(w *worker) bool { return slices.Contains(leaving, w) })
	}
	s.mu.Unlock()
	for _, r := range s.app.roles {
		s.keepSockets(s.app, r.process.ProcessName) // those that stay may all have been given up
	}
	s.changed()
}

// countReplaced counts new workers that are ready.
func (s *Supervisor) countReplaced(op *operation, n int) {
	s.mu.Lock()
	op.snapshot.Replaced += n
	s.mu.Unlock()
}

// planOf is the plan that describes what runs after an operation: the new one, or where it has failed, the processes as
// they are with whatever else belongs to those that were replaced; the caller holds mu.
func planOf(app *application, op *operation, whole bool) *Plan {
	plan := *op.Plan
	if !whole && op.snapshot.Replaced == 0 {
		plan = *app.plan
	}
	if !whole {
		plan.App = *plan.App.Clone()
		plan.App.Processes = nil
		for _, r := range app.roles {
			plan.App.Processes = append(plan.App.Processes, r.process)
		}
	}
	plan.Stopped = nil
	for _, r := range app.roles {
		if r.stopped {
			plan.Stopped = append(plan.Stopped, r.process.ProcessName)
		}
	}
	return &plan
}

// performOne does what an operation asks for one process.
func (s *Supervisor) performOne(op *operation) *Failure {
	app := s.app
	r := app.role(op.Process)
	plan, p, failure := s.definitionFor(op, app, r)
	if failure != nil {
		return failure
	}
	var leaving []*worker
	switch kind := op.Kind; {
	case op.Worker != nil:
		failure = s.reloadWorker(op, app, r, plan, &leaving)
	case kind == OpReload:
		s.spawner.Update(plan)
		op.Plan = plan
		if r.stopped {
			failure = s.startAgain(op, app, r, p)
		} else {
			failure = s.reloadRole(op, app, r, p, &leaving)
		}
	case kind == OpReplace:
		op.Plan = plan
		failure = s.reloadSlots(op, app, r, roleChange{
			plan: plan, was: p, is: p, stopFirst: p.PolicyOrDefault().Reload == procfile.ReloadStopFirst,
		}, op.slot, op.slot+1, &leaving)
	case kind == OpStop:
		s.setStopped(r, true)
		s.stopRole(op, r)
	case kind == OpRestart:
		if failure = s.checkSecrets(op, plan, &p); failure != nil {
			return failure
		}
		s.stopRole(nil, r)
		if op.ctx.Err() == nil {
			failure = s.startAgain(op, app, r, p)
		}
	case kind == OpStart:
		failure = s.startAgain(op, app, r, p)
	}
	s.awaitLeaving(op, leaving)
	s.mu.Lock()
	app.plan = withProcess(app, plan)
	s.mu.Unlock()
	s.changed()
	return failure
}

// reloadWorker replaces one worker by one of the same definition; a restart stops it first.
func (s *Supervisor) reloadWorker(op *operation, app *application, r *role, plan *Plan, leaving *[]*worker) *Failure {
	p, slot := r.process, *op.Worker
	op.Plan = plan
	s.step(op, op.Process, func(st *Step) { st.State, st.StartedAt = "running", time.Now() })
	failure := s.reloadSlots(op, app, r, roleChange{
		plan: plan, was: p, is: p,
		stopFirst: op.Kind == OpRestart || p.PolicyOrDefault().Reload == procfile.ReloadStopFirst,
	}, slot, slot+1, leaving)
	state := "done"
	if failure != nil || op.ctx.Err() != nil {
		state = "failed"
	}
	s.step(op, op.Process, func(st *Step) { st.State, st.FinishedAt = state, time.Now() })
	return failure
}

// definitionFor is the plan that new workers of one process get, and its definition there.
func (s *Supervisor) definitionFor(op *operation, app *application, r *role) (*Plan, procfile.Process, *Failure) {
	if op.Plan == nil || op.Kind == OpReplace || op.Kind == OpStop {
		s.mu.Lock()
		defer s.mu.Unlock()
		return app.plan, r.process, nil
	}
	if p := op.Plan.App.Process(op.Process); p != nil {
		return op.Plan, *p, nil
	}
	return nil, procfile.Process{}, &Failure{Process: op.Process, Message: fmt.Sprintf(
		"the procfile does not define process %q any more; reload the whole application to drop it", op.Process)}
}

// startAgain starts a process without live workers; when that fails, it is stopped.
func (s *Supervisor) startAgain(op *operation, app *application, r *role, p procfile.Process) *Failure {
	plan := op.Plan
	if plan == nil {
		plan = app.plan
	}
	s.mu.Lock()
	r.process = p
	s.mu.Unlock()
	s.setStopped(r, false)
	s.fill(app, r, plan)
	failure := s.startRole(op, r)
	if failure != nil {
		s.setStopped(r, true)
		s.stopRole(nil, r)
	} else if op.ctx.Err() == nil {
		s.countReplaced(op, len(r.slots))
	}
	return failure
}

// setStopped notes whether a process is to run.
func (s *Supervisor) setStopped(r *role, stopped bool) {
	s.mu.Lock()
	r.stopped = stopped
	s.mu.Unlock()
}

// withProcess is the running plan with the processes as they are now; the caller holds mu.
func withProcess(app *application, used *Plan) *Plan {
	plan := *app.plan
	if used != nil {
		plan.Env, plan.Node, plan.JSDir = used.Env, used.Node, used.JSDir
	}
	plan.App = *plan.App.Clone()
	plan.App.Processes, plan.Stopped = nil, nil
	for _, r := range app.roles {
		plan.App.Processes = append(plan.App.Processes, r.process)
		if r.stopped {
			plan.Stopped = append(plan.Stopped, r.process.ProcessName)
		}
	}
	return &plan
}
