package report

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/cactus/go-statsd-client/v5/statsd"
	"github.com/uber-go/tally/v4"
	"github.com/uber-go/tally/v4/m3"
	"github.com/uber-go/tally/v4/multi"
	tallystatsd "github.com/uber-go/tally/v4/statsd"

	"github.com/pandora-go/pandora/metrics"
)

// renewal is how many series more than there are tally's sinks may have been given before they are made anew: they
// remember each of them for ever.
const renewal = 10_000

// tallySink mirrors the registry into sinks of tally. It uses their reporters without tally's scopes, which never forget
// a series.
type tallySink struct {
	// open makes the reporter.
	open   func(ctx context.Context) (tallyReporter, error)
	to     *tallyReporter // nil before the first report
	growth growth
	// given are the series that the reporter knows.
	given map[string]struct{}
}

// tallyReporter is a reporter of tally and what ends it.
type tallyReporter struct {
	tally.StatsReporter
	closers []io.Closer
}

func (*tallySink) shape() shape { return full }

func (s *tallySink) take(ctx context.Context, b *batch) error {
	if len(s.given) > len(b.rows)+renewal {
		if err := s.Close(); err != nil {
			return fmt.Errorf("renew tally's reporter: %w", err)
		}
	}
	if s.to == nil {
		to, err := s.open(ctx)
		if err != nil {
			return err
		}
		s.to, s.given = &to, map[string]struct{}{}
	}
	step := s.growth.begin(b)
	for _, row := range b.rows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		value, ok := number(row.Value)
		if !ok {
			continue
		}
		tags := stableTags(row.Tags)
		s.given[key(row.Metric, tags)] = struct{}{}
		switch row.Type {
		case metrics.KindCounter:
			// Whole numbers only: what is left of one report comes with a later one.
			if n := step.grown(row, math.Floor(value)); n != 0 {
				s.to.ReportCounter(row.Metric, tags, int64(n))
			}
		case metrics.KindDelta:
			if n := math.Round(value); n != 0 {
				s.to.ReportCounter(row.Metric, tags, int64(n))
			}
		default:
			s.to.ReportGauge(row.Metric, tags, value)
		}
	}
	s.to.Flush()
	step.delivered()
	return nil
}

// Close ends the reporter.
func (s *tallySink) Close() error {
	if s.to == nil {
		return nil
	}
	var err error
	for _, c := range s.to.closers {
		err = errors.Join(err, c.Close())
	}
	s.to, s.given = nil, nil
	return err
}

// newM3 makes the reporter for M3.
func (s *Set) newM3(o *options) taker {
	open := m3From(o)
	return &tallySink{open: open, growth: growth{fresh: o.fresh}}
}

// newTally makes a reporter for several of tally's sinks at once.
func (s *Set) newTally(o *options) taker {
	var opens []func(context.Context) (tallyReporter, error)
	if o.flag("m3", false) {
		opens = append(opens, m3From(o.section("m3")))
	}
	if o.flag("statsd", false) {
		opens = append(opens, tallyStatsdFrom(o.section("statsd")))
	}
	if len(opens) == 0 {
		o.problems = append(o.problems, "it has neither m3 nor statsd")
	}
	return &tallySink{growth: growth{fresh: o.fresh}, open: func(ctx context.Context) (tallyReporter, error) {
		var all tallyReporter
		var reporters []tally.StatsReporter
		for _, open := range opens {
			one, err := open(ctx)
			if err != nil {
				for _, c := range all.closers {
					err = errors.Join(err, c.Close())
				}
				return tallyReporter{}, err
			}
			reporters = append(reporters, one.StatsReporter)
			all.closers = append(all.closers, one.closers...)
		}
		all.StatsReporter = multi.NewMultiReporter(reporters...)
		return all, nil
	}}
}

