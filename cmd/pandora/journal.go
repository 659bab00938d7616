package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/internal/wire"
	"github.com/pandora-go/pandora/metrics"
)

const (
	// shownEvents is how many events of the log streams may begin with.
	shownEvents = 1000
	// waitingChanges is how many changes of health may wait to be written.
	waitingChanges = 256
)

// keptFiles are the files of what the daemon leaves to the next one. All are "" in dev, which has no next one.
type keptFiles struct {
	announced, errors string
	// events reads the event log; nil without one.
	events func(each func(state.Event)) error
}

func kept(home state.Home) keptFiles {
	return keptFiles{announced: home.AnnouncedPath(), errors: home.ErrorsPath(), events: home.ReadEvents}
}

// journal is what the monitor knows of the past: the errors of applications, and what happened to them.
type journal struct {
	errors *endpoints.Errors
	events *endpoints.Events // nil in dev
	// changes are changes of health that are to be written into the event log, with tell, which is set before run.
	changes chan endpoints.Transition
	tell    func(context.Context, state.Event)
	log     *zap.Logger
}

// newJournal makes a journal to which workers report over w. All errors together are counted in error.all.
func newJournal(kept keptFiles, w *wire.Server, registry *metrics.Registry, options endpoints.Options, log *zap.Logger) (journal, error) {
	all, err := registry.BucketCounter(metrics.Daemon, "error", metrics.Name{Key: "error.all", Level: metrics.Major})
	if err != nil {
		return journal{}, err
	}
	j := journal{
		errors: endpoints.NewErrors(endpoints.ErrorsConfig{
			Path: kept.errors, Capacity: options.ErrorCapacity, Count: all.Inc, Log: log.Named("errors"),
		}),
		changes: make(chan endpoints.Transition, waitingChanges), log: log.Named("journal"),
	}
	endpoints.AttachErrors(w, j.errors)
	if kept.events != nil {
		j.events = endpoints.NewEvents(func() []endpoints.Event { return lastEvents(kept.events, log) })
	}
	return j, nil
}

// lastEvents reads the last events of the log.
func lastEvents(read func(each func(state.Event)) error, log *zap.Logger) []endpoints.Event {
	var last []state.Event
	err := read(func(e state.Event) {
		if e.ID == 0 {
			return // of an older version
		}
		if last = append(last, e); len(last) >= 2*shownEvents {
			last = slices.Clone(last[shownEvents:])
		}
	})
	if err != nil {
		log.Warn("events of the time before not read", zap.Error(err))
	}
	shown := make([]endpoints.Event, len(last))
	for i, e := range last {
		shown[i] = shownEvent(e)
	}
	return shown
}

// shownEvent is an event as streams have it: the line of the log.
func shownEvent(e state.Event) endpoints.Event {
	data, err := json.Marshal(e)
	if err != nil {
		data = []byte(`{}`) // it was written as this
	}
	return endpoints.Event{ID: e.ID, App: e.App, Kind: e.Kind, Data: data}
}

// noted takes in what was written into the event log.
func (j *journal) noted(events []state.Event) {
	shown := make([]endpoints.Event, len(events))
	for i, e := range events {
		shown[i] = shownEvent(e)
		if e.Kind == "deleted" {
			j.errors.Forget(e.App)
		}
	}
	if j.events != nil {
		j.events.Publish(shown...)
	}
}

// changed notes a change of health. It does not wait.
func (j *journal) changed(t endpoints.Transition) {
	if j.events == nil {
		return
	}
	select {
	case j.changes <- t:
	default:
		j.log.Warn("change of health not noted, there are too many", zap.String("app", t.App), zap.String("indicator", t.Indicator))
	}
}

// run writes until ctx ends.
func (j *journal) run(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { j.errors.Run(ctx) })
	for {
		select {
		case <-ctx.Done():
			return
		case t := <-j.changes:
			if j.tell != nil {
				j.tell(ctx, healthEvent(t))
			}
		}
	}
}

// close lets streams end.
func (j *journal) close() {
	if j.events != nil {
		j.events.Close()
	}
}

// healthEvent is a change of health as the event log has it.
func healthEvent(t endpoints.Transition) state.Event {
	e := state.Event{Time: t.At, App: t.App, Process: t.Process, Kind: "down", Indicator: t.Indicator}
	subject, status := t.Indicator, "DOWN"
	if subject == "" {
		subject = "health"
	}
	if t.Up {
		e.Kind, status = "up", "UP"
	}
	if e.Message = fmt.Sprintf("%s is %s", subject, status); t.Reason != "" {
		e.Message += ": " + t.Reason
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	return e
}
