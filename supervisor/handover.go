package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// HandoverFormat numbers the document that HandOver makes and TakeOver reads. It changes when an older TakeOver would
// lose something.
const HandoverFormat = 1

// handoverTime bounds how long everything may take to come to rest.
const handoverTime = 5 * time.Second

// handoverState is all that a supervisor knows, for the build that replaces it in the same process.
type handoverState struct {
	Format     int             `json:"format"`
	GuardID    string          `json:"guardId"`
	Spawned    int             `json:"spawned"`
	Seq        uint64          `json:"seq"`
	Events     []Event         `json:"events"`
	Operations []Operation     `json:"operations"`
	Roster     []rosterEntry   `json:"roster"`
	Live       bool            `json:"live"`
	App        *handoverApp    `json:"app,omitempty"`
	Spawner    json.RawMessage `json:"spawner,omitempty"`
}

// handoverApp is the application. Plans are those that it and its workers have, each once; others name them by index.
type handoverApp struct {
	ID           string          `json:"id"`
	StartedAt    time.Time       `json:"startedAt"`
	Plans        []*Plan         `json:"plans"`
	Plan         int             `json:"plan"`
	State        AppState        `json:"state"`
	StartCount   int             `json:"startCount"`
	RestartCount int             `json:"restartCount"`
	Counts       []handoverCount `json:"counts"`
	Roles        []handoverRole  `json:"roles"`
}

// handoverCount is the count of one slot.
type handoverCount struct {
	Process    string `json:"process"`
	Slot       int    `json:"slot"`
	Generation int    `json:"generation"`
	Restarts   int    `json:"restarts"`
}

// handoverRole is a process with its workers.
type handoverRole struct {
	Process       procfile.Process `json:"process"`
	Stopped       bool             `json:"stopped,omitempty"`
	SocketsClosed bool             `json:"socketsClosed,omitempty"`
	// Wanted is when the worker of a slot asked for its replacement last.
	Wanted  map[int]time.Time `json:"wanted,omitempty"`
	Workers []handoverWorker  `json:"workers"`
}

// handoverWorker is what keeps one slot.
type handoverWorker struct {
	Plan    int              `json:"plan"`
	Process procfile.Process `json:"process"`
	// Status is the worker's own, Shown what Status tells; Kept says that a goroutine keeps the slot.
	Status   WorkerStatus   `json:"status"`
	Shown    WorkerStatus   `json:"shown"`
	Kept     bool           `json:"kept,omitempty"`
	Services int            `json:"services,omitempty"`
	Ready    bool           `json:"ready,omitempty"`
	Tries    int            `json:"tries,omitempty"`
	Failures int            `json:"failures,omitempty"`
	Replaced []time.Time    `json:"replaced,omitempty"`
	Because  string         `json:"because,omitempty"`
	Sent     string         `json:"sent,omitempty"`
	Err      string         `json:"err,omitempty"`
	Answered time.Time      `json:"answered,omitzero"`
	Pings    int            `json:"pings,omitempty"`
	Pending  []ChildEvent   `json:"pending,omitempty"`
	Child    *handoverChild `json:"child,omitempty"`
}

// rest asks a worker to stand still.
type rest struct {
	// reached is closed when it does; then it only collects what its child says, until release is closed.
	reached, release chan struct{}
	// describe makes it tell how it is.
	describe chan chan handoverWorker
}

// frozenSpawner is a Spawner that can be handed over.
type frozenSpawner interface {
	// freeze brings everything to rest that concerns these children, or changes nothing.
	freeze(ctx context.Context, children []Child) error
	thaw()
	// export describes what is frozen and lists its descriptors.
	export() (state any, descriptors []int)
	// exportChild describes one of the children and lists its descriptors.
	exportChild(Child) (*handoverChild, []int, error)
	// adopt makes of a state what it was made of. The children are in the order of specs and states.
	adopt(plan *Plan, state json.RawMessage, specs []SpawnSpec, states []*handoverChild) ([]Child, error)
}

