package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

func (c *cli) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "stop [appName[/process]]",
		Short: "Stop an application, or one of its processes; its record is kept",
		Args:  arguments(0, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, process, err := processArgument(args)
			if err != nil {
				return err
			}
			if process != "" {
				return c.change(cmd.Context(), name, control.ChangeRequest{Kind: supervisor.OpStop, Process: process}, againFlags{})
			}
			return c.stop(cmd.Context(), name)
		},
	}
}

// stop runs the verb stop. With the last application the daemon ends, too.
func (c *cli) stop(ctx context.Context, name string) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		c.say(notRunning)
		return unwish(ctx, home, name)
	}
	defer d.Close()
	op, err := d.Stop(ctx, name)
	switch {
	case control.CodeOf(err) == control.CodeNotFound:
		return sentence(exitNotFound, "%s stopped failed, Error: %s does not exists!", name, name)
	case control.CodeOf(err) == control.CodeClosing:
		return awaitDaemonEnd(ctx, home)
	case err != nil:
		return err
	}
	if err := c.follow(ctx, home, d, op); err != nil {
		return err
	}
	c.say("%s", green(c.outColour, fmt.Sprintf("%s stopped successfully!", name)))
	if record, err := home.ReadRecord(name); err == nil && record.Desired != state.DesiredStopped {
		c.warn("the record %q could not be written, so the next daemon will start %s again; [ pandora log --daemon ] says why", home.RecordPath(name), name)
	}
	exiting, err := d.Exit(ctx, true)
	if err != nil || !exiting {
		return err
	}
	c.say("No application remind, will exit the pandora daemon automatically")
	return awaitDaemonEnd(ctx, home)
}
