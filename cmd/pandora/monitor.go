package main

import (
	"context"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/remember"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/internal/wire"
	"github.com/pandora-go/pandora/metrics"
	"github.com/pandora-go/pandora/metrics/report"
	"github.com/pandora-go/pandora/supervisor"
)

// countInterval is how often applications and workers are counted for the metrics.
const countInterval = time.Second

// monitor is the observing half of a daemon, or of dev: the sockets that workers report to, the metrics, and the
// endpoints that show them; and what else workers ask of it, their hub and the rotation of their logs.
type monitor struct {
	wire *wire.Server
	// memory outlives the daemon; nil in dev.
	memory      *remember.Memory
	hub         *wire.Server
	rotation    *logRotation
	server      *endpoints.Server
	journal     journal
	registry    *metrics.Registry
	instruments *metrics.Instruments
	// reporters is nil in dev, and snapshot tells about all applications with their structures.
	reporters *report.Set
	snapshot  func() []control.AppStatus
	// scripts keeps the script hosts.
	scripts *scriptYard
	closer  io.Closer
	// list tells about all applications.
	list func() []control.AppStatus
	log  *zap.Logger
	once sync.Once
}

// newMonitor listens on the socket at path; nothing is served before run. kept is what outlives the daemon.
func newMonitor(path string, kept keptFiles, source endpoints.Source, list func() []control.AppStatus, options endpoints.Options, log *zap.Logger) (*monitor, error) {
	w, err := wire.Listen(path, log.Named("wire"))
	if err != nil {
		return nil, err
	}
	registry := metrics.NewRegistry()
	registry.SetReporterInterval(options.ReporterInterval)
	if err := metrics.AddSystem(registry, metrics.SystemOptions{}); err != nil {
		_ = w.Close()
		return nil, err
	}
	m := &monitor{wire: w, registry: registry, list: list, log: log}
	m.instruments, m.closer = metrics.NewInstruments(registry, workerStates())
	clients := metrics.ClientOptions{
		Log: log.Named("metrics"), Missed: m.instruments.PullMissed, Refused: m.instruments.Refused, Worker: m.worker,
	}
	if kept.announced != "" {
		m.memory = remember.Open(w, kept.announced, log.Named("announced"))
		clients.Remembered = m.memory
	}
	metrics.ServeClients(w, registry, clients)
	if m.journal, err = newJournal(kept, w, registry, options, log); err != nil {
		m.close()
		return nil, err
	}
	m.server = endpoints.New(endpoints.Config{
		Source: source, Metrics: registry, Options: options, Observer: m, Secret: secretName, Log: log.Named("endpoints"),
		Errors: m.journal.errors, Events: m.journal.events, Transition: m.transition,
	})
	if m.memory != nil {
		endpoints.Attach(announcedFrames{w, m.memory}, m.server)
	} else {
		endpoints.Attach(w, m.server)
	}
	m.scripts = newScriptYard(m)
	endpoints.Attach(m.scripts, m.server)
	if m.hub, err = newHub(filepath.Dir(path), log.Named("hub")); err != nil {
		m.close()
		return nil, err
	}
	if m.rotation, err = newLogRotation(filepath.Dir(path), log.Named("rotation")); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// newHub listens on the socket of the hub.
func newHub(dir string, log *zap.Logger) (*wire.Server, error) {
	server, err := wire.Listen(filepath.Join(dir, "pandorajs_pandora_msg_hub.sock"), log)
	if err != nil {
		return nil, err
	}
	wire.NewHub(server, log)
	return server, nil
}

// worker tells which worker a process is.
func (m *monitor) worker(pid int) (process string, worker int, ok bool) {
	for _, a := range m.list() {
		for _, p := range a.Processes {
			for _, w := range p.Workers {
				if w.PID == pid {
					return p.Name, w.Worker, true
				}
			}
		}
	}
	return "", 0, false
}

// workerStates are all the states of a worker.
func workerStates() []string {
	return []string{
		string(supervisor.StatePending), string(supervisor.StateStarting), string(supervisor.StateRunning),
		string(supervisor.StateStopping), string(supervisor.StateStopped), string(supervisor.StateBackoff),
		string(supervisor.StateFatal),
	}
}

// run serves the workers and counts them until ctx ends.
func (m *monitor) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		if err := m.wire.Serve(); err != nil && ctx.Err() == nil {
			m.log.Error("metric socket failed", zap.Error(err))
		}
	})
	wg.Go(func() {
		if err := m.hub.Serve(); err != nil && ctx.Err() == nil {
			m.log.Error("hub socket failed", zap.Error(err))
		}
	})
	wg.Go(func() { m.rotation.run(ctx) })
	wg.Go(func() { m.server.Watch(ctx) })
	wg.Go(func() { m.journal.run(ctx) })
	m.runReporters(ctx, &wg)
	m.scripts.run(ctx, &wg)
	if m.memory != nil {
		wg.Go(func() { m.memory.Run(ctx) })
	}
	tick := time.NewTicker(countInterval)
	defer tick.Stop()
	restarts := map[[2]string]int{}
	for {
		m.count(restarts)
		select {
		case <-ctx.Done():
			m.close()
			return
		case <-tick.C:
		}
	}
}

