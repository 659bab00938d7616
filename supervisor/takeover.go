package supervisor

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// CheckHandover tells whether TakeOver understands a document; nothing is changed.
func CheckHandover(document []byte) error {
	_, err := readHandover(document)
	return err
}

// readHandover reads a document and refuses one that does not fit together.
func readHandover(document []byte) (*handoverState, error) {
	var state handoverState
	if err := json.Unmarshal(document, &state); err != nil {
		return nil, fmt.Errorf("read what is taken over: %w", err)
	}
	if state.Format != HandoverFormat {
		return nil, fmt.Errorf("what is taken over has format %d, want %d", state.Format, HandoverFormat)
	}
	if state.App == nil {
		return &state, nil
	}
	known := func(i int) bool { return i >= 0 && i < len(state.App.Plans) && state.App.Plans[i] != nil }
	if !known(state.App.Plan) {
		return nil, errors.New("what is taken over has no plan")
	}
	for _, r := range state.App.Roles {
		for _, w := range r.Workers {
			_, ok := stageOf(w.Status.State)
			if !known(w.Plan) || w.Kept && !ok || (w.Kept && w.Status.State == StateRunning) != (w.Child != nil) {
				return nil, fmt.Errorf("what is taken over says of worker %d of process %q that it is %s, and not all that belongs to it",
					w.Status.Worker, w.Process.ProcessName, w.Status.State)
			}
		}
	}
	return &state, nil
}

// stageOf is the stage of a worker that can be handed over.
func stageOf(state State) (stage, bool) {
	switch state {
	case StateRunning:
		return stageRunning, true
	case StateBackoff:
		return stageBackoff, true
	case StateFatal:
		return stageFatal, true
	}
	return stageStopped, false
}

// TakeOver makes the supervisor go on where HandOver has left off. It comes before Run, in place of the search for what a
// lost guard has left behind.
func (s *Supervisor) TakeOver(document []byte) error {
	state, err := readHandover(document)
	if err != nil {
		return err
	}
	s.guardID, s.spawned, s.seq, s.events, s.live = state.GuardID, state.Spawned, state.Seq, state.Events, state.Live
	s.taken = true
	s.roster.restore(state.Roster)
	for _, op := range state.Operations {
		s.operations = append(s.operations, &operation{
			Request: Request{Kind: op.Kind, Process: op.Process}, cancel: func() {}, snapshot: op,
		})
	}
	if state.App == nil {
		return nil
	}
	s.app = s.adopt(state.App)
	if !s.live {
		return nil
	}
	return s.adoptChildren(state)
}

// adopt makes the application and its workers, without their children.
func (s *Supervisor) adopt(h *handoverApp) *application {
	app := &application{
		id: h.ID, startedAt: h.StartedAt, plan: h.Plans[h.Plan], state: h.State, startCount: h.StartCount,
		restartCount: h.RestartCount, slotCounts: map[slotKey]*slotCounts{},
	}
	for _, c := range h.Counts {
		app.slotCounts[slotKey{process: c.Process, slot: c.Slot}] = &slotCounts{generation: c.Generation, restarts: c.Restarts}
	}
	for i := range h.Roles {
		from := &h.Roles[i]
		r := &role{process: from.Process, stopped: from.Stopped, wanted: from.Wanted}
		r.sockets.closed = from.SocketsClosed
		for j := range from.Workers {
			w := s.adoptWorker(app, h.Plans[from.Workers[j].Plan], &from.Workers[j])
			r.slots = append(r.slots, w)
			r.workers = append(r.workers, w)
		}
		app.roles = append(app.roles, r)
	}
	return app
}

// adoptWorker makes a worker without its child.
func (s *Supervisor) adoptWorker(app *application, plan *Plan, h *handoverWorker) *worker {
	w := newWorker(s, app, plan, h.Process, h.Status.Worker, nil)
	w.status, w.shown = h.Status, h.Shown
	w.stage, w.taken = stageStopped, h.Kept
	if !h.Kept {
		return w
	}
	w.stage, _ = stageOf(h.Status.State)
	w.services, w.ready, w.tries, w.failures, w.replaced = h.Services, h.Ready, h.Tries, h.Failures, h.Replaced
	w.because, w.sent, w.answered, w.pings, w.pending = h.Because, h.Sent, h.Answered, h.Pings, h.Pending
	if h.Err != "" {
		w.err = errors.New(h.Err)
	}
	return w
}

// adoptChildren gives the workers their children and the spawner what is its own.
func (s *Supervisor) adoptChildren(state *handoverState) error {
	frozen, ok := s.spawner.(frozenSpawner)
	if !ok {
		return errors.New("processes of this kind cannot be taken over")
	}
	var workers []*worker
	var specs []SpawnSpec
	var children []*handoverChild
	for i, r := range s.app.roles {
		for j, w := range r.workers {
			child := state.App.Roles[i].Workers[j].Child
			if child == nil {
				continue
			}
			workers, children = append(workers, w), append(children, child)
			specs = append(specs, SpawnSpec{
				Plan: w.plan, AppID: s.app.id, Process: w.process, Worker: w.status.Worker, Generation: w.status.Generation,
				ID: child.ID,
			})
		}
	}
	adopted, err := frozen.adopt(s.app.plan, state.Spawner, specs, children)
	if err != nil {
		return err
	}
	for i, w := range workers {
		w.child = adopted[i]
	}
	return nil
}

// resume makes the workers that were taken over live.
func (s *Supervisor) resume() {
	if s.app == nil {
		return
	}
	for _, r := range s.app.roles {
		for _, w := range r.workers {
			if w.taken {
				s.run(w, nil)
			}
		}
	}
}

// resume sets the timers of a worker that was taken over.
func (w *worker) resume() {
	switch w.stage {
	case stageRunning:
		w.stable.Reset(max(time.Until(w.status.ReadyAt.Add(stableAfter)), 0))
		if w.pings == 0 {
			w.answered = time.Now() // nobody has asked it
		}
		w.pulse.Reset(0)
	case stageBackoff:
		w.timer.Reset(max(time.Until(w.status.NextTryAt), 0))
	}
}

// list is what the file lists.
func (r *roster) list() []rosterEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]rosterEntry{}, r.entries...)
}

// restore makes the list what it was in the build before; the file is that already.
func (r *roster) restore(entries []rosterEntry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = entries
}
