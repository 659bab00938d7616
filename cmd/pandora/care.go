package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// careFlags are the flags with which a user looks before something is done, or does it without a question.
type careFlags struct {
	// dry says what would be done, and does nothing.
	dry bool
	// yes does without a question what is asked before on a terminal.
	yes bool
}

func (f *careFlags) addDryRun(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.dry, "dry-run", false, "say what would be done, and do nothing")
}

func (f *careFlags) addYes(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.yes, "yes", "y", false, "do it without a question; without a terminal none is asked")
}

// consent asks before something that ends or forgets what the user has not named one by one. A question is asked only where
// a user sits: with standard input and error on a terminal.
func (c *cli) consent(ctx context.Context, flags careFlags, question string) error {
	if flags.yes || !isTerminal(os.Stdin) || !isTerminal(c.err) {
		return nil
	}
	agreed, err := (&prompt{in: os.Stdin, out: c.err}).yes(ctx, abridged(question), false)
	switch {
	case errors.Is(err, errNoAnswer), err == nil && !agreed:
		return &failure{code: exitFailure, err: errors.New("nothing was done; --yes does it without a question")}
	}
	return err
}

// names are applications in a sentence.
func names(all []subject) string {
	list := make([]string, len(all))
	for i, s := range all {
		list[i] = s.app.AppName
	}
	return strings.Join(list, ", ")
}

// found are those that a pattern or all has found, and that run.
func found(all []subject) []subject {
	var unnamed []subject
	for _, s := range all {
		if !s.named && !s.stopped() {
			unnamed = append(unnamed, s)
		}
	}
	return unnamed
}

// rehearsal is what --dry-run of a verb is about.
type rehearsal struct {
	verb  string
	flags againFlags
	// scale is the number that scale is given.
	scale int
}

// rehearse says what a verb would do to what selectors mean, or to the application of the current folder.
func (c *cli) rehearse(ctx context.Context, selectors []string, r rehearsal) error {
	if len(selectors) == 0 {
		name, err := nameArgument(nil)
		if err != nil {
			return err
		}
		selectors = []string{name}
	}
	g, err := c.gather(ctx, selectors)
	if err != nil {
		return err
	}
	defer g.close()
	for i := range g.all {
		s := &g.all[i]
		switch {
		case r.verb == "scale":
			err = s.onlyProcess()
		case r.verb == "stop":
			err = s.withoutWorkers(r.verb)
		case r.verb == "delete":
			err = s.deletable()
		}
		if err != nil {
			return err
		}
	}
	for _, s := range g.all {
		for _, part := range s.parts {
			if err := c.rehearsePart(ctx, g, s, part, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// rehearsePart says it of one application, process or worker.
func (c *cli) rehearsePart(ctx context.Context, g gathered, s subject, part selection, r rehearsal) error {
	again := r.verb == string(supervisor.OpRestart) || r.verb == string(supervisor.OpReload)
	if again && part.worker == anyWorker && (s.named || !s.stopped()) {
		request, err := c.again(ctx, g.home, s.app.AppName, r.flags)
		if err != nil {
			return err
		}
		record, err := g.home.ReadRecord(s.app.AppName)
		if err != nil {
			return err
		}
		c.printSteps(maskedSteps(procfile.Steps(&record.App, &request.App)), &request.App)
	}
	for _, line := range rehearsed(s, part, r) {
		c.say("%s", line)
	}
	return nil
}

// printSteps shows what a procfile says otherwise than what runs.
func (c *cli) printSteps(steps []procfile.Step, app *procfile.Application) {
	last := ""
	for _, s := range steps {
		c.printStep(s, app, &last)
	}
}

// rehearsed are the lines about one application, process or worker.
func rehearsed(s subject, part selection, r rehearsal) []string {
	workers := livingWorkers(s.app, part)
	shown := fmt.Sprintf("%s: %s", part, strings.Join(workers, ", "))
	if len(workers) == 0 {
		shown = fmt.Sprintf("%s: nothing runs", part)
	}
	switch r.verb {
	case "stop":
		if len(workers) == 0 {
			return []string{shown}
		}
		return []string{shown + " would be stopped"}
	case "delete":
		if len(workers) > 0 {
			shown += " would be stopped"
		}
		return []string{shown, fmt.Sprintf("%s would be forgotten; its logs stay", part)}
	case "scale":
		switch n := len(workers); {
		case n == 0:
			return []string{shown}
		case n == r.scale:
			return []string{fmt.Sprintf("%s: it has %s, and would keep them", part, plural(n, "worker"))}
		default:
			return []string{fmt.Sprintf("%s: it has %s, and would have %d", part, plural(n, "worker"), r.scale)}
		}
	}
	switch {
	case s.stopped() && !s.named:
		return []string{fmt.Sprintf("%s stays stopped", part)}
	case len(workers) == 0:
		return []string{fmt.Sprintf("%s would be started", part)}
	case r.verb == string(supervisor.OpReload):
		return []string{shown + " would be replaced, each when its successor is ready"}
	}
	return []string{shown + " would be stopped and started again"}
}

// livingWorkers names the workers that live in a part of an application, as "web/0 (pid 12)".
func livingWorkers(a control.AppStatus, part selection) []string {
	var living []string
	for _, p := range a.Processes {
		if part.process != "" && part.process != p.Name {
			continue
		}
		for _, w := range p.Workers {
			if w.PID != 0 && (part.worker == anyWorker || part.worker == w.Worker) {
				living = append(living, fmt.Sprintf("%s/%d (pid %d)", p.Name, w.Worker, w.PID))
			}
		}
	}
	return living
}

// rehearseStart says what start would do: what the procfile describes, beside what runs.
func (c *cli) rehearseStart(ctx context.Context, args []string, flags appFlags) error {
	var each []string
	for _, argument := range args {
		if isOne([]string{argument}) || isFolder([]string{argument}) {
			each = append(each, argument)
			continue
		}
		g, err := c.gather(ctx, []string{argument})
		if err != nil {
			return err
		}
		g.close()
		for _, s := range g.all {
			each = append(each, s.app.AppName)
		}
	}
	for _, argument := range each {
		if name, process, ok := c.recordedProcess(argument); ok {
			c.say("%s/%s would be started", name, process)
			continue
		}
		p, app, err := c.planOf(ctx, argument, flags)
		if err != nil {
			return err
		}
		if err := c.printPlan(p, app, &format{name: formatTable}); err != nil {
			return err
		}
		if p.Running {
			c.say("%s runs already, and start would refuse; [ pandora reload %s ] brings changes", p.Application.Name, p.Application.Name)
		}
	}
	return nil
}
