package metrics

import (
	"fmt"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// This file says how the types of metrics look in the Prometheus text.

func help(what, group string, name Name) explanation {
	return explanation{what: what, group: group, key: name.Key}
}

func (f families) addCounter(text string, help explanation, labels []*dto.LabelPair, count float64, created uint32) {
	// In one piece of memory.
	m := &struct {
		dto.Metric
		counter   dto.Counter
		value     float64
		timestamp timestamppb.Timestamp
	}{value: count}
	m.counter.Value = &m.value
	if created != 0 {
		m.timestamp.Seconds = int64(created)
		m.counter.CreatedTimestamp = &m.timestamp
	}
	m.Label, m.Counter = labels, &m.counter
	f.add(text, help, dto.MetricType_COUNTER, &m.Metric)
}

// timestamp is when something was created, in seconds since 1970; nil for 0.
func timestamp(second uint32) *timestamppb.Timestamp {
	if second == 0 {
		return nil
	}
	return &timestamppb.Timestamp{Seconds: int64(second)}
}

func (f families) addRates(group string, name Name, r Rates) {
	text := textName(name.Key+"_rate", dto.MetricType_GAUGE)
	for i, v := range r.list() {
		f.add(text, help("Events per second, on average, of", group, name), dto.MetricType_GAUGE, &dto.Metric{
			Label: f.labels(group, name.Tags, map[string]string{"window": fmt.Sprintf("%vm", ratesMinutes[i])}),
			Gauge: &dto.Gauge{Value: &v},
		})
	}
}

func (c *Counter) expose(to families, group string, name Name) {
	to.addCounter(textName(name.Key, dto.MetricType_COUNTER), help("Counter", group, name), to.labels(group, name.Tags, nil), c.Count(), c.created)
}

func (c *BucketCounter) expose(to families, group string, name Name) {
	count, created := c.total()
	to.addCounter(textName(name.Key, dto.MetricType_COUNTER), help("Counter", group, name), to.labels(group, name.Tags, nil), count, created)
}

func (m *Meter) expose(to families, group string, name Name) {
	m.mu.Lock()
	count, created, rates := m.count, m.buckets.created, m.rates.read(monotonic(), m.count)
	m.mu.Unlock()
	to.addCounter(textName(name.Key, dto.MetricType_COUNTER), help("Meter", group, name), to.labels(group, name.Tags, nil), count, created)
	to.addRates(group, name, rates)
}

func (h *Histogram) expose(to families, group string, name Name) {
	text := textName(name.Key, dto.MetricType_SUMMARY)
	to.addSummary(text, help("Histogram", group, name), to.labels(group, name.Tags, nil), h.exposition(), 1)
}

func (t *Timer) expose(to families, group string, name Name) {
	v := t.histogram.exposition()
	to.addSummary(secondsName(name), help("Timer", group, name), to.labels(group, name.Tags, nil), v, .001)
	to.addRates(group, name, v.rates)
}

// secondsName is the name of a duration.
func secondsName(name Name) string {
	text := textName(name.Key, dto.MetricType_COUNTER)
	if strings.HasSuffix(text, "_seconds") {
		return text
	}
	return text + "_seconds"
}

// addSummary adds a distribution: number and sum, and quantiles where they are known.
func (f families) addSummary(text string, help explanation, labels []*dto.LabelPair, v exposition, scale float64) {
	sum := v.sum * scale
	s := &dto.Summary{SampleCount: new(uint64(max(0, v.count))), SampleSum: &sum, CreatedTimestamp: timestamp(v.created)}
	if v.quantiles != nil {
		all := make([]dto.Quantile, len(exposedQuantiles))
		s.Quantile = make([]*dto.Quantile, len(all))
		for i, value := range v.quantiles {
			all[i].Quantile, all[i].Value = new(exposedQuantiles[i]), new(value*scale)
			s.Quantile[i] = &all[i]
		}
	}
	f.add(text, help, dto.MetricType_SUMMARY, &dto.Metric{Label: labels, Summary: s})
}

// expose shows each category as number and sum of its calls.
func (f *FastCompass) expose(to families, group string, name Name) {
	for _, c := range f.totals() {
		to.add(secondsName(name), help("Compass", group, name), dto.MetricType_SUMMARY, &dto.Metric{
			Label:   to.labels(group, name.Tags, map[string]string{"category": c.Category}),
			Summary: &dto.Summary{SampleCount: new(uint64(max(0, c.Count))), SampleSum: new(c.Milliseconds / 1000), CreatedTimestamp: timestamp(c.created)},
		})
	}
}

// expose shows a histogram of the daemon with its buckets.
func (h *histogram) expose(to families, group string, name Name) {
	buckets, count, sum := h.read()
	out := &dto.Histogram{SampleCount: &count, SampleSum: &sum, CreatedTimestamp: timestamp(h.created)}
	cumulative := uint64(0)
	for i, bound := range h.bounds {
		cumulative += buckets[i]
		out.Bucket = append(out.Bucket, &dto.Bucket{CumulativeCount: new(cumulative), UpperBound: new(bound)})
	}
	to.add(textName(name.Key, dto.MetricType_HISTOGRAM), help("Histogram", group, name), dto.MetricType_HISTOGRAM, &dto.Metric{
		Label: to.labels(group, name.Tags, nil), Histogram: out,
	})
}
