package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/config"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/doctor"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/supervisor"
)

// startTries is how often a start is tried when the daemon it talks to ends just then.
const startTries = 3

// appFlags are the flags of start, dev and structure.
type appFlags struct {
	name, env, args, nodeArgs string
	timeout                   time.Duration
	envFiles                  envFileFlags
	inspectFlags
	sourceFlags
}

func (f *appFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.name, "name", "n", "", "application name (default: the name in package.json, else that of the folder or the script)")
	flags.StringVarP(&f.env, "env", "E", "", `environment for all processes, as "A=1 B=x"; of a process file NAME takes env_NAME`)
	flags.StringVarP(&f.args, "args", "a", "", `arguments for all processes, as "--one two"`)
	flags.StringVarP(&f.nodeArgs, "node-args", "A", "", `Node's own options for all processes, as "--max-old-space-size=512"`)
	addTimeout(flags, &f.timeout)
	f.envFiles.add(flags)
	f.inspectFlags.add(flags)
	f.sourceFlags.add(flags)
}

// options makes the options of an evaluation.
func (f *appFlags) options(t target) (evaluate.Options, error) {
	env, err := procfile.SplitEnvFlag(f.env)
	if err != nil {
		return evaluate.Options{}, usageError(err)
	}
	inspect, err := f.inspectFlags.options()
	if err != nil {
		return evaluate.Options{}, err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return evaluate.Options{}, fmt.Errorf("find the current folder: %w", err)
	}
	return evaluate.Options{
		Dir: t.Dir, AppName: t.Name, EnvFiles: f.envFiles.files(cwd), GlobalEnv: env,
		GlobalArgs: procfile.SplitArgsFlag(f.args), GlobalExecArgv: append(procfile.SplitArgsFlag(f.nodeArgs), inspect...),
		Timeout: f.timeout,
	}, nil
}

// described is what an argument and flags ask to evaluate: the folder or name, the options of its evaluation in the
// environment of this shell, and the folder the shell is in.
type described struct {
	target  target
	options evaluate.Options
	cwd     string
}

// read finds out what an argument and flags ask to evaluate, as dev would see it or not.
func (f *appFlags) read(ctx context.Context, c *cli, argument string, dev bool) (described, error) {
	cwd, err := os.Getwd()
	if err != nil {
		return described{}, fmt.Errorf("find the current folder: %w", err)
	}
	var source *procfile.Source
	if f.dashed && argument == "" {
		source, err = f.commandOf(cwd, c.environ)
	} else {
		source, err = f.sourceOf(cwd, argument)
	}
	if err != nil {
		return described{}, err
	}
	var t target
	if source == nil {
		if t, err = resolveTarget(cwd, argument, f.name); err != nil {
			return described{}, err
		}
		if err := checkPackage(t.Dir); err != nil {
			return described{target: t}, err
		}
	}
	options, err := f.options(t)
	if err != nil {
		return described{}, err
	}
	options.Env, options.Dev = withoutWorkerMarks(c.environ), dev
	if source != nil {
		if err := generate(ctx, source, &options); err != nil {
			return described{}, procfileError(ctx, err)
		}
		t = target{Dir: options.Dir, Name: cmp.Or(f.name, sourceName(source, options.Dir))}
		if err := state.ValidName(t.Name); err != nil {
			return described{}, newNameError(err)
		}
		options.AppName = t.Name
	}
	return described{target: t, options: options, cwd: cwd}, nil
}

func (c *cli) startCommand() *cobra.Command {
	var flags appFlags
	npm := false
	var care careFlags
	cmd := &cobra.Command{
		Use:   "start [targetPath, file or appName[/process]...] [-- arguments or a command]",
		Short: "Start an application and wait until it is ready",
		Long: `Start evaluates the procfile in a folder and starts what it describes; when that fails, nothing of it stays.
A name that is no folder here means the application of that name that was started or created before, from whatever folder:
its procfile is evaluated again, over the environment and flags of that time; flags given now take their place. With
appName/process a process that was stopped on its own runs again. Several are started at once, patterns such as 'shop-*' and
all are of applications that are recorded and do not run.

Without a procfile it runs a script (TypeScript and ES modules, too), any command behind --, a process file of PM2 or a
Procfile. The application is evaluated again from the same at each restart and reload.

What the package.json of the current folder has under "pandora": {"start": {…}} counts where no flag is given: entry, appName,
env, args, node-args, inspect, inspect-port, and config, which is added to PANDORA_CONFIG.`,
		Example: `  pandora start
  pandora start app.js -- --port 8080
  pandora start -m cluster -i max app.js
  pandora start -- npm start
  pandora start ecosystem.config.js --env production
  pandora start Procfile`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			args = flags.split(cmd, args)
			if flags.dashed && len(args) > 1 {
				return usageError(fmt.Errorf("start takes one script in front of --, got also %q", args[1:]))
			}
			if !flags.dashed && !isOne(args) && !isFolder(args) {
				if care.dry {
					return c.rehearseStart(cmd.Context(), args, flags)
				}
				return c.startSelected(cmd.Context(), args, flags)
			}
			if npm {
				dir, err := c.resolveModule(first(args), flags.name)
				if err != nil {
					return err
				}
				args = []string{dir}
			}
			c, argument, err := c.withPackage(cmd, first(args))
			if err != nil {
				return err
			}
			if care.dry {
				return c.rehearseStart(cmd.Context(), []string{argument}, flags)
			}
			return c.start(cmd.Context(), argument, flags)
		},
	}
	flags.add(cmd)
	care.addDryRun(cmd)
	cmd.Flags().BoolVar(&npm, "npm", false, "the argument is the name of an installed package; needs --name")
	return cmd
}

