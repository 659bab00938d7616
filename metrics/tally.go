package metrics

import (
	"context"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/uber-go/tally/v4"
)

// tallyInterval is how often the daemon's scopes report; a value may be that old.
const tallyInterval = time.Second

// NewTallyReporter returns a reporter that writes what tally scopes report into group GroupDaemon of r: counters add
// up, gauges keep the last value. A timer becomes a histogram in seconds with DefaultBuckets and an exact sum. A tally
// histogram hands on only the number of samples per bucket, so its sum takes each sample at its bucket's middle.
// A name that is taken by another type is dropped.
func NewTallyReporter(r *Registry) tally.CachedStatsReporter { return &reporter{registry: r} }

type reporter struct{ registry *Registry }

// Capabilities implements tally: the reporter takes tags.
func (rp *reporter) Capabilities() tally.Capabilities { return capabilities{} }

// Flush implements tally: values are written at once.
func (rp *reporter) Flush() {}

type capabilities struct{}

// Reporting implements tally.
func (capabilities) Reporting() bool { return true }

// Tagging implements tally.
func (capabilities) Tagging() bool { return true }

func tallyName(name string, tags map[string]string) Name {
	return Name{Key: name, Tags: maps.Clone(tags), Level: Normal}
}

// AllocateCounter implements tally.
func (rp *reporter) AllocateCounter(name string, tags map[string]string) tally.CachedCount {
	c, err := rp.registry.Counter(Daemon, GroupDaemon, tallyName(name, tags))
	if err != nil {
		c = &Counter{} // nobody reads it
	}
	return tallyCounter{c}
}

type tallyCounter struct{ *Counter }

// ReportCount implements tally: value is what came since the last report.
func (c tallyCounter) ReportCount(value int64) { c.Inc(float64(value)) }

// AllocateGauge implements tally.
func (rp *reporter) AllocateGauge(name string, tags map[string]string) tally.CachedGauge {
	g := &tallyGauge{value: math.NaN()}
	_ = rp.registry.AddGauge(Daemon, GroupDaemon, tallyName(name, tags), GaugeFunc(g.read))
	return g
}

type tallyGauge struct {
	mu    sync.Mutex // guards value
	value float64    // NaN before the first report
}

func (g *tallyGauge) read(context.Context) any {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.value
}

// ReportGauge implements tally.
func (g *tallyGauge) ReportGauge(value float64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.value = value
}

// AllocateTimer implements tally.
func (rp *reporter) AllocateTimer(name string, tags map[string]string) tally.CachedTimer {
	return tallyHistogram{rp.histogram(name, tags, DefaultBuckets())}
}

// AllocateHistogram implements tally.
func (rp *reporter) AllocateHistogram(name string, tags map[string]string, buckets tally.Buckets) tally.CachedHistogram {
	return tallyHistogram{rp.histogram(name, tags, buckets.AsValues())}
}

func (rp *reporter) histogram(name string, tags map[string]string, bounds []float64) *histogram {
	h, err := rp.registry.histogram(GroupDaemon, tallyName(name, tags), bounds)
	if err != nil {
		return newHistogram(nil) // nobody reads it
	}
	return h
}

type tallyHistogram struct{ h *histogram }

// ReportTimer implements tally.
func (t tallyHistogram) ReportTimer(d time.Duration) { t.h.observe(d.Seconds(), 1) }

// ValueBucket implements tally.
func (t tallyHistogram) ValueBucket(lower, upper float64) tally.CachedHistogramBucket {
	switch {
	case upper >= math.MaxFloat64 && lower <= -math.MaxFloat64:
		return tallyBucket{t.h, 0}
	case upper >= math.MaxFloat64:
		return tallyBucket{t.h, math.Nextafter(lower, math.MaxFloat64)} // above the last bound
	case lower <= -math.MaxFloat64:
		return tallyBucket{t.h, upper}
	}
	return tallyBucket{t.h, lower + (upper-lower)/2}
}

// DurationBucket implements tally, in seconds.
func (t tallyHistogram) DurationBucket(lower, upper time.Duration) tally.CachedHistogramBucket {
	seconds := func(d time.Duration) float64 {
		switch d {
		case math.MaxInt64:
			return math.MaxFloat64
		case math.MinInt64:
			return -math.MaxFloat64
		}
		return d.Seconds()
	}
	return t.ValueBucket(seconds(lower), seconds(upper))
}

// tallyBucket counts samples of one bucket at its middle.
type tallyBucket struct {
	h      *histogram
	middle float64
}

