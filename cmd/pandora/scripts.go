package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/scripts"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/metrics"
	"github.com/pandora-go/pandora/metrics/report"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/supervisor"
)

// scriptsVerb is the first argument of a script host.
const scriptsVerb = "scripts"

const (
	// scriptWriteTimeout is how long a host may not read what it is told, before that is given up.
	scriptWriteTimeout = time.Second
	// maxScriptWords bounds what is kept of what a host writes to its standard error.
	maxScriptWords = 4 << 10
)

// scriptSources is what the daemon, or dev, knows and the yard needs.
type scriptSources struct {
	executable string
	// apps tells about all applications, with their structures.
	apps func() []control.AppStatus
	// env is the environment of an application.
	env func(app string) ([]string, error)
	dev bool
	// options have the configuration of indicators, config has the member scripts.
	options endpoints.Options
	config  json.RawMessage
	print   func(app, owner, text string)
	// global is what of the global configuration runs in a host; nil where nothing does.
	global func() *globalScripts
}

// scriptYard keeps the script hosts, and is the message server that their indicators register with.
type scriptYard struct {
	monitor *monitor
	sources scriptSources
	keeper  *scripts.Keeper
	log     *zap.Logger

	handle func(h *scripts.Host, data json.RawMessage, reply func(any))
	closed func(h *scripts.Host)

	mu sync.Mutex // guards what follows
	// version grows with what Indicators of applications show.
	version uint64
	// sinks takes back the reporters of a host.
	sinks map[*scripts.Host][]func()
	// points are the EndPoints of the configuration that were served last.
	points []endpoints.ExternalEndPoint
}

// newScriptYard makes a yard that keeps nothing before it has sources.
func newScriptYard(m *monitor) *scriptYard {
	return &scriptYard{monitor: m, log: m.log.Named("scripts"), sinks: map[*scripts.Host][]func(){}}
}

// open gives the yard what it needs. It is to be called before run.
func (y *scriptYard) open(s scriptSources) {
	y.sources = s
	y.keeper = scripts.NewKeeper(scripts.Config{
		Start: y.start, Spec: y.spec, Answer: y.answer, Up: y.up, Down: y.down, Print: s.print, Log: y.log,
	})
}

// run keeps hosts until ctx ends.
func (y *scriptYard) run(ctx context.Context, wg *sync.WaitGroup) {
	if y.keeper != nil {
		wg.Go(func() { y.keeper.Run(ctx) })
	}
}

// sync makes the hosts those of what runs.
func (y *scriptYard) sync() {
	if y.keeper == nil {
		return
	}
	var apps []scripts.App
	for _, a := range y.sources.apps() {
		if a.State == supervisor.AppStopped || a.Structure == nil {
			continue
		}
		apps = append(apps, scripts.App{
			Name: a.AppName, Dir: a.AppDir, Scripted: a.Structure.Scripted(),
			Version: a.AppID + " " + a.Structure.Digest() + " " + lastReload(a),
		})
	}
	if y.sources.global != nil {
		if g := y.sources.global(); g != nil {
			apps = append(apps, scripts.App{Dir: g.dir, Version: g.version, Scripted: true})
		}
	}
	y.keeper.Sync(apps)
}

// lastReload tells reloads apart: one that changes nothing in the graph may have changed a function.
func lastReload(a control.AppStatus) string {
	if op := a.Operation; op != nil && op.Kind == supervisor.OpReload && !op.FinishedAt.IsZero() {
		return op.ID
	}
	return ""
}