// isFolder reports whether the one argument is a path, however it looks like a pattern.
func isFolder(args []string) bool {
	if len(args) != 1 {
		return false
	}
	_, err := os.Stat(args[0])
	return err == nil
}

// first returns the first argument, or "".
func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// start runs the verb start.
func (c *cli) start(ctx context.Context, argument string, flags appFlags) error {
	if name, process, ok := c.recordedProcess(argument); ok {
		return c.change(ctx, selection{name, process, anyWorker}, control.ChangeRequest{Kind: supervisor.OpStart}, againFlags{})
	}
	if s, err := splitSelector(argument); err == nil && s.worker != anyWorker && c.isRecorded(s.app) {
		if _, err := os.Stat(argument); err != nil {
			return s.withoutWorker("start")
		}
	}
	c.warnOfRotation()
	home, request, err := c.toStart(ctx, argument, flags)
	if err != nil {
		return err
	}
	d, op, err := c.submitStart(ctx, home, *request)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := c.follow(ctx, home, d, op); err != nil {
		c.warnOfNode(ctx)
		return err
	}
	name := request.App.AppName
	c.say("%s", green(c.outColour, fmt.Sprintf("%s started successfully! Run command [ pandora log %s ] to get more information", name, name)))
	return nil
}

// isRecorded reports whether there is an application of a name.
func (c *cli) isRecorded(name string) bool {
	home, err := c.home()
	if err != nil {
		return false
	}
	_, err = home.ReadRecord(name)
	return err == nil
}

// warnOfNode says after a start has failed that workers cannot run on the Node in PATH, whose own errors do not say so.
func (c *cli) warnOfNode(ctx context.Context) {
	if facts := c.nodeFacts(ctx); facts.Version != "" {
		if check := doctor.Node(facts); check.Level == doctor.Failure {
			c.warn("node is %s; %s", check.Found, check.Advice)
		}
	}
}

// recordedProcess reads "appName/process" of an application that is recorded; a folder of that name comes first.
func (c *cli) recordedProcess(argument string) (name, process string, ok bool) {
	s, err := splitSelector(argument)
	if err != nil || s.process == "" || s.worker != anyWorker {
		return "", "", false
	}
	if _, err := os.Stat(argument); err == nil {
		return "", "", false
	}
	return s.app, s.process, c.isRecorded(s.app)
}

// toStart is what an argument of start means: a recorded application, or the one in a folder. A folder comes first.
func (c *cli) toStart(ctx context.Context, argument string, flags appFlags) (state.Home, *control.StartRequest, error) {
	home, err := c.home()
	if err != nil {
		return home, nil, err
	}
	record := recordedName(home, argument)
	if record == nil {
		return c.describe(ctx, argument, flags, "Starting")
	}
	if flags.name != "" && flags.name != record.AppName {
		return home, nil, usageError(fmt.Errorf("--name is %q, and the application is recorded as %q; give its folder, %q, to start it under another name", flags.name, record.AppName, record.AppDir))
	}
	if err := flags.overRecord(record); err != nil {
		return home, nil, err
	}
	options, err := flags.options(target{Dir: record.AppDir, Name: record.AppName})
	if err != nil {
		return home, nil, err
	}
	if flags.env != "" {
		record.GlobalEnv = options.GlobalEnv
	}
	if len(options.EnvFiles) > 0 {
		record.GlobalEnvFiles = options.EnvFiles
	}
	if flags.args != "" {
		record.GlobalArgs = options.GlobalArgs
	}
	record.GlobalExecArgv = flags.nodeOptions(record.GlobalExecArgv, options.GlobalExecArgv)
	c.say("Starting %s at %s", record.AppName, record.AppDir)
	request, err := c.evaluateAgain(ctx, record, againFlags{timeout: flags.timeout})
	return home, request, err
}

// recordedName is the record of the application that an argument names; nil when it is a folder, or no name at all.
func recordedName(home state.Home, argument string) *state.Record {
	if state.ValidName(argument) != nil {
		return nil
	}
	if _, err := os.Stat(argument); err == nil {
		return nil
	}
	record, err := home.ReadRecord(argument)
	if err != nil {
		return nil
	}
	return record
}

