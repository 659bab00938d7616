package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// cancelTimeout bounds the stop of what an interrupted start has started.
const cancelTimeout = time.Minute

// follow shows the progress of an operation and waits for its end. An interrupt stops what a start has started. When the
// daemon is lost in the middle, the guard goes on, and is followed instead.
func (c *cli) follow(ctx context.Context, home state.Home, d *control.Daemon, op supervisor.Operation) error {
	return c.await(ctx, home, d, op, func() error { return c.cancel(ctx, d, op) })
}

// await shows the progress of an operation and waits for its end, or calls interrupted when ctx ends before.
func (c *cli) await(ctx context.Context, home state.Home, d *control.Daemon, op supervisor.Operation, interrupted func() error) error {
	progress := c.newProgress()
	defer progress.close()
	last, err := d.Follow(ctx, op.ID, progress.show)
	if ctx.Err() != nil {
		progress.close()
		return interrupted()
	}
	if errors.Is(err, control.ErrUnreachable) {
		guard := control.DialGuard(home.GuardSocket(op.AppName), version)
		defer guard.Close()
		last, err = guard.Follow(ctx, op.ID, progress.show)
		progress.close()
		if ctx.Err() != nil {
			return interrupted()
		}
		if err != nil {
			return fmt.Errorf("follow the %s of %s: daemon and guard are gone; run [ pandora list ] to see what runs, [ pandora log --daemon ] for why: %w", op.Kind, op.AppName, err)
		}
	}
	progress.close()
	if err != nil {
		return err
	}
	return c.verdict(last)
}

// cancel stops an operation that the user interrupted.
func (c *cli) cancel(ctx context.Context, d *control.Daemon, op supervisor.Operation) error {
	if op.Kind != supervisor.OpStart || op.Process != "" {
		return c.leave(ctx, op)
	}
	fmt.Fprintln(c.err)
	// The user's context has ended.
	stop, done := context.WithTimeout(context.WithoutCancel(ctx), cancelTimeout)
	defer done()
	ended, err := d.Stop(stop, op.AppName)
	if err == nil {
		progress := c.newProgress()
		_, err = d.Follow(stop, ended.ID, progress.show)
		progress.close()
	}
	if err != nil && control.CodeOf(err) != control.CodeNotFound {
		return fmt.Errorf("cancel the start of %s: %w; run [ pandora stop %s ]", op.AppName, err, op.AppName)
	}
	fmt.Fprintf(c.err, "the start of %s was cancelled, and what it had started is stopped\n", op.AppName)
	return &failure{code: exitInterrupted, err: ctx.Err(), told: true}
}

// leave lets an operation that the user does not want to wait for go on.
func (c *cli) leave(ctx context.Context, op supervisor.Operation) error {
	fmt.Fprintf(c.err, "\ninterrupted; the %s of %s goes on in the background: [ pandora operation %s --follow ] waits for its end, [ pandora stop %s ] stops all\n",
		op.Kind, operationSubject(op), shortID(op.ID), op.AppName)
	return &failure{code: exitInterrupted, err: ctx.Err(), told: true}
}

// verdict turns the end of an operation into an error, after showing what the failing worker said.
func (c *cli) verdict(op supervisor.Operation) error {
	verb := pastOf(op.Kind)
	c.warnOfDrift(op.Drift)
	switch op.State {
	case supervisor.OpSucceeded:
		return nil
	case supervisor.OpCanceled:
		return fmt.Errorf("%s %s failed, it was cancelled by another command", op.AppName, verb)
	}
	f := op.Failure
	if f == nil {
		return fmt.Errorf("%s %s failed; run [ pandora log %s ] to get more information", op.AppName, verb, op.AppName)
	}
	fmt.Fprintln(c.err, red(c.errColour, fmt.Sprintf("%s %s failed, %s", op.AppName, verb, f.Message)))
	if f.Exit != nil {
		c.showExit(f)
	}
	if f.LogPath != "" {
		fmt.Fprintf(c.err, "its log is %s\n", f.LogPath)
	}
	if op.Replaced > 0 {
		fmt.Fprintf(c.err, "%s replaced before it failed; the others go on as they were: [ pandora list ] shows the generations\n", several(op.Replaced, "worker"))
		return &failure{code: exitPartly, err: errors.New(f.Message), told: true}
	}
	return &failure{code: exitFailure, err: errors.New(f.Message), told: true}
}

// maxDriftShown is how many workers are warned of one by one.
const maxDriftShown = 4

// warnOfDrift tells which workers evaluated the procfile to something else than what is being run.
func (c *cli) warnOfDrift(drift []supervisor.WorkerDrift) {
	for i, d := range drift {
		if i == maxDriftShown {
			c.warn("%d more workers evaluated the procfile to something else", len(drift)-i)
			break
		}
		c.warn("%s", driftLine(fmt.Sprintf("%s-%d", d.Process, d.Worker), &d.Drift))
	}
	if len(drift) > 0 {
		c.warn("a worker evaluates the procfile for itself and binds what it finds: a procfile should say the same each time")
	}
}

// driftLine says what a worker found other than what is being run.
func driftLine(worker string, d *supervisor.Drift) string {
	return worker + " evaluated the procfile to something else: " + strings.Join(d.Differences, "; ")
}

// showExit shows the last output of the worker that failed, and what its bootstrap reported if that is not part of it.
func (c *cli) showExit(f *supervisor.Failure) {
	output := strings.Join(f.Exit.Output, "\n")
	if f.Exit.Error != "" && !strings.Contains(output, strings.SplitN(f.Exit.Error, "\n", 2)[0]) && !strings.Contains(f.Message, f.Exit.Error) {
		fmt.Fprintf(c.err, "it reported:\n%s\n", indent(f.Exit.Error))
	}
	if output != "" {
		fmt.Fprintf(c.err, "the last output of %s-%d:\n%s\n", f.Process, f.Worker, indent(output))
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
