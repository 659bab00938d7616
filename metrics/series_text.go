package metrics

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Bounds on what one worker tells.
const (
	maxSeriesSamples = 25_000
	maxSeriesLabels  = 64
	maxSeriesBuckets = 512
	maxLabelValue    = 1024
	maxSeriesHelp    = 1024
)

// seriesFamily is a metric as prom-client's getMetricsAsJSON has it.
type seriesFamily struct {
	Name, Type string
	Help       any
	Values     []struct {
		Labels     map[string]any
		Value      any
		MetricName string
	}
}

// identity is what a series is called: labels are the application's own, sorted.
type identity struct {
	name, help string
	kind       dto.MetricType
	labels     []label
}

func (i identity) key() string {
	var b strings.Builder
	b.WriteString(i.name)
	for _, l := range i.labels {
		b.WriteString("\xff" + l.name + "\xff" + l.value) // valid UTF-8 has no such byte
	}
	return b.String() + "\xff" + i.kind.String()
}

// summed is a counter or histogram that only grows.
type summed struct {
	identity
	app string
	// value is the count.
	value, sum float64
	// buckets are of histograms: what is not above each bound.
	buckets map[float64]float64
}

func (t *summed) clone() *summed {
	c := *t
	c.buckets = maps.Clone(t.buckets)
	return &c
}

func (t *summed) add(o *summed) {
	t.value += o.value
	t.sum += o.sum
	for bound, n := range o.buckets {
		if t.buckets == nil {
			t.buckets = map[float64]float64{}
		}
		t.buckets[bound] += n
	}
}

// perWorker is a series that is not summed up: value of a gauge, otherwise the rest.
type perWorker struct {
	summed
	quantiles map[float64]float64
}

// eachWorkers tells the metrics that say something of one process, whatever their type: those that prom-client collects
// by default.
func eachWorkers(name string) bool {
	return slices.Contains([]string{
		"process_cpu_user_seconds_total", "process_cpu_system_seconds_total", "process_cpu_seconds_total",
		"nodejs_gc_duration_seconds",
	}, name)
}

// parseSeries reads the answer of a worker. What makes no sense is left out. The error is the first reason of it.
func parseSeries(data json.RawMessage) (each []perWorker, totals []*summed, complete bool, err error) {
	var m struct {
		Families []seriesFamily
		Complete bool
	}
	if len(data) == 0 {
		return nil, nil, false, nil // an answer without data: the worker failed
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, nil, false, refuse(RefusedMalformed, "series of a worker: %w", err)
	}
	left := maxSeriesSamples
	for _, f := range m.Families {
		kind, ok := seriesKinds(f.Type)
		if !ok || !seriesName(f.Name) || strings.HasPrefix(f.Name, namePrefix) {
			err = refuse(RefusedName, "series %.80q of type %.40q", f.Name, f.Type)
			continue
		}
		if left -= len(f.Values); left < 0 {
			return each, totals, false, refuse(RefusedClient, "more than %d samples of a worker", maxSeriesSamples)
		}
		for _, s := range f.read(kind) {
			if kind == dto.MetricType_COUNTER && !eachWorkers(f.Name) || kind == dto.MetricType_HISTOGRAM && !eachWorkers(f.Name) {
				totals = append(totals, &s.summed)
			} else {
				each = append(each, s)
			}
		}
	}
	return each, totals, m.Complete, err
}

func seriesKinds(kind string) (dto.MetricType, bool) {
	switch kind {
	case "counter":
		return dto.MetricType_COUNTER, true
	case "gauge":
		return dto.MetricType_GAUGE, true
	case "histogram":
		return dto.MetricType_HISTOGRAM, true
	case "summary":
		return dto.MetricType_SUMMARY, true
	}
	return 0, false
}

// seriesName tells names that Prometheus has taken since its beginning.
func seriesName(name string) bool {
	if name == "" || len(name) > maxGroup || name[0] >= '0' && name[0] <= '9' || name == "_total" {
		return false
	}
	return strings.ReplaceAll(name, ":", "_") == identifier(name)
}

// read puts the samples of a family together.
func (f seriesFamily) read(kind dto.MetricType) []perWorker {
	help, _ := f.Help.(string)
	help = strings.ToValidUTF8(help[:min(len(help), maxSeriesHelp)], "\uFFFD")
	var all []perWorker
	places := map[string]int{}
	for _, v := range f.Values {
		value, ok := v.Value.(float64)
		if !ok || len(v.Labels) > maxSeriesLabels {
			continue // NaN and infinities have no JSON
		}
		id := identity{name: f.Name, help: help, kind: kind, labels: seriesLabels(v.Labels, kind)}
		key := id.key()
		at, known := places[key]
		if !known {
			at = len(all)
			places[key] = at
			all = append(all, perWorker{summed: summed{identity: id}})
		}
		all[at].take(v.MetricName, v.Labels, value)
	}
	if kind == dto.MetricType_COUNTER {
		all = slices.DeleteFunc(all, func(s perWorker) bool { return s.value < 0 })
	}
	return all
}

