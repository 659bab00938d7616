package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitUnreachable = 4
	exitTimeout     = 5
	exitPartly      = 6
	exitProcfile    = 7
	exitPlan        = 8
	// exitInterrupted is what a shell expects after SIGINT.
	exitInterrupted = 130
)

// exitMeaning is one row of the table of exit codes.
type exitMeaning struct {
	code    int
	meaning string
}

// exitCodes is that table.
func exitCodes() []exitMeaning {
	return []exitMeaning{
		{exitOK, "ok"}, {exitFailure, "failure"}, {exitUsage, "wrong usage"}, {exitNotFound, "not found"},
		{exitUnreachable, "daemon unreachable"}, {exitTimeout, "timed out"}, {exitPartly, "partly done"},
		{exitProcfile, "invalid procfile"}, {exitPlan, "plan found changes"}, {exitInterrupted, "interrupted"},
	}
}

// exitLine is the table as a sentence.
func exitLine() string {
	var rows []string
	for _, e := range exitCodes() {
		rows = append(rows, fmt.Sprintf("%d %s", e.code, e.meaning))
	}
	return strings.Join(rows, ", ")
}

// notRunning is the original's sentence.
const notRunning = "Daemon is not running yet"

// cli is one invocation: where it writes and what it was given.
type cli struct {
	out, err io.Writer
	// outColour and errColour tell whether ANSI colours may be written.
	outColour, errColour bool
	// progress tells whether progress on err is redrawn in place, as a terminal can; quiet that there is none.
	progress, quiet bool
	// width is how many columns out has; 0 where it is no terminal.
	width   int
	environ []string
}

// newCLI makes a cli; colours and progress are shown on terminals only.
func newCLI(out, errw io.Writer, environ []string) *cli {
	c := &cli{out: out, err: errw, environ: environ}
	plain := c.getenv("NO_COLOR") != "" || c.getenv("TERM") == "dumb"
	force := c.getenv("CLICOLOR_FORCE")
	forced := force != "" && force != "0" && c.getenv("NO_COLOR") == ""
	c.outColour = isTerminal(out) && !plain || forced
	c.errColour = isTerminal(errw) && !plain || forced
	c.progress = isTerminal(errw) && c.getenv("TERM") != "dumb"
	c.width = terminalWidth(out)
	return c
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(terminalFile)
	return ok && isatty.IsTerminal(f.Fd())
}

// getenv looks a variable up; the last one of a name counts, as in a shell.
func (c *cli) getenv(key string) string {
	for i := len(c.environ) - 1; i >= 0; i-- {
		if name, value, _ := strings.Cut(c.environ[i], "="); name == key {
			return value
		}
	}
	return ""
}

// failure is an error with an exit code of its own.
type failure struct {
	code int
	err  error
	// sentence is true for texts of 1.x that scripts read from standard output.
	sentence bool
	// told is true when the user has seen the error already.
	told bool
}

// Error returns the text.
func (f *failure) Error() string { return f.err.Error() }

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

// usageError is an error of the command line.
func usageError(err error) error { return &failure{code: exitUsage, err: err} }

// sentence is an error whose text 1.x wrote to standard output.
func sentence(code int, format string, args ...any) error {
	return &failure{code: code, err: fmt.Errorf(format, args...), sentence: true}
}

// exitCode maps an error to the exit code of the command.
func exitCode(err error) int {
	var f *failure
	var bad *evaluate.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &f):
		return f.code
	case errors.As(err, &bad):
		return exitProcfile
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, context.DeadlineExceeded):
		return exitTimeout
	case control.CodeOf(err) == control.CodeNotFound, errors.Is(err, state.ErrNoRecord):
		return exitNotFound
	case control.CodeOf(err) == control.CodeVersion, errors.Is(err, control.ErrUnreachable):
		return exitUnreachable
	default:
		return exitFailure
	}
}

// run executes the verb that args name and returns the exit code.
func (c *cli) run(ctx context.Context, args []string) int {
	root := c.root()
	root.SetArgs(args)
	root.SetOut(c.out)
	root.SetErr(c.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = unwritten(c.out)
	}
	if err == nil {
		return exitOK
	}
	var f *failure
	switch {
	case errors.As(err, &f) && f.told:
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(c.err, "pandora: interrupted")
	case f != nil && f.sentence:
		fmt.Fprintln(c.out, red(c.outColour, abridged(err.Error())))
	default:
		fmt.Fprintln(c.err, red(c.errColour, "pandora: "+advised(abridged(err.Error()))))
	}
	return exitCode(err)
}

// root builds the tree of verbs.
func (c *cli) root() *cobra.Command {
	showVersion := false
	root := &cobra.Command{
		Use:   "pandora",
		Short: "Run Node applications described by a procfile.js",
		Long: `Pandora evaluates an application's procfile.js, runs the Node processes it describes under a guard, and serves
their health and metrics.

Exit codes: ` + exitLine() + `.`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			text := fmt.Sprintf("unknown command %q", args[0])
			if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				text += "; did you mean " + strings.Join(near, " or ") + "?"
			}
			return usageError(errors.New(text + " (run [ pandora --help ] for the commands)"))
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if showVersion {
				return c.printVersion(cmd.Context(), &format{name: formatTable})
			}
			cmd.SetOut(c.err)
			_ = cmd.Help()
			return usageError(errors.New("not enough arguments: a command is needed"))
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version")
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) {
		if changes(cmd) {
			withoutReader()
		}
	}
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(c.helpCommand())
	root.AddCommand(
		c.startCommand(), c.devCommand(), c.stopCommand(), c.restartCommand(), c.listCommand(), c.psCommand(),
		c.pidCommand(), c.logCommand(), c.exitCommand(), c.structureCommand(), c.versionCommand(), c.daemonCommand(),
		c.validateCommand(), c.planCommand(),
		c.reloadCommand(), c.scaleCommand(), c.createCommand(), c.deleteCommand(),
		c.eventsCommand(), c.operationCommand(), c.waitCommand(), c.describeCommand(),
		c.resurrectCommand(), c.startupCommand(), c.guardCommand(), c.topCommand(),
		c.completionCommand(), c.doctorCommand(), c.importCommand(), c.initCommand(),
		c.configCommand(),
	)
	c.addQuiet(root)
	c.complete(root)
	return root
}

// arguments is a cobra.PositionalArgs for least to most arguments, whose errors are usage errors.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usageError(fmt.Errorf("[ %s ] needs %s; [ %[1]s --help ] tells more", cmd.CommandPath(), what))
		case len(args) > most:
			return usageError(fmt.Errorf("[ %s ] takes %s, got also %q; [ %[1]s --help ] tells more", cmd.CommandPath(), what, args[most:]))
		}
		return nil
	}
}

// say writes a line for the user to standard output.
func (c *cli) say(format string, args ...any) { fmt.Fprintf(c.out, format+"\n", args...) }

// warn writes a warning to standard error.
func (c *cli) warn(format string, args ...any) {
	fmt.Fprintln(c.err, yellow(c.errColour, "warning: "+abridged(fmt.Sprintf(format, args...))))
}
