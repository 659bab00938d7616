package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// waiting is said when something does not run and will not be tried again by itself.
const waiting = "** Waiting for a change. **"

// devLoop is the heart of a dev session: it starts the application, and what of it is concerned anew when a file has
// changed. One goroutine runs it.
type devLoop struct {
	*devSession
	// plan is what runs, or was tried last; the restarts that are to come make it so.
	plan *supervisor.Plan
	// next is a plan that waits for the end of the running operation; nil if there is none.
	next *supervisor.Plan
	// restarts are the processes that wait for their restart.
	restarts map[string]bool
	// kinds are the kinds in which processes run whose kind changes with their restart.
	kinds map[string]procfile.Kind
	// operation is the running one, followed by changes, or the last; changes is nil when it has ended.
	operation supervisor.Operation
	changes   <-chan supervisor.Operation
	// first is true until the first start has ended; its failure ends the session.
	first bool
	// down is true when the last operation on the whole application failed: then also an unchanged graph is to be started.
	down bool
	// broken is true when the last evaluation failed.
	broken bool
}

// devNews is what the loop hears from.
type devNews struct {
	signals    <-chan os.Signal
	supervised <-chan error
	outcomes   <-chan reevaluation
	changed    <-chan fileChange
}

// start starts the application, waits for a signal and stops it.
func (d *devSession) start(plan *supervisor.Plan, news devNews, stop func()) error {
	watching, unwatch := context.WithCancel(context.Background())
	defer unwatch()
	l := &devLoop{devSession: d, plan: plan, first: true, restarts: map[string]bool{}, kinds: map[string]procfile.Kind{}}
	if err := l.submit(watching, supervisor.Request{Kind: supervisor.OpStart, Plan: plan}); err != nil {
		return err
	}
	for {
		select {
		case last, open := <-l.changes:
			if open {
				l.operation = last
				continue
			}
			if err := l.ended(); err != nil {
				stop()
				<-news.supervised
				return err
			}
		case r := <-news.outcomes:
			l.consider(r)
		case c := <-news.changed:
			l.affected(c)
		case s := <-news.signals:
			d.output.say("")
			d.output.say(fmt.Sprintf("** Receive a signal %s, trying to stop... **", unix.SignalName(s.(syscall.Signal))))
			stop()
			return <-news.supervised
		case err := <-news.supervised:
			return err
		}
		if err := l.proceed(watching); err != nil {
			d.cli.warn("%v", err)
		}
	}
}

// submit begins an operation and follows it.
func (l *devLoop) submit(ctx context.Context, r supervisor.Request) error {
	op, err := l.supervisor.Submit(r)
	if err != nil {
		return err
	}
	l.operation, l.changes = op, l.supervisor.Watch(ctx, op.ID)
	return nil
}

// proceed begins what waits, unless an operation runs: first what the procfile says, then one process after the other.
func (l *devLoop) proceed(ctx context.Context) error {
	if l.changes != nil || l.first {
		return nil
	}
	if next := l.next; next != nil {
		l.next = nil
		was := l.plan
		l.plan = next
		kind, restarts := transition(&was.App, &next.App)
		if l.down || kind == supervisor.OpRestart {
			kind = supervisor.OpRestart
			clear(l.restarts)
		}
		for _, name := range restarts {
			l.restarts[name] = true
			l.kinds[name] = was.App.Process(name).Kind
		}
		if kind != "" {
			return l.submit(ctx, supervisor.Request{Kind: kind, Plan: next})
		}
	}
	for _, p := range l.plan.App.Processes {
		name := p.ProcessName
		if !l.restarts[name] {
			continue
		}
		delete(l.restarts, name)
		request := supervisor.Request{Kind: supervisor.OpRestart, Process: name, Plan: l.plan}
		if was, known := l.kinds[name]; known && was != p.Kind {
			request.Kind = supervisor.OpReload // which lets go of the sockets of the other kind
		}
		delete(l.kinds, name)
		return l.submit(ctx, request)
	}
	clear(l.restarts) // of processes that are no more
	return nil
}

