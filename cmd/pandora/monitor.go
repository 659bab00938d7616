package main

import (
	"context"
	"runtime"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/wire"
	"github.com/pandora-go/pandora/supervisor"
)

// monitor is the observing half of a daemon: the socket that workers report to, and the endpoints that show it.
type monitor struct {
	wire   *wire.Server
	server *endpoints.Server
	log    *zap.Logger
}

// newMonitor listens on the socket at path; nothing is served before run.
func newMonitor(path string, source endpoints.Source, options endpoints.Options, log *zap.Logger) (*monitor, error) {
	w, err := wire.Listen(path, log.Named("wire"))
	if err != nil {
		return nil, err
	}
	m := &monitor{wire: w, log: log}
	m.server = endpoints.New(endpoints.Config{Source: source, Options: options, Observer: m, Log: log.Named("endpoints")})
	endpoints.Attach(w, m.server)
	return m, nil
}

// run serves the workers until ctx ends.
func (m *monitor) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, m.close)
	defer stop()
	if err := m.wire.Serve(); err != nil && ctx.Err() == nil {
		m.log.Error("metric socket failed", zap.Error(err))
	}
}

// close ends the connections; it may be called twice.
func (m *monitor) close() { _ = m.wire.Close() }

// Served counts a request to the endpoints.
func (m *monitor) Served(route string, status int, took time.Duration) {}

// Missed counts an Indicator that gave no rows.
func (m *monitor) Missed(group, reason string) {}

// GuardStarted counts a new guard.
func (m *monitor) GuardStarted(string) {}

// GuardLost counts a guard that ended without being asked to.
func (m *monitor) GuardLost(string) {}

// OperationEnded counts an operation.
func (m *monitor) OperationEnded(supervisor.Operation) {}

// versions are the components that /daemon shows.
func versions() map[string]string {
	return map[string]string{"pandora": version, "go": runtime.Version()}
}

// endpointApplication shows a row of the fleet to the endpoints.
func endpointApplication(a control.AppStatus) endpoints.Application {
	app := endpoints.Application{
		Name: a.AppName, Dir: a.AppDir, ID: a.AppID, State: int(a.State), Running: a.State != supervisor.AppStopped,
		PIDs: a.PIDs, Uptime: a.Uptime, StartCount: a.StartCount, RestartCount: a.RestartCount,
		StdoutLogPath: a.StdoutLogPath,
	}
	if a.Structure != nil {
		app.Structure = a.Structure
	}
	for _, s := range a.Sockets {
		app.Sockets = append(app.Sockets, endpoints.Socket{Network: s.Network, Address: s.Address, Port: s.Port})
	}
	return app
}
