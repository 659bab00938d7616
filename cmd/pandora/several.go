package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/supervisor"
)

// maxAtOnce is how many applications one command works on at the same time.
const maxAtOnce = 4

// subject is what a verb is done to within one application.
type subject struct {
	// parts are the application, or some of its processes and workers; at least one, none within another.
	parts []selection
	// named is true when the application is written out, false when a pattern or all has found it.
	named bool
	app   control.AppStatus
}

// stopped reports whether nothing of the application runs.
func (s subject) stopped() bool { return s.app.State == supervisor.AppStopped }

// subjects finds what selectors mean, one for each application, in the order of the selectors. Unlike choose it refuses
// to be given none.
func subjects(apps []control.AppStatus, selectors []string) ([]subject, error) {
	if len(selectors) == 0 {
		return nil, usageError(errors.New("no application is named; [ pandora list ] shows them"))
	}
	chosen, err := choose(apps, selectors)
	if err != nil {
		return nil, err
	}
	var all []subject
	for _, s := range chosen {
		i := slices.IndexFunc(all, func(other subject) bool { return other.app.AppName == s.app })
		if i < 0 {
			at := slices.IndexFunc(apps, func(a control.AppStatus) bool { return a.AppName == s.app })
			named := slices.ContainsFunc(selectors, func(text string) bool {
				app, _, _ := strings.Cut(text, "/")
				return app == s.app
			})
			all = append(all, subject{app: apps[at], named: named})
			i = len(all) - 1
		}
		all[i].parts = append(all[i].parts, s)
	}
	for i := range all {
		all[i].parts = outermost(all[i].parts)
	}
	return all, nil
}

// outermost leaves out selections within others.
func outermost(parts []selection) []selection {
	return slices.DeleteFunc(slices.Clone(parts), func(s selection) bool {
		return slices.ContainsFunc(parts, func(o selection) bool { return o != s && o.contains(s) })
	})
}

// contains reports whether another selection of the same application lies within this one.
func (s selection) contains(other selection) bool {
	return s.process == "" || s.process == other.process && s.worker == anyWorker
}

// isOne reports whether a command line names one application or part of one, without any pattern; by it the verbs of 1.x
// keep their words. None is the application of the current folder.
func isOne(args []string) bool {
	if len(args) != 1 {
		return len(args) == 0
	}
	return !isPattern(args[0]) && !slices.Contains(strings.Split(args[0], "/"), everything)
}

// withoutWorker refuses a single worker for a verb that is for whole processes.
func (s selection) withoutWorker(verb string) error {
	if s.worker == anyWorker {
		return nil
	}
	process := selection{s.app, s.process, anyWorker}
	return usageError(fmt.Errorf("%s %s: a worker cannot be taken alone, its process can: [ pandora %s %s ]; [ pandora scale %s NUMBER ] has fewer workers, [ pandora restart %s ] replaces this one",
		verb, s, verb, process, process, s))
}

// withoutWorkers is withoutWorker for all parts.
func (s subject) withoutWorkers(verb string) error {
	for _, part := range s.parts {
		if err := part.withoutWorker(verb); err != nil {
			return err
		}
	}
	return nil
}

// one reads a command line for which isOne holds.
func one(args []string) (selection, error) {
	s := selection{worker: anyWorker}
	var err error
	if len(args) > 0 && strings.Contains(args[0], "/") {
		s, err = splitSelector(args[0])
		return s, err
	}
	s.app, err = nameArgument(args)
	return s, err
}

