package rotate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"go.uber.org/zap"
)

// beatCheck is how often silent clients are looked for.
const beatCheck = 10 * time.Second

// longestDay is longer than any day, also one in which summer time ends.
const longestDay = 26 * time.Hour

// RotatorOptions are what NewRotator needs.
type RotatorOptions struct {
	// Renamed is called after files were renamed, from Run.
	Renamed func()
	// Owned reports whether a file must not be rotated, because it is already.
	Owned func(file string) bool
	// Save is called with what the next rotator can Restore, from Run, a few seconds after it has changed.
	Save func(data []byte)
	Log  *zap.Logger
}

// Rotator rotates the files of loggers by the strategies that their processes send. It renames; whoever writes has to open
// the file again. All methods may be called concurrently, but Restore, which comes before Run.
type Rotator struct {
	RotatorOptions
	// wake tells Run that there is a first strategy.
	wake chan struct{}

	mu  sync.Mutex // guards everything below
	all strategies
	// changed is true when it is to be saved.
	changed bool
	// midnight is when files are rotated next, by an earlier rotator; zero when there was none.
	midnight time.Time
}

// NewRotator makes a rotator without strategies.
func NewRotator(o RotatorOptions) *Rotator {
	return &Rotator{RotatorOptions: o, wake: make(chan struct{}, 1)}
}

// kept is what one rotator leaves to the next. Not every client tells its strategies again to another daemon, but all send
// heartbeats.
type kept struct {
	Midnight   time.Time         `json:"midnight"`
	Strategies []json.RawMessage `json:"strategies"`
}

// Restore takes over what an earlier rotator has saved. What was to be rotated meanwhile is rotated when Run begins.
func (r *Rotator) Restore(data []byte) error {
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return fmt.Errorf("restore rotation strategies: %w", err)
	}
	for _, s := range k.Strategies {
		if err := r.Add(s); err != nil {
			return fmt.Errorf("restore rotation strategies: %w", err)
		}
	}
	r.midnight = k.Midnight
	return nil
}

// saveChanged saves what has changed.
func (r *Rotator) saveChanged(midnight time.Time) {
	r.mu.Lock()
	changed := r.changed || !r.midnight.Equal(midnight)
	r.changed, r.midnight = false, midnight
	k := kept{Midnight: midnight, Strategies: []json.RawMessage{}}
	if changed {
		for _, h := range r.all {
			data, _ := json.Marshal(h.Strategy) // texts and numbers
			k.Strategies = append(k.Strategies, data)
		}
	}
	r.mu.Unlock()
	if changed {
		data, _ := json.Marshal(k)
		r.Save(data)
	}
}

// Marked reports whether a file is the output of workers, which the supervisor rotates itself.
func Marked(file string) bool {
	dir, name := filepath.Split(file)
	return exists(MarksPath(file)) || exists(filepath.Join(dir, "."+name+".merged"))
}

// Add takes a strategy, as a client has sent it. The client has to Beat for it.
func (r *Rotator) Add(data []byte) error {
	s, err := ParseStrategy(data)
	if err != nil {
		return err
	}
	if r.Owned(s.File) {
		return fmt.Errorf("rotation strategy %s: %q is rotated by pandora itself", s.UUID, s.File)
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all.has(s.UUID) {
		r.all.beat(s.UUID, now)
		return &DuplicateError{UUID: s.UUID}
	}
	if len(r.all) >= maxStrategies {
		return fmt.Errorf("rotation strategy %s: there are %d already, no more are taken", s.UUID, maxStrategies)
	}
	r.all = append(r.all, held{Strategy: s, beat: now})
	r.changed = true
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return nil
}

// DuplicateError says that a strategy is known already.
type DuplicateError struct{ UUID string }

// Error is the text of the original.
func (e *DuplicateError) Error() string { return "Strategy uuid " + e.UUID + " already has" }

// Beat notes that the client of a strategy lives.
func (r *Rotator) Beat(uuid string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all.beat(uuid, time.Now())
}

// Files lists the files that are rotated, and by which type.
func (r *Rotator) Files() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	files := map[string]string{}
	for _, kind := range []string{ByDate, BySize} {
		for _, s := range r.all.of(kind) {
			files[s.File] = kind
		}
	}
	return files
}

// schedule is when Run has something to do.
type schedule struct {
	midnight time.Time
	// looked is when the sizes were looked at last.
	looked time.Time
}

// Run rotates until ctx ends.
func (r *Rotator) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		r.rotate(ctx)
	}
}

// rotate rotates until the last strategy is gone or ctx ends.
func (r *Rotator) rotate(ctx context.Context) {
	now := time.Now()
	plan := schedule{midnight: NextMidnight(now), looked: now}
	r.mu.Lock()
	if !r.midnight.IsZero() && r.midnight.Before(plan.midnight) {
		plan.midnight = r.midnight
	}
	r.mu.Unlock()
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer func() { r.saveChanged(plan.midnight) }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if !r.step(&plan) {
			plan.midnight = time.Time{}
			return
		}
		r.saveChanged(plan.midnight)
		// The clock of the machine may be set, and rest while it sleeps: the day is asked for again and again.
		timer.Reset(max(0, min(beatCheck, time.Until(plan.midnight))))
	}
}

// step does what is due now. It reports whether there is anything to wait for.
func (r *Rotator) step(plan *schedule) bool {
	now := time.Now()
	r.mu.Lock()
	kept, expired := r.all.expire(now)
	r.all = kept
	r.changed = r.changed || len(expired) > 0
	byDate, bySize := kept.of(ByDate), kept.of(BySize)
	r.mu.Unlock()
	for _, h := range expired {
		r.Log.Warn("log is rotated no more, its process is silent", zap.String("path", h.File), zap.Duration("after", heartbeatLimit))
	}
	renamed := 0
	if plan.midnight.Sub(now) > longestDay {
		plan.midnight = NextMidnight(now) // the clock was set back
	}
	if !now.Before(plan.midnight) {
		day := plan.midnight.AddDate(0, 0, -1)
		plan.midnight = NextMidnight(now)
		renamed += r.byDate(byDate, day)
	}
	if len(bySize) == 0 {
		plan.looked = now
	} else if now.Sub(plan.looked) >= sizeInterval(bySize) {
		plan.looked = now
		renamed += r.bySize(bySize)
	}
	if renamed > 0 {
		r.Renamed()
	}
	return len(kept) > 0
}

func (r *Rotator) byDate(list []Strategy, day time.Time) (renamed int) {
	for _, s := range list {
		to, err := rotateByDate(s.File, day)
		r.failed(err)
		if to != "" {
			r.Log.Info("log rotated", zap.String("path", s.File), zap.String("to", to))
			renamed++
		}
	}
	return renamed
}

func (r *Rotator) bySize(list []Strategy) (renamed int) {
	for _, s := range list {
		done, err := rotateBySize(s)
		r.failed(err)
		if done {
			r.Log.Info("log rotated", zap.String("path", s.File), zap.String("to", numbered(s.File, 1)))
			renamed++
		}
	}
	return renamed
}

// failed tells what could not be rotated; it is tried again when the next time comes.
func (r *Rotator) failed(err error) {
	switch {
	case errors.Is(err, errForeign):
		r.Log.Info("log not rotated", zap.Error(err))
	case err != nil:
		r.Log.Warn("log not rotated", zap.Error(err))
	}
}