// ReportSamples implements tally.
func (b tallyBucket) ReportSamples(n int64) {
	if n > 0 {
		b.h.observe(b.middle, uint64(n))
	}
}

// NewScope returns the root of the daemon's instruments, named pandora.…, which report into r every second, and what
// ends it after a last report. Names keep letters, digits, _ - and dots; tag values are kept as they are.
func NewScope(r *Registry) (tally.Scope, io.Closer) {
	word := tally.ValidCharacters{
		Ranges:     tally.AlphanumericRange,
		Characters: []rune{'_', '-', '.'},
	}
	return tally.NewRootScope(tally.ScopeOptions{
		Prefix:                 GroupDaemon,
		Separator:              ".",
		CachedReporter:         NewTallyReporter(r),
		OmitCardinalityMetrics: true,
		SanitizeOptions: &tally.SanitizeOptions{
			NameCharacters:       word,
			KeyCharacters:        word,
			ValueCharacters:      tally.ValidCharacters{Ranges: []tally.SanitizeRange{{0, utf8.MaxRune}}},
			ReplacementCharacter: '_',
		},
	}, tallyInterval)
}

// Instruments are what the daemon tells about itself: tally scopes that report into a registry. All methods may be
// called concurrently and never wait.
type Instruments struct {
	scope    tally.Scope
	states   []string
	refusals map[Refusal]tally.Counter
	// requests are the instruments of requests by requestKey: to find one in a scope costs more than many answers.
	requests sync.Map
}

// requestKey is a route and the status of its answer; requestMeters are theirs.
type requestKey struct {
	route string
	code  int
}

type requestMeters struct {
	count tally.Counter
	took  tally.Timer
}

// NewInstruments makes the daemon's instruments. states are all the states a worker can be in. The closer ends the
// reporting after a last report.
func NewInstruments(r *Registry, states []string) (*Instruments, io.Closer) {
	scope, closer := NewScope(r)
	i := &Instruments{scope: scope, states: slices.Clone(states), refusals: map[Refusal]tally.Counter{}}
	for _, r := range refusals {
		i.refusals[r] = scope.Tagged(map[string]string{"reason": string(r)}).Counter("client.refusals")
	}
	return i, closer
}

// Scope is the root scope, for instruments of other packages.
func (i *Instruments) Scope() tally.Scope { return i.scope }

// Restarted counts one replaced worker.
func (i *Instruments) Restarted(app, process string) {
	i.scope.Tagged(map[string]string{"appName": app, "process": process}).Counter("restarts").Inc(1)
}

// Applications tells how many applications run and how many are known and do not.
func (i *Instruments) Applications(running, stopped int) {
	i.scope.Tagged(map[string]string{"state": "running"}).Gauge("applications").Update(float64(running))
	i.scope.Tagged(map[string]string{"state": "stopped"}).Gauge("applications").Update(float64(stopped))
}

// Workers tells how many workers are in each state; a state that is absent has none.
func (i *Instruments) Workers(byState map[string]int) {
	for _, state := range i.states {
		i.scope.Tagged(map[string]string{"state": state}).Gauge("workers").Update(float64(byState[state]))
	}
}

// Request counts one answered HTTP request and its duration. route is a pattern such as "/metrics/:group", never a
// path a client made up.
func (i *Instruments) Request(route string, code int, took time.Duration) {
	key := requestKey{route, code}
	known, ok := i.requests.Load(key)
	if !ok {
		known, _ = i.requests.LoadOrStore(key, requestMeters{
			count: i.scope.Tagged(map[string]string{"route": route, "code": strconv.Itoa(code)}).Counter("http.requests"),
			took:  i.scope.Tagged(map[string]string{"route": route}).Timer("http.request.seconds"),
		})
	}
	meters := known.(requestMeters)
	meters.count.Inc(1)
	meters.took.Record(took)
}

// Scraped tells how long the metrics of all workers took to collect and write.
func (i *Instruments) Scraped(took time.Duration) { i.scope.Timer("scrape.seconds").Record(took) }

// PullMissed counts a worker of app that did not tell all its gauges in time. It fits ClientOptions.Missed.
func (i *Instruments) PullMissed(app string) {
	i.scope.Tagged(map[string]string{"appName": app}).Counter("pull.misses").Inc(1)
}

// Refused counts something of a worker that was not taken. It fits ClientOptions.Refused.
func (i *Instruments) Refused(r Refusal) {
	if c := i.refusals[r]; c != nil {
		c.Inc(1)
	}
}
