package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/supervisor"
)

// defaultWait is how long wait waits at most when nothing is said.
const defaultWait = 30 * time.Second

// reattachPause is the time between two tries to find a daemon that has gone away.
const reattachPause = 100 * time.Millisecond

// waitGoal is what is waited for.
type waitGoal string

// The values of --for.
const (
	forReady   waitGoal = "ready"
	forHealthy waitGoal = "healthy"
	forStopped waitGoal = "stopped"
)

func waitGoals() []string { return []string{string(forReady), string(forHealthy), string(forStopped)} }

// Set reads what the user wrote.
func (g *waitGoal) Set(text string) error {
	if !slices.Contains(waitGoals(), text) {
		return fmt.Errorf("expected one of %s", strings.Join(waitGoals(), ", "))
	}
	*g = waitGoal(text)
	return nil
}

// String is the goal.
func (g *waitGoal) String() string { return string(*g) }

// Type names the value in the help.
func (g *waitGoal) Type() string { return "state" }

func (c *cli) waitCommand() *cobra.Command {
	goal, limit := forReady, defaultWait
	cmd := &cobra.Command{
		Use:   "wait [app[/process[/worker]]...]",
		Short: "Wait until applications are ready, healthy or stopped",
		Long: `Wait returns when all that is named is as it should be at the same time:

  ready    every worker has become ready; a worker that is being reloaded counts by the old one
  healthy  ready, and /health says UP of the application
  stopped  nothing of it runs, and nothing is about to

When that does not come to pass within --timeout, the exit code is 5, and what is still waited for is told. What is not
known at all is not waited for: the exit code is 3.`,
		Example: `  pandora wait shop
  pandora wait 'shop-*' --for healthy --timeout 1m
  pandora wait shop/web --for stopped`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				name, err := nameArgument(nil)
				if err != nil {
					return err
				}
				args = []string{name}
			}
			return c.wait(cmd.Context(), args, goal, limit)
		},
	}
	cmd.Flags().Var(&goal, "for", "what to wait for: "+strings.Join(waitGoals(), ", "))
	cmd.Flags().Var((*timeoutFlag)(&limit), "timeout", "how long to wait at most, as 30s, 5m or 30 (seconds)")
	_ = cmd.RegisterFlagCompletionFunc("for", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return waitGoals(), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// wait runs the verb wait.
func (c *cli) wait(ctx context.Context, selectors []string, goal waitGoal, limit time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	g, err := c.gather(limited, selectors)
	if exitCode(err) == exitNotFound && len(selectors) == 1 && c.isOperation(limited, selectors[0]) {
		return usageError(fmt.Errorf("wait %s: it is an operation, and wait is about applications; [ pandora operation %s --follow ] waits for its end", selectors[0], selectors[0]))
	}
	if errors.Is(err, context.DeadlineExceeded) && limited.Err() != nil {
		return &failure{code: exitTimeout, err: fmt.Errorf("wait: not known to be %s within %s: the daemon has not answered by then", goal, limit)}
	}
	if err != nil {
		return err
	}
	var chosen []selection
	for _, s := range g.all {
		chosen = append(chosen, s.parts...)
	}
	w := &waiter{cli: c, goal: goal, chosen: chosen}
	err = w.run(limited, g)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case limited.Err() != nil:
		return &failure{code: exitTimeout, err: fmt.Errorf("wait: not %s within %s: %s; [ pandora describe %s ] tells more",
			goal, limit, strings.Join(w.missing, "; "), chosen[0].app)}
	case err != nil:
		return err
	}
	for _, s := range chosen {
		c.say("%s", green(c.outColour, fmt.Sprintf("%s is %s", s, goal)))
	}
	return nil
}

// isOperation reports whether an operation has an id that begins so.
func (c *cli) isOperation(ctx context.Context, id string) bool {
	_, d, err := c.attach(ctx)
	if err != nil || d == nil {
		return false
	}
	defer d.Close()
	all, err := d.Operations(ctx)
	return err == nil && slices.ContainsFunc(all, func(op supervisor.Operation) bool { return strings.HasPrefix(op.ID, id) })
}

// waiter is one wait.
type waiter struct {
	cli    *cli
	goal   waitGoal
	chosen []selection
	// missing are clauses about what is not as it should be; they are of the last look.
	missing []string
}

// run waits until nothing is missing or ctx ends. A daemon that goes away is looked for again; it closes what was gathered.
func (w *waiter) run(ctx context.Context, g gathered) error {
	home, d := g.home, g.daemon
	for {
		if d == nil {
			w.missing = missingOf(w.goal, w.chosen, control.Watched{Applications: w.cli.recorded(home)})
			if len(w.missing) == 0 {
				return nil
			}
			return &failure{code: exitUnreachable, err: fmt.Errorf("wait: %s, so nothing becomes %s: %s; [ pandora start %s ] starts it",
				notRunning, w.goal, strings.Join(w.missing, "; "), w.chosen[0].app)}
		}
		err := d.Watch(ctx, w.goal == forHealthy, w.look)
		d.Close()
		switch {
		case err == nil && len(w.missing) == 0:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !errors.Is(err, control.ErrUnreachable) && control.CodeOf(err) != control.CodeClosing:
			return err
		}
		// It ends, or was lost: another one may take its place.
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reattachPause):
		}
		if home, d, err = w.cli.attach(ctx); err != nil {
			return err
		}
	}
}

