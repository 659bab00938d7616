package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/rotate"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
)

// logFlags are the flags of the verb log.
type logFlags struct {
	follow, full, daemon, daemonStd, json, err bool
	lines                                      int
	since, grep, process                       string
}

func (c *cli) logCommand() *cobra.Command {
	var flags logFlags
	cmd := &cobra.Command{
		Use:     "log [app[/process[/worker]]...]",
		Aliases: []string{"logs"},
		Short:   "Print the output of applications, or the daemon's log",
		Long: `Print what the workers of an application write to standard output and error, the last lines first of all. It reads
files: neither the daemon nor the application has to run. Rotated files are read too, and --follow goes on while the
log is rotated and the application is restarted.

Several names, patterns such as 'shop*', and all, print the logs of several applications in the order of time. Each line
begins then with what it is of, as in "shop/web/0 | text". --lines counts for each application. A log of an application
that is deleted is among them. --follow goes on with those that there are when it begins.

On a terminal the lines of an application with several workers begin with the worker's name. Standard output and error
of a worker go to one file, as in Pandora.js; to print only the errors, a process has .stdio('split') in the procfile.`,
		Example: `  pandora log shop -f
  pandora log all -f
  pandora log 'shop-*' blog/web --lines 20
  pandora log shop/web/1 --since 10m
  pandora log shop --full --grep 'ERROR|WARN' --json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("lines") && (flags.since != "" || flags.full) {
				flags.lines = -1 // all
			} else if flags.lines < 0 {
				return usageError(fmt.Errorf("--lines is %d, want at least 0", flags.lines))
			}
			return c.log(cmd.Context(), args, flags)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&flags.follow, "follow", "f", false, "go on printing what is written")
	f.IntVarP(&flags.lines, "lines", "l", 50, "how many of the last lines of each application to print; with --since all")
	f.BoolVar(&flags.full, "full", false, "print everything since the application was started")
	f.StringVar(&flags.since, "since", "", "print what was written since then: 10m, 2h30m, 15:04, 2006-01-02, 2006-01-02T15:04:05Z")
	f.StringVar(&flags.grep, "grep", "", "print the lines that match a regular expression (RE2)")
	f.StringVar(&flags.process, "process", "", "print the lines of one process, or of one worker: name or name/0")
	f.BoolVar(&flags.err, "err", false, "print standard error only, of processes with .stdio('split')")
	f.BoolVar(&flags.json, "json", false, "print one JSON object a line: time, appName, process, worker, line")
	f.BoolVarP(&flags.daemon, "daemon", "d", false, "the log of the daemon and the guards")
	f.BoolVar(&flags.daemonStd, "daemon-stdout", false, "what daemon and guards wrote to standard output and error")
	return cmd
}

// log runs the verb log. It needs no daemon: it reads files.
func (c *cli) log(ctx context.Context, args []string, flags logFlags) error {
	home, err := c.home()
	if err != nil {
		return err
	}
	daemon := flags.daemon || flags.daemonStd
	if daemon && len(args) > 1 {
		return usageError(fmt.Errorf("--daemon prints the log of the daemon; %d names are given", len(args)))
	}
	if daemon || isOne(args) {
		return c.logOne(ctx, home, args, flags)
	}
	all, err := c.logSources(home)
	if err != nil {
		return err
	}
	if isOneName(all, args) {
		return c.logOne(ctx, home, args, flags)
	}
	return c.logSeveral(ctx, home, all, args, flags)
}

// logOne prints the log of one application, or of the daemon.
func (c *cli) logOne(ctx context.Context, home state.Home, args []string, flags logFlags) error {
	args, err := partOfLog(args, &flags)
	if err != nil {
		return err
	}
	filter, err := newLogFilter(flags, time.Now())
	if err != nil {
		return usageError(err)
	}
	path, app := "", ""
	switch {
	case flags.daemonStd:
		path = home.DaemonStd()
	case flags.daemon:
		path = home.DaemonLog()
	default:
		if app, err = nameArgument(args); err != nil {
			return err
		}
		path = home.AppLog(app)
	}
	if app == "" && (flags.process != "" || flags.err) {
		return usageError(errors.New("--process and --err are about the output of an application, not about the daemon"))
	}
	if flags.err {
		if err := splits(home, app); err != nil {
			return err
		}
	}
	filter.daemon = app == ""
	unknown := c.unknownProcess(home, app, filter.process)
	if unknown != nil && flags.follow {
		c.warn("%s", unknown)
	}
	reader, err := rotate.OpenReader(path)
	if errors.Is(err, os.ErrNotExist) {
		return noLog(home, path, app)
	}
	if err != nil {
		return err
	}
	defer reader.Close()
	out := newLogPrinter(c, flags.json && app != "", c.prefixed(home, app))
	p := &logRead{reader: reader, filter: filter, out: out, app: app, path: path}
	if err := p.printStart(ctx, flags); err != nil {
		return fmt.Errorf("print log %q: %w", path, err)
	}
	if !flags.follow {
		if unknown != nil && out.printed {
			c.warn("%s", unknown)
			return nil
		}
		return unknown
	}
	if err := p.follow(ctx); err != nil {
		return fmt.Errorf("print log %q: %w", path, err)
	}
	return nil
}

// noLog is the error for a log file that does not exist, of an application or of the daemon; the first sentence is the
// original's.
func noLog(home state.Home, path, app string) error {
	next := "[ pandora list ] shows the applications"
	if app == "" {
		next = "a daemon makes it when it starts; PANDORA_DIR says where it is looked for"
	} else if _, err := home.ReadRecord(app); err == nil {
		next = fmt.Sprintf("%s has written nothing yet; [ pandora start %s ] starts it", app, app)
	}
	return &failure{code: exitNotFound, err: fmt.Errorf("Log file %s doesn't exist! %s", path, next)}
}

// unknownProcess is the error for a name that no process has; nil where that is not known. There may be lines of it all
// the same: of one that was removed.
func (c *cli) unknownProcess(home state.Home, app, process string) error {
	if app == "" || process == "" {
		return nil
	}
	record, err := home.ReadRecord(app)
	if err != nil {
		return nil
	}
	names := make([]string, len(record.App.Processes))
	for i, p := range record.App.Processes {
		names[i] = p.ProcessName
	}
	if slices.Contains(names, process) {
		return nil
	}
	return &failure{code: exitNotFound, err: fmt.Errorf("%s has no process %q, only %s", app, process, strings.Join(names, ", "))}
}

// partOfLog turns app/process and app/process/worker into the name of the application and --process.
func partOfLog(args []string, flags *logFlags) ([]string, error) {
	app, part, found := strings.Cut(first(args), "/")
	switch {
	case !found:
		return args, nil
	case app == "" || part == "":
		return nil, usageError(fmt.Errorf("print the log of %q: expected an application, as in shop, shop/web or shop/web/0", args[0]))
	case flags.process != "":
		return nil, usageError(fmt.Errorf("print the log of %q: --process %q says it twice", args[0], flags.process))
	}
	flags.process = part
	return []string{app}, nil
}

// splits checks that there is a process whose standard error can be told apart.
func splits(home state.Home, app string) error {
	record, err := home.ReadRecord(app)
	if err != nil {
		return nil // what it was run by is not known any more
	}
	for _, p := range record.App.Processes {
		if p.PolicyOrDefault().Stdio == procfile.StdioSplit {
			return nil
		}
	}
	return usageError(fmt.Errorf("--err: every process of %q writes standard output and error to one file; "+
		"set .stdio('split') on a process in the procfile and reload, then its errors can be told apart", app))
}

// prefixed reports whether lines are to show whose they are: on a terminal, for an application with several workers.
func (c *cli) prefixed(home state.Home, app string) bool {
	if app == "" || !isTerminal(c.out) {
		return false
	}
	record, err := home.ReadRecord(app)
	if err != nil {
		return true
	}
	workers := 0
	for _, p := range record.App.Processes {
		workers += p.Scale
	}
	return workers > 1
}

// logFilter says which lines are wanted.
type logFilter struct {
	since   time.Time // zero for any time
	pattern *regexp.Regexp
	process string
	worker  int // -1 for all of the process
	// parts are the processes and workers that are wanted, names or patterns; none is all of them.
	parts  []selection
	err    bool // standard error only
	daemon bool
}

// newLogFilter reads the flags.
func newLogFilter(flags logFlags, now time.Time) (*logFilter, error) {
	f := &logFilter{worker: -1, err: flags.err}
	var err error
	if flags.since != "" {
		if f.since, err = parseSince(flags.since, now); err != nil {
			return nil, err
		}
	}
	if flags.grep != "" {
		if f.pattern, err = regexp.Compile(flags.grep); err != nil {
			return nil, fmt.Errorf("--grep %q: %w", flags.grep, err)
		}
	}
	name, slot, found := strings.Cut(flags.process, "/")
	f.process = name
	if found {
		if f.worker, err = strconv.Atoi(slot); err != nil || f.worker < 0 || name == "" {
			return nil, fmt.Errorf("--process is %q, want a process or a worker, such as web or web/0", flags.process)
		}
	}
	return f, nil
}

// parseSince reads a duration that lies back, or a time; one without zone is local, one without date is of today, or of
// yesterday when it has not come yet.
func parseSince(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		if d < 0 {
			d = -d
		}
		return now.Add(-d), nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return now.AddDate(0, 0, -int(n)), nil
		}
	}
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
	} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, text); err == nil {
			at := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, now.Location())
			if at.After(now) {
				at = at.AddDate(0, 0, -1)
			}
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("--since is %q, want a duration such as 10m or 7d, or a time such as 15:04 or 2006-01-02T15:04:05Z", text)
}

// wants reports whether a line is to be printed.
func (f *logFilter) wants(line rotate.Line) bool {
	if f.err && !line.Source.Err {
		return false
	}
	if f.process != "" && (line.Source.Process != f.process || f.worker >= 0 && line.Source.Worker != f.worker) {
		return false
	}
	if len(f.parts) > 0 && !slices.ContainsFunc(f.parts, func(s selection) bool { return s.wrote(line.Source) }) {
		return false
	}
	if !f.since.IsZero() {
		at := line.Time
		if f.daemon {
			at = daemonTime(line.Text)
		}
		if !at.IsZero() && at.Before(f.since) {
			return false
		}
	}
	return f.pattern == nil || f.pattern.Match(line.Text)
}

// wrote reports whether a line is of a process or worker; the process may be a pattern, or all.
func (s selection) wrote(source rotate.Source) bool {
	return source.Process != "" && len(matching([]string{source.Process}, s.process)) > 0 && (s.worker == anyWorker || s.worker == source.Worker)
}

// all reports whether every line is wanted.
func (f *logFilter) all() bool {
	return f.process == "" && len(f.parts) == 0 && !f.err && f.since.IsZero() && f.pattern == nil
}
