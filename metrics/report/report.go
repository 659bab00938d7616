// Package report sends metrics to where users have them: a file, a collector, a vendor.
//
//	set := report.New(report.Config{Registry: registry, Interval: time.Minute, Scope: instruments.Scope(), Log: log})
//	problems := set.Configure(config)                      // the global configuration, again after a change of it
//	problems = set.Sync([]report.Application{{Name: "shop", Reporters: declared}})
//	remove := set.Add(report.Reporter{Name: "own", App: "shop"}, sink)
//	set.Run(ctx)
//
// Each reporter reads the registry on a schedule of its own and puts what it has read into a queue of its own, which a
// second goroutine empties. A sink that fails is tried again with growing pauses, one that hangs is given up after its
// time limit; what does not fit into the queue meanwhile is dropped, the oldest first, and counted. Neither can hold up
// another reporter, a worker or a scrape. docs/reporters.md has the sinks and their options.
//
// Concurrency: all methods of Set may be called from any goroutine. A Sink is called by one goroutine at a time. The
// goroutines end with Run, which waits for them.
//
// It keeps no metrics and serves nothing. What was not delivered when the daemon ends is lost.
package report

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uber-go/tally/v4"
	"go.uber.org/zap"

	dto "github.com/prometheus/client_model/go"

	"github.com/pandora-go/pandora/metrics"
)

// Sink takes reports.
type Sink interface {
	// Report hands over what has happened since the report before: rows as of metrics.Registry.CompactRows, not to be
	// changed. It ends with ctx at the latest. After an error the same rows come again later, unless Permanent made it.
	Report(ctx context.Context, rows []metrics.Row) error
}

// Source is what is read; a *metrics.Registry.
type Source interface {
	CompactRows(ctx context.Context, since, now time.Time, o metrics.CompactOptions) []metrics.Row
	Snapshot(ctx context.Context, app string) metrics.Grouped[metrics.Row]
	Families(ctx context.Context, app string) []*dto.MetricFamily
	Metrics(ctx context.Context, app string) []metrics.Metric
}

// Config is what New needs.
type Config struct {
	Registry Source
	// Interval is how often reporters report that have no interval of their own; 0 means a minute.
	Interval time.Duration
	// File is the path of the file of the reporter "file" of an application, or, for "", of the global one; nil refuses
	// that reporter.
	File func(app string) string
	// Output is where the reporter "console" writes; nil refuses it.
	Output io.Writer
	// Getenv reads the environment, for the variables OTEL_…; nil means that there are none.
	Getenv func(string) string
	// Continues says that workers have counted before: what they had counted by the first report is not told as new.
	Continues bool
	// Version is that of this program, told to whom it reports.
	Version string
	// Scope gets the counters reporter.reports{reporter,result} and reporter.drops{reporter}; nil for none.
	Scope tally.Scope
	// Log may be nil.
	Log *zap.Logger
}

// Reporter says when a Sink gets what.
type Reporter struct {
	// Name appears in states, logs and metrics.
	Name string
	// App is the application whose metrics are reported, without what belongs to nobody; "" for everything.
	App string
	// Interval is how often; 0 means that of Config.
	Interval time.Duration
	// Timeout is how long one report may take; 0 means 10 s.
	Timeout time.Duration
	// Tags are added to each row that has none by the name.
	Tags map[string]string
}

// State is how a reporter does.
type State struct {
	Name string `json:"name"`
	// App is "" for those of the global configuration.
	App string `json:"appName,omitempty"`
	// Sent is the number of reports that arrived, Failed that of tries that did not.
	Sent   int64 `json:"sent"`
	Failed int64 `json:"failed"`
	// Dropped is the number of reports that were given up.
	Dropped int64 `json:"dropped"`
	// Waiting is the number of reports in the queue.
	Waiting int `json:"waiting"`
	// Error is why the last try failed; "" when it did not. It holds no secret.
	Error string `json:"error,omitempty"`
}

