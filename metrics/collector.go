package metrics

import (
	"cmp"
	"maps"
	"math"
	"reflect"
	"strings"
	"time"
)

// CompactOptions is what CompactRows may be told. The zero value is fine.
type CompactOptions struct {
	// App is the application whose metrics are wanted, "" for all.
	App string
	// Tags are added to each row that has none by the name.
	Tags map[string]string
	// RateFactor and DurationFactor are multiplied with rates and durations; 0 counts as 1.
	RateFactor, DurationFactor float64
}

// collector turns metrics into rows. Its methods leave out what has no value.
type collector struct {
	now time.Time
	// compact is for reporters: what has happened since the report before, and little more.
	compact            bool
	since              time.Time
	tags               map[string]string
	perRate, durations float64
	rows               []Row
	// shown are the tags of the row before, made of these of its name.
	shown, shownOf map[string]string
}

func newCollector(now time.Time) *collector {
	return &collector{now: now, perRate: 1, durations: 1, rows: []Row{}}
}

func newCompactCollector(since, now time.Time, o CompactOptions) *collector {
	return &collector{
		now: now, compact: true, since: since, tags: o.Tags, rows: []Row{},
		perRate: cmp.Or(o.RateFactor, 1), durations: cmp.Or(o.DurationFactor, 1),
	}
}

// add emits a row. at is in milliseconds since 1970.
func (to *collector) add(n Name, at int64, value any, kind Kind, interval int) {
	if value = usable(value); value == nil {
		return
	}
	level := n.Level
	if level == "" {
		level = Normal
	}
	to.rows = append(to.rows, Row{n.Key, at, value, kind, level, to.tagsOf(n), interval})
}

// tagsOf returns the tags of a row. The rows of one metric, and of its neighbours, mostly have the same.
func (to *collector) tagsOf(n Name) map[string]string {
	if to.shown == nil || reflect.ValueOf(to.shownOf).Pointer() != reflect.ValueOf(n.Tags).Pointer() {
		tags := n.Tags
		if len(to.tags) > 0 {
			tags = maps.Clone(to.tags)
			maps.Copy(tags, n.Tags)
		}
		to.shown, to.shownOf = sanitizeTags(tags), n.Tags
	}
	return to.shown
}

// with emits a value of now.
func (to *collector) with(n Name, suffix string, kind Kind, value any) {
	to.add(n.Resolve(suffix), to.now.UnixMilli(), value, kind, notBucketed)
}

// gauge emits a gauge's value.
func (to *collector) gauge(n Name, value any) {
	to.add(n, to.now.UnixMilli(), value, KindGauge, notBucketed)
}

// counter emits a count. A name that says so already gets no suffix.
func (to *collector) counter(n Name, count float64) {
	if !strings.HasSuffix(n.Key, "count") {
		n = n.Resolve("count")
	}
	to.add(n, to.now.UnixMilli(), count, KindCounter, notBucketed)
}

// rates emits moving averages, of which reporters get the first.
func (to *collector) rates(n Name, r Rates) {
	for i, v := range r.list() {
		if i == 0 || !to.compact {
			to.with(n, ratesNames[i], KindGauge, v*to.perRate)
		}
	}
}

func (to *collector) duration(milliseconds float64) float64 {
	return milliseconds * to.durations
}

// quantiles emits what is alike in histograms and timers.
func (to *collector) quantiles(n Name, s Snapshot, factor float64) {
	to.with(n, "stddev", KindGauge, s.StdDev()*factor)
	for _, q := range []struct {
		name string
		q    float64
	}{{"median", .5}, {"p75", .75}, {"p95", .95}, {"p99", .99}} {
		v, err := s.Quantile(q.q)
		if err == nil {
			to.with(n, q.name, KindGauge, v*factor)
		}
	}
}

// instant emits the last complete bucket.
func (to *collector) instant(n Name, b buckets) {
	last := b.at(lastComplete(to.now.Unix(), b.seconds()))
	to.add(n.Resolve("bucket_count"), last.start*1000, last.count, KindDelta, int(b.width))
	to.qps(n, b)
}

// qps emits the events per second of the last complete bucket.
func (to *collector) qps(n Name, b buckets) {
	last := b.at(lastComplete(to.now.Unix(), b.seconds()))
	to.add(n.Resolve("qps"), last.start*1000, last.count/float64(b.width), KindGauge, int(b.width))
}

// completed emits every bucket that has become complete since the report before, the newest first. Each appears in
// exactly one of the reports that follow each other.
func (to *collector) completed(n Name, b buckets) {
	from, until := to.span(b.seconds())
	for _, one := range b.list(from, until) {
		to.add(n.Resolve("bucket_count"), one.start*1000, one.count, KindDelta, int(b.width))
	}
}

// span is the beginnings of the first and the last bucket that were not complete at the report before and are now.
func (to *collector) span(width int64) (from, until int64) {
	until = lastComplete(to.now.Unix(), width)
	if to.since.IsZero() {
		return 0, until
	}
	return lastComplete(to.since.Unix(), width) + width, until
}

// finite tells numbers from what must not get into a sum.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
