package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/pandora-go/pandora/supervisor"
)

// Supervisor is the part of supervisor.Supervisor that a guard shows.
type Supervisor interface {
	Submit(r supervisor.Request) (supervisor.Operation, error)
	Plan() *supervisor.Plan
	Operation(id string) (supervisor.Operation, bool)
	Operations() []supervisor.Operation
	Watch(ctx context.Context, id string) <-chan supervisor.Operation
	Status() supervisor.Status
	Changes(ctx context.Context) <-chan struct{}
	Events(since uint64) []supervisor.Event
}

// GuardConfig is what GuardHandler needs.
type GuardConfig struct {
	Supervisor Supervisor
	Version    string
	// Exit makes the guard stop everything and end; it returns at once. With now it does not wait for anything graceful.
	Exit func(now bool)
	// Followed is called when somebody begins to follow the status, and what it returns when that ends: a daemon follows
	// for as long as it lives. nil does nothing.
	Followed func() (end func())
	// Info describes the guard now, and Upgrade begins to replace it by another build, or says why not; both may be nil.
	Info    func() GuardBuild
	Upgrade func(ctx context.Context, r UpgradeRequest) error
}

// GuardHandler answers for one guard:
//
//	GET  /v1/status             the status; with ?follow=1 a line for every change, each with the events since the one
//	                            before; the first with those after the event since of the guard that is named
//	POST /v1/operations         a supervisor.Request: begins an operation
//	GET  /v1/operations         those that are remembered, oldest first
//	GET  /v1/operations/{id}    a line for every change, until the final one
//	GET  /v1/events?since=SEQ   what happened
//	GET  /v1/plan               the plan that runs, or ran last
//	GET  /v1/guard              which build it is
//	POST /v1/upgrade            UpgradeRequest: begins to replace it by another build, in the same process
//	POST /v1/exit               stops everything and ends the guard; with ?now=1 it kills instead
//
// A guard serves any version: it may live through several daemons.
func GuardHandler(cfg GuardConfig) http.Handler {
	mux := http.NewServeMux()
	s := cfg.Supervisor
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(versionHeader, cfg.Version)
		if r.URL.Query().Get("follow") == "" {
			handlerFunc(func(*http.Request) (any, error) { return s.Status(), nil }).ServeHTTP(w, r)
			return
		}
		if cfg.Followed != nil {
			defer cfg.Followed()()
		}
		q := r.URL.Query()
		since, _ := strconv.ParseUint(q.Get("since"), 10, 64) // all of them where it is no number
		followStatus(w, r, s, supervisor.EventMark{Guard: q.Get("guard"), Seq: since})
	})
	mux.Handle("POST /v1/operations", handlerFunc(func(r *http.Request) (any, error) {
		var request supervisor.Request
		if err := decodeBody(r, &request); err != nil {
			return nil, err
		}
		op, err := s.Submit(request)
		if unknown, ok := errors.AsType[supervisor.UnknownError](err); ok {
			return nil, &Error{Code: CodeNotFound, Message: unknown.Error()}
		}
		if err != nil {
			return nil, &Error{Code: CodeRefused, Message: err.Error()}
		}
		return op, nil
	}))
	mux.Handle("GET /v1/operations", handlerFunc(func(*http.Request) (any, error) {
		return operationsAnswer{Operations: s.Operations()}, nil
	}))
	mux.Handle("GET /v1/plan", handlerFunc(func(*http.Request) (any, error) {
		if p := s.Plan(); p != nil {
			return p, nil
		}
		return nil, &Error{Code: CodeNotFound, Message: "no plan was given to this guard yet"}
	}))
	mux.HandleFunc("GET /v1/operations/{id}", func(w http.ResponseWriter, r *http.Request) {
		if _, ok := s.Operation(r.PathValue("id")); !ok {
			writeError(w, &Error{Code: CodeNotFound, Message: "no operation " + strconv.Quote(r.PathValue("id"))})
			return
		}
		lines := newLineWriter(w)
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		for op := range s.Watch(ctx, r.PathValue("id")) {
			if lines.write(op) != nil {
				return
			}
		}
	})
	mux.Handle("GET /v1/events", handlerFunc(func(r *http.Request) (any, error) {
		since, err := strconv.ParseUint(r.URL.Query().Get("since"), 10, 64)
		if err != nil && r.URL.Query().Has("since") {
			return nil, &Error{Code: CodeInvalid, Message: "since is not a number: " + r.URL.Query().Get("since")}
		}
		return s.Events(since), nil
	}))
	handleUpgrade(mux, cfg)
	mux.Handle("POST /v1/exit", handlerFunc(func(r *http.Request) (any, error) {
		cfg.Exit(r.URL.Query().Get("now") != "")
		return struct{}{}, nil
	}))
	return mux
}

// statusLine is one line of a followed status.
type statusLine struct {
	supervisor.Status
	Events []supervisor.Event `json:"events,omitempty"`
}

// statusPause is how long the next status waits for each worker that it tells of.
const statusPause = 400 * time.Microsecond

