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
	table(c.out, c.width, []string{"AppName", "PID", "AppDir", "State", "Uptime", "Restart Count"}, rows)
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

// maxRestartLines is how many running workers of an application list tells the restarts of.
const maxRestartLines = 10

// troubles describes what the table does not show of an application that runs: its operation, and the workers and
// processes that do not run, or not as the graph says.
func troubles(a control.AppStatus, now time.Time) []string {
	var lines []string
	say := func(format string, args ...any) {
		lines = append(lines, a.AppName+": "+fmt.Sprintf(format, args...))
	}
	if text := operationTrouble(a); text != "" {
		say("%s", text)
	}
	restarted := 0
	for _, p := range a.Processes {
		if p.Stopped {
			say("%s stopped on its own; [ pandora start %s/%s ] starts it", p.Name, a.AppName, p.Name)
			continue
		}
		for i, w := range p.Workers {
			name := fmt.Sprintf("%s-%d", p.Name, w.Worker)
			if w.Drift != nil {
				say("%s", driftLine(name, w.Drift))
			}
			if text := slotText(p.Workers, i); text != "" {
				say("%s %s", name, text)
			}
			if !w.UnresponsiveSince.IsZero() {
				say("%s has not answered for %s", name, duration(now.Sub(w.UnresponsiveSince)))
			}
			if len(w.Exclusive) > 0 {
				say("%s holds %s alone: a reload stops it first", name, strings.Join(w.Exclusive, ", "))
			}
			switch {
			case w.State != supervisor.StateRunning:
				if !twoInSlot(p.Workers, i) {
					say("%s", workerTrouble(name, w, now))
				}
			case w.Restarts > 0:
				if restarted++; restarted <= maxRestartLines {
					say("%s", workerTrouble(name, w, now))
				}
			}
		}
	}
	if restarted > maxRestartLines {
		say("%d more workers were restarted; [ pandora describe %s ] shows all", restarted-maxRestartLines, a.AppName)
	}
	return lines
}

// workerTrouble says how a worker is, and why.
func workerTrouble(name string, w supervisor.WorkerStatus, now time.Time) string {
	line := fmt.Sprintf("%s %s", name, w.State)
	if !w.NextTryAt.IsZero() {
		line += fmt.Sprintf(", next try in %.1f s", max(0, w.NextTryAt.Sub(now).Seconds()))
	}
	if w.Restarts > 0 {
		line += fmt.Sprintf(", %s", several(w.Restarts, "restart"))
	}
	switch {
	case w.Reason != "":
		line += ": " + oneLine(w.Reason)
	case w.LastExit != nil:
		line += ": " + exitText(w.LastExit)
	}
	return line
}

// exitText says in a clause how a process ended.
func exitText(e *supervisor.Exit) string {
	switch {
	case e.Message != "":
		return oneLine(e.Message)
	case e.Signal != "":
		return "ended by " + e.Signal
	default:
		return fmt.Sprintf("ended with code %d", e.Code)
	}
}

// several says a number of things.
func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// twoInSlot reports whether the slot of a worker holds another one, too.
func twoInSlot(workers []supervisor.WorkerStatus, i int) bool {
	slot := workers[i].Worker
	return i > 0 && workers[i-1].Worker == slot || i+1 < len(workers) && workers[i+1].Worker == slot
}

// slotText tells the generations in a slot that holds several, at its first worker; "" otherwise.
func slotText(workers []supervisor.WorkerStatus, i int) string {
	slot := workers[i].Worker
	if !twoInSlot(workers, i) || i > 0 && workers[i-1].Worker == slot {
		return ""
	}
	var parts []string
	for ; i < len(workers) && workers[i].Worker == slot; i++ {
		text := fmt.Sprintf("%d %s", workers[i].Generation, workers[i].State)
		if i+1 < len(workers) && workers[i+1].Worker == slot {
			text = fmt.Sprintf("%d (old)", workers[i].Generation)
			if workers[i].State != supervisor.StateRunning {
				text = fmt.Sprintf("%d (old, %s)", workers[i].Generation, workers[i].State)
			}
		}
		parts = append(parts, text)
	}
	return "generation " + strings.Join(parts, ", ")
}

// operationTrouble tells of a change that is under way, or has failed in part; "" otherwise.
func operationTrouble(a control.AppStatus) string {
	op := a.Operation
	if op == nil {
		return ""
	}
	what := string(op.Kind)
	if op.Process != "" {
		what += " of " + op.Process
	}
	switch {
	case op.State == supervisor.OpRunning:
		done, total := 0, 0
		for _, s := range op.Steps {
			done, total = done+s.Done, total+s.Total
		}
		return fmt.Sprintf("%s under way, %d of %s done; [ pandora operation %s --follow ] waits for its end",
			what, done, several(total, "worker"), shortID(op.ID))
	case op.State == supervisor.OpFailed && op.Failure != nil:
		text := fmt.Sprintf("the last %s failed", what)
		if op.Replaced > 0 {
			text += fmt.Sprintf(" after %s had been replaced (%s)", several(op.Replaced, "worker"), generations(a.Processes, op))
		}
		return text + ": " + oneLine(op.Failure.Message)
	}
	return ""
}

// generations tells those of the workers of a process whose reload has failed in part.
func generations(processes []supervisor.ProcessStatus, op *supervisor.Operation) string {
	var parts []string
	for _, p := range processes {
		if op.Failure.Process != "" && p.Name != op.Failure.Process {
			continue
		}
		for _, w := range p.Workers {
			parts = append(parts, fmt.Sprintf("%s-%d is generation %d", p.Name, w.Worker, w.Generation))
		}
	}
	const shown = 8
	if len(parts) > shown {
		parts = append(parts[:shown], "…")
	}
	return strings.Join(parts, ", ")
}
