package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/internal/top"
	"github.com/pandora-go/pandora/supervisor"
)

// topActor carries out what is asked for in the view. It runs apart from the view.
type topActor struct {
	cli    *cli
	home   state.Home
	daemon *control.Daemon
	// tell gives a message to the view.
	tell func(top.Told)
}

// act carries an action out and says how it went. An operation that has begun goes on when the view is closed.
func (t *topActor) act(ctx context.Context, a top.Action) top.Told {
	began := time.Now()
	op, err := t.submit(ctx, a)
	if err == nil {
		op, err = t.daemon.Follow(ctx, op.ID, func(op supervisor.Operation) {
			if text := operationProgress(op); text != "" {
				t.tell(top.Told{Text: string(a.Verb) + " of " + a.Target.String() + ": " + text})
			}
		})
	}
	if err == nil {
		err = operationError(op)
	}
	if err != nil {
		return top.Told{Text: fmt.Sprintf("%s of %s failed: %s", a.Verb, a.Target, oneLine(err.Error())), Bad: true}
	}
	return top.Told{Text: fmt.Sprintf("%s was %s in %s", a.Target, pastOf(supervisor.OpKind(a.Verb)), time.Since(began).Round(10*time.Millisecond))}
}

// submit begins an operation. What is not about a single worker, nor about a number, takes what the procfile says now.
func (t *topActor) submit(ctx context.Context, a top.Action) (supervisor.Operation, error) {
	request := control.ChangeRequest{Kind: supervisor.OpKind(a.Verb), Process: a.Target.Process, Scale: a.Scale}
	switch {
	case a.Verb == top.Scale:
	case a.Target.Worker != top.All:
		request.Worker = &a.Target.Worker
	default:
		var said bytes.Buffer
		quiet := *t.cli // the terminal is the view's
		quiet.out, quiet.err, quiet.progress = &said, &said, false
		start, err := quiet.again(ctx, t.home, a.Target.App, againFlags{})
		if err != nil {
			return supervisor.Operation{}, err
		}
		if a.Verb == top.Restart && a.Target.Process == "" {
			return t.daemon.Restart(ctx, *start)
		}
		request.Start = start
	}
	return t.daemon.Change(ctx, a.Target.App, request)
}

// operationProgress says how far an operation is; "" where that is nothing to tell.
func operationProgress(op supervisor.Operation) string {
	done, total := 0, 0
	for _, s := range op.Steps {
		done, total = done+s.Done, total+s.Total
	}
	if total < 2 {
		return ""
	}
	return fmt.Sprintf("%d of %s done", done, several(total, "worker"))
}

// operationError is why an operation has not succeeded; nil when it has.
func operationError(op supervisor.Operation) error {
	switch {
	case op.State == supervisor.OpSucceeded:
		return nil
	case op.State == supervisor.OpCanceled:
		return fmt.Errorf("it was cancelled by another command")
	case op.Failure != nil && op.Replaced > 0:
		return fmt.Errorf("after %s had been replaced: %s", several(op.Replaced, "worker"), op.Failure.Message)
	case op.Failure != nil:
		return fmt.Errorf("%s", op.Failure.Message)
	}
	return fmt.Errorf("[ pandora log %s ] may tell why", op.AppName)
}
