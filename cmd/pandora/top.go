package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/top"
	"github.com/pandora-go/pandora/supervisor"
)

const (
	// defaultTopInterval is how often top measures.
	defaultTopInterval = time.Second
	// topCallTimeout bounds one question to the daemon.
	topCallTimeout = 10 * time.Second
)

// topFlags are the flags of the verb top.
type topFlags struct {
	interval time.Duration
	once     bool
	sort     string
	rows     string
}

func (c *cli) topCommand() *cobra.Command {
	var f *format
	var flags topFlags
	cmd := &cobra.Command{
		Use:   "top [app[/process[/worker]]...]",
		Short: "Watch CPU, memory, event loops, restarts and health of all workers, and act on them",
		Long: `Top is a live view of all applications, or of those that are named: a row for each worker, process or application, the
log of the selected one below, and keys to restart, reload and scale it. ? lists the keys.

CPU is percent of one core over the last interval, LAG how late the event loop was at the longest, HEALTH what /health says
of the application. --once and -o json print what is measured over one interval, and need no terminal.`,
		Example: `  pandora top
  pandora top shop --sort memory
  pandora top --once --rows process
  pandora top -o json --interval 5s`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.top(cmd.Context(), args, flags, f)
		},
	}
	f = addFormat(cmd)
	cmd.Flags().DurationVar(&flags.interval, "interval", defaultTopInterval, "time between two measurements")
	cmd.Flags().BoolVar(&flags.once, "once", false, "print one page as text, after one interval")
	cmd.Flags().StringVar(&flags.sort, "sort", top.ByCPU.String(), "column to sort by: "+strings.Join(top.ColumnNames(), ", "))
	cmd.Flags().StringVar(&flags.rows, "rows", topRows()[0], "what a row is: "+strings.Join(topRows(), ", "))
	fixed := func(values []string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values, cobra.ShellCompDirectiveNoFileComp
		}
	}
	_ = cmd.RegisterFlagCompletionFunc("sort", fixed(top.ColumnNames())) // the flags exist
	_ = cmd.RegisterFlagCompletionFunc("rows", fixed(topRows()))
	return cmd
}

// topRows are the values of --rows, in the order of top's levels.
func topRows() []string { return []string{"worker", "process", "application"} }

// topOptions reads the flags.
func topOptions(flags topFlags) (top.Options, error) {
	o := top.Options{}
	var err error
	if o.Sort, err = top.ParseColumn(flags.sort); err != nil {
		return o, usageError(fmt.Errorf("--sort: %w", err))
	}
	for i, name := range topRows() {
		if name == flags.rows {
			o.Level = top.Level(i)
			return o, intervalError(flags.interval)
		}
	}
	return o, usageError(fmt.Errorf("--rows is %s, want one of %s", shorten(flags.rows), strings.Join(topRows(), ", ")))
}

// intervalError checks the value of --interval.
func intervalError(d time.Duration) error {
	if d < leastInterval || d > longestInterval {
		return usageError(fmt.Errorf("--interval is %s, want %s to %s", d, leastInterval, longestInterval))
	}
	return nil
}

// top runs the verb top.
func (c *cli) top(ctx context.Context, selectors []string, flags topFlags, f *format) error {
	options, err := topOptions(flags)
	if err != nil {
		return err
	}
	for _, s := range selectors {
		if _, err := splitSelector(s); err != nil {
			return err
		}
	}
	live := !flags.once && !f.document()
	if live && (!isTerminal(c.out) || !isTerminal(io.Writer(os.Stdin)) || c.getenv("TERM") == "dumb") {
		return usageError(errors.New("top is a live view and needs a terminal for input and output; " +
			"[ pandora top --once ] prints one page, [ pandora list --watch ] one list after the other"))
	}
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil && !live {
		return &failure{code: exitUnreachable, err: errors.New("top: " + notRunning + "; [ pandora start ] starts it with an application")}
	}
	if d == nil {
		d = control.DialDaemon(home.ControlSocket(), version)
	}
	defer d.Close()
	source := &topSource{daemon: d, selectors: selectors}
	if live {
		return c.topLive(ctx, home, source, options, flags.interval)
	}
	return c.topOnce(ctx, source, options, flags.interval, f)
}

