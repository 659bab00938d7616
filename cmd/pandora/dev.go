package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/socket"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/js"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/supervisor"
)

func (c *cli) devCommand() *cobra.Command {
	var flags appFlags
	cmd := &cobra.Command{
		Use:   "dev [targetPath or file]",
		Short: "Run an application in the foreground, for development",
		Long: `Dev runs an application without daemon and log files: its output comes to this terminal, pandora.dev is true, and
Ctrl+C stops it gracefully. It is never in the list.

When a file changes that a process has loaded, that process is started anew, and only that one: its listening socket
stays open meanwhile, so that a client waits and is not refused. Files in node_modules do not count, nor a file that is
saved as it was, nor what git ignores, unless it is code that runs. A process that ends by itself, or does not start, is not
tried again before a file changes.

When the procfile, or a file that it is made of, changes, it is evaluated again, and what it says otherwise than before is
started anew; if it is broken, the error is shown and the application runs on.

What the package.json of the current folder has under "pandora": {"dev": {…}} counts where no flag is given, as for start.`,
		Example: `  pandora dev
  pandora dev ./shop --inspect
  pandora dev app.js`,
		Args: sourceArguments("one folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = flags.split(cmd, args)
			c, argument, err := c.withPackage(cmd, first(args))
			if err != nil {
				return err
			}
			return c.dev(cmd.Context(), argument, flags)
		},
	}
	flags.add(cmd)
	return cmd
}

// dev runs the verb dev.
func (c *cli) dev(ctx context.Context, argument string, flags appFlags) error {
	asked, err := flags.read(ctx, c, argument, true)
	if err != nil {
		return err
	}
	options, cwd := asked.options, asked.cwd
	home, err := c.home()
	if err != nil {
		return err
	}
	if err := home.Prepare(); err != nil {
		return err
	}
	evaluator, err := evaluate.NewEvaluator("")
	if err != nil {
		return err
	}
	defer evaluator.Close()
	began := time.Now()
	result, err := evaluator.Evaluate(ctx, options)
	if err != nil {
		return procfileError(ctx, err)
	}
	if err := c.startable(result.App); err != nil {
		return err
	}
	run, err := privateRun()
	if err != nil {
		return err
	}
	defer os.RemoveAll(run)
	jsDir, err := js.Install(home.JS)
	if err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the path of this program: %w", err)
	}
	d := &devSession{cli: c, home: home, started: began, output: newPrefixer(c), jsDir: jsDir + string(filepath.Separator)}
	problem := func(err error) { c.warn("%v", err) }
	if d.procfile, err = newProcfileWatch(evaluator, options, result.Files, problem); err != nil {
		problem(err)
	}
	if d.files, err = newFileWatch(jsDir, d.isProcfile, problem); err != nil {
		problem(err)
	}
	return d.run(ctx, cwd, &supervisor.Plan{
		App: *result.App, Env: options.Env, Cwd: cwd, JSDir: jsDir, Executable: executable, RunDir: run, Home: home.Dir,
		LogsDir: home.Logs, Dev: true,
	})
}

// privateRun makes a run folder for one dev session, with a path short enough for sockets.
func privateRun() (string, error) {
	const longestName = "/pandora-dev-0123456789/pandorajs_pandora_metric.sock.0123456"
	temp := os.TempDir()
	if len(temp)+len(longestName) > socket.MaxPath {
		temp = "/tmp"
	}
	dir, err := os.MkdirTemp(temp, "pandora-dev-") // mode 0700
	if err != nil {
		return "", fmt.Errorf("make a folder for sockets: %w", err)
	}
	return dir, nil
}

// devSession is one run of the verb dev: guard and daemon in one process.
type devSession struct {
	cli        *cli
	home       state.Home
	started    time.Time
	output     *prefixer
	supervisor *supervisor.Supervisor
	config     config.Result
	monitor    *monitor
	cwd        string
	// jsDir holds our own JavaScript.
	jsDir string
	// procfile is nil when changes cannot be noticed.
	procfile *procfileWatch
	// files is nil when changes cannot be noticed.
	files *fileWatch
}

