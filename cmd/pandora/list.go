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
	var f *format
	var watch watchFlags
	cmd := &cobra.Command{
		Use:     "list [app[/process[/worker]]...]",
		Aliases: []string{"ls"},
		Short:   "List the applications",
		Long: `List shows all applications, or those that are named: by name, by a pattern such as 'shop-*', or as app/process or
app/process/worker. -o wide shows a row for each worker.`,
		Example: `  pandora list
  pandora list 'shop-*' -o wide
  pandora list shop/web --watch
  pandora list -o json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			return c.repeat(ctx, watch, func(c *cli) error { return c.list(ctx, args, f) })
		},
	}
	f = addFormat(cmd, formatWide, formatName)
	watch.add(cmd)
	return cmd
}

// list runs the verb list.
func (c *cli) list(ctx context.Context, selectors []string, f *format) error {
	_, apps, running, err := c.known(ctx)
	if err != nil {
		return err
	}
	if !running && len(apps) == 0 && f.name != formatName && !f.document() && len(selectors) == 0 {
		c.say(notRunning)
		return nil
	}
	chosen, err := choose(apps, selectors)
	if err != nil {
		return err
	}
	apps = restrict(apps, chosen)
	switch {
	case f.document():
		return c.printDocument(f, struct {
			Applications []control.AppStatus `json:"applications"`
		}{notNil(apps)})
	case f.name == formatName:
		for _, s := range chosen {
			c.say("%s", s)
		}
	case f.name == formatWide:
		c.printWorkers(apps, time.Now())
	default:
		c.printApplications(apps, time.Now())
	}
	return nil
}

// known lists the applications: those of the daemon, or those on record where none runs.
func (c *cli) known(ctx context.Context) (home state.Home, apps []control.AppStatus, running bool, err error) {
	home, d, err := c.attach(ctx)
	if err != nil {
		return home, nil, false, err
	}
	if d == nil {
		return home, c.recorded(home), false, nil
	}
	defer d.Close()
	apps, err = d.List(ctx)
	return home, apps, true, err
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

// printWorkers writes a table with a row for each worker, and for each application that has none.
func (c *cli) printWorkers(apps []control.AppStatus, now time.Time) {
	var rows [][]cell
	for _, a := range apps {
		before := len(rows)
		for _, p := range a.Processes {
			for _, w := range p.Workers {
				rows = append(rows, c.workerRow(a.AppName, p, w, now))
			}
		}
		if len(rows) == before {
			rows = append(rows, []cell{{text: a.AppName}, {}, {}, {text: strings.ToLower(a.StateName)}, {}, {}, {}, {}})
		}
	}
	table(c.out, c.width, []string{"Worker", "PID", "Kind", "State", "Generation", "Uptime", "Restarts", "Listening"}, rows)
}

// workerRow is the row of one worker.
func (c *cli) workerRow(app string, p supervisor.ProcessStatus, w supervisor.WorkerStatus, now time.Time) []cell {
	colour, pid, uptime := yellow, "", ""
	switch w.State {
	case supervisor.StateRunning:
		colour = green
	case supervisor.StateFatal:
		colour = red
	}
	if w.PID != 0 {
		pid = strconv.Itoa(w.PID)
		if !w.SpawnedAt.IsZero() {
			uptime = duration(now.Sub(w.SpawnedAt))
		}
	}
	return []cell{
		{text: selection{app, p.Name, w.Worker}.String()}, {text: pid}, {text: string(p.Kind)},
		{text: string(w.State), paint: func(s string) string { return colour(c.outColour, s) }},
		{text: strconv.Itoa(w.Generation)}, {text: uptime}, {text: strconv.Itoa(w.Restarts)}, {text: strings.Join(w.Listening, " ")},
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
