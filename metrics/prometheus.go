package metrics

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
)

// The groups the daemon and its worker runtime make; their names need no label to tell them from users' groups.
const (
	// GroupSystem holds the sets of AddSystem.
	GroupSystem = "system"
	// GroupNode holds the V8 gauges of the workers.
	GroupNode = "node"
	// GroupDaemon holds the daemon's own instruments.
	GroupDaemon = "pandora"
)

// namePrefix begins every metric of the text.
const namePrefix = "pandora_"

// WritePrometheus writes all numeric metrics of one application and of nobody, or of everything if app is "", in a
// format of expfmt.NegotiateIncludingOpenMetrics. The package comment has the rules of names and labels. An error is
// one of writing.
func (r *Registry) WritePrometheus(ctx context.Context, w io.Writer, format expfmt.Format, app string) error {
	return r.families(ctx, app).write(w, format)
}

// families reads what the text shows of one application, of everything if app is "".
func (r *Registry) families(ctx context.Context, app string) families {
	to := families{}
	r.mu.Lock()
	texts := slices.Clone(r.texts)
	r.mu.Unlock()
	add := make([]func(to families), len(texts))
	var reading sync.WaitGroup
	for i, source := range texts {
		reading.Go(func() { add[i] = source.read(ctx, app) })
	}
	all := r.collect(ctx, query{app: app, pull: true, each: true})
	reading.Wait()
	// By type, so that who gets a suffix in a clash of names does not hang on the order of registration.
	for _, c := range all {
		for _, s := range c.gauges {
			to.addGauge(c.group, s)
		}
	}
	for k := range kinds {
		for _, c := range all {
			for _, e := range c.entries {
				if e.kind == k {
					e.metric.expose(to, c.group, e.name())
				}
			}
		}
	}
	for _, f := range add {
		f(to)
	}
	return to
}

// write encodes all families that are shown.
func (f families) write(w io.Writer, format expfmt.Format) error {
	enc := expfmt.NewEncoder(w, format, expfmt.WithCreatedLines())
	for name, fam := range f.shown() {
		if err := enc.Encode(fam.build(name)); err != nil {
			return fmt.Errorf("write metric %q: %w", name, err)
		}
	}
	if closer, ok := enc.(expfmt.Closer); ok {
		return closer.Close()
	}
	return nil
}

// shown is the families in order of their names. Where a gauge is called as a counter with its suffix, the counter is
// shown.
func (f families) shown() iter.Seq2[string, *family] {
	return func(yield func(string, *family) bool) {
		for _, name := range sortedKeys(f) {
			if counter, ok := f[strings.TrimSuffix(name, "_total")]; ok && counter != f[name] && counter.kind == dto.MetricType_COUNTER && !counter.plain {
				continue
			}
			if !yield(name, f[name]) {
				return
			}
		}
	}
}

// families are the metrics of a text by name, counters without their suffix.
type families map[string]*family

// family is the series of one metric name.
type family struct {
	kind   dto.MetricType
	help   string
	series map[string]*dto.Metric // by labels
	plain  bool                   // a counter whose name has no suffix
}

// explanation is the help of a metric: a text, or what it is called in its application. It is put together once per
// family.
type explanation struct{ text, what, group, key string }

func (e explanation) String() string {
	return cmp.Or(e.text, e.what+" "+e.key+" of group "+e.group+".")
}

// add puts a series into the family of that name. A name that another type has gets the type as a suffix; of two
// series with the same labels the later one stays.
func (f families) add(name string, help explanation, kind dto.MetricType, m *dto.Metric) {
	if other, ok := f[name]; ok && other.kind != kind {
		name += "_" + strings.ToLower(kind.String())
	}
	fam := f[name]
	if fam == nil {
		fam = &family{kind: kind, help: strings.ToValidUTF8(help.String(), "\uFFFD"), series: map[string]*dto.Metric{}}
		f[name] = fam
	}
	if fam.kind != kind {
		return // a user took even the suffixed name for something else
	}
	size := 0
	for _, l := range m.Label {
		size += len(*l.Name) + len(*l.Value) + 2
	}
	var key strings.Builder
	key.Grow(size)
	for _, l := range m.Label {
		// Valid UTF-8 has no such byte.
		key.WriteString(*l.Name)
		key.WriteByte(0xff)
		key.WriteString(*l.Value)
		key.WriteByte(0xff)
	}
	fam.series[key.String()] = m
}

// build returns the family for the encoder.
func (fam *family) build(name string) *dto.MetricFamily {
	if fam.kind == dto.MetricType_COUNTER && !fam.plain {
		name += "_total"
	}
	out := &dto.MetricFamily{Name: &name, Help: &fam.help, Type: &fam.kind, Unit: unit(strings.TrimSuffix(name, "_total"))}
	type one struct {
		key    string
		metric *dto.Metric
	}
	all := make([]one, 0, len(fam.series))
	for key, metric := range fam.series {
		all = append(all, one{key, metric})
	}
	slices.SortFunc(all, func(a, b one) int { return strings.Compare(a.key, b.key) })
	out.Metric = make([]*dto.Metric, len(all))
	for i, o := range all {
		out.Metric[i] = o.metric
	}
	return out
}

// unit is what the name of a metric says that it is counted in, nil for nothing. OpenMetrics tells it.
func unit(name string) *string {
	for _, unit := range []string{"seconds", "bytes", "ratio"} {
		if strings.HasSuffix(name, "_"+unit) {
			return &unit
		}
	}
	return nil
}