// run runs the application until a signal comes or it cannot be started.
func (d *devSession) run(ctx context.Context, cwd string, plan *supervisor.Plan) error {
	d.cwd = cwd
	var err error
	if d.config, err = config.Load(ctx, config.Options{Env: d.cli.environ, Cwd: cwd}); err != nil {
		return err
	}
	for _, w := range d.config.Warnings {
		d.cli.warn("%s", w)
	}
	options, err := endpoints.DecodeOptions(d.config.JSON)
	if err != nil {
		return err
	}
	// The configured port is the daemon's.
	options.Port = 0
	if options, err = actuatorPort(options, d.cli.getenv("PANDORA_ACTUATOR_PORT")); err != nil {
		return err
	}
	if options, err = actuatorHost(options); err != nil {
		d.cli.warn("%s", err)
	}
	loggers, problems := config.DecodeLoggers(d.config.JSON)
	for _, p := range problems {
		d.cli.warn("%s", p)
	}
	plan.WorkerConfig = loggers.Worker
	if dir := d.cli.configuredLogs(d.home, d.config.JSON, cwd); dir != "" {
		plan.LogsDir = dir
	}
	d.supervisor = supervisor.New(d.supervision())
	monitor, err := newMonitor(filepath.Join(plan.RunDir, "pandorajs_pandora_metric.sock"), keptFiles{}, d, d.list, options, zap.NewNop())
	if err != nil {
		return err
	}
	defer monitor.close()
	d.monitor = monitor
	if err := d.openScripts(plan, options); err != nil {
		return err
	}

	orphans, err := newReaper()
	if err != nil {
		d.cli.warn("orphans of workers are left to process 1: %v", err)
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGHUP)
	defer signal.Stop(signals)
	// The signal that ends ctx must not cut the supervisor off: it stops gracefully.
	working, stop := context.WithCancel(context.WithoutCancel(ctx))
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	supervised := make(chan error, 1)
	wg.Go(func() { supervised <- d.supervisor.Run(working) })
	wg.Go(func() { monitor.run(serving) })
	wg.Go(func() { d.tell(serving) })
	wg.Go(func() { orphans.run(serving) })
	wg.Go(stopUnread(serving, signals))
	outcomes, changed := make(chan reevaluation), make(chan fileChange)
	if d.procfile != nil {
		wg.Go(func() { d.procfile.run(serving, d.started, outcomes) })
	}
	if d.files != nil {
		wg.Go(func() { d.files.run(serving, changed) })
	}
	if options.Enabled {
		a := &actuator{server: monitor.server, address: options.Address(), log: zap.NewNop()}
		listener := a.listen(ctx)
		address, problem := a.state()
		if problem != "" {
			d.cli.warn("%s", problem)
		} else {
			d.output.say(fmt.Sprintf("health and metrics: http://%s/", address))
		}
		wg.Go(func() { a.run(serving, listener) })
	}
	defer wg.Wait()
	defer stopServing()
	defer stop()
	return d.start(plan, devNews{signals, supervised, outcomes, changed}, stop)
}

// stopUnread makes of the first line that nobody reads a signal to stop; each line after it is a signal, too, and means no
// more. What is returned is to be run until ctx ends.
func stopUnread(ctx context.Context, signals chan<- os.Signal) func() {
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	return func() {
		defer signal.Stop(unread)
		select {
		case s := <-unread:
			select {
			case signals <- s:
			case <-ctx.Done():
			}
			<-ctx.Done()
		case <-ctx.Done():
		}
	}
}

// supervision is how the application is supervised: its output comes here, and so do the files it loads.
func (d *devSession) supervision() supervisor.Config {
	c := supervisor.Config{Log: zap.NewNop(), Output: d.output.line}
	if d.files != nil {
		c.Loaded = d.files.loaded
	}
	return c
}

// openScripts lets the script host of the application be started.
func (d *devSession) openScripts(plan *supervisor.Plan, options endpoints.Options) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the path of this program: %w", err)
	}
	d.monitor.scripts.open(scriptSources{
		executable: executable, apps: d.list, env: devEnviron(plan), dev: true, options: options, config: d.config.JSON,
		print: printLines(d.output),
	})
	return nil
}

// tell prints what happens to workers that the output does not show: an end, a wait, a giving up.
func (d *devSession) tell(ctx context.Context) {
	var seen uint64
	for range d.supervisor.Changes(ctx) {
		for _, e := range d.supervisor.Events(seen) {
			seen = e.Seq
			d.monitor.scripts.exited(e)
			switch e.Kind {
			case "exited":
				d.output.line(e.Process, e.Worker, grey(d.cli.outColour, e.Message), false)
			case "fatal": // the end was told
				if toldByOperation(e, d.supervisor.Status().Operation) {
					continue
				}
				d.showPlace(e.Process, e.Worker)
				d.output.say(waiting)
			}
		}
	}
}

// toldByOperation reports whether the failure of a worker is what an operation, which is nil for none, fails by, and so is
// told with it.
func toldByOperation(e supervisor.Event, op *supervisor.Operation) bool {
	return op != nil && op.State != supervisor.OpSucceeded && (op.Process == "" || op.Process == e.Process) &&
		!e.Time.Before(op.StartedAt) && (op.FinishedAt.IsZero() || !e.Time.After(op.FinishedAt))
}

// Daemon describes the session to the endpoints.
func (d *devSession) Daemon() endpoints.DaemonInfo {
	return endpoints.DaemonInfo{
		Versions: versions(), Cwd: d.cwd, PID: os.Getpid(), Uptime: time.Since(d.started).Seconds(),
		ConfigPaths: d.config.Paths,
	}
}

// isProcfile reports whether a change of a file leads to another evaluation.
func (d *devSession) isProcfile(file string) bool { return d.procfile != nil && d.procfile.owns(file) }

// list is the one application, once it is being started.
func (d *devSession) list() []control.AppStatus {
	s := d.supervisor.Status()
	if s.AppName == "" {
		return nil
	}
	row := control.NewAppStatus(s, time.Now())
	row.Structure = &s.Structure
	return []control.AppStatus{row}
}

// Applications describes the one application to the endpoints.
func (d *devSession) Applications() []endpoints.Application {
	var apps []endpoints.Application
	for _, a := range d.list() {
		app := endpointApplication(a)
		d.monitor.scripts.show(&app)
		apps = append(apps, app)
	}
	return apps
}