// spec makes the specification of a host.
func (y *scriptYard) spec(app string) (scripts.Spec, error) {
	if app == "" {
		return y.globalSpec()
	}
	all := y.sources.apps()
	at := slices.IndexFunc(all, func(a control.AppStatus) bool { return a.AppName == app })
	if at < 0 || all[at].Structure == nil {
		return scripts.Spec{}, fmt.Errorf("application %q is gone", app)
	}
	env, err := y.sources.env(app)
	if err != nil {
		return scripts.Spec{}, err
	}
	settings, err := decodeScripts(y.sources.config)
	if err != nil {
		y.log.Warn("configuration of scripts is not used", zap.Error(err))
	}
	groups := map[string]json.RawMessage{}
	for name, point := range y.sources.options.EndPoints {
		groups[name] = point.InitConfig
	}
	config, err := json.Marshal(groups)
	if err != nil {
		return scripts.Spec{}, err
	}
	return scripts.Spec{
		App: app, Dir: all[at].AppDir, Env: env, Dev: y.sources.dev, WorkerCount: evaluate.WorkerCount(),
		Procfile: all[at].Structure.Scripted(), Exec: settings.Exec, MemoryLimit: settings.MemoryMb << 20, Config: config,
	}, nil
}

// scriptSettings are the member scripts of the global configuration.
type scriptSettings struct {
	// Exec allows check.exec.
	Exec bool `json:"exec"`
	// MemoryMb is what a script host may have; 0 means 256.
	MemoryMb int64 `json:"memoryMb"`
}

// decodeScripts reads them; after an error they are the defaults.
func decodeScripts(config json.RawMessage) (scriptSettings, error) {
	var root struct {
		Scripts scriptSettings `json:"scripts"`
	}
	if len(config) == 0 {
		return scriptSettings{}, nil
	}
	if err := json.Unmarshal(config, &root); err != nil {
		return scriptSettings{}, fmt.Errorf(`read config "scripts": expected { exec: true or false, memoryMb: a whole number }, got %s`, mistaken(err))
	}
	if m := root.Scripts.MemoryMb; m < 0 || m > 0 && m < 16 || m > 64<<10 {
		return scriptSettings{}, fmt.Errorf(`read config "scripts.memoryMb": %d is not valid; give 16 to 65536`, m)
	}
	return root.Scripts, nil
}

// start starts a host.
func (y *scriptYard) start(spec scripts.Spec) (scripts.Process, error) {
	cmd := exec.Command(y.sources.executable, scriptsVerb, spec.App)
	cmd.Env, cmd.Dir = spec.Env, spec.Dir
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &scriptProcess{cmd: cmd, in: in, out: out}
	cmd.Stderr = &p.words
	return p, cmd.Start()
}

// scriptProcess is a host's process.
type scriptProcess struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   io.Reader
	words headWriter
}

func (p *scriptProcess) Out() io.Reader     { return p.out }
func (p *scriptProcess) In() io.WriteCloser { return p }
func (p *scriptProcess) Kill()              { _ = p.cmd.Process.Kill() }
func (p *scriptProcess) Close() error       { return p.in.Close() }

// Write does not wait longer than scriptWriteTimeout for a host that reads nothing; that one is of no use any more.
func (p *scriptProcess) Write(data []byte) (int, error) {
	if pipe, ok := p.in.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = pipe.SetWriteDeadline(time.Now().Add(scriptWriteTimeout))
	}
	n, err := p.in.Write(data)
	if err != nil {
		p.Kill()
	}
	return n, err
}

// Wait tells how the process has ended, with its own last words where it has any.
func (p *scriptProcess) Wait() error {
	err := p.cmd.Wait()
	line, _, _ := strings.Cut(strings.TrimSpace(p.words.String()), "\n")
	switch {
	case err == nil:
		return nil
	case strings.Contains(line, "out of memory") || strings.Contains(line, "cannot allocate memory") || strings.HasPrefix(line, "SIGSEGV"):
		return errors.New("a script needs more memory than its host may have")
	case line != "":
		return fmt.Errorf("%w: %s", err, line)
	}
	return err
}

// headWriter keeps the first words written to it.
type headWriter struct{ text []byte }

// Write never fails.
func (h *headWriter) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), maxScriptWords-len(h.text))]...)
	return len(p), nil
}

func (h *headWriter) String() string { return strings.ToValidUTF8(string(h.text), "") }