// describe evaluates what an argument and flags name, announcing it with doing, to what a daemon can record or start.
func (c *cli) describe(ctx context.Context, argument string, flags appFlags, doing string) (state.Home, *control.StartRequest, error) {
	var home state.Home
	d, err := flags.read(ctx, c, argument, false)
	if err != nil {
		return home, nil, err
	}
	if home, err = c.home(); err != nil {
		return home, nil, err
	}
	if err := home.Prepare(); err != nil {
		return home, nil, err
	}
	c.say("%s %s at %s", doing, d.target.Name, d.target.Dir)
	app, err := c.evaluate(ctx, d.options)
	if err != nil {
		return home, nil, err
	}
	return home, &control.StartRequest{
		App: *app, Env: d.options.Env, Cwd: d.cwd, GlobalEnv: d.options.GlobalEnv,
		GlobalArgs: d.options.GlobalArgs, GlobalExecArgv: d.options.GlobalExecArgv, GlobalEnvFiles: d.options.EnvFiles,
	}, nil
}

// evaluate evaluates a procfile, shows its warnings and refuses a graph with nothing to run.
func (c *cli) evaluate(ctx context.Context, options evaluate.Options) (*procfile.Application, error) {
	result, err := evaluate.Evaluate(ctx, options)
	if err != nil {
		return nil, procfileError(ctx, err)
	}
	if err := c.startable(result.App); err != nil {
		return nil, err
	}
	return result.App, nil
}

// startable shows the warnings of an evaluation and refuses a graph with nothing to run.
func (c *cli) startable(app *procfile.Application) error {
	for _, w := range app.Warnings {
		c.warn("%s", w)
	}
	if len(app.Processes) == 0 {
		hint := "; there is no procfile.js in it: [ pandora init ] writes one, and [ pandora start FILE ] starts a script"
		if found, _ := filepath.Glob(filepath.Join(app.AppDir, "procfile.*")); len(found) > 0 { // where the folder is no pattern
			hint = fmt.Sprintf("; %s defines no process with an entry and no service", filepath.Base(found[0]))
		}
		if file, err := findProcessFile(app.AppDir, ""); err == nil && (app.Evaluation == nil || app.Evaluation.Source == nil) {
			hint = fmt.Sprintf("; there is a process file: [ pandora start %s ] starts it", file)
		}
		return fmt.Errorf("Start failed, looks like not a pandora project, in appDir %s%s", app.AppDir, hint)
	}
	return nil
}

// procfileError marks an error of an evaluation, unless the user interrupted it, or it has an exit code of its own.
func procfileError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if coded, ok := errors.AsType[*failure](err); ok {
		return coded
	}
	return &failure{code: exitProcfile, err: err}
}

// submitStart begins the start, with a daemon that it starts where there is none.
func (c *cli) submitStart(ctx context.Context, home state.Home, request control.StartRequest) (*control.Daemon, supervisor.Operation, error) {
	for try := 1; ; try++ {
		d, started, err := c.ensure(ctx, home)
		if err != nil {
			return nil, supervisor.Operation{}, err
		}
		if started != nil {
			c.say("Daemon [ pid = %d ] Started successfully.", started.PID)
			for _, p := range started.Problems {
				c.warn("%s", p)
			}
		} else {
			c.warnAboutConfig(ctx, home)
		}
		op, err := d.Start(ctx, request)
		if err == nil {
			return d, op, nil
		}
		d.Close()
		ending := control.CodeOf(err) == control.CodeClosing || errors.Is(err, control.ErrUnreachable)
		if !ending || try == startTries {
			return nil, supervisor.Operation{}, startError(home, request, err)
		}
		// The daemon we met was about to end.
		if err := awaitDaemonEnd(ctx, home); err != nil {
			return nil, supervisor.Operation{}, err
		}
	}
}

// startError words the refusal of a daemon.
func startError(home state.Home, request control.StartRequest, err error) error {
	if control.CodeOf(err) != control.CodeExists {
		return err
	}
	name := request.App.AppName
	record, recordErr := home.ReadRecord(name)
	if recordErr == nil && !sameOrigin(record, request) {
		return sentence(exitFailure, "%s started failed, %w; it is %s: start this one under another name, with [ -n NAME ]", name, err, origin(record.App))
	}
	return sentence(exitFailure, "%s started failed, %w; run [ pandora restart %s ] to start it anew", name, err, name)
}

// warnAboutConfig tells when the running daemon was started with another global configuration.
func (c *cli) warnAboutConfig(ctx context.Context, home state.Home) {
	if c.getenv("PANDORA_CONFIG") == "" {
		return
	}
	cwd, err := os.Getwd()
	if err != nil {
		return
	}
	result, err := config.Load(ctx, config.Options{Env: c.environ, Cwd: cwd})
	if err != nil {
		c.warn("%v", err)
		return
	}
	if spec := home.ReadDaemon(); spec != nil && !sameJSON(spec.Config, result.JSON) {
		c.warn("the running daemon was started with another PANDORA_CONFIG and keeps it; run [ pandora exit ] first to change it")
	}
}
