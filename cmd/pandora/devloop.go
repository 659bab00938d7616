package main

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// devLoop is the heart of a dev session: it starts the application, and anew when its procfile has changed. One
// goroutine runs it.
type devLoop struct {
	*devSession
	// plan is what runs, or was tried last.
	plan *supervisor.Plan
	// next is a plan that waits for the end of the running operation; nil if there is none.
	next *supervisor.Plan
	// operation is the running one, followed by changes, or the last; changes is nil when it has ended.
	operation supervisor.Operation
	changes   <-chan supervisor.Operation
	// first is true until the first start has ended; its failure ends the session.
	first bool
	// down is true when the last operation failed: then also an unchanged graph is to be started.
	down bool
	// broken is true when the last evaluation failed.
	broken bool
}

// start starts the application, waits for a signal and stops it.
func (d *devSession) start(plan *supervisor.Plan, signals <-chan os.Signal, stop func(), supervised <-chan error, outcomes <-chan reevaluation) error {
	watching, unwatch := context.WithCancel(context.Background())
	defer unwatch()
	l := &devLoop{devSession: d, plan: plan, first: true}
	if err := l.submit(watching, supervisor.OpStart, plan); err != nil {
		return err
	}
	for {
		select {
		case last, open := <-l.changes:
			if open {
				l.operation = last
				continue
			}
			if err := l.ended(watching); err != nil {
				stop()
				<-supervised
				return err
			}
		case r := <-outcomes:
			if plan := l.consider(r); plan != nil {
				l.next = plan
				if err := l.proceed(watching); err != nil {
					d.cli.warn("%v", err)
				}
			}
		case s := <-signals:
			d.output.say("")
			d.output.say(fmt.Sprintf("** Receive a signal %s, trying to stop... **", unix.SignalName(s.(syscall.Signal))))
			stop()
			err := <-supervised
			return err
		case err := <-supervised:
			return err
		}
	}
}

// submit begins an operation and follows it.
func (l *devLoop) submit(ctx context.Context, kind supervisor.OpKind, plan *supervisor.Plan) error {
	op, err := l.supervisor.Submit(supervisor.Request{Kind: kind, Plan: plan})
	if err != nil {
		return err
	}
	l.plan, l.operation, l.changes = plan, op, l.supervisor.Watch(ctx, op.ID)
	return nil
}

// proceed begins what waits, unless an operation runs.
func (l *devLoop) proceed(ctx context.Context) error {
	if l.next == nil || l.changes != nil {
		return nil
	}
	next := l.next
	l.next = nil
	return l.submit(ctx, supervisor.OpRestart, next)
}

// ended tells how an operation ended. An error ends the session.
func (l *devLoop) ended(ctx context.Context) error {
	l.changes = nil
	first := l.first
	l.first, l.down = false, l.operation.State != supervisor.OpSucceeded
	if l.down {
		if err := l.cli.verdict(l.operation); first || l.operation.Failure == nil {
			return err
		}
		l.output.say("** Waiting for a change of the procfile. **")
	} else {
		l.cli.warnOfDrift(l.operation.Drift)
		if first {
			l.output.say("** Application start successful. **")
		} else {
			l.output.say("** Application restart successful. **")
		}
	}
	return l.proceed(ctx)
}

// consider shows what a new evaluation says and returns what is to be run now; nil if that does not change.
func (l *devLoop) consider(r reevaluation) *supervisor.Plan {
	err := r.err
	if err == nil {
		err = l.cli.startable(r.result.App)
	}
	if err != nil {
		l.broken = true
		l.output.complain(err.Error())
		l.output.say("** The procfile is broken; what runs is what it said before. **")
		return nil
	}
	recent := l.plan
	if l.next != nil {
		recent = l.next
	}
	was := l.broken
	l.broken = false
	switch {
	case !l.down && sameApplication(&recent.App, r.result.App) && was:
		l.output.say("** The procfile is sound again, and says what already runs. **")
		return nil
	case !l.down && sameApplication(&recent.App, r.result.App):
		l.output.say("** The procfile has changed, but not what it says. **")
		return nil
	}
	l.output.say("** The procfile has changed, restarting... **")
	plan := *l.plan
	plan.App = *r.result.App
	return &plan
}

// sameApplication reports whether two graphs describe the same: where in the files it is written does not matter.
func sameApplication(a, b *procfile.Application) bool {
	a, b = a.Clone(), b.Clone()
	for _, app := range []*procfile.Application{a, b} {
		app.Places, app.Warnings, app.Engine = nil, nil, ""
	}
	return reflect.DeepEqual(a, b)
}