// transition says how one graph becomes another: by an operation on the whole application (a scale, which leaves the same
// processes alone, when some come or go; a restart when everything is concerned), and restarts of single processes, which
// keep their sockets. kind is "" when these are enough.
func transition(was, is *procfile.Application) (kind supervisor.OpKind, restarts []string) {
	a, b := was.Clone(), is.Clone()
	for _, app := range []*procfile.Application{a, b} {
		app.Places, app.Warnings, app.Engine, app.Evaluation, app.Processes = nil, nil, "", nil, nil
	}
	if !reflect.DeepEqual(a, b) {
		return supervisor.OpRestart, nil
	}
	stay := 0
	for i := range is.Processes {
		before := was.Process(is.Processes[i].ProcessName)
		switch {
		case before == nil:
			kind = supervisor.OpScale
		case !reflect.DeepEqual(*before, is.Processes[i]):
			stay++
			restarts = append(restarts, before.ProcessName)
		default:
			stay++
		}
	}
	if stay < len(was.Processes) {
		kind = supervisor.OpScale
	}
	if kind == supervisor.OpScale {
		restarts = nil // the scale replaces them
	}
	return kind, restarts
}

// affected lets the processes be restarted that have loaded what has changed, and those that do not run.
func (l *devLoop) affected(c fileChange) {
	names := map[string]bool{}
	for _, name := range c.processes {
		names[name] = true
	}
	for _, p := range l.supervisor.Status().Processes {
		if idle(p) {
			names[p.Name] = true
		}
	}
	if len(names) == 0 && !l.down {
		return
	}
	what := "A file"
	if len(c.files) > 0 {
		what = shortPath(l.plan.App.AppDir, c.files[0])
		if more := len(c.files) - 1; more > 0 {
			what += " and " + several(more, "other file")
		}
	}
	if l.down {
		l.output.say(fmt.Sprintf("** %s has changed, restarting... **", what))
		if l.next == nil {
			l.next = l.plan
		}
		return
	}
	l.output.say(fmt.Sprintf("** %s has changed, restarting %s... **", what, strings.Join(slices.Sorted(maps.Keys(names)), ", ")))
	maps.Copy(l.restarts, names)
}

// idle reports whether a worker of a process does not run and waits for a change.
func idle(p supervisor.ProcessStatus) bool {
	return p.Stopped || slices.ContainsFunc(p.Workers, func(w supervisor.WorkerStatus) bool { return w.State == supervisor.StateFatal })
}

// shortPath is a path as seen from the application's folder, if it lies in it.
func shortPath(dir, path string) string {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// ended tells how an operation ended. An error ends the session.
func (l *devLoop) ended() error {
	l.changes = nil
	first, op := l.first, l.operation
	failed := op.State != supervisor.OpSucceeded
	l.first = false
	if op.Process == "" {
		l.down = failed
	}
	if failed {
		err := l.cli.verdict(op)
		if op.Failure != nil && op.Failure.Exit != nil {
			l.showExitPlace(op.Failure.Exit)
		}
		if first || op.Failure == nil {
			return err
		}
		l.output.say(waiting)
		return nil
	}
	l.cli.warnOfDrift(op.Drift)
	switch {
	case first:
		l.output.say("** Application start successful. **")
	case op.Process != "":
		l.output.say(fmt.Sprintf("** %s restart successful. **", op.Process))
	default:
		l.output.say("** Application restart successful. **")
	}
	return nil
}

// consider shows what a new evaluation says, and remembers what is to be run now.
func (l *devLoop) consider(r reevaluation) {
	err := r.err
	if err == nil {
		err = l.cli.startable(r.result.App)
	}
	if err != nil {
		l.broken = true
		l.output.complain(err.Error())
		l.output.say("** The procfile is broken; what runs is what it said before. **")
		return
	}
	recent := l.plan
	if l.next != nil {
		recent = l.next
	}
	was := l.broken
	l.broken = false
	if !l.down && sameApplication(&recent.App, r.result.App) {
		if change := l.requiredBy(r.required); len(change.processes) > 0 {
			l.affected(change)
			return
		}
		if was {
			l.output.say("** The procfile is sound again, and says what already runs. **")
		} else {
			l.output.say("** The procfile has changed, but not what it says. **")
		}
		return
	}
	l.output.say("** The procfile has changed, restarting... **")
	plan := *l.plan
	plan.App = *r.result.App
	l.next = &plan
	for _, name := range readers(&plan.App, r.required) {
		l.restarts[name] = true
	}
}

// requiredBy is what the change of files means that the procfile and the processes have loaded.
func (l *devLoop) requiredBy(files []string) fileChange {
	change := fileChange{files: files, processes: readers(&l.plan.App, files)}
	if l.files != nil {
		change.processes = append(change.processes, l.files.usersOf(files)...)
	}
	return change
}

// sameApplication reports whether two graphs describe the same: where in the files it is written does not matter.
func sameApplication(a, b *procfile.Application) bool {
	a, b = a.Clone(), b.Clone()
	for _, app := range []*procfile.Application{a, b} {
		app.Places, app.Warnings, app.Engine = nil, nil, ""
	}
	return reflect.DeepEqual(a, b)
}
