package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

// shortIDLength is how much of an operation's id is shown; any beginning that is unique will do.
const shortIDLength = 8

// shortID is the part of an operation's id that is shown.
func shortID(id string) string { return id[:min(len(id), shortIDLength)] }

func (c *cli) operationCommand() *cobra.Command {
	var follow bool
	var f *format
	cmd := &cobra.Command{
		Use:   "operation [id or appName]",
		Short: "Show the recent operations, or one; with --follow wait for its end",
		Long: `An operation, such as a reload, is run by the application's guard and goes on when the command that began it is
interrupted. This verb finds it again, by its id, the beginning of its id, or the name of the application, whose newest
operation is meant then. With --follow it waits for the end and exits as that command would have; to wait until an
application is ready, whatever makes it so, there is [ pandora wait ].`,
		Example: `  pandora operation
  pandora operation 3f2a --follow
  pandora operation shop -o json`,
		Args: arguments(0, 1, "one operation or application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if follow && len(args) == 0 {
				return usageError(errors.New("which operation is to be waited for? [ pandora operation ] shows them"))
			}
			return c.operation(cmd.Context(), first(args), follow, f)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "wait for the end of the operation, and exit as it ends")
	f = addFormat(cmd, formatName)
	return cmd
}

// operation runs the verb operation.
func (c *cli) operation(ctx context.Context, which string, follow bool, f *format) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		return &failure{code: exitUnreachable, err: errors.New(notRunning + "; operations are forgotten with it")}
	}
	defer d.Close()
	all, err := d.Operations(ctx)
	if err != nil {
		return err
	}
	if which == "" {
		return c.printOperations(all, f)
	}
	op, err := findOperation(all, which)
	if err != nil {
		return err
	}
	if follow {
		// It is not this command's: an interrupt only ends the waiting.
		ended := c.await(ctx, home, d, op, func() error { return c.leave(ctx, op) })
		if f.name == formatTable {
			if ended == nil {
				c.say("%s", green(c.outColour, fmt.Sprintf("%s %s successfully!", operationSubject(op), pastOf(op.Kind))))
			}
			return ended
		}
		return c.printEnded(ctx, d, op, f, ended)
	}
	return c.printOne(op, f)
}

// printEnded prints an operation that was waited for as data; how it ended is told on standard error then.
func (c *cli) printEnded(ctx context.Context, d *control.Daemon, op supervisor.Operation, f *format, ended error) error {
	if ctx.Err() != nil {
		return ended
	}
	var told *failure
	if errors.As(ended, &told) && told.sentence {
		ended = &failure{code: told.code, err: told.err}
	}
	all, err := d.Operations(ctx)
	if err == nil {
		op, err = findOperation(all, op.ID)
	}
	if err == nil {
		err = c.printOne(op, f)
	}
	if ended != nil {
		return ended
	}
	return err
}

// printOne prints one operation in a format.
func (c *cli) printOne(op supervisor.Operation, f *format) error {
	switch {
	case f.document():
		return c.printDocument(f, op)
	case f.name == formatName:
		c.say("%s", op.ID)
		return nil
	}
	c.printOperation(op)
	return nil
}

// findOperation finds the operation that an id, its beginning, or an application's name means.
func findOperation(all []supervisor.Operation, which string) (supervisor.Operation, error) {
	var found []supervisor.Operation
	for _, op := range all {
		if op.ID == which {
			return op, nil
		}
		if strings.HasPrefix(op.ID, which) {
			found = append(found, op)
		}
	}
	if len(found) == 1 {
		return found[0], nil
	}
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].AppName == which {
			return all[i], nil
		}
	}
	if len(found) > 1 {
		return supervisor.Operation{}, usageError(fmt.Errorf("%d operations have an id that begins with %q; give more of it", len(found), which))
	}
	return supervisor.Operation{}, &failure{code: exitNotFound, err: fmt.Errorf("no operation %q is known; [ pandora operation ] shows those that are", which)}
}

// operationSubject is what an operation is about: an application, or one process of it.
func operationSubject(op supervisor.Operation) string {
	if op.Process == "" {
		return op.AppName
	}
	s := selection{op.AppName, op.Process, anyWorker}
	if op.Worker != nil {
		s.worker = *op.Worker
	}
	return s.String()
}

// printOperations prints a table of operations.
func (c *cli) printOperations(all []supervisor.Operation, f *format) error {
	if f.document() {
		return c.printDocument(f, struct {
			Operations []supervisor.Operation `json:"operations"`
		}{notNil(all)})
	}
	if f.name == formatName {
		for _, op := range all {
			c.say("%s", op.ID)
		}
		return nil
	}
	rows := make([][]cell, len(all))
	for i, op := range all {
		rows[i] = []cell{
			{text: shortID(op.ID)}, {text: string(op.Kind)}, {text: operationSubject(op)}, c.operationState(op),
			{text: op.StartedAt.Local().Format("2006-01-02 15:04:05")}, {text: operationTime(op)},
		}
	}
	table(c.out, c.width, []string{"Id", "Operation", "Application", "State", "Began", "Took"}, rows)
	return nil
}

// operationState is the cell with the state of an operation.
func (c *cli) operationState(op supervisor.Operation) cell {
	colour := yellow
	switch op.State {
	case supervisor.OpSucceeded:
		colour = green
	case supervisor.OpFailed:
		colour = red
	}
	return cell{text: string(op.State), paint: func(s string) string { return colour(c.outColour, s) }}
}

// operationTime is how long an operation took, or has been going on.
func operationTime(op supervisor.Operation) string {
	end := op.FinishedAt
	if end.IsZero() {
		end = time.Now()
	}
	return end.Sub(op.StartedAt).Round(10 * time.Millisecond).String()
}

// printOperation prints all about one operation.
func (c *cli) printOperation(op supervisor.Operation) {
	c.say("operation  %s", op.ID)
	c.say("what       %s of %s", op.Kind, operationSubject(op))
	state := c.operationState(op)
	c.say("state      %s", state.paint(state.text))
	c.say("began      %s", op.StartedAt.Local().Format("2006-01-02 15:04:05.000"))
	c.say("took       %s", operationTime(op))
	if op.Replaced > 0 {
		c.say("replaced   %s", several(op.Replaced, "worker"))
	}
	for _, s := range op.Steps {
		c.say("process    %s %s, %d of %s", s.Process, s.State, s.Done, several(s.Total, "worker"))
	}
	if f := op.Failure; f != nil {
		c.say("failure    %s", oneLine(f.Message))
		if f.LogPath != "" {
			c.say("log        %s", f.LogPath)
		}
	}
}
