package metrics

import (
	"context"
	"sync"
	"time"
)

const (
	// setTimeout is how long a reading of a cached set may keep others waiting.
	setTimeout = 3 * time.Second
	// DefaultSetTTL and DefaultGaugeTTL are how long cached values serve.
	DefaultSetTTL   = 60 * time.Second
	DefaultGaugeTTL = 5 * time.Second
)

// SetTTL is how long a set of metrics of this level may serve what it has read.
func (l Level) SetTTL() time.Duration { return l.Period(time.Hour) }

// PrefixedSet returns the set with its members under prefix.name, with the level of the prefix; a tag of the member wins
// over one of the prefix.
func PrefixedSet(prefix Name, set Set) Set { return prefixedSet{prefix, set} }

type prefixedSet struct {
	prefix Name
	set    Set
}

// Samples implements Set.
func (p prefixedSet) Samples(ctx context.Context) []Sample {
	samples := p.set.Samples(ctx)
	for i, s := range samples {
		level := p.prefix.Level
		if p.prefix.Key == "" {
			level = s.Name.Level
		}
		samples[i].Name = NewName(p.prefix.Key, s.Name.Key).Tagged(s.Name.Tags).Tagged(p.prefix.Tags).WithLevel(level)
	}
	return samples
}

// NewCachedSet returns a set whose members are read by load, no more often than once in ttl (0 means DefaultSetTTL)
// however many ask. Who asks while it is read waits for it, but no longer than 3 s: then the values before serve.
func NewCachedSet(ttl time.Duration, load func(ctx context.Context) []Sample) Set {
	if ttl <= 0 {
		ttl = DefaultSetTTL
	}
	return &cachedSet{ttl: ttl, load: load}
}

type cachedSet struct {
	ttl  time.Duration
	load func(ctx context.Context) []Sample

	mu      sync.Mutex // guards everything below
	samples []Sample
	read    time.Time
	reading chan struct{} // nil when nobody reads; closed after it
}

// Samples implements Set.
func (s *cachedSet) Samples(ctx context.Context) []Sample {
	s.mu.Lock()
	if !s.read.IsZero() && time.Since(s.read) < s.ttl {
		defer s.mu.Unlock()
		return append([]Sample(nil), s.samples...)
	}
	reading := s.reading
	if reading == nil {
		s.reading = make(chan struct{})
	}
	s.mu.Unlock()
	if reading == nil {
		s.refresh(ctx)
	} else {
		late := time.NewTimer(setTimeout)
		defer late.Stop()
		select {
		case <-reading:
		case <-late.C:
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Sample(nil), s.samples...)
}

// refresh reads the members. Others may wait for them, so it does not end with who asks.
func (s *cachedSet) refresh(ctx context.Context) {
	began := time.Now()
	samples := s.load(context.WithoutCancel(ctx))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples, s.read = samples, began
	close(s.reading)
	s.reading = nil
}

// NewCachedGauge returns a gauge whose value is read by load, no more often than once in ttl (0 means
// DefaultGaugeTTL).
func NewCachedGauge(ttl time.Duration, load func(ctx context.Context) any) Gauge {
	if ttl <= 0 {
		ttl = DefaultGaugeTTL
	}
	set := NewCachedSet(ttl, func(ctx context.Context) []Sample { return []Sample{{Value: load(ctx)}} })
	return GaugeFunc(func(ctx context.Context) any {
		for _, s := range set.Samples(ctx) {
			return s.Value
		}
		return nil
	})
}