// count updates the gauges, and counts what was restarted since the last time.
func (m *monitor) count(restarts map[[2]string]int) {
	running, stopped := 0, 0
	states := map[string]int{}
	seen := map[[2]string]bool{}
	m.syncReporters()
	m.scripts.sync()
	for _, a := range m.list() {
		if a.State == supervisor.AppStopped {
			stopped++
		} else {
			running++
		}
		for _, p := range a.Processes {
			key, n := [2]string{a.AppName, p.Name}, 0
			for _, w := range p.Workers {
				states[string(w.State)]++
				n += w.Restarts
			}
			seen[key] = true
			for old := restarts[key]; old < n; old++ {
				m.instruments.Restarted(a.AppName, p.Name)
			}
			restarts[key] = n
		}
	}
	for key := range restarts {
		if !seen[key] {
			delete(restarts, key)
		}
	}
	m.instruments.Applications(running, stopped)
	m.instruments.Workers(states)
}

// close ends the connections; it may be called twice.
func (m *monitor) close() {
	m.once.Do(func() {
		_ = m.wire.Close()
		m.journal.close()
		if m.server != nil {
			m.server.Close()
		}
		if m.hub != nil {
			_ = m.hub.Close()
		}
		if m.rotation != nil {
			m.rotation.close()
		}
		_ = m.closer.Close()
	})
}

// noted takes in what was written into the event log.
func (m *monitor) noted(events []state.Event) {
	m.journal.noted(events)
	m.scripts.noted(events)
}

// transition notes a change of health.
func (m *monitor) transition(t endpoints.Transition) {
	m.journal.changed(t)
	m.scripts.changed(t)
}

// health is what the health checks of all running applications say; nil where /health is switched off.
func (m *monitor) health(ctx context.Context) []control.Health {
	verdicts := m.server.Verdicts(ctx)
	if verdicts == nil {
		return nil // it is switched off
	}
	all := make([]control.Health, len(verdicts))
	for i, v := range verdicts {
		all[i] = control.Health{AppName: v.App, Up: v.Up, Reason: v.Reason}
	}
	return all
}

// Served counts a request to the endpoints.
func (m *monitor) Served(route string, status int, took time.Duration) {
	m.instruments.Request(route, status, took)
	if route == "/metrics" {
		m.instruments.Scraped(took)
	}
}

// Missed counts an Indicator that gave no rows.
func (m *monitor) Missed(group, reason string) {
	m.instruments.Scope().Tagged(map[string]string{"group": group, "reason": reason}).Counter("indicator.misses").Inc(1)
}

// GuardStarted counts a new guard.
func (m *monitor) GuardStarted(app string) {
	m.instruments.Scope().Tagged(map[string]string{"appName": app}).Counter("guard.starts").Inc(1)
}

// GuardLost counts a guard that ended without being asked to.
func (m *monitor) GuardLost(app string) {
	m.instruments.Scope().Tagged(map[string]string{"appName": app}).Counter("guard.losses").Inc(1)
}

// OperationEnded counts an operation and its duration.
func (m *monitor) OperationEnded(op supervisor.Operation) {
	m.scripts.operationEnded(op)
	m.instruments.Scope().Tagged(map[string]string{"kind": string(op.Kind), "result": string(op.State)}).Counter("operations").Inc(1)
	if !op.FinishedAt.IsZero() && !op.StartedAt.IsZero() {
		m.instruments.Scope().Tagged(map[string]string{"kind": string(op.Kind)}).Timer("operation.seconds").Record(op.FinishedAt.Sub(op.StartedAt))
	}
}

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
		app.Structure, app.Engine = masked(a.Structure), a.Structure.Engine
		app.Indicators = declaredIndicators(a.Structure.Indicators)
		if e := a.Structure.Evaluation; e != nil {
			app.Digest = e.Digest
		}
	}
	app.Processes, app.Draining = endpointProcesses(a.Processes), draining(a.Operation)
	for _, p := range a.Processes {
		for _, w := range p.Workers {
			if w.Drift != nil {
				app.Drift = append(app.Drift, endpoints.Drift{
					Process: p.Name, Worker: w.Worker, Digest: w.Drift.Digest, Differences: w.Drift.Differences,
				})
			}
		}
	}
	for _, s := range a.Sockets {
		app.Sockets = append(app.Sockets, endpoints.Socket{Network: s.Network, Address: s.Address, Port: s.Port})
	}
	return app
}
