package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// printDescription shows an application to a human.
func (c *cli) printDescription(info *description, now time.Time) {
	paintState := red
	if info.State == supervisor.AppComplete {
		paintState = green
	}
	line := func(name, format string, args ...any) {
		c.say("%-12s %s", name, fmt.Sprintf(format, args...))
	}
	line("application", "%s", info.AppName)
	line("folder", "%s", info.AppDir)
	stateText := paintState(c.outColour, info.StateName)
	if info.Uptime > 0 {
		stateText += " for " + duration(time.Duration(info.Uptime*float64(time.Second)))
	}
	line("state", "%s, %s started, %s", stateText, several(info.StartCount, "worker"), several(info.RestartCount, "restart"))
	if info.Desired != "" {
		line("wanted", "%s", info.Desired)
	}
	if info.GuardPID != 0 {
		line("guard", "process %d", info.GuardPID)
	}
	switch n := info.Node; {
	case n.Problem != "":
		line("node", "%s", red(c.outColour, n.Problem))
	default:
		line("node", "%s (%s)", n.Version, n.Path)
	}
	if info.Source != nil {
		line("source", "%s", sourceLine(info.Source))
	}
	line("evaluated", "by %s", info.Engine)
	if len(info.GlobalArgs) > 0 {
		line("args", "%s", strings.Join(info.GlobalArgs, " "))
	}
	if len(info.GlobalExecArgv) > 0 {
		line("node args", "%s", strings.Join(info.GlobalExecArgv, " "))
	}
	if len(info.GlobalEnv) > 0 {
		line("--env", "%s", strings.Join(info.GlobalEnv, " "))
	}
	if len(info.Env) > 0 {
		line("environment", "%s", strings.Join(info.Env, " "))
	}
	line("record", "%s", info.Files.Record)
	line("output", "%s", info.Files.Stdout)
	line("events", "%s", info.Files.Events)
	if op := info.Operation; op != nil {
		line("operation", "%s", c.operationLine(*op, now))
	}
	for _, r := range info.Processes {
		c.say("")
		c.printProcess(r, now)
	}
	for _, kind := range []struct {
		what string
		list []procfile.Service
	}{{"service", info.Services}, {"applet", info.Applets}} {
		for _, s := range kind.list {
			c.say("")
			c.say("%-12s %s", kind.what, serviceLine(s))
			c.say("  %-10s %s", "runs in", s.Category)
		}
	}
}

// operationLine describes the running or last operation.
func (c *cli) operationLine(op supervisor.Operation, now time.Time) string {
	state := c.operationState(op)
	text := fmt.Sprintf("%s %s %s", op.Kind, shortID(op.ID), state.paint(state.text))
	if op.Process != "" {
		text = fmt.Sprintf("%s of %s %s %s", op.Kind, op.Process, shortID(op.ID), state.paint(state.text))
	}
	if !op.FinishedAt.IsZero() {
		text += fmt.Sprintf(" %s ago, after %s", duration(now.Sub(op.FinishedAt)), operationTime(op))
	}
	if op.Replaced > 0 {
		text += fmt.Sprintf(", %s replaced", several(op.Replaced, "worker"))
	}
	if op.Failure != nil {
		text += ": " + oneLine(op.Failure.Message)
	}
	return text
}

// printProcess shows one process and its workers.
func (c *cli) printProcess(r processDescription, now time.Time) {
	line := func(name, format string, args ...any) {
		c.say("  %-10s %s", name, fmt.Sprintf(format, args...))
	}
	c.say("%-12s %s × %d", "process", r.Name, r.Scale)
	if r.Stopped {
		line("stopped", "%s", yellow(c.outColour, "on its own; it is not to run until it is started"))
	}
	line("kind", "%s: %s", r.Kind, r.Why)
	if r.Entry != "" {
		line("entry", "%s", r.Entry)
	}
	for _, list := range []struct {
		name string
		list []string
	}{{"args", r.Args}, {"node args", r.ExecArgv}, {"env", r.Env}, {"secrets", r.Secrets}, {"services", r.Services}, {"applets", r.Applets}} {
		if len(list.list) > 0 {
			line(list.name, "%s", strings.Join(list.list, " "))
		}
	}
	line("reload", "%s: %s", r.Reload, r.ReloadWhy)
	line("policy", "%s", policyText(r))
	for _, w := range r.Workers {
		c.printWorker(r.Name, w, now)
	}
}

