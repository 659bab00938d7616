package endpoints

import (
	"context"
	"sync"
	"time"
)

const (
	// healthTTL is how long what an Indicator has said serves further requests.
	healthTTL = time.Second
	// staleLimit is how old a result may be that is served while a new one is on its way.
	staleLimit = 5 * time.Second
	// patience is how long requests wait for a new result when there is one not older than staleLimit.
	patience = 100 * time.Millisecond
	// slowRun is how long a run takes that nobody waits for again.
	slowRun = time.Second
)

// shared is a value that takes time to get, shared by all who ask within its time to live. One run is under way at a time.
// Who asks for an old value waits for a new one, but not long while the old one will do, and not at all when the last run
// was slow: so one that hangs makes only the first request wait.
type shared[T any] struct {
	mu sync.Mutex
	// The fields below are guarded by mu.
	value   T
	at      time.Time // of value; zero before the first
	slow    bool      // the last run was
	started time.Time // of the run under way
	running chan struct{}
}

// fresh returns the value if it is not older than ttl.
func (s *shared[T]) fresh(ttl time.Duration) (value T, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at.IsZero() || time.Since(s.at) >= ttl {
		return value, false
	}
	return s.value, true
}

// last returns the value however old it is; the zero value before the first.
func (s *shared[T]) last() T {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.value
}

// reset forgets the value, so that the next one who asks waits for a new one.
func (s *shared[T]) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at, s.slow = time.Time{}, false
}

// get returns the value, by a run of f when it is older than ttl. f must end by itself; its context does not end with ctx.
func (s *shared[T]) get(ctx context.Context, ttl time.Duration, f func(context.Context) T) T {
	s.mu.Lock()
	if !s.at.IsZero() && time.Since(s.at) < ttl {
		defer s.mu.Unlock()
		return s.value
	}
	if s.running == nil {
		s.running, s.started = make(chan struct{}), time.Now()
		go s.run(context.WithoutCancel(ctx), s.running, f)
	}
	value, running := s.value, s.running
	wait, bounded := s.wait()
	s.mu.Unlock()
	var limit <-chan time.Time
	if bounded {
		if wait <= 0 {
			return value
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		limit = timer.C
	}
	select {
	case <-running:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.value
	case <-limit:
	case <-ctx.Done():
	}
	return value
}

// wait tells how long the run under way is waited for; s.mu is held.
func (s *shared[T]) wait() (wait time.Duration, bounded bool) {
	switch {
	case s.at.IsZero():
		return 0, false
	case time.Since(s.at) > staleLimit:
		return patience - time.Since(s.started), s.slow
	case s.slow:
		return 0, true
	}
	return patience - time.Since(s.started), true
}

// run runs f once and publishes its value.
func (s *shared[T]) run(ctx context.Context, done chan struct{}, f func(context.Context) T) {
	value := f(ctx)
	s.mu.Lock()
	s.slow = time.Since(s.started) >= slowRun
	s.value, s.at, s.running = value, time.Now(), nil
	s.mu.Unlock()
	close(done)
}
