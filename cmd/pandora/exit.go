package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
)

func (c *cli) exitCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "exit",
		Short: "Stop all applications and end the daemon",
		Args:  arguments(0, 0, "no argument"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return c.exit(cmd.Context()) },
	}
}

// exit runs the verb exit. It prints nothing when all went well, as 1.x.
func (c *cli) exit(ctx context.Context) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		c.say(notRunning)
		return unwish(ctx, home, "")
	}
	defer d.Close()
	limited, cancel := context.WithTimeout(ctx, exitTimeoutSpan)
	defer cancel()
	_, err = d.Exit(limited, false)
	if control.CodeOf(err) == control.CodeInternal {
		// The daemon ends all the same; something could not be stopped.
		return &failure{code: exitPartly, err: fmt.Errorf("stop all applications: %w", err)}
	}
	if err != nil {
		return err
	}
	return awaitDaemonEnd(ctx, home)
}
