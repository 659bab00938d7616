package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/socket"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/js"
)

// lockTimeout is how long a new daemon waits for the end of the one before it.
const lockTimeout = 15 * time.Second

// revivalTimeout is the same for one that a guard brings back: if it finds another, that is the one.
const revivalTimeout = 500 * time.Millisecond

// guardEndTime is how long an ending daemon waits for the processes of guards that have taken leave.
const guardEndTime = 3 * time.Second

func (c *cli) daemonCommand() *cobra.Command {
	fd, detached, stay, revival := 0, false, false, false
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "The background process that keeps the applications",
		Long: `Without a sub-command this runs the daemon in the foreground. That is seldom needed: [ pandora start ] starts one.
On SIGTERM it stops all applications and ends, and the next daemon starts them again; a second SIGTERM makes it kill what
does not stop at once. Under a service manager of Type=notify, as in the unit of [ pandora startup ], it tells when it is
ready and, if asked to, that it is alive.`,
		Example: `  pandora daemon status
  pandora daemon upgrade`,
		Args: subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if detached {
				return detach(fd, c.environ)
			}
			err := c.daemon(cmd.Context(), fd, stay, revival)
			if err != nil {
				tellReady(fd, readiness{Error: err.Error()})
			}
			return err
		},
	}
	cmd.Flags().IntVar(&fd, "ready-fd", 0, "descriptor to tell readiness on")
	cmd.Flags().BoolVar(&stay, "stay", false, "do not end with the last application")
	cmd.Flags().BoolVar(&detached, "detach", false, "start the daemon as a process of its own and return at once")
	_ = cmd.Flags().MarkHidden("ready-fd") // the flag exists
	_ = cmd.Flags().MarkHidden("detach")
	cmd.Flags().BoolVar(&revival, "revival", false, "end at once when another daemon runs, or none is wanted any more")
	_ = cmd.Flags().MarkHidden("revival")
	cmd.AddCommand(c.daemonStatusCommand(), c.daemonReloadCommand(), c.daemonUpgradeCommand())
	return cmd
}

// daemon is everything a running daemon consists of.
type daemon struct {
	home state.Home
	spec *state.Daemon
	// reloaded is what the configuration was read as last, nil if only by spec.
	reloaded atomic.Pointer[state.Daemon]
	started  time.Time
	problems []string
	log      *zap.Logger
	fleet    *control.Fleet
	monitor  *monitor
	actuator *actuator // nil when the configuration switches it off
	// stay is true when it does not end with the last application.
	stay    bool
	service *serviceManager
	// stopping is true once all applications are being stopped.
	stopping atomic.Bool
}

