package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

func (c *cli) restartCommand() *cobra.Command {
	var flags againFlags
	cmd := &cobra.Command{
		Use:   "restart [appName[/process]]",
		Short: "Stop an application or one of its processes, read the procfile again and start it",
		Long: `Restart evaluates the procfile again, over the environment and flags of the start: what this shell has set meanwhile
counts only with --update-env.`,
		Args: arguments(0, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, process, err := processArgument(args)
			if err != nil {
				return err
			}
			if process != "" {
				return c.change(cmd.Context(), name, control.ChangeRequest{Kind: supervisor.OpRestart, Process: process}, flags)
			}
			return c.restart(cmd.Context(), name, flags)
		},
	}
	flags.add(cmd)
	return cmd
}

// restart runs the verb restart.
func (c *cli) restart(ctx context.Context, name string, flags againFlags) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		c.say(notRunning)
		return nil
	}
	defer d.Close()
	// The old copy runs on until the new graph is known to be good.
	request, err := c.again(ctx, home, name, flags)
	if errors.Is(err, state.ErrNoRecord) {
		return sentence(exitNotFound, "%s restarted failed, Error: %s does not exists!", name, name)
	}
	if err != nil {
		return err
	}
	op, err := d.Restart(ctx, *request)
	if err != nil {
		return err
	}
	if err := c.follow(ctx, home, d, op); err != nil {
		return err
	}
	c.say("%s", green(c.outColour, fmt.Sprintf("%s restarted successfully!", name)))
	return nil
}