// unsettled is the error of a hand-over that has to wait.
func unsettled(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), ErrUnsettled)
}

// ErrUnsettled: something is under way that cannot be handed over; it is over soon.
var ErrUnsettled = errors.New("not everything is at rest")

// Settled tells whether HandOver makes sense now; the error wraps ErrUnsettled and says what it would have to wait for.
func (s *Supervisor) Settled() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.current != nil:
		return unsettled("the %s of %s is under way", s.current.Kind, s.current.snapshot.AppName)
	case s.queued != nil || len(s.wanted) > 0:
		return unsettled("an operation is about to begin")
	case s.app == nil || !s.live:
		return nil
	}
	for _, r := range s.app.roles {
		for _, w := range r.workers {
			switch w.shown.State {
			case StateRunning, StateBackoff, StateFatal, StateStopped:
			default:
				return unsettled("worker %d of process %q is %s", w.shown.Worker, r.process.ProcessName, w.shown.State)
			}
		}
	}
	return nil
}

// HandOver brings everything to rest and calls give with a document and the descriptors it names, for TakeOver in the
// build that replaces this one in the same process. When give returns, which is when it has failed, everything goes on
// and its error is returned. An error that wraps ErrUnsettled says that give was not called, because something is under
// way. Nobody may call Submit meanwhile.
func (s *Supervisor) HandOver(ctx context.Context, give func(document []byte, descriptors []int) error) error {
	ctx, cancel := context.WithTimeout(ctx, handoverTime)
	defer cancel()
	if !s.turn.TryLock() {
		return unsettled("an operation is under way")
	}
	defer s.turn.Unlock()
	if err := s.Settled(); err != nil {
		return err
	}
	frozen, ok := s.spawner.(frozenSpawner)
	if !ok {
		return errors.New("processes of this kind cannot be handed over")
	}
	r := &rest{release: make(chan struct{})}
	defer close(r.release)
	resting, err := s.rest(ctx, r)
	if err != nil {
		return err
	}
	var children []Child
	for w := range resting {
		if w.child != nil {
			children = append(children, w.child)
		}
	}
	if err := frozen.freeze(ctx, children); err != nil {
		return err
	}
	defer frozen.thaw()
	document, descriptors, err := s.export(frozen, resting)
	if err != nil {
		return err
	}
	return give(document, descriptors)
}

// rest brings the workers to rest. The goroutine of Run stands still: turn is held.
func (s *Supervisor) rest(ctx context.Context, r *rest) (map[*worker]*rest, error) {
	resting := map[*worker]*rest{}
	if s.app == nil || !s.live {
		return resting, nil
	}
	for _, role := range s.app.roles {
		if len(role.workers) != len(role.slots) {
			return nil, unsettled("workers of process %q are on their way out", role.process.ProcessName)
		}
		for _, w := range role.workers {
			if w.leaving && w.shownState() != StateStopped {
				return nil, unsettled("worker %d of process %q is on its way out", w.shown.Worker, role.process.ProcessName)
			}
			if !w.running {
				continue
			}
			one := &rest{reached: make(chan struct{}), release: r.release, describe: make(chan chan handoverWorker)}
			select {
			case w.hold <- one:
				<-one.reached
				resting[w] = one
			case <-w.done:
			case <-ctx.Done():
				return nil, unsettled("worker %d of process %q does not come to rest", w.shown.Worker, role.process.ProcessName)
			}
		}
	}
	return resting, nil
}

// shownState is what Status tells.
func (w *worker) shownState() State {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	return w.shown.State
}

// stand makes the worker stand still as a hand-over asks; what its child says meanwhile is handled afterwards.
func (w *worker) stand(r *rest) {
	close(r.reached)
	w.over = false
	var said <-chan ChildEvent
	if w.child != nil {
		said = w.child.Events()
	}
	for {
		select {
		case e, alive := <-said:
			if alive {
				w.pending = append(w.pending, e)
			} else {
				said, w.over = nil, true
			}
		case reply := <-r.describe:
			for more := said != nil; more; {
				select {
				case e, alive := <-said:
					if !alive {
						said, w.over, more = nil, true, false
					} else {
						w.pending = append(w.pending, e)
					}
				default:
					more = false
				}
			}
			reply <- w.describe()
		case <-r.release:
			return
		}
	}
}