// answer answers what scripts ask the daemon.
func (y *scriptYard) answer(ctx context.Context, app, what string, arg json.RawMessage) (json.RawMessage, error) {
	if what == "application" {
		for _, a := range y.sources.apps() {
			if a.AppName == app {
				return json.Marshal(applicationForScripts(a))
			}
		}
		return nil, fmt.Errorf("application %q is gone", app)
	}
	if what == "endpoint" || what == "indicators" {
		if app != "" {
			return nil, errors.New("EndPoints are asked by scripts of the global configuration only")
		}
		if what == "indicators" {
			return y.askIndicators(ctx, arg)
		}
		return y.askEndPoint(ctx, arg)
	}
	var q struct {
		Group string `json:"group"`
	}
	if err := json.Unmarshal(arg, &q); err != nil {
		return nil, fmt.Errorf("check.metrics expects the name of a group, got %s", mistaken(err))
	}
	all := y.monitor.registry.Snapshot(ctx, app)
	rows := map[string][]metrics.Row{}
	for _, group := range all {
		if q.Group == "" || q.Group == group.Name {
			rows[group.Name] = group.Rows
		}
	}
	if q.Group != "" {
		return json.Marshal(rows[q.Group])
	}
	return json.Marshal(rows)
}

// applicationForScripts is what check.application tells.
func applicationForScripts(a control.AppStatus) map[string]any {
	processes := []map[string]any{}
	for _, p := range endpointProcesses(a.Processes) {
		workers := []map[string]any{}
		for _, w := range p.Workers {
			listening := []map[string]string{}
			for _, l := range w.Listening {
				network, address, _ := strings.Cut(l, " ")
				listening = append(listening, map[string]string{"network": network, "address": address})
			}
			workers = append(workers, map[string]any{
				"worker": w.Worker, "state": w.State, "pid": w.PID, "ready": w.Ready, "draining": w.Draining,
				"generation": w.Generation, "restarts": w.Restarts, "listening": listening,
			})
		}
		processes = append(processes, map[string]any{"name": p.Name, "kind": p.Kind, "workers": workers})
	}
	return map[string]any{
		"appName": a.AppName, "appDir": a.AppDir, "uptimeMs": a.Uptime * 1000, "restartCount": a.RestartCount, "processes": processes,
	}
}

// Handle and OnClose make the yard a message server for the indicators of hosts.
func (y *scriptYard) Handle(action string, handle func(h *scripts.Host, data json.RawMessage, reply func(any))) {
	if action == endpoints.DiscoverAction {
		y.handle = handle
	}
}

// OnClose keeps what is to be told of hosts that end.
func (y *scriptYard) OnClose(closed func(h *scripts.Host)) { y.closed = closed }

// up registers what a host runs.
func (y *scriptYard) up(h *scripts.Host) {
	for at, i := range h.Indicators() {
		if i.Problem != "" {
			continue
		}
		data, err := json.Marshal(map[string]string{
			"indicatorName": i.Name, "appName": h.App, "group": i.Group, "clientId": scripts.ClientID(at), "type": "singleton",
		})
		if err == nil {
			y.handle(h, data, func(any) {})
		}
	}
	var remove []func()
	if y.monitor.reporters != nil {
		for _, r := range h.Reporters() {
			when := report.Reporter{Name: r.Name, App: h.App, Interval: time.Duration(r.IntervalMs) * time.Millisecond}
			switch {
			case r.Problem != "":
				y.log.Warn("reporter does not run", zap.String("reporter", r.Name), zap.String("problem", r.Problem))
			case r.Views:
				remove = append(remove, y.monitor.reporters.AddViews(when, scriptViewSink{h, r.Name}))
			default:
				remove = append(remove, y.monitor.reporters.Add(when, scriptSink{h, r.Name}))
			}
		}
	}
	if h.App == "" {
		y.mount(h)
	}
	y.mu.Lock()
	y.sinks[h] = remove
	y.version++
	y.mu.Unlock()
}

// down takes back what up has registered.
func (y *scriptYard) down(h *scripts.Host) {
	y.closed(h)
	if h.App == "" {
		y.unmount()
	}
	y.mu.Lock()
	remove := y.sinks[h]
	delete(y.sinks, h)
	y.version++
	y.mu.Unlock()
	for _, f := range remove {
		f()
	}
}

