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
	var care careFlags
	cmd := &cobra.Command{
		Use:   "stop [app[/process]...]",
		Short: "Stop applications, or single processes; their records are kept",
		Long: `Stop ends the workers of applications, or of single processes: by name, by a pattern such as 'shop-*', or all. Without a
name it is the application of the current folder. On a terminal it asks before it stops several that a pattern or all has
found. What is stopped stays so until it is started. With the last application
the daemon ends, too.`,
		Example: `  pandora stop shop
  pandora stop shop/web
  pandora stop shop blog 'api-*'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if care.dry {
				return c.rehearse(cmd.Context(), args, rehearsal{verb: "stop"})
			}
			if !isOne(args) {
				return c.stopSelected(cmd.Context(), args, care)
			}
			s, err := one(args)
			switch {
			case err != nil:
				return err
			case s.process != "":
				return c.stopPart(cmd.Context(), s)
			}
			return c.stop(cmd.Context(), s.app)
		},
	}
	care.addDryRun(cmd)
	care.addYes(cmd)
	return cmd
}

// stop runs the verb stop for one application.
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
	if err := c.stopWhole(ctx, home, d, name); err != nil {
		return err
	}
	return c.endDaemon(ctx, home, d)
}

// stopSelected runs the verb stop for what selectors mean.
func (c *cli) stopSelected(ctx context.Context, selectors []string, care careFlags) error {
	g, err := c.gather(ctx, selectors)
	if err != nil {
		return err
	}
	if g.daemon == nil {
		c.say(notRunning)
		for _, s := range g.all {
			if err := unwish(ctx, g.home, s.app.AppName); err != nil {
				return err
			}
		}
		return nil
	}
	defer g.close()
	var running []subject
	for _, s := range g.all {
		if err := s.withoutWorkers("stop"); err != nil {
			return err
		}
		if s.named || !s.stopped() {
			running = append(running, s)
		}
	}
	if len(running) == 0 {
		c.say("nothing of it runs")
		return nil
	}
	if some := found(running); len(some) > 1 {
		if err := c.consent(ctx, care, fmt.Sprintf("Stop %d applications: %s?", len(some), names(some))); err != nil {
			return err
		}
	}
	if err := c.each(ctx, pastOf(supervisor.OpStop), running, func(ctx context.Context, c *cli, s selection) error {
		if s.process != "" {
			return c.stopPart(ctx, s)
		}
		return c.stopWhole(ctx, g.home, g.daemon, s.app)
	}); err != nil {
		return err
	}
	return c.endDaemon(ctx, g.home, g.daemon)
}

// stopPart stops one process of an application.
func (c *cli) stopPart(ctx context.Context, s selection) error {
	if err := s.withoutWorker("stop"); err != nil {
		return err
	}
	return c.change(ctx, s, control.ChangeRequest{Kind: supervisor.OpStop}, againFlags{})
}

// stopWhole stops an application and waits for its end.
func (c *cli) stopWhole(ctx context.Context, home state.Home, d *control.Daemon, name string) error {
	op, err := d.Stop(ctx, name)
	switch {
	case control.CodeOf(err) == control.CodeNotFound:
		return sentence(exitNotFound, "%s stopped failed, Error: %s does not exists!%s", name, name, c.suggestion(ctx, name))
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
	return nil
}

// endDaemon lets the daemon end when no application runs, and says so.
func (c *cli) endDaemon(ctx context.Context, home state.Home, d *control.Daemon) error {
	exiting, err := d.Exit(ctx, true)
	if err != nil || !exiting {
		return err
	}
	c.say("No application remind, will exit the pandora daemon automatically")
	return awaitDaemonEnd(ctx, home)
}
