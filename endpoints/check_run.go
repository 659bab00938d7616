package endpoints

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// brief is how long a request waits for a check that is made anew before it takes the result before. Most checks are
// faster, so that what is shown is of now.
const brief = 100 * time.Millisecond

// margin is how much earlier than the time limit a run is told to end.
const margin = 50 * time.Millisecond

// maxProblem bounds the text of what is wrong.
const maxProblem = 1000

// finding is what one try of a check found.
type finding struct {
	// err says what is wrong; nil is up.
	err     error
	details map[string]any
	// absent is true when the application has nothing that could be checked; then there is no row.
	absent bool
}

// down is a finding that something is wrong.
func down(details map[string]any, format string, args ...any) finding {
	return finding{err: fmt.Errorf(format, args...), details: details}
}

// probe makes one kind of check, with its options and the connection it keeps.
type probe interface {
	// try checks once, and ends soon after ctx does. It is not called again before it has returned.
	try(ctx context.Context, app Application) finding
	// close ends the connection. It is called once, and not while try runs; try is not called afterwards.
	close()
}

// stateless is the part of a probe that keeps nothing.
type stateless struct{}

func (stateless) close() {}

// instant is a probe that needs no time: it is asked at every request, and nothing of it is kept.
type instant interface {
	probe
	now(app Application) finding
}

// runner runs one check whenever somebody asks and its result is older than its interval. One run is under way at a time.
type runner struct {
	spec  checkSpec
	probe probe
	app   string // "" for a check of all applications
	log   *zap.Logger
	// declared is the definition it was made from; global is true when that is in the configuration.
	declared DeclaredIndicator
	global   bool

	mu sync.Mutex
	// The fields below are guarded by mu.
	last    checkResult // last.at is zero before the first
	absent  bool        // of last
	late    bool        // of last: it took as long as it may
	failing int         // tries in a row that failed
	running *pending
	closed  bool
}

// pending is a run that is under way.
type pending struct {
	done    chan struct{}
	started time.Time
	// until is when whoever waits for it gives up.
	until  time.Time
	cancel context.CancelFunc
}

func newRunner(spec checkSpec, app string, env checkEnv, log *zap.Logger) *runner {
	return &runner{spec: spec, probe: spec.options.probe(env, spec), app: app, log: log}
}

