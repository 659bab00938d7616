package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/fserr"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/procfile/evaluate"
	"github.com/pandora-go/pandora/supervisor"
)

func (c *cli) planCommand() *cobra.Command {
	var flags appFlags
	var f *format
	cmd := &cobra.Command{
		Use:   "plan [dir, file or appName]",
		Short: "Show what start or restart would change against what runs; nothing is started",
		Long: `Plan evaluates the procfile as restart would (over the environment and flags of the start), or as start would when
the application does not run, and compares it with what runs: processes and services that are added, removed or changed,
field by field. Values of secrets are not shown. Changes within the application's own files are not looked at.

The exit code is 0 when nothing changes and 8 when something does.

--json prints {"version": 1, "application": {"name", "dir"}, "running", "changed", "changes": [{"action": "added",
"removed" or "changed", "kind": "application", "process", "service" or "applet", "name", "field": names from the outside
in, such as ["env", "PORT"], "old", "new"}], "environment": {"added", "removed", "changed": names of variables that this
shell has otherwise than that of the start}, "warnings"}.`,
		Example: `  pandora plan shop
  pandora plan ./shop -o json`,
		Args: sourceArguments("one folder, file or application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = flags.split(cmd, args)
			return c.plan(cmd.Context(), first(args), flags, f)
		},
	}
	flags.add(cmd)
	f = addFormat(cmd)
	return cmd
}

// envNames are names of variables that this shell has otherwise than that of the start.
type envNames struct {
	Added   []string `json:"added"`
	Removed []string `json:"removed"`
	Changed []string `json:"changed"`
}

func (e envNames) empty() bool { return len(e.Added)+len(e.Removed)+len(e.Changed) == 0 }

// planned is the JSON of plan, version 1.
type planned struct {
	Version     int `json:"version"`
	Application struct {
		Name string `json:"name"`
		Dir  string `json:"dir"`
	} `json:"application"`
	// Running is false when nothing of the application runs: then everything is added.
	Running     bool            `json:"running"`
	Changed     bool            `json:"changed"`
	Changes     []procfile.Step `json:"changes"`
	Environment envNames        `json:"environment"`
	Warnings    []string        `json:"warnings"`
}

// plan runs the verb plan.
func (c *cli) plan(ctx context.Context, argument string, flags appFlags, f *format) error {
	p, app, err := c.planOf(ctx, argument, flags)
	if err != nil {
		return err
	}
	if err := c.printPlan(p, app, f); err != nil {
		return err
	}
	if p.Changed {
		return &failure{code: exitPlan, err: errors.New("there are changes"), told: true}
	}
	return nil
}

// planOf compares what an argument and flags describe with what runs of it.
func (c *cli) planOf(ctx context.Context, argument string, flags appFlags) (*planned, *procfile.Application, error) {
	home, err := c.home()
	if err != nil {
		return nil, nil, err
	}
	t, options, record, err := c.planTarget(ctx, home, argument, &flags)
	if err != nil {
		return nil, nil, err
	}
	p := &planned{Version: 1, Environment: envNames{[]string{}, []string{}, []string{}}}
	p.Application.Name, p.Application.Dir = t.Name, t.Dir
	var was *procfile.Application
	if record != nil {
		if p.Running, err = running(ctx, home, t.Name); err != nil {
			return nil, nil, err
		}
	}
	if p.Running {
		was = &record.App
		p.Environment = envDifference(record.Env, options.Env)
		asStarted(&options, record, flags)
	}
	if err := regenerate(ctx, &options); err != nil {
		return nil, nil, procfileError(ctx, err)
	}
	result, err := evaluate.Evaluate(ctx, options)
	if err != nil {
		return nil, nil, procfileError(ctx, err)
	}
	p.Warnings = result.App.Warnings
	p.Changes = maskedSteps(procfile.Steps(was, result.App))
	p.Changed = len(p.Changes) > 0
	return p, result.App, nil
}