// followStatus writes the status now and at every change, with the events after mark.
func followStatus(w http.ResponseWriter, r *http.Request, s Supervisor, mark supervisor.EventMark) {
	lines, workers := newLineWriter(w), 0
	write := func() error {
		line := statusLine{Status: s.Status()}
		if mark.Guard != line.LastEvent.Guard {
			mark = supervisor.EventMark{Guard: line.LastEvent.Guard}
		}
		if mark.Seq < line.LastEvent.Seq {
			line.Events = s.Events(mark.Seq)
			mark.Seq = line.LastEvent.Seq
			if n := len(line.Events); n > 0 {
				mark.Seq = line.Events[n-1].Seq
			}
		}
		workers = 0
		for _, p := range line.Processes {
			workers += len(p.Workers)
		}
		return lines.write(line)
	}
	// Subscribed before the first status, so that no change falls between.
	changes := s.Changes(r.Context())
	for {
		if write() != nil {
			return
		}
		// Many workers change many times at once: the more of them a line tells of, the longer the next one waits.
		select {
		case <-r.Context().Done():
		case <-time.After(time.Duration(workers) * statusPause):
		}
		select {
		case <-r.Context().Done():
			// The guard ends, or the reader did; a reader wants to know how it ended.
			_ = write()
			return
		case _, ok := <-changes:
			if !ok {
				_ = write()
				return
			}
		}
	}
}

// Guard is a client of one guard.
type Guard struct{ client *client }

// DialGuard makes a client for the guard at a socket; nothing is sent yet.
func DialGuard(path, version string) *Guard { return &Guard{client: newClient(path, version)} }

// Close lets go of idle connections.
func (g *Guard) Close() { g.client.close() }

// Status asks how the application is.
func (g *Guard) Status(ctx context.Context) (supervisor.Status, error) {
	var s supervisor.Status
	err := g.client.call(ctx, http.MethodGet, "/v1/status", nil, &s)
	return s, err
}

// WatchStatus calls each with the status now and at every change, until the guard ends or ctx does. With the status come
// the events since the call before, first those after mark.
func (g *Guard) WatchStatus(ctx context.Context, mark supervisor.EventMark, each func(supervisor.Status, []supervisor.Event)) error {
	query := url.Values{"follow": {"1"}, "guard": {mark.Guard}, "since": {strconv.FormatUint(mark.Seq, 10)}}
	return g.client.lines(ctx, "/v1/status?"+query.Encode(), func(line []byte) error {
		var s statusLine
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		each(s.Status, s.Events)
		return nil
	})
}

// Submit begins an operation.
func (g *Guard) Submit(ctx context.Context, r supervisor.Request) (supervisor.Operation, error) {
	var op supervisor.Operation
	err := g.client.call(ctx, http.MethodPost, "/v1/operations", r, &op)
	return op, err
}

// Follow calls each with every change of an operation and returns its final state.
func (g *Guard) Follow(ctx context.Context, id string, each func(supervisor.Operation)) (supervisor.Operation, error) {
	return follow(ctx, g.client, id, each)
}

// Operations returns the operations that the guard remembers, oldest first.
func (g *Guard) Operations(ctx context.Context) ([]supervisor.Operation, error) {
	var answer operationsAnswer
	err := g.client.call(ctx, http.MethodGet, "/v1/operations", nil, &answer)
	return answer.Operations, err
}

// Events returns what happened after the event with number since; at most the last 1,000.
func (g *Guard) Events(ctx context.Context, since uint64) ([]supervisor.Event, error) {
	var events []supervisor.Event
	err := g.client.call(ctx, http.MethodGet, "/v1/events?since="+strconv.FormatUint(since, 10), nil, &events)
	return events, err
}

// Plan returns the plan that runs, or ran last.
func (g *Guard) Plan(ctx context.Context) (supervisor.Plan, error) {
	var p supervisor.Plan
	err := g.client.call(ctx, http.MethodGet, "/v1/plan", nil, &p)
	return p, err
}

// Exit makes the guard stop everything and end; it returns before that has happened.
func (g *Guard) Exit(ctx context.Context) error {
	return g.client.call(ctx, http.MethodPost, "/v1/exit", nil, nil)
}

// Kill makes the guard kill everything and end; it returns before that has happened.
func (g *Guard) Kill(ctx context.Context) error {
	return g.client.call(ctx, http.MethodPost, "/v1/exit?now=1", nil, nil)
}

// errUnfinished is returned when a stream of an operation ends before the operation does.
var errUnfinished = errors.New("the connection ended before the operation did")

// follow reads the stream of an operation.
func follow(ctx context.Context, c *client, id string, each func(supervisor.Operation)) (supervisor.Operation, error) {
	var last supervisor.Operation
	err := c.lines(ctx, "/v1/operations/"+id, func(line []byte) error {
		var op supervisor.Operation
		if err := json.Unmarshal(line, &op); err != nil {
			return err
		}
		last = op
		if each != nil {
			each(op)
		}
		return nil
	})
	if err == nil && !final(last) {
		err = c.lost(ctx, errUnfinished)
	}
	return last, err
}
