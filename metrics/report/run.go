package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/uber-go/tally/v4"
	"go.uber.org/zap"

	dto "github.com/prometheus/client_model/go"

	"github.com/pandora-go/pandora/metrics"
)

const (
	// maxQueue bounds the reports that wait for a sink, maxQueuedRows their rows together; one report always fits.
	maxQueue      = 10
	maxQueuedRows = 500_000
	// defaultTimeout bounds one try of a sink.
	defaultTimeout = 10 * time.Second
	// firstPause is the pause after a failure; it doubles up to longestPause.
	firstPause   = time.Second
	longestPause = time.Minute
	// maxError bounds what is told about a failure, in bytes.
	maxError = 300
)

// shape is what a sink wants to be given.
type shape int

const (
	// compact is what has happened since the report before, as the file has it.
	compact shape = iota
	// full is all totals, gauges and statistics, and the buckets of what has no total.
	full
	// families is what the Prometheus text shows.
	families
	// objects is the metrics themselves.
	objects
)

// batch is one report.
type batch struct {
	// since is when the report before was read, or, for the first one, when the reporter began; at is when this one was.
	since, at time.Time
	rows      []metrics.Row
	families  []*dto.MetricFamily
	metrics   []metrics.Metric
}

// size is roughly how much a batch holds.
func (b *batch) size() int {
	n := len(b.rows) + len(b.metrics)
	for _, f := range b.families {
		n += len(f.Metric)
	}
	return n
}

// taker is a sink as this package has it.
type taker interface {
	shape() shape
	take(ctx context.Context, b *batch) error
}

// rowSink is a Sink as a taker.
type rowSink struct{ Sink }

func (rowSink) shape() shape { return compact }

func (s rowSink) take(ctx context.Context, b *batch) error { return s.Report(ctx, b.rows) }

// runner is one reporter: one goroutine reads, another sends.
type runner struct {
	Reporter
	// spec is what it was configured by, to tell whether that has changed.
	spec   string
	source Source
	sink   taker
	log    *zap.Logger
	sent   tally.Counter
	failed tally.Counter
	drops  tally.Counter
	cancel context.CancelFunc // nil before it is started
	wg     sync.WaitGroup
	// wake tells the sender that the queue is not empty.
	wake chan struct{}

	mu sync.Mutex // guards everything below
	// queue has the oldest first.
	queue  []*batch
	counts State
	// after is what the receiver asked for with its last answer.
	after time.Duration
}

func (s *Set) newRunner(r Reporter, sink taker, spec string) *runner {
	if r.Interval <= 0 {
		r.Interval = s.config.Interval
	}
	if r.Timeout <= 0 {
		r.Timeout = defaultTimeout
	}
	tags := map[string]string{"reporter": r.Name}
	if r.App != "" {
		tags["appName"] = r.App
	}
	scope := s.config.Scope.Tagged(tags)
	return &runner{
		Reporter: r, spec: spec, source: s.config.Registry, sink: sink, wake: make(chan struct{}, 1),
		log:    s.config.Log.With(zap.String("reporter", r.Name), zap.String("app", r.App)),
		sent:   scope.Tagged(map[string]string{"result": "sent"}).Counter("reporter.reports"),
		failed: scope.Tagged(map[string]string{"result": "failed"}).Counter("reporter.reports"),
		drops:  scope.Counter("reporter.drops"),
		counts: State{Name: r.Name, App: r.App},
	}
}

// close gives back what the sink has open.
func (r *runner) close() {
	if c, ok := r.sink.(io.Closer); ok {
		if err := c.Close(); err != nil {
			r.log.Debug("reporter not closed in order", zap.Error(err))
		}
	}
}

func (r *runner) state() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	state := r.counts
	state.Waiting = len(r.queue)
	return state
}

// read puts a report into the queue each interval.
func (r *runner) read(ctx context.Context) {
	tick := time.NewTicker(r.Interval)
	defer tick.Stop()
	since := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		b := r.collect(ctx, since)
		if ctx.Err() != nil {
			return
		}
		since = b.at
		r.push(b)
	}
}