// policyText says in one line how a process is supervised.
func policyText(r processDescription) string {
	p := r.Policy
	span := func(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }
	parts := []string{"ready within " + span(p.StartTimeoutMs), "drains for " + span(p.DrainTimeoutMs), "stops within " + span(p.StopTimeoutMs) + " a step"}
	if r.Kind == procfile.KindWorker {
		parts = append(parts, "balance "+p.Balance)
	}
	if p.Stdio == procfile.StdioSplit {
		parts = append(parts, "standard error in a file of its own")
	}
	if p.GraceMs > 0 {
		parts = append(parts, "long connections go on for "+span(p.GraceMs))
	}
	switch {
	case p.Ready == nil:
	case p.Ready.HTTP != "":
		parts = append(parts, "ready when "+p.Ready.HTTP+" answers")
	case p.Ready.TCP != "":
		parts = append(parts, "ready when "+p.Ready.TCP+" accepts")
	default:
		parts = append(parts, "ready when it says so")
	}
	if p.LivenessTimeoutMs > 0 {
		parts = append(parts, "replaced after "+span(p.LivenessTimeoutMs)+" of silence")
	}
	if p.MaxMemoryBytes > 0 {
		parts = append(parts, fmt.Sprintf("replaced above %d MB", p.MaxMemoryBytes>>20))
	}
	if m := p.MaxRestarts; m != nil {
		parts = append(parts, fmt.Sprintf("given up after %s in %s", several(m.Count, "restart"), span(m.WindowMs)))
	} else {
		parts = append(parts, "restarted for ever")
	}
	return strings.Join(parts, ", ")
}

// printWorker shows one worker.
func (c *cli) printWorker(process string, w workerDescription, now time.Time) {
	paintState := yellow
	switch w.State {
	case supervisor.StateRunning:
		paintState = green
	case supervisor.StateFatal:
		paintState = red
	}
	text := fmt.Sprintf("%s-%d  %s, generation %d", process, w.Worker, paintState(c.outColour, string(w.State)), w.Generation)
	if w.PID != 0 {
		text += fmt.Sprintf(", process %d for %s", w.PID, duration(time.Duration(w.Uptime*float64(time.Second))))
	}
	text += ", " + several(w.Restarts, "restart")
	c.say("  %s", text)
	line := func(name, format string, args ...any) {
		c.say("    %-8s %s", name, fmt.Sprintf(format, args...))
	}
	for _, s := range w.Sockets {
		if s.HeldBy == "worker" {
			line("listens", "%s (held by the worker alone)", s.Address)
		} else {
			line("listens", "%s (held by the guard)", s.Address)
		}
	}
	if w.Reason != "" {
		line("because", "%s", oneLine(w.Reason))
	}
	if !w.NextTryAt.IsZero() {
		line("next try", "in %.1f s", max(0, w.NextTryAt.Sub(now).Seconds()))
	}
	if w.Inspector != "" {
		line("inspector", "%s", w.Inspector)
	}
	if !w.UnresponsiveSince.IsZero() {
		line("silent", "%s", yellow(c.outColour, "it has not answered for "+duration(now.Sub(w.UnresponsiveSince))))
	}
	if e := w.LastExit; e != nil {
		line("last", "%s, %s ago", exitText(e), duration(now.Sub(e.At)))
		if e.Hint != "" {
			line("hint", "%s", e.Hint)
		}
	}
	if w.Drift != nil {
		line("drift", "%s", yellow(c.outColour, strings.Join(w.Drift.Differences, "; ")))
	}
	if w.LogPath != "" {
		line("log", "%s", w.LogPath)
	}
}
