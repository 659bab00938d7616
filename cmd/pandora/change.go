package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/supervisor"
)

func (c *cli) reloadCommand() *cobra.Command {
	parallel := 1
	var flags againFlags
	var care careFlags
	cmd := &cobra.Command{
		Use:   "reload [app[/process[/worker]]...]",
		Short: "Replace the workers one by one, without a moment when nobody answers",
		Long: `Reload evaluates the procfile again and makes it what runs: each new worker is ready before the one it replaces is told
to finish. If one does not become ready, replacing stops, and the old worker of its slot stays: the exit code is 6 when
some workers were replaced, 1 when none was. A single worker is replaced by one of the definition that runs. An application
that is stopped and named is started; by a pattern or all only what runs is reloaded.`,
		Example: `  pandora reload shop
  pandora reload shop/web --parallel 2
  pandora reload shop/web/1
  pandora reload all`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if parallel < 1 {
				return usageError(fmt.Errorf("--parallel is %d, want 1 or more", parallel))
			}
			if care.dry {
				return c.rehearse(cmd.Context(), args, rehearsal{verb: "reload", flags: flags})
			}
			reload := func(ctx context.Context, c *cli, s selection) error {
				return c.change(ctx, s, control.ChangeRequest{Kind: supervisor.OpReload, Parallel: parallel}, flags)
			}
			if !isOne(args) {
				return c.againSelected(cmd.Context(), args, supervisor.OpReload, reload)
			}
			s, err := one(args)
			if err != nil {
				return err
			}
			return reload(cmd.Context(), c, s)
		},
	}
	cmd.Flags().IntVar(&parallel, "parallel", 1, "how many workers of a process are replaced at a time")
	flags.add(cmd)
	care.addDryRun(cmd)
	return cmd
}

// againFlags are the flags of verbs that evaluate a recorded application again.
type againFlags struct {
	updateEnv bool
	timeout   time.Duration
}

func (f *againFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.updateEnv, "update-env", false, "take the environment of this shell in place of that of the start")
	addTimeout(cmd.Flags(), &f.timeout)
}

func (c *cli) scaleCommand() *cobra.Command {
	var care careFlags
	cmd := &cobra.Command{
		Use:   "scale app[/process]... number",
		Short: "Change the number of workers of a process, until the next reload",
		Long: `Scale adds workers to a process, or takes some away when they have answered what they were asked; the others are left
alone. A plain process of which there are to be several becomes a cluster, which replaces its one worker.

The number holds until the procfile is evaluated again, by reload, restart or start: the procfile says what is to run. To
keep it, write it there: .scale(n).

An application that has only one process may stand for it; "app process number" is accepted, too.`,
		Example: `  pandora scale shop/web 4
  pandora scale shop 4
  pandora scale 'shop-*/web' 2`,
		Args: arguments(2, maxSelectors, "processes, as app/process, and a number"),
		RunE: func(cmd *cobra.Command, args []string) error {
			selectors, number := args[:len(args)-1], args[len(args)-1]
			if len(selectors) == 2 && !strings.Contains(selectors[0]+selectors[1], "/") {
				selectors = []string{selectors[0] + "/" + selectors[1]}
			}
			n, err := strconv.Atoi(number)
			if err != nil || n < 1 {
				return usageError(fmt.Errorf("the number of workers is %s, want 1 or more; [ pandora stop %s ] stops a process", shorten(number), strings.Join(selectors, " ")))
			}
			if care.dry {
				return c.rehearse(cmd.Context(), selectors, rehearsal{verb: "scale", scale: n})
			}
			return c.scale(cmd.Context(), selectors, n)
		},
	}
	care.addDryRun(cmd)
	return cmd
}

// scale runs the verb scale.
func (c *cli) scale(ctx context.Context, selectors []string, n int) error {
	set := func(ctx context.Context, c *cli, s selection) error {
		return c.change(ctx, s, control.ChangeRequest{Kind: supervisor.OpScale, Scale: n}, againFlags{})
	}
	if isOne(selectors) && strings.Contains(selectors[0], "/") {
		s, err := one(selectors)
		if err == nil {
			err = s.withoutWorker("scale")
		}
		if err != nil {
			return err
		}
		return set(ctx, c, s)
	}
	g, err := c.gather(ctx, selectors)
	if err != nil {
		return err
	}
	g.close()
	for i := range g.all {
		if err := g.all[i].onlyProcess(); err != nil {
			return err
		}
	}
	return c.each(ctx, pastOf(supervisor.OpScale), g.all, set)
}