// topOnce prints what is measured over one interval.
func (c *cli) topOnce(ctx context.Context, source *topSource, options top.Options, interval time.Duration, f *format) error {
	before, err := source.sample(ctx)
	if err != nil {
		return err
	}
	wait := time.NewTimer(interval)
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	now, err := source.sample(ctx)
	if err != nil {
		return err
	}
	if f.document() {
		return c.printDocument(f, topDocument(now.Sample, before.Sample))
	}
	m := top.New(options)
	m, _ = m.Update(top.Sampled{Sample: before.Sample})
	m, _ = m.Update(top.Sampled{Sample: now.Sample})
	var page strings.Builder
	for _, line := range m.Page(c.width) {
		page.WriteString(strings.TrimRight(styled(line, c.outColour, false), " ") + "\n")
	}
	_, err = io.WriteString(c.out, page.String())
	return err
}

// topSource asks the daemon for samples, one after another.
type topSource struct {
	daemon    *control.Daemon
	selectors []string
	// asked is true once the selectors have named something: what they name may go away later.
	asked bool
}

// topMeasured is a sample, and the files that hold the output of what is in it.
type topMeasured struct {
	top.Sample
	logs map[top.Target]topLog
}

// sample asks for one.
func (s *topSource) sample(ctx context.Context) (topMeasured, error) {
	ctx, cancel := context.WithTimeout(ctx, topCallTimeout)
	defer cancel()
	answer, err := s.daemon.Top(ctx)
	if err != nil {
		return topMeasured{}, err
	}
	chosen, err := choose(answer.Applications, s.selectors)
	switch {
	case err == nil:
		s.asked = true
	case !s.asked:
		return topMeasured{}, err
	}
	apps := restrict(answer.Applications, chosen)
	return topMeasured{topSample(answer, apps), topLogs(apps)}, nil
}

// topSample is what the view shows of an answer of the daemon's, and of some of its applications.
func topSample(answer control.Top, apps []control.AppStatus) top.Sample {
	usage := make(map[int]control.Usage, len(answer.Usage))
	for _, u := range answer.Usage {
		usage[u.PID] = u
	}
	sample := top.Sample{At: answer.At}
	for _, a := range apps {
		app := top.App{Name: a.AppName, State: strings.ToLower(a.StateName), Doing: operationTrouble(a)}
		for _, h := range answer.Health {
			if h.AppName == a.AppName && a.State != supervisor.AppStopped {
				app.Health, app.Reason = top.HealthDown, h.Reason
				if h.Up {
					app.Health = top.HealthUp
				}
			}
		}
		for _, p := range a.Processes {
			process := top.Process{Name: p.Name, Stopped: p.Stopped}
			for i, w := range p.Workers {
				process.Workers = append(process.Workers, topWorker(p, i, usage[w.PID], answer.At))
			}
			app.Processes = append(app.Processes, process)
		}
		sample.Apps = append(sample.Apps, app)
	}
	return sample
}

// topWorker is what the view shows of one worker of a process; the usage is zero when it is unknown.
func topWorker(p supervisor.ProcessStatus, i int, u control.Usage, now time.Time) top.Worker {
	w := p.Workers[i]
	t := top.Worker{
		Slot: w.Worker, PID: w.PID, State: string(w.State), Generation: w.Generation, Restarts: w.Restarts, Lag: -1,
	}
	if w.PID != 0 {
		t.Since, t.Silent = w.SpawnedAt, u.Silent
		if u.PID == w.PID {
			t.Measured, t.CPU, t.Memory = true, time.Duration(u.CPUSeconds*float64(time.Second)), u.RSS
		}
		if u.LagMs != nil {
			t.Lag = time.Duration(*u.LagMs * float64(time.Millisecond))
		}
	}
	switch {
	case !w.UnresponsiveSince.IsZero():
		t.State, t.Note = top.StateHangs, fmt.Sprintf("has not answered for %s", duration(now.Sub(w.UnresponsiveSince)))
	case w.State == supervisor.StateBackoff, w.State == supervisor.StateFatal:
		t.Note = strings.TrimPrefix(workerTrouble("", w, now), " ")
	case w.Drift != nil:
		t.Note = strings.TrimPrefix(driftLine("", w.Drift), " ")
	case w.Restarts > 0 && w.LastExit != nil:
		t.Note = "the last one " + exitText(w.LastExit)
	}
	return t
}
