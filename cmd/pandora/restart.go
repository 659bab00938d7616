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
	var care careFlags
	cmd := &cobra.Command{
		Use:   "restart [app[/process[/worker]]...]",
		Short: "Stop applications, single processes or workers, read their procfiles again and start them",
		Long: `Restart evaluates the procfile again, over the environment and flags of the start: what this shell has set meanwhile
counts only with --update-env. A single worker is replaced by one of the definition that runs. By a pattern or all only what
runs is restarted; a stopped application that is named is started.`,
		Example: `  pandora restart shop
  pandora restart shop/web shop/tick
  pandora restart shop/web/1
  pandora restart 'shop-*' --update-env`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if care.dry {
				return c.rehearse(ctx, args, rehearsal{verb: "restart", flags: flags})
			}
			if !isOne(args) {
				return c.againSelected(ctx, args, supervisor.OpRestart, func(ctx context.Context, c *cli, s selection) error {
					return c.restart(ctx, s, flags)
				})
			}
			s, err := one(args)
			if err != nil {
				return err
			}
			return c.restart(ctx, s, flags)
		},
	}
	flags.add(cmd)
	care.addDryRun(cmd)
	return cmd
}

// restart runs the verb restart for one application, process or worker.
func (c *cli) restart(ctx context.Context, s selection, flags againFlags) error {
	if s.process != "" {
		return c.change(ctx, s, control.ChangeRequest{Kind: supervisor.OpRestart}, flags)
	}
	name := s.app
	home, d, err := c.attach(ctx)
	if err != nil {
		return err
	}
	if d == nil {
		c.say(notRunning)
		return nil
	}
	defer d.Close()
	if _, err := home.ReadRecord(name); errors.Is(err, state.ErrNoRecord) {
		return sentence(exitNotFound, "%s restarted failed, Error: %s does not exists!%s", name, name, c.suggestion(ctx, name))
	}
	// The old copy runs on until the new graph is known to be good.
	request, err := c.again(ctx, home, name, flags)
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

// againSelected restarts or reloads what selectors mean. What only a pattern has found and is stopped stays so.
func (c *cli) againSelected(ctx context.Context, selectors []string, kind supervisor.OpKind, do func(context.Context, *cli, selection) error) error {
	g, err := c.gather(ctx, selectors)
	if err != nil {
		return err
	}
	if g.daemon == nil && kind == supervisor.OpRestart {
		c.say(notRunning)
		return nil
	}
	g.close()
	var chosen []subject
	for _, s := range g.all {
		if !s.named && s.stopped() {
			c.say("%s stays stopped", s.app.AppName)
			continue
		}
		chosen = append(chosen, s)
	}
	return c.each(ctx, pastOf(kind), chosen, do)
}
