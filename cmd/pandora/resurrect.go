package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// resurrectLimit bounds the wait for all applications; what is not up by then is still being started.
const resurrectLimit = 10 * time.Minute

func (c *cli) resurrectCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "resurrect",
		Short:   "Start the daemon and every application that ran last; what was stopped stays stopped",
		Example: "  pandora resurrect",
		Args:    arguments(0, 0, "no argument"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return c.resurrect(cmd.Context()) },
	}
}

// resurrected is how an application came up.
type resurrected struct {
	settled control.Settled
	before  bool // it ran before
	err     error
}

// resurrect runs the verb resurrect. A daemon starts what is wanted all by itself; this waits for it and tells.
func (c *cli) resurrect(ctx context.Context) error {
	home, err := c.home()
	if err != nil {
		return err
	}
	for try := 1; ; try++ {
		err := c.resurrectOnce(ctx, home)
		ending := control.CodeOf(err) == control.CodeClosing || errors.Is(err, control.ErrUnreachable)
		if !ending || try == startTries || ctx.Err() != nil {
			return err
		}
		// The daemon we met was about to end.
		if err := awaitDaemonEnd(ctx, home); err != nil {
			return err
		}
	}
}

// resurrectOnce does it with the daemon that runs, or a new one.
func (c *cli) resurrectOnce(ctx context.Context, home state.Home) error {
	d, err := probe(ctx, home)
	if err != nil {
		return err
	}
	if d == nil {
		records, problems := home.Records()
		for _, p := range problems {
			c.warn("%s", p)
		}
		if !anyWanted(records) && !mustAttach(home) {
			return c.nothingToResurrect(records)
		}
		var started *readiness
		if d, started, err = c.ensure(ctx, home); err != nil {
			return err
		}
		if started != nil {
			c.say("Daemon [ pid = %d ] Started successfully.", started.PID)
			for _, p := range started.Problems {
				c.warn("%s", p)
			}
		}
	}
	defer d.Close()
	return c.awaitResurrection(ctx, d)
}

// anyWanted reports whether any application is to run.
func anyWanted(records []*state.Record) bool {
	for _, r := range records {
		if r.Desired == state.DesiredRunning {
			return true
		}
	}
	return false
}

// nothingToResurrect tells that no application is wanted.
func (c *cli) nothingToResurrect(records []*state.Record) error {
	if len(records) == 0 {
		c.say("No application is recorded; [ pandora start ] starts one")
	}
	for _, r := range records {
		c.say("%s stays stopped", r.AppName)
	}
	return nil
}

// awaitResurrection waits for all applications at once, and tells of each in the order of the list.
func (c *cli) awaitResurrection(ctx context.Context, d *control.Daemon) error {
	limited, cancel := context.WithTimeout(ctx, resurrectLimit)
	defer cancel()
	apps, err := d.List(limited)
	if err != nil {
		return err
	}
	results := make([]resurrected, len(apps))
	var wg sync.WaitGroup
	for i, a := range apps {
		results[i].before = a.State == supervisor.AppComplete
		wg.Go(func() { results[i].settled, results[i].err = d.Settled(limited, a.AppName) })
	}
	wg.Wait()
	for _, r := range results {
		if control.CodeOf(r.err) == control.CodeClosing || errors.Is(r.err, control.ErrUnreachable) {
			return r.err
		}
	}
	failed, running := 0, 0
	for i, r := range results {
		name := apps[i].AppName
		if r.err == nil && r.settled.Failure != "" {
			r.err = errors.New(r.settled.Failure)
		}
		switch {
		case r.err != nil:
			failed++
			fmt.Fprintln(c.err, red(c.errColour, fmt.Sprintf("%s started failed, %v", name, r.err)))
		case !r.settled.Wanted:
			c.say("%s stays stopped", name)
		case r.before:
			running++
			c.say("%s is running already", name)
		default:
			running++
			c.say("%s", green(c.outColour, name+" started successfully!"))
		}
	}
	switch {
	case failed > 0 && running > 0:
		return &failure{code: exitPartly, err: fmt.Errorf("%d of %d applications did not start", failed, failed+running), told: true}
	case failed > 0:
		return &failure{code: exitFailure, err: errors.New("no application started"), told: true}
	}
	return nil
}
