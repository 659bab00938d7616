package control

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// history writes the event log: what guards report, each event once, and what the daemon itself does. A guard keeps its
// last events, so that a daemon which was away catches up.
type history struct {
	home state.Home
	log  *zap.Logger
	// turn holds a token that one reads from guards and writes with.
	turn chan struct{}
	// noted is told of what was written; it may be nil.
	noted func([]state.Event)

	// The fields below belong to the holder of the token.
	file *state.EventLog
	// failed is true after a write that failed, so that the log is not flooded.
	failed bool
}

func newHistory(home state.Home, noted func([]state.Event), log *zap.Logger) *history {
	h := &history{home: home, noted: noted, log: log, turn: make(chan struct{}, 1)}
	h.turn <- struct{}{}
	return h
}

// take takes the token; false when ctx ends first.
func (h *history) take(ctx context.Context) bool {
	select {
	case <-h.turn:
		if h.file == nil {
			h.file = h.home.OpenEvents()
		}
		return true
	case <-ctx.Done():
		return false
	}
}

func (h *history) release() { h.turn <- struct{}{} }

// append writes events; the caller has the token.
func (h *history) append(events ...state.Event) bool {
	written, err := h.file.Append(events...)
	if err != nil && !h.failed {
		h.log.Error("event log not written", zap.Error(err))
	}
	h.failed = err != nil
	if h.noted != nil && len(written) > 0 {
		h.noted(written)
	}
	return err == nil
}

// note writes an event of the daemon's own.
func (h *history) note(ctx context.Context, app, kind, format string, args ...any) {
	if !h.take(ctx) {
		return
	}
	defer h.release()
	h.append(state.Event{Time: time.Now(), App: app, Kind: kind, Message: fmt.Sprintf(format, args...)})
}

// tell writes an event that somebody else has made.
func (h *history) tell(ctx context.Context, e state.Event) {
	if !h.take(ctx) {
		return
	}
	defer h.release()
	h.append(e)
}

// mark is where the events of a guard go on that the log does not have.
func (h *history) mark(ctx context.Context, guard string) supervisor.EventMark {
	if guard == "" || !h.take(ctx) {
		return supervisor.EventMark{}
	}
	defer h.release()
	return supervisor.EventMark{Guard: guard, Seq: h.file.Mark(guard)}
}

// takeIn takes events of a guard in, which its status stream has brought. Where some are missing before them, because they could
// not be written then, the guard is asked for these.
func (h *history) takeIn(ctx context.Context, app string, guard *Guard, events []supervisor.Event) {
	if len(events) == 0 || !h.take(ctx) {
		return
	}
	defer h.release()
	if first := events[0]; first.Seq > h.file.Mark(first.Guard)+1 {
		h.ask(ctx, app, guard, first.Guard)
	}
	h.write(app, events)
}

// catchUp asks a guard for what it has reported since the last time; last is its newest event.
func (h *history) catchUp(ctx context.Context, app string, guard *Guard, last supervisor.EventMark) {
	if last.Guard == "" || !h.take(ctx) {
		return
	}
	defer h.release()
	if h.file.Mark(last.Guard) < last.Seq {
		h.ask(ctx, app, guard, last.Guard)
	}
}

// ask writes what a guard tells when asked; the caller has the token.
func (h *history) ask(ctx context.Context, app string, guard *Guard, id string) {
	ctx, cancel := context.WithTimeout(ctx, adoptTimeout)
	defer cancel()
	events, err := guard.Events(ctx, h.file.Mark(id))
	if err != nil {
		h.log.Warn("guard does not tell its events", zap.String("app", app), zap.Error(err))
		return
	}
	h.write(app, events)
}

// write writes events of a guard that are not in the log yet; the caller has the token.
func (h *history) write(app string, events []supervisor.Event) {
	lines := make([]state.Event, 0, len(events)+1)
	for _, e := range events {
		known := h.file.Mark(e.Guard)
		if e.Guard == "" || e.Seq <= known {
			continue // a guard of an older version, or known already
		}
		if len(lines) == 0 && e.Seq > known+1 {
			lines = append(lines, state.Event{Time: time.Now(), App: app, Kind: "missed", Message: fmt.Sprintf(
				"%d events of the guard came while no daemon ran, and are lost", e.Seq-known-1)})
		}
		lines = append(lines, eventLine(app, e))
	}
	h.append(lines...)
}

// eventLine is a guard's event as the log has it.
func eventLine(app string, e supervisor.Event) state.Event {
	line := state.Event{
		Time: e.Time, App: app, Process: e.Process, PID: e.PID, Kind: e.Kind, Message: e.Message, Reason: e.Reason, Guard: e.Guard, Seq: e.Seq,
	}
	if e.Worker >= 0 {
		line.Worker = &e.Worker
	}
	return line
}

// Note writes an event of the daemon itself into the event log.
func (f *Fleet) Note(ctx context.Context, kind, message string) {
	f.history.note(ctx, "", kind, "%s", message)
}

// Tell writes an event that the daemon has made of what it was told, as a change of health.
func (f *Fleet) Tell(ctx context.Context, e state.Event) {
	f.history.tell(ctx, e)
}

// CatchUp makes the event log hold everything that the guards have reported so far.
func (f *Fleet) CatchUp(ctx context.Context) {
	f.mu.Lock()
	type source struct {
		app   string
		guard *Guard
	}
	var all []source
	for _, app := range f.apps {
		if app.guard != nil {
			all = append(all, source{app.name, app.guard})
		}
	}
	f.mu.Unlock()
	for _, s := range all {
		ask, cancel := context.WithTimeout(ctx, adoptTimeout)
		if status, err := s.guard.Status(ask); err == nil {
			f.history.catchUp(ask, s.app, s.guard, status.LastEvent)
		}
		cancel()
	}
}

// Operations returns the operations that are remembered, oldest first.
func (f *Fleet) Operations() []supervisor.Operation {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]supervisor.Operation, 0, len(f.opOrder))
	for _, id := range f.opOrder {
		all = append(all, f.ops[id])
	}
	return all
}

// operationsAnswer is the answer of GET /v1/operations.
type operationsAnswer struct {
	Operations []supervisor.Operation `json:"operations"`
}

// handleHistory answers what has happened.
func (f *Fleet) handleHistory(mux *http.ServeMux, same func(http.Handler) http.Handler) {
	mux.Handle("GET /v1/operations", same(handlerFunc(func(*http.Request) (any, error) {
		return operationsAnswer{Operations: f.Operations()}, nil
	})))
	mux.Handle("POST /v1/events/catchup", same(handlerFunc(func(r *http.Request) (any, error) {
		f.CatchUp(r.Context())
		return struct{}{}, nil
	})))
}

// Operations returns the operations that the daemon remembers, oldest first.
func (d *Daemon) Operations(ctx context.Context) ([]supervisor.Operation, error) {
	var answer operationsAnswer
	err := d.client.call(ctx, http.MethodGet, "/v1/operations", nil, &answer)
	return answer.Operations, err
}

// CatchUp returns once the event log holds everything that the guards have reported so far.
func (d *Daemon) CatchUp(ctx context.Context) error {
	return d.client.call(ctx, http.MethodPost, "/v1/events/catchup", nil, nil)
}