// look is called with every change.
func (w *waiter) look(seen control.Watched) error {
	if w.goal != forStopped {
		for _, s := range w.chosen {
			if !slices.ContainsFunc(seen.Applications, func(a control.AppStatus) bool { return a.AppName == s.app }) {
				return &failure{code: exitNotFound, err: fmt.Errorf("wait: %s is gone: it was deleted, or its first start has failed; [ pandora events %s ] tells", s.app, s.app)}
			}
		}
	}
	if w.goal == forHealthy && seen.Health == nil && slices.ContainsFunc(seen.Applications, func(a control.AppStatus) bool { return a.State != supervisor.AppStopped }) {
		return errors.New("wait: health is switched off by the global configuration (actuator.endPoint.health); [ --for ready ] can be waited for")
	}
	if w.missing = missingOf(w.goal, w.chosen, seen); len(w.missing) == 0 {
		return control.ErrSeen
	}
	return nil
}

// missingOf are clauses about what of selections is not as it should be. An application that is not known is stopped.
func missingOf(goal waitGoal, chosen []selection, seen control.Watched) []string {
	var missing []string
	now := time.Now()
	for _, s := range chosen {
		i := slices.IndexFunc(seen.Applications, func(a control.AppStatus) bool { return a.AppName == s.app })
		if i < 0 {
			if goal != forStopped {
				missing = append(missing, s.app+" is not known")
			}
			continue
		}
		a := seen.Applications[i]
		if goal == forStopped {
			missing = append(missing, notStopped(a, s)...)
			continue
		}
		lacks := notReady(a, s, now)
		if len(lacks) == 0 && goal == forHealthy {
			lacks = notHealthy(a, seen.Health)
		}
		missing = append(missing, lacks...)
	}
	return missing
}

// notReady are clauses about the workers of a selection that are not ready.
func notReady(a control.AppStatus, s selection, now time.Time) []string {
	if a.State == supervisor.AppStopped {
		return []string{a.AppName + " is stopped"}
	}
	var lacks []string
	for _, p := range a.Processes {
		switch {
		case s.process != "" && s.process != p.Name:
		case p.Stopped && s.process != "":
			lacks = append(lacks, a.AppName+"/"+p.Name+" was stopped on its own")
		case !p.Stopped:
			lacks = append(lacks, notReadyWorkers(a.AppName, p, s.worker, now)...)
		}
	}
	if len(lacks) == 0 && a.State != supervisor.AppComplete {
		lacks = []string{a.AppName + " is starting"}
	}
	return lacks
}

// notReadyWorkers are clauses about the slots of a process in which no worker is ready.
func notReadyWorkers(app string, p supervisor.ProcessStatus, slot int, now time.Time) []string {
	ready := map[int]bool{}
	for _, w := range p.Workers {
		ready[w.Worker] = ready[w.Worker] || w.State == supervisor.StateRunning
	}
	var lacks []string
	known := false
	for _, w := range p.Workers {
		known = known || w.Worker == slot
		if (slot == anyWorker || w.Worker == slot) && !ready[w.Worker] {
			ready[w.Worker] = true // one clause for each slot
			lacks = append(lacks, workerTrouble(selection{app, p.Name, w.Worker}.String(), w, now))
		}
	}
	if slot != anyWorker && !known {
		lacks = append(lacks, selection{app, p.Name, slot}.String()+" is not there any more")
	}
	return lacks
}

// notHealthy says why an application is not healthy.
func notHealthy(a control.AppStatus, health []control.Health) []string {
	i := slices.IndexFunc(health, func(h control.Health) bool { return h.AppName == a.AppName })
	switch {
	case i < 0:
		return []string{"nothing is known of the health of " + a.AppName}
	case health[i].Up:
		return nil
	case health[i].Reason == "":
		return []string{a.AppName + " is DOWN"}
	}
	return []string{a.AppName + " is DOWN: " + oneLine(health[i].Reason)}
}

// notStopped are clauses about what of a selection runs, or is about to.
func notStopped(a control.AppStatus, s selection) []string {
	if op := a.Operation; op != nil && op.State == supervisor.OpRunning {
		return []string{fmt.Sprintf("the %s of %s is under way", op.Kind, operationSubject(*op))}
	}
	if a.State == supervisor.AppStopped {
		return nil
	}
	if s.process == "" {
		return []string{fmt.Sprintf("%s is %s", a.AppName, strings.ToLower(a.StateName))}
	}
	var lacks []string
	for _, p := range a.Processes {
		for _, w := range p.Workers {
			over := w.PID == 0 && (w.State == supervisor.StateStopped || w.State == supervisor.StateFatal)
			if p.Name == s.process && (s.worker == anyWorker || s.worker == w.Worker) && !over {
				lacks = append(lacks, fmt.Sprintf("%s is %s", selection{a.AppName, p.Name, w.Worker}, w.State))
			}
		}
	}
	return lacks
}