// daemon runs the daemon until a signal or a command ends it. fd is where to tell that it is ready, 0 for nowhere; with stay
// it does not end with the last application; a revival gives way to any other daemon, and to the mark that none is wanted.
func (c *cli) daemon(ctx context.Context, fd int, stay, revival bool) error {
	home, err := c.plainHome()
	if err != nil {
		return err
	}
	if err := home.Prepare(); err != nil {
		return err
	}
	patience := lockTimeout
	if revival {
		patience = revivalTimeout
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	lock, err := home.LockDaemon(waiting)
	if errors.Is(err, state.ErrLocked) {
		return fmt.Errorf("start the daemon: process %d is the daemon of %q and goes on; run [ pandora exit ] first: %w", home.DaemonPID(), home.Dir, err)
	}
	if err != nil {
		return err
	}
	defer lock.Close()
	if revival && home.IsDown() {
		return errors.New("start the daemon: none is wanted any more")
	}
	lock.Note(fmt.Sprintf("%d\n", os.Getpid()))
	if err := home.ClearDown(); err != nil {
		return fmt.Errorf("take away the mark of the daemon's end: %w", err)
	}
	spec, err := c.daemonConfig(ctx, home, fd != 0)
	if err != nil {
		return err
	}
	if spec.LogsDir != "" && home.WithLogs(spec.LogsDir).Prepare() == nil {
		home = c.withLogs(home, spec) // elsewhere logs go to the usual folder
	}
	log, closeLog, err := openLog(home.DaemonLog(), daemonLevel(spec))
	if err != nil {
		return err
	}
	defer closeLog()
	log = log.With(zap.Int("daemon", os.Getpid()))
	d := &daemon{home: home, spec: spec, started: time.Now(), log: log, stay: stay, service: newServiceManager(c.getenv, log)}
	err = d.run(ctx, c, fd)
	if err != nil {
		d.log.Error("daemon failed", zap.Error(err))
	}
	return err
}

// daemonConfig is what the command that starts a daemon has written down; a daemon started by hand does that itself.
func (c *cli) daemonConfig(ctx context.Context, home state.Home, byCommand bool) (*state.Daemon, error) {
	if spec := home.ReadDaemon(); byCommand && spec != nil {
		return spec, nil
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the path of this program: %w", err)
	}
	spec, err := c.freshSpec(ctx, home, executable)
	if err != nil || c.getenv("NOTIFY_SOCKET") == "" {
		return spec, err
	}
	spec.Service = true
	return spec, home.WriteDaemon(spec)
}

// run builds the parts, tells that all is ready, and takes the parts down again in the reverse order.
func (d *daemon) run(ctx context.Context, c *cli, fd int) error {
	jsDir, err := js.Install(d.home.JS)
	if err != nil {
		return err
	}
	// A mistake in the configuration must not keep applications from running.
	options, err := endpoints.DecodeOptions(d.spec.Config)
	if err != nil {
		d.problem(err.Error() + "; the defaults are used")
		options = endpoints.DefaultOptions()
	}
	if options, err = actuatorPort(options, c.getenv("PANDORA_ACTUATOR_PORT")); err != nil {
		d.problem(err.Error() + "; port " + strconv.Itoa(options.Port) + " is used")
	}
	if options, err = actuatorHost(options); err != nil {
		d.problem(err.Error())
	}
	d.monitor, err = newMonitor(d.home.MetricSocket(), kept(d.home), d, func() []control.AppStatus { return d.fleet.List() }, options, d.log)
	if err != nil {
		return err
	}
	defer d.monitor.close()
	loggers := d.loggers()
	guards := &guardYard{home: d.home, env: daemonEnviron(c.environ, d.home), log: d.log}
	d.fleet = control.NewFleet(control.FleetConfig{
		Home: d.home, JSDir: jsDir, Executable: d.spec.Executable, Version: version, Spawn: guards.spawn,
		Observer: d.monitor, Noted: d.monitor.noted, Log: d.log, LogRotation: d.logRotation(),
		WorkerConfig: loggers.Worker,
	})
	d.monitor.journal.tell = d.fleet.Tell
	d.fleet.Note(ctx, "daemonStarted", fmt.Sprintf("daemon started (process %d, version %s)", os.Getpid(), version))
	for _, p := range d.fleet.Adopt(ctx) {
		d.problem(p)
		d.fleet.Note(ctx, "problem", p)
	}
	d.newReporters(c, options, len(d.fleet.Guards()) > 0)
	d.monitor.scripts.open(scriptSources{
		executable: d.spec.Executable, apps: d.fleet.Snapshot, env: d.environOf, options: options, config: d.spec.Config,
		print: d.printScript, global: d.globalScripts,
	})
	listener, err := socket.Listen(d.home.ControlSocket())
	if err != nil {
		return err
	}

	return d.serve(ctx, fd, listener, options, guards)
}

// serve runs the parts until a signal or a command ends the daemon. fd is where to tell that all is ready.
func (d *daemon) serve(ctx context.Context, fd int, listener net.Listener, options endpoints.Options, guards *guardYard) error {
	// All parts live until the fleet is quiet, whatever the signal said.
	living, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	exit, leave := make(chan struct{}), make(chan struct{})
	var once, left sync.Once
	var wg sync.WaitGroup
	defer wg.Wait()
	defer end()
	wg.Go(func() { d.fleet.Run(living) })
	wg.Go(func() { d.monitor.run(living) })
	watch := newTopWatch(d.fleet.List, d.monitor.registry, d.monitor.server)
	wg.Go(func() { watch.run(living) })
	served := make(chan error, 1)
	wg.Go(func() {
		served <- control.Serve(living, listener, control.DaemonHandler(control.DaemonConfig{
			Fleet: d.fleet, Version: version, Info: d.info, Stay: d.stay, Exit: func() { once.Do(func() { close(exit) }) },
			Leave: func() { left.Do(func() { close(leave) }) }, Reload: d.reload, Top: watch.measure,
			Health: d.monitor.health,
		}))
	})
	var tcp net.Listener
	if options.Enabled {
		d.actuator = &actuator{server: d.monitor.server, address: options.Address(), log: d.log}
		tcp = d.actuator.listen(ctx)
		if _, problem := d.actuator.state(); problem != "" {
			d.log.Warn("actuator does not serve", zap.String("problem", problem))
		}
		wg.Go(func() { d.actuator.run(living, tcp) })
	}
	d.log.Info("daemon started", zap.String("version", version), zap.String("dir", d.home.Dir))
	tellReady(fd, readiness{PID: os.Getpid(), Problems: d.allProblems()})
	d.service.tell("READY=1\nMAINPID=%d\nSTATUS=pandora %s keeps the applications of %s", os.Getpid(), version, d.home.Dir)
	wg.Go(func() { d.service.watch(living, func() { d.fleet.List() }) })
	defer d.service.tell("STOPPING=1")

	select {
	case <-exit:
	case <-leave:
		return d.makeWay(living, listener)
	case err := <-served:
		return errors.Join(err, errors.New("the daemon's control socket is lost; the guards go on, and the next command starts a new daemon"))
	case <-ctx.Done():
		d.stopping.Store(true)
		d.service.tell("STOPPING=1\nSTATUS=stopping all applications")
		d.log.Info("daemon stops all applications", zap.Error(context.Cause(ctx)))
		wg.Go(func() { onSecondSignal(ctx, living, func() { d.fleet.Hurry(living) }) })
		if err := d.fleet.Close(living, false); err != nil {
			return err
		}
	}
	guards.wait(guardEndTime)
	d.fleet.Note(living, "daemonEnded", fmt.Sprintf("daemon ended (process %d)", os.Getpid()))
	d.log.Info("daemon ends")
	return nil
}

// makeWay ends the daemon for another one, which adopts the guards. A service manager brings that only after a failure.
// Who has connected by now is answered: it is hidden from others, and what comes last then has everybody before it.
func (d *daemon) makeWay(ctx context.Context, listener net.Listener) error {
	hidden, err := socket.Hide(listener)
	if err == nil && hidden != "" {
		last := control.DialDaemon(hidden, version)
		_, err = last.Info(ctx)
		last.Close()
		err = errors.Join(err, os.Remove(hidden))
	}
	if err != nil {
		d.log.Warn("control socket not left in order", zap.Error(err))
	}
	d.fleet.Note(ctx, "daemonEnded", fmt.Sprintf("daemon made way for another one (process %d)", os.Getpid()))
	d.log.Info("daemon makes way for another one")
	if d.spec.Service {
		return errors.New("the daemon makes way for another one, which the service manager starts")
	}
	return nil
}

// problem notes a sentence that daemon status shows.
func (d *daemon) problem(text string) {
	d.problems = append(d.problems, text)
	d.log.Warn("daemon has a problem", zap.String("problem", text))
}

// allProblems is what the user should know when the daemon starts.
func (d *daemon) allProblems() []string {
	all := slices.Concat(d.problems, d.monitor.reporters.Problems(), d.monitor.scripts.problems())
	if d.actuator != nil {
		if _, problem := d.actuator.state(); problem != "" {
			all = append(all[:len(all):len(all)], problem)
		}
	}
	return all
}

// info describes the daemon to commands.
func (d *daemon) info() control.DaemonInfo {
	info := control.DaemonInfo{
		PID: os.Getpid(), Version: version, Dir: d.home.Dir, LogsDir: d.home.Logs, StartedAt: d.started,
		Executable: d.spec.Executable, ConfigPaths: d.configPaths(), Problems: slices.Concat(d.problems, d.monitor.reporters.Problems(), d.monitor.scripts.problems()),
		Guards: d.fleet.Guards(), Revivals: d.home.Revivals(), Service: d.spec.Service, Reporters: d.monitor.reporterStates(),
	}
	if d.actuator != nil {
		info.Actuator, info.ActuatorProblem = d.actuator.state()
	}
	if info.ConfigPaths == nil {
		info.ConfigPaths = []string{}
	}
	if info.Problems == nil {
		info.Problems = []string{}
	}
	return info
}

// Daemon describes the daemon to the endpoints.
func (d *daemon) Daemon() endpoints.DaemonInfo {
	return endpoints.DaemonInfo{
		Versions: versions(), Cwd: d.spec.Cwd, PID: os.Getpid(), Uptime: time.Since(d.started).Seconds(),
		Stopping: d.stopping.Load(), ConfigPaths: d.configPaths(), Reporters: d.monitor.reporters.Names(),
		Problems: slices.Concat(d.problems, d.monitor.reporters.Problems(), d.monitor.scripts.problems()),
	}
}

// Version differs from the time before when Applications may.
func (d *daemon) Version() uint64 { return d.fleet.Version() + d.monitor.scripts.Version() }

// Applications describes the applications to the endpoints.
func (d *daemon) Applications() []endpoints.Application {
	list := d.fleet.Snapshot()
	apps := make([]endpoints.Application, len(list))
	for i, a := range list {
		apps[i] = endpointApplication(a)
		d.monitor.scripts.show(&apps[i])
	}
	return apps
}

// environOf is the environment that an application was started with.
func (d *daemon) environOf(app string) ([]string, error) {
	record, err := d.home.ReadRecord(app)
	if err != nil {
		return nil, err
	}
	return applicationEnviron(record.Env, &record.App, false)
}

// printScript puts what scripts print into the daemon's log.
func (d *daemon) printScript(app, owner, text string) {
	d.log.Info("script prints", zap.String("app", app), zap.String("script", owner), zap.String("text", strings.TrimRight(text, "\n")))
}