// onlyProcess makes an application stand for its only process; its parts are processes then.
func (s *subject) onlyProcess() error {
	if err := s.withoutWorkers("scale"); err != nil {
		return err
	}
	if s.parts[0].process != "" {
		return nil
	}
	names := processNames(s.app)
	if len(names) != 1 && !s.stopped() {
		return usageError(fmt.Errorf("scale %s: it has %d processes, say which: [ pandora scale %s/PROCESS NUMBER ]; there are %s",
			s.app.AppName, len(names), s.app.AppName, strings.Join(names, ", ")))
	}
	if len(names) == 1 {
		s.parts[0].process = names[0]
	}
	return nil
}

// change begins a change of what runs and follows it; what s says of process and worker goes into the request.
func (c *cli) change(ctx context.Context, s selection, request control.ChangeRequest, flags againFlags) error {
	name := s.app
	request.Process = s.process
	if s.worker != anyWorker {
		request.Worker = &s.worker
	}
	var home state.Home
	var d *control.Daemon
	var op supervisor.Operation
	err := c.outlast(ctx, func() (err error) {
		home, d, op, err = c.submitChange(ctx, name, request, flags)
		return err
	})
	switch control.CodeOf(err) {
	case control.CodeNotFound:
		return &failure{code: exitNotFound, err: fmt.Errorf("%s: %w%s", request.Kind, err, c.suggestion(ctx, name))}
	case control.CodeInvalid:
		return usageError(fmt.Errorf("%s: %w", request.Kind, err))
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if err := c.follow(ctx, home, d, op); err != nil {
		return err
	}
	c.say("%s", green(c.outColour, fmt.Sprintf("%s %s successfully!", s, pastOf(request.Kind))))
	return nil
}

// submitChange begins a change; the caller closes the daemon's client when there is no error.
func (c *cli) submitChange(ctx context.Context, name string, request control.ChangeRequest, flags againFlags) (home state.Home, d *control.Daemon, op supervisor.Operation, err error) {
	if home, d, err = c.attach(ctx); err != nil {
		return home, nil, op, err
	}
	if d == nil {
		if d, err = c.withoutDaemon(ctx, home, name, request); err != nil {
			return home, nil, op, err
		}
	}
	if (request.Kind == supervisor.OpReload || request.Kind == supervisor.OpRestart) && request.Worker == nil {
		request.Start, err = c.again(ctx, home, name, flags)
	}
	if err == nil {
		op, err = d.Change(ctx, name, request)
	}
	if err != nil {
		d.Close()
	}
	return home, d, op, err
}

// outlast does something that begins with asking the daemon, and does it again where the daemon it met was about to end.
func (c *cli) outlast(ctx context.Context, what func() error) error {
	for try := 1; ; try++ {
		err := what()
		if ending := control.CodeOf(err) == control.CodeClosing || errors.Is(err, control.ErrUnreachable); !ending || try == startTries {
			return err
		}
		home, homeErr := c.home()
		if homeErr != nil {
			return homeErr
		}
		if err := awaitDaemonEnd(ctx, home); err != nil {
			return err
		}
	}
}

// withoutDaemon decides about a change while neither daemon nor guard runs: a reload starts what is stopped, anything else
// needs something that runs.
func (c *cli) withoutDaemon(ctx context.Context, home state.Home, name string, request control.ChangeRequest) (*control.Daemon, error) {
	record, err := home.ReadRecord(name)
	if errors.Is(err, state.ErrNoRecord) {
		return nil, &failure{code: exitNotFound, err: fmt.Errorf("%s: %s does not exists!%s", request.Kind, name, c.suggestion(ctx, name))}
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", request.Kind, name, err)
	}
	if request.Kind != supervisor.OpReload || request.Process != "" {
		return nil, &failure{code: exitUnreachable, err: fmt.Errorf("%s %s: %s; [ pandora start %s ] starts it", request.Kind, name, notRunning, record.AppName)}
	}
	d, _, err := c.ensure(ctx, home)
	return d, err
}

// again evaluates a recorded application again, over the environment and flags of its start.
func (c *cli) again(ctx context.Context, home state.Home, name string, flags againFlags) (*control.StartRequest, error) {
	record, err := home.ReadRecord(name)
	if errors.Is(err, state.ErrNoRecord) {
		return nil, &failure{code: exitNotFound, err: fmt.Errorf("%s does not exists!%s", name, c.suggestion(ctx, name))}
	}
	if err != nil {
		return nil, err
	}
	return c.evaluateAgain(ctx, record, flags)
}

// evaluateAgain evaluates the application of a record.
func (c *cli) evaluateAgain(ctx context.Context, record *state.Record, flags againFlags) (*control.StartRequest, error) {
	env := record.Env
	if flags.updateEnv {
		env = withoutWorkerMarks(c.environ)
	}
	options := evaluate.Options{
		Dir: record.AppDir, AppName: record.AppName, Env: env, Node: record.Node, Timeout: flags.timeout, EnvFiles: record.GlobalEnvFiles,
		GlobalEnv: record.GlobalEnv, GlobalArgs: record.GlobalArgs, GlobalExecArgv: record.GlobalExecArgv,
	}
	if source := sourceOfRecord(record); source != nil {
		if err := generate(ctx, source, &options); err != nil {
			return nil, procfileError(ctx, err)
		}
	}
	app, err := c.evaluate(ctx, options)
	if err != nil {
		return nil, err
	}
	return &control.StartRequest{
		App: *app, Env: env, Cwd: record.Cwd, Node: record.Node, GlobalEnvFiles: record.GlobalEnvFiles,
		GlobalEnv: record.GlobalEnv, GlobalArgs: record.GlobalArgs, GlobalExecArgv: record.GlobalExecArgv,
	}, nil
}

// pastOf is the past of an operation's verb.
func pastOf(kind supervisor.OpKind) string {
	switch kind {
	case supervisor.OpStart:
		return "started"
	case supervisor.OpStop:
		return "stopped"
	case supervisor.OpRestart:
		return "restarted"
	case supervisor.OpReload:
		return "reloaded"
	case supervisor.OpScale:
		return "scaled"
	}
	return string(kind)
}

func (c *cli) createCommand() *cobra.Command {
	var flags appFlags
	cmd := &cobra.Command{
		Use:   "create [dir or file]",
		Short: "Evaluate and record an application without starting it",
		Example: `  pandora create ./shop
  pandora create ./shop --name shop-test --env "PORT=3001"`,
		Args: sourceArguments("one folder or file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = flags.split(cmd, args)
			return c.create(cmd.Context(), first(args), flags)
		},
	}
	flags.add(cmd)
	return cmd
}

func (c *cli) deleteCommand() *cobra.Command {
	var care careFlags
	cmd := &cobra.Command{
		Use:     "delete app...",
		Aliases: []string{"destroy"},
		Short:   "Stop applications and forget them; their logs stay",
		Long: `Delete stops applications and forgets them: start needs their folder again then. Their logs stay. On a terminal it asks
first, unless it is given --yes.`,
		Example: `  pandora delete shop
  pandora delete 'shop-*'`,
		Args: arguments(1, maxSelectors, "application names"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if care.dry {
				return c.rehearse(cmd.Context(), args, rehearsal{verb: "delete"})
			}
			if isOne(args) && !strings.Contains(args[0], "/") {
				return c.delete(cmd.Context(), args[0], care)
			}
			return c.deleteSelected(cmd.Context(), args, care)
		},
	}
	care.addDryRun(cmd)
	care.addYes(cmd)
	return cmd
}

// create runs the verb create.
func (c *cli) create(ctx context.Context, argument string, flags appFlags) error {
	home, request, err := c.describe(ctx, argument, flags, "Creating")
	if err != nil {
		return err
	}
	name := request.App.AppName
	err = c.outlast(ctx, func() error {
		_, d, err := c.attach(ctx)
		if err != nil {
			return err
		}
		if d != nil {
			defer d.Close()
			return d.Create(ctx, *request)
		}
		event := state.Event{App: name, Kind: "created", Message: "recorded from " + request.App.AppDir + ", not started"}
		return c.offline(ctx, home, event, func() error { return control.CreateRecord(home, *request) })
	})
	if control.CodeOf(err) == control.CodeExists {
		return sentence(exitFailure, "%s created failed, %w; run [ pandora reload %s ] to make what the procfile says run", name, err, name)
	}
	if err != nil {
		return err
	}
	c.say("%s", green(c.outColour, fmt.Sprintf("%s created successfully! Run command [ pandora start %s ] to start it", name, name)))
	return nil
}

// offline changes records while no daemon runs, and keeps one from starting meanwhile.
func (c *cli) offline(ctx context.Context, home state.Home, event state.Event, change func() error) error {
	if err := home.Prepare(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	lock, err := home.LockDaemon(ctx)
	if err != nil {
		return fmt.Errorf("change the records: a daemon is starting or ending; try again: %w", err)
	}
	defer lock.Close()
	if err := change(); err != nil {
		return err
	}
	event.Time = time.Now()
	if _, err := home.OpenEvents().Append(event); err != nil {
		c.warn("%v", err)
	}
	return nil
}

// delete runs the verb delete for one application.
func (c *cli) delete(ctx context.Context, name string, care careFlags) error {
	if home, err := c.home(); err == nil {
		if _, err := home.ReadRecord(name); err == nil { // what is not there needs no question
			if err := c.consent(ctx, care, fmt.Sprintf("Stop and forget %s?", name)); err != nil {
				return err
			}
		}
	}
	if err := c.forget(ctx, name); err != nil {
		return err
	}
	home, d, err := c.attach(ctx)
	if err != nil || d == nil {
		return err
	}
	defer d.Close()
	return c.endIfIdle(ctx, home, d)
}

// deletable refuses parts of an application.
func (s subject) deletable() error {
	if part := s.parts[0]; part.process != "" {
		return usageError(fmt.Errorf("delete %s: only whole applications can be deleted; [ pandora stop %s ] stops a process", part, part))
	}
	return nil
}

// deleteSelected runs the verb delete for what selectors mean.
func (c *cli) deleteSelected(ctx context.Context, selectors []string, care careFlags) error {
	g, err := c.gather(ctx, selectors)
	if err != nil {
		return err
	}
	defer g.close()
	for _, s := range g.all {
		if err := s.deletable(); err != nil {
			return err
		}
	}
	if err := c.consent(ctx, care, fmt.Sprintf("Stop and forget %s: %s?", plural(len(g.all), "application"), names(g.all))); err != nil {
		return err
	}
	err = c.each(ctx, "deleted", g.all, func(ctx context.Context, c *cli, s selection) error { return c.forget(ctx, s.app) })
	if err != nil || g.daemon == nil {
		return err
	}
	return c.endIfIdle(ctx, g.home, g.daemon)
}

// forget stops an application and deletes its record.
func (c *cli) forget(ctx context.Context, name string) error {
	err := c.outlast(ctx, func() error {
		home, d, err := c.attach(ctx)
		if err != nil {
			return err
		}
		if d == nil {
			return c.deleteOffline(ctx, home, name)
		}
		defer d.Close()
		return d.Delete(ctx, name)
	})
	if control.CodeOf(err) == control.CodeNotFound {
		err = &failure{code: exitNotFound, err: fmt.Errorf("delete: %w%s", err, c.suggestion(ctx, name))}
	}
	if err != nil {
		return err
	}
	c.say("%s", green(c.outColour, name+" deleted successfully!"))
	return nil
}

// deleteOffline forgets an application while nothing runs; a record that cannot be read is forgotten, too.
func (c *cli) deleteOffline(ctx context.Context, home state.Home, name string) error {
	if err := state.ValidName(name); err != nil {
		return nameError(err)
	}
	if _, err := home.ReadRecord(name); errors.Is(err, state.ErrNoRecord) {
		return &control.Error{Code: control.CodeNotFound, Message: name + " does not exists!"}
	}
	return c.offline(ctx, home, state.Event{App: name, Kind: "deleted", Message: "forgotten; its logs stay"}, func() error {
		return home.DeleteRecord(name)
	})
}

// endIfIdle lets the daemon end when no application runs.
func (c *cli) endIfIdle(ctx context.Context, home state.Home, d *control.Daemon) error {
	exiting, err := d.Exit(ctx, true)
	if err != nil || !exiting {
		return err
	}
	return awaitDaemonEnd(ctx, home)
}