// m3From reads the options of tally's reporter for M3.
func m3From(o *options) func(context.Context) (tallyReporter, error) {
	address := net.JoinHostPort(o.text("host", "127.0.0.1"), strconv.FormatInt(o.number("port", 9052, 1, 65535), 10))
	options := m3.Options{
		Service: o.text("service", "pandora"), Env: o.text("env", "production"), IncludeHost: o.flag("includeHost", true),
		CommonTags: o.tags("commonTags"), MaxPacketSizeBytes: int32(o.number("packetBytes", 1440, 512, 65000)),
	}
	if o.oneOf("protocol", "compact", "binary") == "binary" {
		options.Protocol = m3.Binary
	}
	return func(ctx context.Context) (tallyReporter, error) {
		resolved, err := resolve(ctx, address)
		if err != nil {
			return tallyReporter{}, fmt.Errorf("reach M3: %w", err)
		}
		options.HostPorts = []string{resolved}
		reporter, err := m3.NewReporter(options)
		if err != nil {
			return tallyReporter{}, fmt.Errorf("reach M3: %w", err)
		}
		return tallyReporter{cachedReporter{reporter}, []io.Closer{reporter}}, nil
	}
}

// tallyStatsdFrom reads the options of tally's reporter for statsd, which has no tags and whole numbers only.
func tallyStatsdFrom(o *options) func(context.Context) (tallyReporter, error) {
	address := net.JoinHostPort(o.text("host", "127.0.0.1"), strconv.FormatInt(o.number("port", 8125, 1, 65535), 10))
	prefix := o.text("prefix", "")
	return func(ctx context.Context) (tallyReporter, error) {
		resolved, err := resolve(ctx, address)
		if err != nil {
			return tallyReporter{}, fmt.Errorf("reach statsd: %w", err)
		}
		client, err := statsd.NewClientWithConfig(&statsd.ClientConfig{Address: resolved, UseBuffered: true, FlushBytes: udpPacket})
		if err != nil {
			return tallyReporter{}, fmt.Errorf("reach statsd: %w", err)
		}
		names := &statsdSink{prefix: prefix}
		return tallyReporter{foldedReporter{tallystatsd.NewReporter(client, tallystatsd.Options{}), names}, []io.Closer{client}}, nil
	}
}

// resolve turns a name into an address, no longer than ctx allows; the libraries would take as long as they like.
func resolve(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if net.ParseIP(host) != nil {
		return address, nil
	}
	all, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(all[0], port), nil
}

// cachedReporter is a reporter that is asked for a handle of each metric, as one that is not.
type cachedReporter struct{ tally.CachedStatsReporter }

// ReportCounter implements tally.StatsReporter.
func (r cachedReporter) ReportCounter(name string, tags map[string]string, value int64) {
	r.AllocateCounter(name, tags).ReportCount(value)
}

// ReportGauge implements tally.StatsReporter.
func (r cachedReporter) ReportGauge(name string, tags map[string]string, value float64) {
	r.AllocateGauge(name, tags).ReportGauge(value)
}

// ReportTimer implements tally.StatsReporter.
func (r cachedReporter) ReportTimer(name string, tags map[string]string, d time.Duration) {
	r.AllocateTimer(name, tags).ReportTimer(d)
}

// ReportHistogramValueSamples implements tally.StatsReporter.
func (r cachedReporter) ReportHistogramValueSamples(name string, tags map[string]string, buckets tally.Buckets, lower, upper float64, samples int64) {
	r.AllocateHistogram(name, tags, buckets).ValueBucket(lower, upper).ReportSamples(samples)
}

// ReportHistogramDurationSamples implements tally.StatsReporter.
func (r cachedReporter) ReportHistogramDurationSamples(name string, tags map[string]string, buckets tally.Buckets, lower, upper time.Duration, samples int64) {
	r.AllocateHistogram(name, tags, buckets).DurationBucket(lower, upper).ReportSamples(samples)
}

// foldedReporter makes tags parts of the name, as the reporter "statsd" does.
type foldedReporter struct {
	tally.StatsReporter
	names *statsdSink
}

// ReportCounter implements tally.StatsReporter.
func (r foldedReporter) ReportCounter(name string, tags map[string]string, value int64) {
	name, _ = r.names.name(metrics.Row{Metric: name, Tags: tags})
	r.StatsReporter.ReportCounter(name, nil, value)
}

// ReportGauge implements tally.StatsReporter.
func (r foldedReporter) ReportGauge(name string, tags map[string]string, value float64) {
	name, _ = r.names.name(metrics.Row{Metric: name, Tags: tags})
	r.StatsReporter.ReportGauge(name, nil, value)
}