// each does something to every subject, to several applications at the same time and to the parts of one in turn. What
// fails is told in a line, and keeps nothing else from being done: the exit code is then 6, or that of the failures when
// there is nothing else. did is what has been done, as "stopped".
func (c *cli) each(ctx context.Context, did string, all []subject, do func(ctx context.Context, c *cli, s selection) error) error {
	if len(all) == 1 && len(all[0].parts) == 1 {
		return do(ctx, c, all[0].parts[0])
	}
	var mu sync.Mutex
	var failures []error
	done := 0
	turns := make(chan struct{}, maxAtOnce)
	var wg sync.WaitGroup
	for _, subject := range all {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			for _, part := range subject.parts {
				out, err := c.aside(func(c *cli) error {
					if ctx.Err() != nil {
						return ctx.Err()
					}
					return do(ctx, c, part)
				}, part, did)
				mu.Lock()
				out()
				if err != nil {
					failures = append(failures, err)
				} else {
					done++
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return c.together(ctx, did, done, failures)
}

// aside does something with what it prints held back, which show then prints at once; an error is among it.
func (c *cli) aside(do func(*cli) error, part selection, did string) (show func(), err error) {
	var out, errOut bytes.Buffer
	quiet := *c
	quiet.out, quiet.err, quiet.progress = &out, &errOut, false
	err = do(&quiet)
	var f *failure
	switch told := errors.As(err, &f) && f.told; {
	case err == nil, told:
	case errors.Is(err, context.Canceled):
		fmt.Fprintf(&errOut, "%s was not %s: interrupted\n", part, did)
	default:
		fmt.Fprintln(&errOut, red(c.errColour, fmt.Sprintf("%s was not %s: %s", part, did, oneLine(err.Error()))))
	}
	return func() {
		_, _ = c.out.Write(out.Bytes())
		_, _ = c.err.Write(errOut.Bytes())
	}, err
}

// together is what several results come to.
func (c *cli) together(ctx context.Context, did string, done int, failures []error) error {
	if len(failures) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return &failure{code: exitInterrupted, err: ctx.Err(), told: true}
	}
	code := exitCode(failures[0])
	for _, err := range failures {
		if exitCode(err) != code {
			code = exitFailure
		}
	}
	if done > 0 {
		code = exitPartly
	}
	fmt.Fprintln(c.err, red(c.errColour, fmt.Sprintf("pandora: %d of %d were not %s", len(failures), len(failures)+done, did)))
	return &failure{code: code, err: errors.Join(failures...), told: true}
}

// gathered is what selectors mean while a daemon runs, or of the records without one.
type gathered struct {
	home state.Home
	// daemon is nil when none runs; whoever gathered closes it.
	daemon *control.Daemon
	all    []subject
}

// gather finds what selectors mean.
func (c *cli) gather(ctx context.Context, selectors []string) (gathered, error) {
	var g gathered
	var err error
	if g.home, g.daemon, err = c.attach(ctx); err != nil {
		return g, err
	}
	apps := []control.AppStatus(nil)
	if g.daemon == nil {
		apps = c.recorded(g.home)
	} else if apps, err = g.daemon.List(ctx); err != nil {
		g.close()
		return g, err
	}
	if g.all, err = subjects(apps, selectors); err != nil {
		g.close()
	}
	return g, err
}

func (g gathered) close() {
	if g.daemon != nil {
		g.daemon.Close()
	}
}

// suggestion says what was perhaps meant by the name of an application that is not recorded; "" where nothing is like it.
func (c *cli) suggestion(ctx context.Context, name string) string {
	home, err := c.home()
	if err != nil || ctx.Err() != nil {
		return ""
	}
	if _, err := home.ReadRecord(name); err == nil {
		return "" // it is not the application that is missing
	}
	records, _ := home.Records()
	names := make([]string, len(records))
	for i, r := range records {
		names[i] = r.AppName
	}
	return suggested("application", name, names)
}

// startSelected runs the verb start for several folders and recorded applications, or for what patterns mean. What only a
// pattern has found and runs is left alone.
func (c *cli) startSelected(ctx context.Context, args []string, flags appFlags) error {
	if flags.name != "" {
		return usageError(fmt.Errorf("--name is %q, and %d arguments are given: it is the name of one application", flags.name, len(args)))
	}
	var chosen []subject
	var selectors []string
	for _, arg := range args {
		if _, err := os.Stat(arg); err == nil {
			chosen = append(chosen, subject{named: true, parts: []selection{{app: arg, worker: anyWorker}}})
		} else {
			selectors = append(selectors, arg)
		}
	}
	if len(selectors) > 0 {
		g, err := c.gather(ctx, selectors)
		if err != nil {
			return err
		}
		g.close()
		for _, s := range g.all {
			if err := s.withoutWorkers("start"); err != nil {
				return err
			}
			if !s.named && !s.stopped() && s.parts[0].process == "" {
				c.say("%s is running already", s.app.AppName)
				continue
			}
			chosen = append(chosen, s)
		}
	}
	return c.each(ctx, pastOf(supervisor.OpStart), chosen, func(ctx context.Context, c *cli, s selection) error {
		return c.start(ctx, s.String(), flags)
	})
}
