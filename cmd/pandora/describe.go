package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// nodeTimeout bounds the question for Node's version.
const nodeTimeout = 5 * time.Second

// The times that hold where a policy does not say otherwise.
const (
	defaultStartTime = 2 * time.Minute
	defaultDrainTime = 30 * time.Second
	defaultStopTime  = 5 * time.Second
)

func (c *cli) describeCommand() *cobra.Command {
	var f *format
	var watch watchFlags
	cmd := &cobra.Command{
		Use:   "describe [app[/process[/worker]]...]",
		Short: "Show everything about an application",
		Long: `Describe shows what an application consists of, how each of its processes is run and supervised and why, its workers
with what they listen on and how they ended last, its files, and the Node it runs on. Of environment variables it shows the
names only. A stopped application is described from its record.`,
		Example: `  pandora describe shop
  pandora describe shop/web -o yaml`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return c.repeat(ctx, watch, func(c *cli) error { return c.describeSelected(ctx, args, f) })
		},
	}
	f = addFormat(cmd)
	watch.add(cmd)
	return cmd
}

// description is all about one application; docs/json.md documents it.
type description struct {
	control.AppStatus
	// Desired is "running" or "stopped": what the user asked for last.
	Desired   state.Desired `json:"desired"`
	CreatedAt string        `json:"createdAt"`
	UpdatedAt string        `json:"updatedAt"`
	Cwd       string        `json:"cwd"`
	// Source is what it was started from, arguments masked; nil for a procfile.
	Source *procfile.Source `json:"source,omitempty"`
	// Engine evaluated the procfile; GlobalArgs and GlobalExecArgv are --args and --node-args.
	Engine         string   `json:"engine"`
	GlobalArgs     []string `json:"globalArgs"`
	GlobalExecArgv []string `json:"globalExecArgv"`
	// Env are the names of the variables captured at the start, GlobalEnv those of --env.
	Env       []string             `json:"env"`
	GlobalEnv []string             `json:"globalEnv"`
	Node      nodeDescription      `json:"node"`
	Files     fileDescription      `json:"files"`
	Processes []processDescription `json:"processes"`
	Services  []procfile.Service   `json:"services"`
	Applets   []procfile.Service   `json:"applets"`
}

// nodeDescription is the Node that the next worker is started with.
type nodeDescription struct {
	// Asked is the binary asked for; "" is the one in PATH.
	Asked   string `json:"asked,omitempty"`
	Path    string `json:"path,omitempty"`
	Version string `json:"version,omitempty"`
	Problem string `json:"problem,omitempty"`
}

// fileDescription tells where things lie.
type fileDescription struct {
	Record    string `json:"record"`
	Stdout    string `json:"stdout"`
	DaemonLog string `json:"daemonLog"`
	Events    string `json:"events"`
}

// processDescription is how one process is run, and why so.
type processDescription struct {
	Name  string        `json:"name"`
	Kind  procfile.Kind `json:"kind"`
	Why   string        `json:"why"`
	Scale int           `json:"scale"`
	// Entry is "" when the process only hosts services.
	Entry    string   `json:"entry,omitempty"`
	Stopped  bool     `json:"stopped"`
	Args     []string `json:"args"`
	ExecArgv []string `json:"execArgv"`
	// Env are names only, and so are Secrets.
	Env      []string `json:"env"`
	Secrets  []string `json:"secrets"`
	Services []string `json:"services"`
	Applets  []string `json:"applets"`
	// Reload is start-first or stop-first, ReloadWhy says why.
	Reload    string `json:"reload"`
	ReloadWhy string `json:"reloadWhy"`
	// Policy is what holds, defaults filled in.
	Policy  procfile.Policy     `json:"policy"`
	Workers []workerDescription `json:"workers"`
}

// workerDescription is one worker.
type workerDescription struct {
	supervisor.WorkerStatus
	// Uptime is in seconds; 0 when it does not live.
	Uptime float64 `json:"uptime"`
	// Sockets are what it listens on, and who holds them.
	Sockets []socketDescription `json:"sockets"`
}

// socketDescription is one listening socket.
type socketDescription struct {
	Address string `json:"address"`
	// HeldBy is "guard" where the socket outlives the worker, "worker" where only the worker has it.
	HeldBy string `json:"heldBy"`
}