// peek returns the result that can be had at once, or what is to be waited for. shown is false when there is no row.
func (r *runner) peek(ctx context.Context, app Application) (result checkResult, shown bool, wait *pending) {
	if p, ok := r.probe.(instant); ok {
		f := p.now(app)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.publish(f, time.Now(), 0)
		return r.last, !r.absent, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	age := now.Sub(r.last.at)
	known := !r.last.at.IsZero()
	if known && age < r.spec.interval || r.closed {
		return r.last, known && !r.absent, nil
	}
	if r.running == nil {
		r.start(ctx, app, now)
	}
	limit := r.running.started.Add(r.spec.timeout)
	switch {
	case !limit.After(now):
		result, shown = r.hanging(now)
		return result, shown, nil
	case known && r.late:
		return r.last, !r.absent, nil // it hung before: nobody waits for it again
	case known && age < 2*r.spec.interval:
		if soon := r.running.started.Add(brief); soon.Before(limit) {
			limit = soon
		}
		if !limit.After(now) {
			return r.last, !r.absent, nil
		}
	}
	run := *r.running
	run.until = limit
	return checkResult{}, false, &run
}

// wait waits for a run that peek has returned, and returns its result or, when that takes too long, what is known.
func (r *runner) wait(ctx context.Context, run pending) (checkResult, bool) {
	timer := time.NewTimer(time.Until(run.until))
	defer timer.Stop()
	select {
	case <-run.done:
	case <-timer.C:
	case <-ctx.Done(): // nobody reads it
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); r.running != nil && !r.running.started.Add(r.spec.timeout).After(now) {
		return r.hanging(now)
	}
	return r.last, !r.last.at.IsZero() && !r.absent
}

// hanging is the result while a run goes on that should have ended. r.mu is held.
func (r *runner) hanging(now time.Time) (checkResult, bool) {
	since := now.Sub(r.running.started)
	missed := r.failing + int(since/r.spec.timeout)
	if r.last.up && missed < r.spec.threshold {
		return r.last, !r.absent
	}
	return checkResult{
		name: r.spec.name, process: r.spec.process(), critical: r.spec.critical, at: now, took: since,
		description: fmt.Sprintf("%s: no result within %v, and it cannot be interrupted", r.spec.what(), r.spec.timeout),
	}, true
}

// start starts a run. r.mu is held.
func (r *runner) start(ctx context.Context, app Application, now time.Time) {
	// Others wait for it too, so it does not end with the request that asks first. It ends a little before they give up,
	// so that they see what it was doing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.spec.timeout-min(margin, r.spec.timeout/10))
	r.running = &pending{done: make(chan struct{}), started: now, cancel: cancel}
	go r.run(ctx, app, r.running)
}

// run tries once and publishes what it found.
func (r *runner) run(ctx context.Context, app Application, run *pending) {
	defer close(run.done)
	defer run.cancel()
	f := r.try(ctx, app)
	ended := time.Now()
	r.mu.Lock()
	late := ctx.Err() != nil
	r.publish(f, ended, ended.Sub(run.started))
	r.late = late && f.err != nil
	r.running = nil
	closed := r.closed
	r.mu.Unlock()
	if closed {
		r.probe.close()
	}
}

// try is the probe's, whose panic costs this result only.
func (r *runner) try(ctx context.Context, app Application) (f finding) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("check panicked", zap.String("app", r.app), zap.String("check", r.spec.name), zap.Any("panic", p), zap.Stack("stack"))
			f = down(nil, "%s: the check itself is broken: %v; the daemon's log has more", r.spec.what(), p)
		}
	}()
	return r.probe.try(ctx, app)
}

// publish makes a finding the last result. r.mu is held.
func (r *runner) publish(f finding, at time.Time, took time.Duration) {
	before := r.last
	r.absent = f.absent
	result := checkResult{
		name: r.spec.name, process: r.spec.process(), critical: r.spec.critical, details: f.details, at: at, took: took,
	}
	switch {
	case f.err == nil:
		r.failing = 0
		result.up = true
	default:
		r.failing++
		result.description = clipText(problem(f.err, r.spec.timeout), maxProblem)
		// One that was up stays so until it has failed as often as it may not.
		if before.up && r.failing < r.spec.threshold {
			result.up = true
			result.description = fmt.Sprintf("%d of %d tries in a row failed: %s", r.failing, r.spec.threshold, result.description)
		}
	}
	r.last = result
	switch {
	case before.up && !result.up, before.at.IsZero() && !result.up:
		r.log.Warn("check is DOWN", zap.String("app", r.app), zap.String("check", r.spec.name), zap.String("reason", result.description))
	case !before.at.IsZero() && !before.up && result.up:
		r.log.Info("check is UP", zap.String("app", r.app), zap.String("check", r.spec.name))
	}
}

// problem is the text of what is wrong. A time limit is told as what it is.
func problem(err error, limit time.Duration) string {
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		late := fmt.Sprintf("no answer within %v: see whether it hangs, or raise timeoutMs", limit)
		text = strings.ReplaceAll(text, context.DeadlineExceeded.Error(), late)
	}
	return text
}

// clipText shortens a text to at most max bytes.
func clipText(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && s[max]&0xc0 == 0x80 { // not within a character
		max--
	}
	return s[:max] + "…"
}

// close ends a run that is under way, and the probe's connection after it.
func (r *runner) close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	run := r.running
	r.mu.Unlock()
	if run != nil {
		run.cancel() // it closes the probe as it ends
		return
	}
	r.probe.close()
}

// idle is closed when no run is under way.
func (r *runner) idle() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running != nil {
		return r.running.done
	}
	done := make(chan struct{})
	close(done)
	return done
}