// take adds one sample to a series.
func (s *perWorker) take(metricName string, labels map[string]any, value float64) {
	part := strings.TrimPrefix(metricName, s.name)
	structured := s.kind == dto.MetricType_HISTOGRAM || s.kind == dto.MetricType_SUMMARY
	switch {
	case !structured:
		s.value = value
	case part == "_sum":
		s.sum = value
	case part == "_count":
		s.value = value
	case s.kind == dto.MetricType_SUMMARY:
		if q, ok := bound(labels["quantile"]); ok && len(s.quantiles) < maxSeriesBuckets {
			if s.quantiles == nil {
				s.quantiles = map[float64]float64{}
			}
			s.quantiles[q] = value
		}
	default:
		if le, ok := bound(labels["le"]); ok && len(s.buckets) < maxSeriesBuckets {
			if s.buckets == nil {
				s.buckets = map[float64]float64{}
			}
			s.buckets[le] = value
		}
	}
}

// bound reads a bound of a bucket, or a quantile.
func bound(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil && !math.IsNaN(f)
	}
	return 0, false
}

// seriesLabels are the labels that the application gave.
func seriesLabels(labels map[string]any, kind dto.MetricType) []label {
	var all []label
	for _, tag := range sortedKeys(labels) {
		if tag == "le" && kind == dto.MetricType_HISTOGRAM || tag == "quantile" && kind == dto.MetricType_SUMMARY {
			continue
		}
		var value string
		switch v := labels[tag].(type) {
		case nil:
			continue
		case string:
			value = v
		case float64:
			value = strconv.FormatFloat(v, 'f', -1, 64)
		default:
			value = fmt.Sprint(v)
		}
		name := labelName(tag)
		if name == "app" || name == "process" || name == "worker" || name == "child" {
			name = "tag_" + name
		}
		all = setLabel(all, name, strings.ToValidUTF8(value[:min(len(value), maxLabelValue)], "\uFFFD"))
	}
	slices.SortFunc(all, func(a, b label) int { return strings.Compare(a.name, b.name) })
	return all
}

func (s perWorker) expose(to families, app, process, worker, child string) {
	labels := pairs(append(slices.Clone(s.labels), label{"app", app}, label{"process", process}, label{"worker", worker}, label{"child", child}))
	m := &dto.Metric{Label: labels}
	switch s.kind {
	case dto.MetricType_GAUGE:
		m.Gauge = &dto.Gauge{Value: &s.value}
	case dto.MetricType_SUMMARY:
		m.Summary = &dto.Summary{SampleCount: new(uint64(max(0, s.value))), SampleSum: &s.sum}
		for _, q := range slices.Sorted(maps.Keys(s.quantiles)) {
			m.Summary.Quantile = append(m.Summary.Quantile, &dto.Quantile{Quantile: new(q), Value: new(s.quantiles[q])})
		}
	default:
		s.fill(m)
	}
	to.addNamed(s.name, s.help, s.kind, m)
}

// expose shows a sum.
func (t *summed) expose(to families) {
	m := &dto.Metric{Label: pairs(append(slices.Clone(t.labels), label{"app", t.app}))}
	t.fill(m)
	to.addNamed(t.name, t.help, t.kind, m)
}

// fill sets the numbers. Workers with other bounds than the rest have counted less in some buckets than below them.
func (t *summed) fill(m *dto.Metric) {
	if t.kind == dto.MetricType_COUNTER {
		m.Counter = &dto.Counter{Value: &t.value}
		return
	}
	h := &dto.Histogram{SampleSum: &t.sum}
	most := 0.0
	for _, le := range slices.Sorted(maps.Keys(t.buckets)) {
		most = max(most, t.buckets[le])
		if !math.IsInf(le, 1) {
			h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: new(le), CumulativeCount: new(uint64(most))})
		}
	}
	h.SampleCount = new(uint64(max(0, most, t.value)))
	m.Histogram = h
}

// addNamed adds a series whose name is the application's own, also that of a counter that does not end in _total.
func (f families) addNamed(name, help string, kind dto.MetricType, m *dto.Metric) {
	key := name
	if kind == dto.MetricType_COUNTER {
		key = strings.TrimSuffix(name, "_total")
	}
	_, there := f[key]
	f.add(key, explanation{text: help, what: "Metric", key: name, group: "prom-client"}, kind, m)
	if fam := f[key]; !there && kind == dto.MetricType_COUNTER && key == name {
		fam.plain = true
	}
}