// describeSelected runs the verb describe.
func (c *cli) describeSelected(ctx context.Context, selectors []string, f *format) error {
	several := !isSimple(selectors)
	if len(selectors) == 0 {
		name, err := nameArgument(nil)
		if err != nil {
			return err
		}
		selectors = []string{name}
	}
	_, apps, _, err := c.known(ctx)
	if err != nil {
		return err
	}
	chosen, err := choose(apps, selectors)
	if err != nil {
		return err
	}
	all := []*description{}
	for _, a := range restrict(apps, chosen) {
		info, err := c.describeApplication(ctx, a.AppName)
		if err != nil {
			return err
		}
		info.only(chosen)
		all = append(all, info)
	}
	switch {
	case f.document() && (several || len(all) != 1):
		return c.printDocument(f, struct {
			Applications []*description `json:"applications"`
		}{all})
	case f.document():
		return c.printDocument(f, all[0])
	}
	for i, info := range all {
		if i > 0 {
			c.say("")
		}
		c.wrapping(13).printDescription(info, time.Now())
	}
	return nil
}

// only leaves the processes and workers that are selected.
func (d *description) only(chosen []selection) {
	wanted := func(process string, worker int) bool {
		return slices.ContainsFunc(chosen, func(s selection) bool {
			return s.app == d.AppName && (s.process == "" || s.process == process && (worker == anyWorker || s.worker == anyWorker || s.worker == worker))
		})
	}
	d.Processes = slices.DeleteFunc(d.Processes, func(p processDescription) bool { return !wanted(p.Name, anyWorker) })
	for i, p := range d.Processes {
		d.Processes[i].Workers = slices.DeleteFunc(p.Workers, func(w workerDescription) bool { return !wanted(p.Name, w.Worker) })
	}
}

// describeApplication collects all about one application.
func (c *cli) describeApplication(ctx context.Context, name string) (*description, error) {
	home, d, err := c.attach(ctx)
	if err != nil {
		return nil, err
	}
	record, err := home.ReadRecord(name)
	if err != nil && !errors.Is(err, state.ErrNoRecord) {
		return nil, err
	}
	var app control.AppStatus
	switch {
	case d != nil:
		defer d.Close()
		app, err = d.Get(ctx, name)
		if control.CodeOf(err) == control.CodeNotFound {
			err = &failure{code: exitNotFound, err: fmt.Errorf("describe: %w", err)}
		}
	case record != nil:
		app, err = control.RecordStatus(record, home.AppLog(name)), nil
	default:
		err = &failure{code: exitNotFound, err: fmt.Errorf("describe: %s does not exists!", name)}
	}
	if err != nil {
		return nil, err
	}
	if record == nil {
		record = &state.Record{AppName: name, AppDir: app.AppDir} // a start that has only begun
	}
	if app.Structure == nil || app.State == supervisor.AppStopped {
		// What would be started; a start that has failed may have been of something else.
		app.Structure = &record.App
	}
	info := describe(app, record, home, time.Now())
	info.Node = describeNode(ctx, record)
	return info, nil
}

// describe puts together what is known of an application.
func describe(app control.AppStatus, record *state.Record, home state.Home, now time.Time) *description {
	graph := masked(app.Structure)
	info := &description{
		AppStatus: app, Desired: record.Desired, CreatedAt: record.CreatedAt, UpdatedAt: record.UpdatedAt, Cwd: record.Cwd,
		Engine: string(graph.Engine), GlobalArgs: maskedArgs(record.GlobalArgs), GlobalExecArgv: maskedArgs(record.GlobalExecArgv),
		Env: variableNames(record.Env), GlobalEnv: notNil(slices.Sorted(maps.Keys(record.GlobalEnv))),
		Files: fileDescription{
			Record: home.RecordPath(app.AppName), Stdout: home.AppLog(app.AppName), DaemonLog: home.DaemonLog(), Events: home.EventsPath(),
		},
		Services: notNil(graph.Services), Applets: notNil(graph.Applets), Processes: []processDescription{},
	}
	if source := sourceOfRecord(record); source != nil {
		info.Source = source.Clone()
		info.Source.Args = maskedArgs(info.Source.Args)
	}
	// What it holds is told in a form without values of the environment.
	info.Structure = nil
	for _, p := range graph.Processes {
		var status supervisor.ProcessStatus
		for _, s := range app.Processes {
			if s.Name == p.ProcessName {
				status = s
			}
		}
		info.Processes = append(info.Processes, describeProcess(graph, p, status, slices.Contains(record.Stopped, p.ProcessName), now))
	}
	return info
}