// addGauge adds a gauge that has a number.
func (f families) addGauge(group string, s Sample) {
	value, ok := number(usable(s.Value))
	if !ok || s.Text.Omit {
		return
	}
	if s.Text.Scale != 0 {
		value *= s.Text.Scale
	}
	name := s.Text.Name
	if name == "" {
		name = textName(s.Name.Key, dto.MetricType_GAUGE)
	}
	help := explanation{s.Text.Help, "Gauge", group, s.Name.Key}
	labels := f.labels(group, s.Name.Tags, s.Text.Labels)
	if s.Text.Counter {
		f.addCounter(name, help, labels, value, 0)
		return
	}
	// In one piece of memory.
	m := &struct {
		dto.Metric
		gauge dto.Gauge
		value float64
	}{value: value}
	m.gauge.Value = &m.value
	m.Label, m.Gauge = labels, &m.gauge
	f.add(name, help, dto.MetricType_GAUGE, &m.Metric)
}

// label is one label of a series.
type label struct{ name, value string }

// labels turns tags into sorted labels. Where process and worker are known, the pid, which changes with every
// restart, is told by pandora_worker_info instead.
func (f families) labels(group string, tags, extra map[string]string) []*dto.LabelPair {
	var few [fewLabels]label
	all := few[:0]
	if group != GroupSystem && group != GroupNode && group != GroupDaemon {
		all = append(all, label{"group", group})
	}
	if name, ok := tags["appName"]; ok {
		all = append(all, label{labelName("appName"), name}) // before a tag that only looks like it
	}
	process, slot := cmp.Or(tags["process"], extra["process"]), cmp.Or(tags["worker"], extra["worker"])
	worker := process != "" && slot != ""
	var fewTags [fewLabels]string
	sorted := fewTags[:0]
	for tag := range tags {
		sorted = append(sorted, tag)
	}
	slices.Sort(sorted)
	for _, tag := range sorted {
		if tag == "appName" || tag == "pid" && worker {
			continue
		}
		name := labelName(tag)
		if placeOf(all, name) >= 0 {
			name = "tag_" + name
		}
		all = setLabel(all, name, tags[tag])
	}
	for name, value := range extra {
		all = setLabel(all, name, value)
	}
	if worker && tags["pid"] != "" {
		help := explanation{text: "The process that a worker is at the moment."}
		f.add("pandora_worker_info", help, dto.MetricType_GAUGE, &dto.Metric{
			Label: pairs([]label{{"app", tags["appName"]}, {"process", process}, {"worker", slot}, {"pid", tags["pid"]}}),
			Gauge: &dto.Gauge{Value: new(1.0)},
		})
	}
	return pairs(all)
}

func placeOf(all []label, name string) int {
	return slices.IndexFunc(all, func(l label) bool { return l.name == name })
}

func setLabel(all []label, name, value string) []label {
	if i := placeOf(all, name); i >= 0 {
		all[i].value = value
		return all
	}
	return append(all, label{name, value})
}

// fewLabels is how many labels a series has at most, as a rule.
const fewLabels = 4

// labelSet is memory for few labels, in one piece.
type labelSet struct {
	labels  [fewLabels]label
	backing [fewLabels]dto.LabelPair
	out     [fewLabels]*dto.LabelPair
}

// pairs returns sorted labels. An empty value is the same as no label.
func pairs(labels []label) []*dto.LabelPair {
	var kept []label
	var backing []dto.LabelPair
	var out []*dto.LabelPair
	if len(labels) <= fewLabels {
		set := &labelSet{}
		kept, backing, out = set.labels[:0], set.backing[:], set.out[:0]
	} else {
		kept, backing, out = make([]label, 0, len(labels)), make([]dto.LabelPair, len(labels)), make([]*dto.LabelPair, 0, len(labels))
	}
	kept = append(kept, labels...)
	slices.SortFunc(kept, func(a, b label) int { return strings.Compare(a.name, b.name) })
	for i := range kept {
		l := &kept[i]
		if l.value = strings.ToValidUTF8(l.value, "\uFFFD"); l.value != "" {
			backing[i].Name, backing[i].Value = &l.name, &l.value
			out = append(out, &backing[i])
		}
	}
	return out
}

// textName is the general rule of names, without the suffix of counters.
func textName(key string, kind dto.MetricType) string {
	name := identifier(key)
	if !strings.HasPrefix(name, namePrefix) {
		name = namePrefix + name
	}
	if kind == dto.MetricType_COUNTER {
		return strings.TrimSuffix(name, "_total")
	}
	// Suffixes with a meaning of their own would make the name look like a part of another metric.
	for _, suffix := range []string{"_total", "_count", "_sum", "_bucket", "_created", "_info"} {
		if strings.HasSuffix(name, suffix) {
			return name + "_value"
		}
	}
	return name
}

// labelName turns a tag into a label.
func labelName(tag string) string {
	if tag == "appName" {
		return "app"
	}
	name := identifier(tag)
	if name == "" || name[0] >= '0' && name[0] <= '9' || strings.HasPrefix(name, "__") || name == "le" || name == "quantile" {
		return "tag_" + strings.TrimLeft(name, "_")
	}
	return name
}

// identifier replaces what names cannot hold by underscores.
func identifier(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, s)
}

// DefaultBuckets are upper bounds in seconds for durations of requests.
func DefaultBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}