// scriptSink is a reporter of a procfile.
type scriptSink struct {
	host *scripts.Host
	name string
}

// Report hands rows to the script.
func (s scriptSink) Report(ctx context.Context, rows []metrics.Row) error {
	data, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	return s.host.Report(ctx, s.name, data)
}

// Version differs from the time before when what show adds may.
func (y *scriptYard) Version() uint64 {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.version
}

// show adds to an application what is known of its scripted indicators.
func (y *scriptYard) show(app *endpoints.Application) {
	if y.keeper == nil || !app.Running {
		return
	}
	problem := ""
	for n := range app.Indicators {
		i := &app.Indicators[n]
		if !i.Scripted {
			continue
		}
		if problem == "" {
			problem = y.keeper.Problem(app.Name)
		}
		if i.Problem = problem; problem != "" && i.At != "" {
			i.Problem = problem + " (defined at " + i.At + ")"
		}
	}
	for _, i := range y.keeper.Indicators(app.Name) {
		if i.File == "" {
			continue
		}
		app.Indicators = append(app.Indicators, endpoints.DeclaredIndicator{
			Name: i.Name, Group: i.Group, Scripted: true, Critical: i.Critical, At: i.File, Problem: i.Problem,
			Interval: time.Duration(i.IntervalMs) * time.Millisecond, Timeout: time.Duration(i.TimeoutMs) * time.Millisecond,
		})
	}
}

// event calls the hooks of an application.
func (y *scriptYard) event(app, name string, at time.Time, details map[string]any) {
	if y.keeper == nil {
		return
	}
	event := map[string]any{"event": name, "at": at.UnixMilli(), "appName": app}
	for key, value := range details {
		event[key] = value
	}
	if data, err := json.Marshal(event); err == nil {
		y.keeper.Event(app, data)
	}
}

// changed tells of the health of an application as a whole.
func (y *scriptYard) changed(t endpoints.Transition) {
	if t.Indicator != "" || t.Process != "" {
		return
	}
	name := "down"
	if t.Up {
		name = "up"
	}
	y.event(t.App, name, t.At, map[string]any{"reason": t.Reason})
}

// noted tells of workers that have ended by themselves.
func (y *scriptYard) noted(events []state.Event) {
	for _, e := range events {
		worker := -1
		if e.Worker != nil {
			worker = *e.Worker
		}
		y.exited(supervisor.Event{
			Time: e.Time, App: e.App, Process: e.Process, Worker: worker, PID: e.PID, Kind: e.Kind, Message: e.Message, Reason: e.Reason,
		})
	}
}

// exited tells of the end of a worker, unless that was wanted.
func (y *scriptYard) exited(e supervisor.Event) {
	if e.Kind != "exited" || slices.Contains([]string{"", supervisor.ReasonStopped, supervisor.ReasonKilled}, e.Reason) {
		return
	}
	y.event(e.App, "crash", e.Time, map[string]any{
		"process": e.Process, "worker": e.Worker, "pid": e.PID, "reason": e.Reason, "message": e.Message,
	})
}

// operationEnded tells of reloads that have come through.
func (y *scriptYard) operationEnded(op supervisor.Operation) {
	if op.Kind == supervisor.OpReload && op.State == supervisor.OpSucceeded {
		y.event(op.AppName, "reload", op.FinishedAt, map[string]any{"process": op.Process})
	}
}

// printLines writes what scripts print to the terminal of dev.
func printLines(output *prefixer) func(app, owner, text string) {
	return func(_, owner, text string) {
		for line := range strings.Lines(text) {
			output.say(owner + ": " + strings.TrimRight(line, "\n"))
		}
	}
}

// devEnviron is the environment of the one application of dev.
func devEnviron(plan *supervisor.Plan) func(string) ([]string, error) {
	return func(string) ([]string, error) { return applicationEnviron(plan.Env, &plan.App, true) }
}
