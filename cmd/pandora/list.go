package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

func (c *cli) listCommand() *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the applications",
		Args:    arguments(0, 0, "no argument"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.list(cmd.Context(), asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// list runs the verb list.
func (c *cli) list(ctx context.Context, asJSON bool) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	var apps []control.AppStatus
	if d != nil {
		defer d.Close()
		if apps, err = d.List(ctx); err != nil {
			return err
		}
	} else if apps = c.recorded(home); len(apps) == 0 && !asJSON {
		c.say(notRunning)
		return nil
	}
	if asJSON {
		if apps == nil {
			apps = []control.AppStatus{}
		}
		return c.printJSON(struct {
			Applications []control.AppStatus `json:"applications"`
		}{apps})
	}
	c.printApplications(apps, time.Now())
	return nil
}

// recorded lists what is known of applications while nothing runs.
func (c *cli) recorded(home state.Home) []control.AppStatus {
	records, problems := home.Records()
	for _, p := range problems {
		c.warn("%s", p)
	}
	var apps []control.AppStatus
	for _, r := range records {
		apps = append(apps, control.RecordStatus(r, home.AppLog(r.AppName)))
	}
	return apps
}

// printApplications writes the table of 1.x, and a line for each worker that is not as it should be.
func (c *cli) printApplications(apps []control.AppStatus, now time.Time) {
	rows := make([][]cell, len(apps))
	for i, a := range apps {
		pids := make([]string, len(a.PIDs))
		for j, pid := range a.PIDs {
			pids[j] = strconv.Itoa(pid)
		}
		colour := red
		if a.State == supervisor.AppComplete {
			colour = green
		}
		rows[i] = []cell{
			{text: a.AppName}, {text: strings.Join(pids, ",")}, {text: a.AppDir},
			{text: a.StateName, paint: func(s string) string { return colour(c.outColour, s) }},
			{text: duration(time.Duration(a.Uptime * float64(time.Second)))}, {text: strconv.Itoa(a.RestartCount)},
		}
	}
	table(c.out, []string{"AppName", "PID", "AppDir", "State", "Uptime", "Restart Count"}, rows)
	fmt.Fprintln(c.out)
	for _, a := range apps {
		if a.State == supervisor.AppStopped {
			continue
		}
		for _, line := range troubles(a, now) {
			c.say("%s", yellow(c.outColour, line))
		}
	}
}

// troubles describes the workers that do not run, or not as the graph says.
func troubles(a control.AppStatus, now time.Time) []string {
	var lines []string
	for _, p := range a.Processes {
		for _, w := range p.Workers {
			if w.Drift != nil {
				lines = append(lines, fmt.Sprintf("%s: %s", a.AppName, driftLine(fmt.Sprintf("%s-%d", p.Name, w.Worker), w.Drift)))
			}
			if w.State == supervisor.StateRunning {
				continue
			}
			line := fmt.Sprintf("%s: %s-%d %s", a.AppName, p.Name, w.Worker, w.State)
			if !w.NextTryAt.IsZero() {
				line += fmt.Sprintf(", next try in %.1f s", max(0, w.NextTryAt.Sub(now).Seconds()))
			}
			if w.Restarts > 0 {
				line += fmt.Sprintf(", %d restarts", w.Restarts)
			}
			switch {
			case w.Reason != "":
				line += ": " + oneLine(w.Reason)
			case w.LastExit != nil && w.LastExit.Signal != "":
				line += ": ended by " + w.LastExit.Signal
			case w.LastExit != nil:
				line += fmt.Sprintf(": ended with code %d", w.LastExit.Code)
			}
			lines = append(lines, line)
		}
	}
	return lines
}
