package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile/evaluate"
)

func (c *cli) restartCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "restart [appName]",
		Short: "Stop an application, read its procfile again and start it",
		Long: `Restart evaluates the procfile again, over the environment and flags of the start: what this shell has set meanwhile
does not count.`,
		Args: arguments(0, 1, "one application name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := nameArgument(args)
			if err != nil {
				return err
			}
			return c.restart(cmd.Context(), name, timeout)
		},
	}
	addTimeout(cmd.Flags(), &timeout)
	return cmd
}

// restart runs the verb restart; timeout bounds the evaluation.
func (c *cli) restart(ctx context.Context, name string, timeout time.Duration) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		c.say(notRunning)
		return nil
	}
	defer d.Close()
	record, err := home.ReadRecord(name)
	if errors.Is(err, state.ErrNoRecord) {
		return sentence(exitNotFound, "%s restarted failed, Error: %s does not exists!", name, name)
	}
	if err != nil {
		return err
	}
	// The old copy runs on until the new graph is known to be good.
	app, err := c.evaluate(ctx, evaluate.Options{
		Dir: record.AppDir, AppName: name, Env: record.Env, Node: record.Node, Timeout: timeout,
		GlobalEnv: record.GlobalEnv, GlobalArgs: record.GlobalArgs, GlobalExecArgv: record.GlobalExecArgv,
	})
	if err != nil {
		return err
	}
	op, err := d.Restart(ctx, control.StartRequest{
		App: *app, Env: record.Env, Cwd: record.Cwd, Node: record.Node,
		GlobalEnv: record.GlobalEnv, GlobalArgs: record.GlobalArgs, GlobalExecArgv: record.GlobalExecArgv,
	})
	if err != nil {
		return err
	}
	if err := c.follow(ctx, home, d, op); err != nil {
		return err
	}
	c.say("%s", green(c.outColour, fmt.Sprintf("%s restarted successfully!", name)))
	return nil
}
