package main

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// firstLook is how long a new guard waits for a daemon to follow it before it looks whether one lives.
	firstLook = 2 * time.Second
	// steadyDaemon is how long a daemon must have lived for its loss to count as the first.
	steadyDaemon = 3 * time.Second
	// servicePatience is how long a service manager has for bringing back the daemon that it keeps.
	servicePatience = 10 * time.Second
	// longestRevivalWait bounds the wait between two tries.
	longestRevivalWait = time.Minute
)

// revivalWorld is what a reviver sees and does.
type revivalWorld interface {
	// daemonLives reports whether a process holds the daemon's lock.
	daemonLives() bool
	// meantToEnd reports whether the daemon was told to end.
	meantToEnd() bool
	// patience is how long to leave a dead daemon to somebody else.
	patience() time.Duration
	// revive starts a daemon, unless one lives or another guard has tried too shortly before: then wait tells for how
	// long to let it be.
	revive(ctx context.Context) (wait time.Duration, err error)
	// leave ends the guard with all that it runs.
	leave()
}

// reviver brings the daemon back for a guard. A daemon follows every guard's status for as long as it lives, so the end
// of that connection is how a guard learns of its death: nothing is polled while all is well.
type reviver struct {
	world revivalWorld
	log   *zap.Logger
	// news has a value whenever followers has changed.
	news chan struct{}

	mu        sync.Mutex
	followers int
}

func newReviver(world revivalWorld, log *zap.Logger) *reviver {
	return &reviver{world: world, log: log, news: make(chan struct{}, 1)}
}

// followed notes that a daemon follows the guard, until end is called.
func (r *reviver) followed() (end func()) {
	r.count(1)
	return func() { r.count(-1) }
}

func (r *reviver) count(by int) {
	r.mu.Lock()
	r.followers += by
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

func (r *reviver) isFollowed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.followers > 0
}

// revivalState is what a reviver remembers between two looks.
type revivalState struct {
	// followed is since when a daemon follows; zero when none does.
	followed time.Time
	// losses counts the daemons lost, and the tries that failed, since one was steady; looks those while a daemon seemed
	// to live that does not follow.
	losses, looks int
	// revived is true from a revival until that daemon follows: if it does not live that long, the revival was a loss.
	revived bool
	// due is when to look; only while no daemon follows.
	due time.Time
}

// revivalStep is what a reviver does next.
type revivalStep int

const (
	// stepWait waits for news, or until state.due while no daemon follows.
	stepWait revivalStep = iota
	// stepLook looks whether a daemon lives, and acts on it.
	stepLook
)

// observe is the decision about news: whether a daemon follows now.
func (s revivalState) observe(now time.Time, followed bool, patience time.Duration) (revivalState, revivalStep) {
	switch {
	case followed && s.followed.IsZero():
		if s.revived {
			s.losses--
		}
		s.followed, s.looks, s.revived = now, 0, false
	case !followed && !s.followed.IsZero():
		if now.Sub(s.followed) >= steadyDaemon {
			s.losses = 0
		}
		s.followed = time.Time{}
		s.due = now.Add(max(patience, revivalWait(s.losses)))
		s.losses++
	}
	if s.followed.IsZero() && !now.Before(s.due) {
		return s, stepLook
	}
	return s, stepWait
}

// lives is the decision when a daemon lives that does not follow: it is still starting, or somebody starts one.
func (s revivalState) lives(now time.Time) revivalState {
	s.looks++
	s.due = now.Add(revivalWait(s.looks))
	return s
}

// tried is the decision after a try. With a wait there was none yet.
func (s revivalState) tried(now time.Time, wait time.Duration, err error) revivalState {
	if wait > 0 && err == nil {
		s.due = now.Add(wait)
		return s
	}
	s.due = now.Add(max(wait, revivalWait(s.losses)))
	s.losses++
	s.revived = err == nil
	return s
}

// revivalWait is the wait before a try: none, 1 s, 2 s, 4 s … at most longestRevivalWait.
func revivalWait(attempt int) time.Duration {
	if attempt <= 0 {
		return 0
	}
	return min(time.Second<<min(attempt-1, 10), longestRevivalWait)
}

// run does the work until ctx ends.
func (r *reviver) run(ctx context.Context) {
	state := revivalState{due: time.Now().Add(firstLook)}
	timer := time.NewTimer(firstLook)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.news:
		case <-timer.C:
		}
		followed, patience := r.isFollowed(), time.Duration(0)
		if !followed && !state.followed.IsZero() {
			patience = r.world.patience()
		}
		var step revivalStep
		if state, step = state.observe(time.Now(), followed, patience); step == stepLook {
			state = r.look(ctx, state)
		}
		timer.Stop()
		if state.followed.IsZero() {
			timer.Reset(time.Until(state.due))
		}
	}
}

// look acts on whether a daemon lives.
func (r *reviver) look(ctx context.Context, state revivalState) revivalState {
	switch {
	case r.world.daemonLives():
		return state.lives(time.Now())
	case r.world.meantToEnd():
		r.log.Info("daemon was told to end, the guard ends too")
		r.world.leave()
		return state.tried(time.Now(), longestRevivalWait, nil)
	}
	wait, err := r.world.revive(ctx)
	state = state.tried(time.Now(), wait, err)
	if err != nil && ctx.Err() == nil {
		r.log.Error("daemon not brought back", zap.Duration("after", time.Until(state.due).Round(time.Second)), zap.Error(err))
	}
	return state
}
