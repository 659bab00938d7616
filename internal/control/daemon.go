package control

import (
	"context"
	"net/http"
	"net/url"

	"github.com/pandora-go/pandora/supervisor"
)

// DaemonConfig is what DaemonHandler needs.
type DaemonConfig struct {
	Fleet   *Fleet
	Version string
	// Info describes the daemon now.
	Info func() DaemonInfo
	// Stay keeps the daemon from ending when no application runs.
	Stay bool
	// Exit makes the daemon end once the fleet is quiet; it returns at once.
	Exit func()
	// Reload takes the configuration as it is kept now; nil refuses.
	Reload func() (Reloaded, error)
	// Health is what the health checks of all running applications say; it may be nil.
	Health func(context.Context) []Health
	// Top measures what the live view shows; nil refuses.
	Top func(context.Context) Top
	// Leave makes the daemon end at once and leave the guards alone; it returns at once. nil refuses.
	Leave func()
}

// exitRequest asks the daemon to end.
type exitRequest struct {
	// IfIdle leaves the daemon running when any application does.
	IfIdle bool `json:"ifIdle,omitempty"`
}

// exitAnswer tells whether it will.
type exitAnswer struct {
	Exiting bool `json:"exiting"`
}

// listAnswer is the answer of GET /v1/applications.
type listAnswer struct {
	Applications []AppStatus `json:"applications"`
}

// DaemonHandler answers for the daemon:
//
//	GET  /v1/daemon                          who it is                              (any version)
//	POST /v1/exit {"ifIdle"}                 stops everything, then ends            (any version)
//	POST /v1/leave                           ends, and leaves the guards alone      (any version)
//	POST /v1/reload                          reads the configuration again
//	GET  /v1/applications                    all of them
//	GET  /v1/watch                           all of them in a line for every change; with ?health=1 what health checks say
//	GET  /v1/applications/{name}             one, with its graph
//	GET  /v1/applications/{name}/settled     once it runs, has failed to, or is not wanted
//	GET  /v1/top                             all of them, with what their workers use
//	POST /v1/applications                    StartRequest: begins a start
//	POST /v1/applications/{name}/restart     StartRequest: begins a restart
//	POST /v1/applications/{name}/stop        begins a stop
//	POST /v1/applications/{name}/change      ChangeRequest: begins a change of what runs
//	PUT  /v1/applications/{name}             StartRequest: records it, starts nothing
//	DELETE /v1/applications/{name}           stops and forgets it
//	GET  /v1/operations                      those that are remembered, oldest first
//	POST /v1/events/catchup                  answers once the event log holds all that guards have reported
//	GET  /v1/operations/{id}                 a line for every change, until the final one
//
// A command of another version is refused, except where said.
func DaemonHandler(cfg DaemonConfig) http.Handler {
	mux := http.NewServeMux()
	f := cfg.Fleet
	same := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if command := r.Header.Get(versionHeader); command != cfg.Version {
				writeError(w, versionError(cfg.Version, command))
				return
			}
			h.ServeHTTP(w, r)
		})
	}
	mux.Handle("GET /v1/daemon", handlerFunc(func(*http.Request) (any, error) { return cfg.Info(), nil }))
	mux.Handle("POST /v1/exit", handlerFunc(func(r *http.Request) (any, error) {
		var request exitRequest
		if err := decodeBody(r, &request); err != nil {
			return nil, err
		}
		if request.IfIdle && (cfg.Stay || !f.CloseIfIdle()) {
			return exitAnswer{}, nil
		}
		// The caller may go away; what has begun is finished.
		err := f.Close(context.WithoutCancel(r.Context()), true)
		cfg.Exit()
		return exitAnswer{Exiting: true}, err
	}))
	mux.Handle("GET /v1/applications", same(handlerFunc(func(*http.Request) (any, error) {
		return listAnswer{Applications: f.List()}, nil
	})))
	mux.Handle("GET /v1/applications/{name}", same(handlerFunc(func(r *http.Request) (any, error) {
		return f.Get(r.PathValue("name"))
	})))
	mux.Handle("GET /v1/applications/{name}/settled", same(handlerFunc(func(r *http.Request) (any, error) {
		return f.Settled(r.Context(), r.PathValue("name"))
	})))
	mux.Handle("POST /v1/applications", same(handlerFunc(func(r *http.Request) (any, error) {
		var request StartRequest
		if err := decodeBody(r, &request); err != nil {
			return nil, err
		}
		return f.Start(r.Context(), request)
	})))
	mux.Handle("POST /v1/applications/{name}/restart", same(handlerFunc(func(r *http.Request) (any, error) {
		var request StartRequest
		if err := decodeBody(r, &request); err != nil {
			return nil, err
		}
		if request.App.AppName != r.PathValue("name") {
			return nil, &Error{Code: CodeInvalid, Message: "restart: the graph is of another application"}
		}
		return f.Restart(r.Context(), request)
	})))
	mux.Handle("POST /v1/applications/{name}/stop", same(handlerFunc(func(r *http.Request) (any, error) {
		return f.Stop(r.Context(), r.PathValue("name"))
	})))
	f.handleChanges(mux, same)
	f.handleLeave(mux, cfg.Leave)
	handleReload(mux, same, cfg.Reload)
	handleTop(mux, same, cfg.Top)
	f.handleWatch(mux, same, cfg.Health)
	f.handleHistory(mux, same)
	mux.Handle("GET /v1/operations/{id}", same(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := f.Operation(r.PathValue("id")); !ok {
			writeError(w, &Error{Code: CodeNotFound, Message: "no operation " + r.PathValue("id")})
			return
		}
		lines := newLineWriter(w)
		f.Follow(r.Context(), r.PathValue("id"), func(op supervisor.Operation) bool { return lines.write(op) == nil })
	})))
	return mux
}