// collect reads the registry. Whoever does not answer in time is left out by it.
func (r *runner) collect(ctx context.Context, since time.Time) *batch {
	b := &batch{since: since, at: time.Now()}
	switch r.sink.shape() {
	case families:
		b.families = ofApp(r.App, r.source.Families(ctx, r.App))
	case objects:
		for _, m := range r.source.Metrics(ctx, r.App) {
			if r.App == "" || m.Name.Tags["appName"] == r.App {
				b.metrics = append(b.metrics, m)
			}
		}
	case full:
		b.rows = r.tagged(r.fullRows(ctx, b))
	default:
		b.rows = r.tagged(r.compactRows(ctx, b))
	}
	return b
}

func (r *runner) compactRows(ctx context.Context, b *batch) []metrics.Row {
	return r.source.CompactRows(ctx, b.since, b.at, metrics.CompactOptions{App: r.App})
}

// push adds a report to the queue and drops the oldest ones that have no room.
func (r *runner) push(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append(r.queue, b)
	r.trimLocked()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// trimLocked drops the oldest reports until the others fit; r.mu is held.
func (r *runner) trimLocked() {
	rows := 0
	for _, b := range r.queue {
		rows += b.size()
	}
	room := maxQueue
	if r.momentary() {
		room = 1
	}
	for len(r.queue) > 1 && (len(r.queue) > room || rows > maxQueuedRows) {
		rows -= r.queue[0].size()
		r.queue[0] = nil
		r.queue = r.queue[1:]
		r.droppedLocked()
	}
}

func (r *runner) droppedLocked() {
	r.counts.Dropped++
	r.drops.Inc(1)
}

// pop takes the oldest report, nil when there is none.
func (r *runner) pop() *batch {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return nil
	}
	b := r.queue[0]
	r.queue[0] = nil
	r.queue = r.queue[1:]
	return b
}

// back puts a report to the head of the queue, if it still fits there.
func (r *runner) back(b *batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue = append([]*batch{b}, r.queue...)
	r.trimLocked()
}

// send hands reports to the sink, one after the other.
func (r *runner) send(ctx context.Context) {
	pause := firstPause
	for {
		b := r.pop()
		if b == nil {
			select {
			case <-ctx.Done():
				return
			case <-r.wake:
			}
			continue
		}
		if r.try(ctx, b) {
			pause = firstPause
			continue
		}
		// Half of the pause is by chance, so that not all daemons of a data center come back at once.
		wait := time.NewTimer(max(r.later(), pause/2+rand.N(pause/2+1)))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		pause = min(2*pause, longestPause)
	}
}

// try hands one report to the sink. It tells whether the next one may follow at once.
func (r *runner) try(ctx context.Context, b *batch) bool {
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	err := r.guarded(limited, b)
	if err == nil {
		r.sent.Inc(1)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.counts.Error != "" {
			r.log.Info("reporter goes on", zap.Int64("failed", r.counts.Failed), zap.Int64("dropped", r.counts.Dropped))
		}
		r.counts.Sent++
		r.counts.Error = ""
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	_, hopeless := errors.AsType[*permanentError](err)
	momentary := r.momentary()
	hopeless = hopeless || momentary
	r.failed.Inc(1)
	r.mu.Lock()
	first := r.counts.Error == ""
	news := r.counts.Error != clip(err.Error())
	r.counts.Failed++
	r.counts.Error = clip(err.Error())
	r.after = 0
	if later, asked := errors.AsType[*laterError](err); asked {
		r.after = later.after
	}
	if hopeless {
		r.droppedLocked()
	}
	r.mu.Unlock()
	if !hopeless {
		r.back(b)
	}
	switch {
	case momentary && news:
		r.log.Warn("reporter fails, the next report comes when it is due", zap.Error(err))
	case first && !momentary:
		r.log.Warn("reporter fails, it is tried again with growing pauses", zap.Error(err))
	default:
		r.log.Debug("reporter fails", zap.Error(err))
	}
	return momentary
}

// later is how long the receiver has asked to be left alone, 0 when it has not.
func (r *runner) later() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.after
}

// guarded turns a panic of a sink into an error: metrics are not worth a daemon.
func (r *runner) guarded(ctx context.Context, b *batch) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Permanent(fmt.Errorf("report to %s: %v", r.Name, p))
			r.log.Error("reporter panicked", zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	return r.sink.take(ctx, b)
}

// clip bounds what is told about a failure.
func clip(s string) string { return s[:min(len(s), maxError)] }
