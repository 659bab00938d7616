package report

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/pandora-go/pandora/metrics"
)

// appTag tells whose a metric is.
const appTag = "appName"

// fullRows is all totals, gauges and statistics of now, and the complete buckets of what has no total.
func (r *runner) fullRows(ctx context.Context, b *batch) []metrics.Row {
	var rows []metrics.Row
	totals := map[string]bool{}
	for _, group := range r.source.Snapshot(ctx, r.App) {
		for _, row := range group.Rows {
			switch row.Type {
			case metrics.KindCounter:
				totals[key(strings.TrimSuffix(row.Metric, ".count"), row.Tags)] = true
			case metrics.KindDelta:
				continue
			}
			rows = append(rows, row)
		}
	}
	for _, row := range r.compactRows(ctx, b) {
		base, bucketed := strings.CutSuffix(row.Metric, ".bucket_count")
		if row.Type == metrics.KindDelta && !(bucketed && totals[key(base, row.Tags)]) {
			rows = append(rows, row)
		}
	}
	return rows
}

// tagged leaves out what belongs to nobody, where one application's rows are wanted, and adds the reporter's tags.
func (r *runner) tagged(rows []metrics.Row) []metrics.Row {
	if r.App != "" {
		rows = slices.DeleteFunc(rows, func(row metrics.Row) bool { return row.Tags[appTag] != r.App })
	}
	if len(r.Tags) == 0 {
		return rows
	}
	for i := range rows {
		tags := maps.Clone(r.Tags)
		maps.Copy(tags, rows[i].Tags)
		rows[i].Tags = tags
	}
	return rows
}

// ofApp leaves out the series that belong to nobody, where one application's are wanted.
func ofApp(app string, all []*dto.MetricFamily) []*dto.MetricFamily {
	if app == "" {
		return all
	}
	for _, f := range all {
		f.Metric = slices.DeleteFunc(f.Metric, func(m *dto.Metric) bool { return labelOf(m, "app") != app })
	}
	return slices.DeleteFunc(all, func(f *dto.MetricFamily) bool { return len(f.Metric) == 0 })
}

func labelOf(m *dto.Metric, name string) string {
	for _, l := range m.Label {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// key is what tells a series from others.
func key(name string, tags map[string]string) string {
	var b strings.Builder
	b.WriteString(name)
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		b.WriteByte(0)
		b.WriteString(tag)
		b.WriteByte(1)
		b.WriteString(tags[tag])
	}
	return b.String()
}

// number is the value of a row, if it is one.
func number(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint32:
		return float64(v), true
	case uint64:
		return float64(v), true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// growth tells how much totals have grown since what was delivered last. It remembers the series of the last report
// only, so that those of workers that are gone take no memory.
type growth struct {
	// fresh says that totals of the first report have all grown in its time.
	fresh bool
	// begun says that a report was delivered.
	begun bool
	last  map[string]float64
	at    time.Time
}

// counted is one step of growth: its values become the last ones when they are delivered.
type counted struct {
	g      *growth
	totals map[string]float64
	at     time.Time
}

func (g *growth) begin(b *batch) counted {
	return counted{g: g, totals: make(map[string]float64, len(g.last)), at: b.at}
}

// since is when the time began in which totals have grown.
func (c counted) since(b *batch) time.Time {
	if !c.g.begun {
		return b.since
	}
	return c.g.at
}

// grown is how much a total has grown; a total that is smaller than before has begun anew.
func (c counted) grown(row metrics.Row, value float64) float64 {
	id := key(row.Metric, row.Tags)
	c.totals[id] = value
	last, known := c.g.last[id]
	switch {
	case known && value >= last:
		return value - last
	case !c.g.begun && !c.g.fresh:
		return 0
	}
	return value
}

// grownSeries is as grown, of a counter of the Prometheus text; it tells whether the series was there before.
func (c counted) grownSeries(f *dto.MetricFamily, m *dto.Metric) (float64, bool) {
	tags := make(map[string]string, len(m.Label))
	for _, l := range m.Label {
		tags[l.GetName()] = l.GetValue()
	}
	_, known := c.g.last[key(f.GetName(), tags)]
	return c.grown(metrics.Row{Metric: f.GetName(), Tags: tags}, m.GetCounter().GetValue()), known
}

// delivered keeps the totals.
func (c counted) delivered() { c.g.last, c.g.at, c.g.begun = c.totals, c.at, true }

// partly keeps those totals that were asked for by now, of a report that arrives in parts.
func (c counted) partly() {
	if c.g.last == nil {
		c.g.last = make(map[string]float64, len(c.totals))
	}
	maps.Copy(c.g.last, c.totals)
}