// describe tells all that belongs to the worker's goroutine.
func (w *worker) describe() handoverWorker {
	h := handoverWorker{
		Process: w.process, Status: w.status, Kept: true, Services: w.services, Ready: w.ready, Tries: w.tries,
		Failures: w.failures, Replaced: w.replaced, Because: w.because, Sent: w.sent, Answered: w.answered, Pings: w.pings,
		Pending: w.pending,
	}
	if w.err != nil {
		h.Err = w.err.Error()
	}
	return h
}

// export makes the document. Everything is at rest.
func (s *Supervisor) export(frozen frozenSpawner, resting map[*worker]*rest) ([]byte, []int, error) {
	described := map[*worker]handoverWorker{}
	var descriptors []int
	for w, r := range resting {
		reply := make(chan handoverWorker, 1)
		r.describe <- reply
		h := <-reply
		switch {
		case w.over:
			return nil, nil, unsettled("worker %d of process %q has just ended", h.Status.Worker, w.process.ProcessName)
		case w.stage != stageRunning && w.stage != stageBackoff && w.stage != stageFatal:
			return nil, nil, unsettled("worker %d of process %q is %s", h.Status.Worker, w.process.ProcessName, w.stage)
		case w.first != nil:
			return nil, nil, unsettled("an operation waits for worker %d of process %q", h.Status.Worker, w.process.ProcessName)
		}
		if w.child != nil {
			child, fds, err := frozen.exportChild(w.child)
			if err != nil {
				return nil, nil, err
			}
			h.Child = child
			descriptors = append(descriptors, fds...)
		}
		described[w] = h
	}
	spawner, fds := frozen.export()
	descriptors = append(descriptors, fds...)
	raw, err := json.Marshal(spawner)
	if err != nil {
		return nil, nil, fmt.Errorf("describe the cluster: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.current != nil || s.queued != nil || len(s.wanted) > 0 {
		return nil, nil, unsettled("an operation is about to begin")
	}
	state := handoverState{
		Format: HandoverFormat, GuardID: s.guardID, Spawned: s.spawned, Seq: s.seq, Events: s.events, Live: s.live,
		Roster: s.roster.list(), Spawner: raw,
	}
	for _, op := range s.operations {
		state.Operations = append(state.Operations, op.copy())
	}
	if s.app != nil {
		state.App = s.app.export(described)
	}
	document, err := json.Marshal(state)
	if err != nil {
		return nil, nil, fmt.Errorf("describe the application: %w", err)
	}
	return document, descriptors, nil
}

// export describes an application; the caller holds mu.
func (a *application) export(described map[*worker]handoverWorker) *handoverApp {
	h := &handoverApp{
		ID: a.id, StartedAt: a.startedAt, State: a.state, StartCount: a.startCount, RestartCount: a.restartCount,
	}
	planOf := func(p *Plan) int {
		i := slices.Index(h.Plans, p)
		if i < 0 {
			i = len(h.Plans)
			h.Plans = append(h.Plans, p)
		}
		return i
	}
	h.Plan = planOf(a.plan)
	for k, c := range a.slotCounts {
		h.Counts = append(h.Counts, handoverCount{Process: k.process, Slot: k.slot, Generation: c.generation, Restarts: c.restarts})
	}
	for _, r := range a.roles {
		role := handoverRole{Process: r.process, Stopped: r.stopped, SocketsClosed: r.sockets.closed, Wanted: r.wanted}
		for _, w := range r.workers {
			d, kept := described[w]
			if !kept {
				d = handoverWorker{Process: w.process, Status: w.shown}
			}
			d.Plan, d.Shown = planOf(w.plan), w.shown
			role.Workers = append(role.Workers, d)
		}
		h.Roles = append(h.Roles, role)
	}
	return h
}