// handleChanges answers what changes an application that is recorded.
func (f *Fleet) handleChanges(mux *http.ServeMux, same func(http.Handler) http.Handler) {
	mux.Handle("POST /v1/applications/{name}/change", same(handlerFunc(func(r *http.Request) (any, error) {
		var request ChangeRequest
		if err := decodeBody(r, &request); err != nil {
			return nil, err
		}
		if request.Start != nil && request.Start.App.AppName != r.PathValue("name") {
			return nil, &Error{Code: CodeInvalid, Message: "change: the graph is of another application"}
		}
		return f.Change(r.Context(), r.PathValue("name"), request)
	})))
	mux.Handle("PUT /v1/applications/{name}", same(handlerFunc(func(r *http.Request) (any, error) {
		var request StartRequest
		if err := decodeBody(r, &request); err != nil {
			return nil, err
		}
		if request.App.AppName != r.PathValue("name") {
			return nil, &Error{Code: CodeInvalid, Message: "create: the graph is of another application"}
		}
		return struct{}{}, f.Create(r.Context(), request)
	})))
	mux.Handle("DELETE /v1/applications/{name}", same(handlerFunc(func(r *http.Request) (any, error) {
		return struct{}{}, f.Delete(r.Context(), r.PathValue("name"))
	})))
}

// Daemon is a client of the daemon.
type Daemon struct{ client *client }

// DialDaemon makes a client for the daemon at a socket; nothing is sent yet.
func DialDaemon(path, version string) *Daemon {
	c := newClient(path, version)
	c.patience = daemonAway
	return &Daemon{client: c}
}

// Close lets go of idle connections.
func (d *Daemon) Close() { d.client.close() }

// Info asks who the daemon is.
func (d *Daemon) Info(ctx context.Context) (DaemonInfo, error) {
	var info DaemonInfo
	err := d.client.call(ctx, http.MethodGet, "/v1/daemon", nil, &info)
	return info, err
}

// List returns all applications, running or recorded.
func (d *Daemon) List(ctx context.Context) ([]AppStatus, error) {
	var answer listAnswer
	err := d.client.call(ctx, http.MethodGet, "/v1/applications", nil, &answer)
	return answer.Applications, err
}

// Get returns one application with its graph.
func (d *Daemon) Get(ctx context.Context, name string) (AppStatus, error) {
	var app AppStatus
	err := d.client.call(ctx, http.MethodGet, "/v1/applications/"+url.PathEscape(name), nil, &app)
	return app, err
}

// Start begins to run an application.
func (d *Daemon) Start(ctx context.Context, request StartRequest) (supervisor.Operation, error) {
	var op supervisor.Operation
	err := d.client.call(ctx, http.MethodPost, "/v1/applications", request, &op)
	return op, err
}

// Restart begins to stop an application and to run what the request describes.
func (d *Daemon) Restart(ctx context.Context, request StartRequest) (supervisor.Operation, error) {
	var op supervisor.Operation
	err := d.client.call(ctx, http.MethodPost, "/v1/applications/"+url.PathEscape(request.App.AppName)+"/restart", request, &op)
	return op, err
}

// Stop begins to stop an application; a start that is under way is cancelled.
func (d *Daemon) Stop(ctx context.Context, name string) (supervisor.Operation, error) {
	var op supervisor.Operation
	err := d.client.call(ctx, http.MethodPost, "/v1/applications/"+url.PathEscape(name)+"/stop", nil, &op)
	return op, err
}

// Create records an application and starts nothing.
func (d *Daemon) Create(ctx context.Context, request StartRequest) error {
	return d.client.call(ctx, http.MethodPut, "/v1/applications/"+url.PathEscape(request.App.AppName), request, nil)
}

// Delete stops and forgets an application.
func (d *Daemon) Delete(ctx context.Context, name string) error {
	return d.client.call(ctx, http.MethodDelete, "/v1/applications/"+url.PathEscape(name), nil, nil)
}

// Change begins a change of what runs.
func (d *Daemon) Change(ctx context.Context, name string, request ChangeRequest) (supervisor.Operation, error) {
	var op supervisor.Operation
	err := d.client.call(ctx, http.MethodPost, "/v1/applications/"+url.PathEscape(name)+"/change", request, &op)
	return op, err
}

// Follow calls each with every change of an operation and returns its final state.
func (d *Daemon) Follow(ctx context.Context, id string, each func(supervisor.Operation)) (supervisor.Operation, error) {
	return follow(ctx, d.client, id, each)
}

// Exit stops all applications and makes the daemon end; with ifIdle only when no application runs. It reports whether
// the daemon ends. The daemon still needs a moment afterwards; its lock tells when it is gone.
func (d *Daemon) Exit(ctx context.Context, ifIdle bool) (bool, error) {
	var answer exitAnswer
	err := d.client.call(ctx, http.MethodPost, "/v1/exit", exitRequest{IfIdle: ifIdle}, &answer)
	return answer.Exiting, err
}