// Set is all reporters of a daemon. Make it with New.
type Set struct {
	config Config
	born   time.Time

	mu sync.Mutex // guards everything below
	// start starts the goroutines of a reporter, nil while Run does not run.
	start   func(*runner)
	running []*runner
	wg      sync.WaitGroup
	// apps are the applications that have run: what they count goes on when they run again.
	apps map[string]bool
	// problems are what keeps reporters from running, by application.
	problems map[string][]string
}

// New makes a set without reporters; none reports before Run.
func New(c Config) *Set {
	c.Interval = cmp.Or(c.Interval, metrics.DefaultReporterInterval)
	if c.Scope == nil {
		c.Scope = tally.NoopScope
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Getenv == nil {
		c.Getenv = func(string) string { return "" }
	}
	return &Set{config: c, born: time.Now(), apps: map[string]bool{}, problems: map[string][]string{}}
}

// Run reports until ctx ends, and then waits for the sinks.
func (s *Set) Run(ctx context.Context) {
	s.mu.Lock()
	s.start = func(r *runner) { s.begin(ctx, r) }
	for _, r := range s.running {
		s.start(r)
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.start = nil
	s.running = nil
	s.mu.Unlock()
	s.wg.Wait()
}

// begin starts the goroutines of a reporter. The second one gives back what the sink has open.
func (s *Set) begin(ctx context.Context, r *runner) {
	ctx, r.cancel = context.WithCancel(ctx)
	s.wg.Add(2)
	r.wg.Go(func() {
		defer s.wg.Done()
		r.read(ctx)
	})
	r.wg.Go(func() {
		defer s.wg.Done()
		defer r.close()
		r.send(ctx)
	})
	s.config.Log.Info("reporter started", zap.String("reporter", r.Name), zap.String("app", r.App), zap.Duration("interval", r.Interval))
}

// Add begins to report to a sink. The function that it returns ends that, and waits until the sink is no longer called;
// it may be called twice.
func (s *Set) Add(r Reporter, sink Sink) (remove func()) { return s.add(r, rowSink{sink}) }

func (s *Set) add(r Reporter, sink taker) (remove func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	added := s.newRunner(r, sink, "")
	s.addLocked(added)
	return func() {
		s.mu.Lock()
		s.removeLocked(func(o *runner) bool { return o == added })
		s.mu.Unlock()
		added.wg.Wait()
	}
}

// addLocked adds a reporter; s.mu is held.
func (s *Set) addLocked(r *runner) {
	s.running = append(s.running, r)
	if s.start != nil {
		s.start(r)
	}
}

// removeLocked ends the reporters that match, without waiting for them; s.mu is held.
func (s *Set) removeLocked(match func(*runner) bool) {
	s.running = slices.DeleteFunc(s.running, func(r *runner) bool {
		if !match(r) {
			return false
		}
		if r.cancel != nil {
			r.cancel()
			s.config.Log.Info("reporter ended", zap.String("reporter", r.Name), zap.String("app", r.App))
		}
		return true
	})
}

// States tells how each reporter does: those of the global configuration first, then by application, each by name.
func (s *Set) States() []State {
	s.mu.Lock()
	running := slices.Clone(s.running)
	s.mu.Unlock()
	states := make([]State, 0, len(running))
	for _, r := range running {
		states = append(states, r.state())
	}
	slices.SortStableFunc(states, func(a, b State) int {
		return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.Name, b.Name))
	})
	return states
}

// Names are the reporters of the global configuration, in order.
func (s *Set) Names() []string {
	names := []string{}
	for _, state := range s.States() {
		if state.App == "" {
			names = append(names, state.Name)
		}
	}
	return names
}

// Permanent marks an error of a Sink for which trying again does not help: the report is dropped at once.
func Permanent(err error) error { return &permanentError{err} }

type permanentError struct{ error }

// Unwrap returns the error itself.
func (e *permanentError) Unwrap() error { return e.error }
