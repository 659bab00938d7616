package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
)

func (c *cli) exitCommand() *cobra.Command {
	var care careFlags
	cmd := &cobra.Command{
		Use:   "exit",
		Short: "Stop all applications and end the daemon",
		Long: `Exit stops all applications and ends the daemon; [ pandora daemon upgrade ] replaces it without that. On a terminal it asks
first where applications run, unless it is given --yes.`,
		Example: `  pandora exit
  pandora exit --yes`,
		Args: arguments(0, 0, "no argument"),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.exit(cmd.Context(), care) },
	}
	care.addYes(cmd)
	return cmd
}

// exit runs the verb exit. It prints nothing when all went well, as 1.x.
func (c *cli) exit(ctx context.Context, care careFlags) error {
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		c.say(notRunning)
		return unwish(ctx, home, "")
	}
	defer d.Close()
	if err := c.consentToExit(ctx, d, care); err != nil {
		return err
	}
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

// consentToExit asks before exit stops what runs. A daemon that does not say what that is ends without a question.
func (c *cli) consentToExit(ctx context.Context, d *control.Daemon, care careFlags) error {
	apps, err := d.List(ctx)
	if err != nil {
		return nil
	}
	var running []subject
	for _, a := range apps {
		if s := (subject{app: a}); !s.stopped() {
			running = append(running, s)
		}
	}
	if len(running) == 0 {
		return nil
	}
	return c.consent(ctx, care, fmt.Sprintf("Stop %s (%s) and end the daemon?", plural(len(running), "application"), names(running)))
}