// asStarted makes options those of a restart, except for what the flags say.
func asStarted(options *evaluate.Options, record *state.Record, flags appFlags) {
	options.Env, options.Node = record.Env, record.Node
	if flags.env == "" {
		options.GlobalEnv = record.GlobalEnv
	}
	if len(options.EnvFiles) == 0 {
		options.EnvFiles = record.GlobalEnvFiles
	}
	if flags.args == "" {
		options.GlobalArgs = record.GlobalArgs
	}
	if flags.nodeArgs == "" {
		options.GlobalExecArgv = record.GlobalExecArgv
	}
}

// planTarget finds the application that argument means, and how it is evaluated in this shell: a recorded one of that name,
// unless it looks like a path, else the one in that folder or file. The record is nil when there is none. A first word of
// --env that start takes for an environment of a process file is taken out of the flags.
func (c *cli) planTarget(ctx context.Context, home state.Home, argument string, flags *appFlags) (target, evaluate.Options, *state.Record, error) {
	if argument != "" && flags.name == "" && argument != "." && argument != ".." && !strings.ContainsRune(argument, os.PathSeparator) {
		if record, err := home.ReadRecord(argument); err == nil {
			t, wanted := target{Dir: record.AppDir, Name: argument}, *record
			wanted.App = *record.App.Clone() // it is compared with what the record says
			if err := flags.overRecord(&wanted); err != nil {
				return t, evaluate.Options{}, nil, err
			}
			options, err := flags.options(t)
			options.Env = withoutWorkerMarks(c.environ)
			if source := sourceOfRecord(&wanted); source != nil && err == nil {
				err = procfileError(ctx, generate(ctx, source, &options))
			}
			return t, options, record, err
		}
		if _, err := os.Stat(argument); fserr.Missing(err) {
			return target{}, evaluate.Options{}, nil, &failure{code: exitNotFound, err: fmt.Errorf(
				"plan %s: there is no application, no folder and no file of that name; [ pandora list ] shows the applications", strings.Trim(shorten(argument), `"`))}
		}
	}
	d, err := flags.read(ctx, c, argument, false)
	if err != nil {
		return target{}, evaluate.Options{}, nil, err
	}
	record, err := home.ReadRecord(d.target.Name)
	if errors.Is(err, state.ErrNoRecord) {
		return d.target, d.options, nil, nil
	}
	return d.target, d.options, record, err
}

// running reports whether an application runs: as the daemon says, or, without one, whether its guard lives.
func running(ctx context.Context, home state.Home, name string) (bool, error) {
	d, err := probe(ctx, home)
	if err != nil {
		return false, err
	}
	if d == nil {
		conn, err := net.DialTimeout("unix", home.GuardSocket(name), time.Second)
		if err != nil {
			return false, nil
		}
		return true, conn.Close()
	}
	defer d.Close()
	apps, err := d.List(ctx)
	if err != nil {
		return false, err
	}
	for _, a := range apps {
		if a.AppName == name {
			return a.State != supervisor.AppStopped, nil
		}
	}
	return false, nil
}

// passing are variables that differ from shell to shell and mean nothing to an application.
var passing = [...]string{"_", "SHLVL", "OLDPWD", "PWD", "COLUMNS", "LINES", "WINDOWID"}

// envDifference compares the environment of a start with that of this shell.
func envDifference(was, is []string) envNames {
	before, after := envMap(was), envMap(is)
	d := envNames{[]string{}, []string{}, []string{}}
	for name, value := range after {
		if old, known := before[name]; !known {
			d.Added = append(d.Added, name)
		} else if old != value {
			d.Changed = append(d.Changed, name)
		}
	}
	for name := range before {
		if _, stays := after[name]; !stays {
			d.Removed = append(d.Removed, name)
		}
	}
	slices.Sort(d.Added)
	slices.Sort(d.Removed)
	slices.Sort(d.Changed)
	return d
}

