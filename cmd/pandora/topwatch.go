package main

import (
	"context"
	"sync"
	"time"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/metrics"
)

const (
	// topAskEvery is how often workers and health checks are asked at most, however many views are open; topPatience is
	// how long a view waits for what they say, before it gets what they have said.
	topAskEvery = 900 * time.Millisecond
	topPatience = 300 * time.Millisecond
	// topLimit is how long a worker may take to answer; then it is silent.
	topLimit = time.Second
	// topWatchName is how workers know who asks for their event loop.
	topWatchName = "pandora top"
)

// topWatch measures what the live views show while there are any. What needs no answer of anybody, the time on a CPU and
// the memory, is read at each question; workers and health checks are asked apart, so that one that hangs holds up nobody.
type topWatch struct {
	list     func() []control.AppStatus
	vitals   func(ctx context.Context, app, watch string, every time.Duration) []metrics.Vitals
	verdicts func(context.Context) []endpoints.Verdict
	// wanted holds a word when the next round is wanted.
	wanted chan struct{}

	mu sync.Mutex
	// The fields below are guarded by mu. told is what the last round has found; at is when it began, and done is closed
	// with the end of the next one.
	told topTold
	at   time.Time
	done chan struct{}
}

// topTold is what workers and health checks have said.
type topTold struct {
	// lags are in ms by process; silent are the processes that have told before and did not answer.
	lags   map[int]float64
	silent map[int]bool
	health []control.Health
}

func newTopWatch(list func() []control.AppStatus, registry *metrics.Registry, server *endpoints.Server) *topWatch {
	return &topWatch{
		list: list, vitals: registry.Vitals, verdicts: server.Verdicts,
		wanted: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// run asks workers and health checks when that is wanted, until ctx ends.
func (t *topWatch) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wanted:
		}
		t.mu.Lock()
		t.at = time.Now()
		before := t.told
		t.mu.Unlock()
		told := t.ask(ctx, before)
		t.mu.Lock()
		t.told = told
		close(t.done)
		t.done = make(chan struct{})
		t.mu.Unlock()
	}
}

// ask asks all at once.
func (t *topWatch) ask(ctx context.Context, before topTold) topTold {
	ctx, cancel := context.WithTimeout(ctx, topLimit)
	defer cancel()
	told := topTold{lags: map[int]float64{}, silent: map[int]bool{}, health: []control.Health{}}
	apps := t.list()
	answers := make([][]metrics.Vitals, len(apps))
	var wg sync.WaitGroup
	for i, app := range apps {
		if len(app.PIDs) > 0 {
			wg.Go(func() { answers[i] = t.vitals(ctx, app.AppName, topWatchName, time.Second) })
		}
	}
	wg.Go(func() {
		for _, v := range t.verdicts(ctx) {
			told.health = append(told.health, control.Health{AppName: v.App, Up: v.Up, Reason: v.Reason})
		}
	})
	wg.Wait()
	for _, of := range answers {
		for _, v := range of {
			if lag, ok := lagOf(v); ok {
				told.lags[v.PID] = lag
			}
		}
	}
	for _, app := range apps {
		for _, pid := range app.PIDs {
			_, answered := told.lags[pid]
			_, had := before.lags[pid]
			if !answered && (had || before.silent[pid]) {
				told.silent[pid] = true
			}
		}
	}
	return told
}

// lagOf is how late the event loop of a worker was at the longest since it was asked before, or is now, the first time.
func lagOf(v metrics.Vitals) (ms float64, ok bool) {
	if ms, ok = v.LagMs["max"]; !ok {
		ms, ok = v.LagMs["now"]
	}
	return ms, ok
}

// measure is what the views show now.
func (t *topWatch) measure(ctx context.Context) control.Top {
	told := t.latest(ctx)
	answer := control.Top{At: time.Now(), Applications: t.list(), Usage: []control.Usage{}, Health: told.health}
	for _, app := range answer.Applications {
		for _, pid := range app.PIDs {
			usage, ok := processUsage(pid)
			if !ok {
				continue // it has just ended
			}
			if lag, known := told.lags[pid]; known {
				usage.LagMs = &lag
			}
			usage.Silent = told.silent[pid]
			answer.Usage = append(answer.Usage, usage)
		}
	}
	return answer
}

// latest is what workers and health checks have said, not long ago where they do answer.
func (t *topWatch) latest(ctx context.Context) topTold {
	t.mu.Lock()
	done, old := t.done, time.Since(t.at) >= topAskEvery
	t.mu.Unlock()
	if old {
		select {
		case t.wanted <- struct{}{}:
		default: // somebody else has said so
		}
		patience := time.NewTimer(topPatience)
		defer patience.Stop()
		select {
		case <-done:
		case <-patience.C:
		case <-ctx.Done():
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.told
}