// notNil is an empty list in place of none, for JSON.
func notNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// variableNames are the names of the variables in an environment, sorted.
func variableNames(env []string) []string {
	names := make([]string, 0, len(env))
	for _, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// describeProcess puts together what is known of one process.
func describeProcess(graph *procfile.Application, p procfile.Process, status supervisor.ProcessStatus, stopped bool, now time.Time) processDescription {
	r := processDescription{
		Name: p.ProcessName, Kind: p.Kind, Why: whyKind(p), Scale: p.Scale, Entry: p.EntryFile, Stopped: stopped || status.Stopped,
		Args: maskedArgs(p.Args), ExecArgv: maskedArgs(p.ExecArgv), Env: notNil(slices.Sorted(maps.Keys(p.Env))),
		Secrets:  notNil(secretNames(p)),
		Services: []string{}, Applets: []string{}, Policy: effectivePolicy(p), Workers: []workerDescription{},
	}
	for _, s := range graph.Services {
		if runsIn(s.Category, p.ProcessName) {
			r.Services = append(r.Services, s.ServiceName)
		}
	}
	for _, s := range graph.Applets {
		if runsIn(s.Category, p.ProcessName) {
			r.Applets = append(r.Applets, s.ServiceName)
		}
	}
	for _, w := range status.Workers {
		worker := workerDescription{WorkerStatus: w, Sockets: []socketDescription{}}
		if w.PID != 0 && !w.SpawnedAt.IsZero() {
			worker.Uptime = max(0, now.Sub(w.SpawnedAt).Seconds())
		}
		for _, address := range w.Listening {
			held := "guard"
			if slices.Contains(w.Exclusive, address) {
				held = "worker"
			}
			worker.Sockets = append(worker.Sockets, socketDescription{Address: address, HeldBy: held})
		}
		r.Workers = append(r.Workers, worker)
	}
	r.Reload, r.ReloadWhy = howReloaded(p, status)
	return r
}

// whyKind says why a process is run as it is.
func whyKind(p procfile.Process) string {
	switch {
	case p.Kind == procfile.KindWorker && p.Scale > 1:
		return "it has several workers, which share their sockets: cluster.isPrimary is false in them"
	case p.Kind == procfile.KindWorker:
		return "the procfile says cluster, for one worker, too: cluster.isPrimary is false in it"
	case p.Scale > 1:
		return "the procfile says plain: its workers share no sockets"
	default:
		return "it is one ordinary process: cluster.isPrimary is true in it"
	}
}

// howReloaded says in which order a reload replaces the workers of a process, and why.
func howReloaded(p procfile.Process, status supervisor.ProcessStatus) (mode, why string) {
	if p.PolicyOrDefault().Reload == procfile.ReloadStopFirst && p.EntryFile == procfile.CommandEntry {
		return procfile.ReloadStopFirst, "it is a command, whose sockets nobody can hold for it"
	}
	if p.PolicyOrDefault().Reload == procfile.ReloadStopFirst {
		return procfile.ReloadStopFirst, "the procfile says so"
	}
	for _, w := range status.Workers {
		if len(w.Exclusive) > 0 {
			return procfile.ReloadStopFirst, fmt.Sprintf("%s-%d holds %s, which only one process can hold", p.ProcessName, w.Worker, strings.Join(w.Exclusive, ", "))
		}
	}
	return procfile.ReloadStartFirst, "its sockets outlive its workers"
}

// effectivePolicy is the policy of a process with the defaults filled in.
func effectivePolicy(p procfile.Process) procfile.Policy {
	policy := p.PolicyOrDefault()
	if policy.Balance == "" {
		policy.Balance = procfile.BalanceRR
	}
	if policy.Reload == "" {
		policy.Reload = procfile.ReloadStartFirst
	}
	for field, value := range map[*int64]time.Duration{
		&policy.StartTimeoutMs: defaultStartTime, &policy.DrainTimeoutMs: defaultDrainTime, &policy.StopTimeoutMs: defaultStopTime,
	} {
		if *field == 0 {
			*field = value.Milliseconds()
		}
	}
	return policy
}

// describeNode finds the Node that the next worker is started with, and asks for its version.
func describeNode(ctx context.Context, record *state.Record) nodeDescription {
	node := nodeDescription{Asked: record.Node}
	path, err := supervisor.FindNode(record.Node, record.Env, record.AppDir)
	if err != nil {
		node.Problem = err.Error()
		return node
	}
	node.Path = path
	ctx, cancel := context.WithTimeout(ctx, nodeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env, cmd.WaitDelay = record.Env, time.Second
	out, err := cmd.Output()
	if err != nil {
		node.Problem = fmt.Sprintf("%s --version: %v", path, err)
		return node
	}
	node.Version = strings.TrimPrefix(oneLine(string(out)), "v")
	return node
}
