package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/state"
)

// eventFlags are the flags of the verb events.
type eventFlags struct {
	follow bool
	format *format
	since  string
	lines  int
}

func (c *cli) eventsCommand() *cobra.Command {
	var flags eventFlags
	cmd := &cobra.Command{
		Use:   "events [appName]",
		Short: "Print what happened: workers that came and went and why, changes of health, operations, daemons, guards",
		Long: `Events reads the event log, which the daemon keeps in its state folder: 4 MB and as much again of the time before. It
holds what happened while no daemon ran, too: guards keep their last 1,000 events for the next one.`,
		Example: `  pandora events shop --since 1h
  pandora events --follow --json`,
		Args: arguments(0, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.lines < 0 {
				return usageError(fmt.Errorf("--lines is %d, want at least 0", flags.lines))
			}
			if flags.since != "" && !cmd.Flags().Changed("lines") {
				flags.lines = -1
			}
			return c.events(cmd.Context(), first(args), flags)
		},
	}
	flags.format = addFormat(cmd)
	f := cmd.Flags()
	f.BoolVarP(&flags.follow, "follow", "f", false, "go on printing what happens")
	f.StringVar(&flags.since, "since", "", `print all since then: a time span such as "10m", or a time such as "2026-01-31T12:00:00Z"`)
	f.IntVarP(&flags.lines, "lines", "n", 50, "how many of the last events to print")
	return cmd
}

// sinceTime reads the value of --since: a span before now, or a time.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if span, err := time.ParseDuration(text); err == nil && span >= 0 {
		return now.Add(-span), nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if at, err := time.ParseInLocation(form, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usageError(fmt.Errorf(`--since is %q, want a time span such as "10m" or a time such as "2026-01-31 12:00"`, text))
}

// events runs the verb events.
func (c *cli) events(ctx context.Context, app string, flags eventFlags) error {
	since, err := sinceTime(flags.since, time.Now())
	if err != nil {
		return err
	}
	if app != "" {
		if err := state.ValidName(app); err != nil {
			return nameError(err)
		}
	}
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d != nil {
		defer d.Close()
		// One that cannot say is no reason not to show what there is.
		_ = d.CatchUp(ctx)
	}
	p := &eventPrinter{cli: c, app: app, since: since, format: flags.format, keep: flags.lines}
	if flags.follow {
		if err := home.FollowEvents(ctx, p.see, p.printKept); err != nil {
			return err
		}
		return nil // the user has seen enough
	}
	if err := home.ReadEvents(p.see); err != nil {
		return err
	}
	p.printKept()
	if app != "" && !p.known {
		if _, err := home.ReadRecord(app); errors.Is(err, state.ErrNoRecord) {
			return &failure{code: exitNotFound, err: fmt.Errorf("print the events of %s: nothing is known of it; run [ pandora list ] for the applications", app)}
		}
	}
	return nil
}

// eventPrinter prints the events of one application, or of all when app is "".
type eventPrinter struct {
	cli    *cli
	app    string
	since  time.Time
	format *format
	// keep is how many of the last events are kept before printKept; -1 is all.
	keep  int
	kept  []state.Event
	known bool
	// live is true after printKept: what is seen is printed at once.
	live bool
}

// see takes one event.
func (p *eventPrinter) see(e state.Event) {
	if p.app != "" && e.App != p.app {
		return
	}
	p.known = true
	switch {
	case e.Time.Before(p.since):
	case p.live:
		p.print(e)
	default:
		p.kept = append(p.kept, e)
		if p.keep >= 0 && len(p.kept) >= 2*p.keep+64 {
			p.kept = slices.Clone(p.kept[len(p.kept)-p.keep:])
		}
	}
}

// printKept prints what was there before.
func (p *eventPrinter) printKept() {
	if p.keep >= 0 && len(p.kept) > p.keep {
		p.kept = p.kept[len(p.kept)-p.keep:]
	}
	// Events are written as the daemon learns of them, those of several guards one after the other.
	slices.SortStableFunc(p.kept, func(a, b state.Event) int { return a.Time.Compare(b.Time) })
	for _, e := range p.kept {
		p.print(e)
	}
	p.kept, p.live = nil, true
}

// print writes one event.
func (p *eventPrinter) print(e state.Event) {
	c := p.cli
	if p.format.document() {
		p.printLine(e)
		return
	}
	paint := grey
	switch e.Kind {
	case "ready", "adopted", "daemonStarted", "up":
		paint = green
	case "exited", "backoff", "drift", "unresponsive", "memory", "missed":
		paint = yellow
	case "fatal", "guardLost", "problem", "down":
		paint = red
	}
	text := oneLine(e.Message)
	if e.PID != 0 {
		text = fmt.Sprintf("[%d] %s", e.PID, text)
	}
	c.wrapping(2).say("%s  %s  %s  %s", e.Time.Local().Format("2006-01-02 15:04:05.000"), eventSubject(e), paint(c.outColour, e.Kind), text)
}

// printLine writes one event as a line of JSON, or as a document of YAML.
func (p *eventPrinter) printLine(e state.Event) {
	line, err := json.Marshal(e)
	if err == nil && p.format.name == formatYAML {
		if line, err = yamlOf(line); err == nil {
			line = append([]byte("---\n"), bytes.TrimRight(line, "\n")...)
		}
	}
	if err == nil {
		p.cli.say("%s", line)
	}
}

// eventSubject is what an event is about: "daemon", "shop", "shop/web" or "shop/web-0".
func eventSubject(e state.Event) string {
	switch {
	case e.App == "":
		return "daemon"
	case e.Process == "":
		return e.App
	case e.Worker == nil:
		return e.App + "/" + e.Process
	default:
		return fmt.Sprintf("%s/%s-%d", e.App, e.Process, *e.Worker)
	}
}