func envMap(environ []string) map[string]string {
	env := map[string]string{}
	for _, kv := range withoutWorkerMarks(environ) {
		if name, value, ok := strings.Cut(kv, "="); ok && name != "" && !slices.Contains(passing[:], name) {
			env[name] = value
		}
	}
	return env
}

// maskedSteps hides the values of secrets.
func maskedSteps(steps []procfile.Step) []procfile.Step {
	out := make([]procfile.Step, len(steps))
	for i, s := range steps {
		if n := len(s.Field); n > 0 && secretName(s.Field[n-1]) {
			s.Old, s.New = hidden(s.Old), hidden(s.New)
		}
		if s.Kind == procfile.OfProcess && len(s.Field) == 1 && (s.Field[0] == "args" || s.Field[0] == "execArgv") {
			s.Old, s.New = maskedList(s.Old), maskedList(s.New)
		}
		s.Old, s.New = maskedValue(s.Old), maskedValue(s.New)
		out[i] = s
	}
	return out
}

// maskedList is maskedArgs of a JSON value that is a list of arguments, or nothing.
func maskedList(value any) any {
	list, ok := value.([]any)
	if !ok {
		return value
	}
	args := make([]string, len(list))
	for i, arg := range list {
		args[i], _ = arg.(string)
	}
	out := make([]any, len(list))
	for i, arg := range maskedArgs(args) {
		out[i] = arg
	}
	return out
}

// hidden is a mask for a value, and nothing for none.
func hidden(value any) any {
	if value == nil {
		return nil
	}
	return mask
}

// printPlan shows a plan.
func (c *cli) printPlan(p *planned, app *procfile.Application, f *format) error {
	if f.document() {
		return c.printDocument(f, p)
	}
	for _, w := range p.Warnings {
		c.warn("%s", w)
	}
	c = c.wrapping(6)
	switch {
	case !p.Running && !p.Changed:
		c.say("%s at %s: nothing runs, and there is nothing to start", p.Application.Name, p.Application.Dir)
	case !p.Running:
		c.say("%s at %s: nothing runs, all of this would be started", p.Application.Name, p.Application.Dir)
	case !p.Changed:
		c.say("%s at %s: unchanged", p.Application.Name, p.Application.Dir)
	default:
		c.say("%s at %s: %s against what runs", p.Application.Name, p.Application.Dir, plural(len(p.Changes), "change"))
	}
	last := ""
	for _, s := range p.Changes {
		c.printStep(s, app, &last)
	}
	if !p.Environment.empty() {
		c.say("the environment of this shell differs from that of the start, which restart keeps:")
		for _, group := range []struct {
			sign  string
			names []string
		}{{"+", p.Environment.Added}, {"-", p.Environment.Removed}, {"~", p.Environment.Changed}} {
			if len(group.names) > 0 {
				c.say("  %s %s", group.sign, strings.Join(group.names, " "))
			}
		}
	}
	return nil
}

// printStep shows one step; of several steps about the same, only the first names it.
func (c *cli) printStep(s procfile.Step, app *procfile.Application, last *string) {
	subject := fmt.Sprintf("%s %s", s.Kind, s.Name)
	switch s.Action {
	case procfile.ActionAdded:
		if p := app.Process(s.Name); p != nil && s.Kind == procfile.OfProcess {
			subject = fmt.Sprintf("%s %s", s.Kind, processLine(*p))
		}
		c.say("%s", green(c.outColour, "+ "+subject))
	case procfile.ActionRemoved:
		c.say("%s", red(c.outColour, "- "+subject))
	default:
		if *last != subject {
			c.say("%s", yellow(c.outColour, "~ "+subject))
		}
		c.say("    %s: %s → %s", strings.Join(s.Field, " "), shownValue(s.Old), shownValue(s.New))
	}
	*last = subject
}

// shownValue is a JSON value for reading; "(none)" for nothing.
func shownValue(value any) string {
	if value == nil {
		return "(none)"
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}
