package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// ErrUnknownGroup is what NormalRows gives for a group that no metric was ever registered in. The text is the
// original's answer.
var ErrUnknownGroup = errors.New("The specified group is not found!")

// notBucketed is the interval of a row that is not counted in buckets.
const notBucketed = -1

// Kind is how a row's value is to be read: COUNTER grows, GAUGE is of the moment, DELTA is per bucket.
type Kind string

// The kinds.
const (
	KindCounter Kind = "COUNTER"
	KindGauge   Kind = "GAUGE"
	KindDelta   Kind = "DELTA"
)

// Row is one value in the original's JSON shape.
type Row struct {
	Metric string `json:"metric"`
	// Timestamp is in milliseconds since 1970.
	Timestamp int64 `json:"timestamp"`
	Value     any   `json:"value"`
	Type      Kind  `json:"type"`
	Level     Level `json:"level"`
	// Tags may be those of other rows too and are not to be changed.
	Tags map[string]string `json:"tags"`
	// Interval is the bucket width in seconds, -1 where there are no buckets.
	Interval int `json:"interval"`
}

// Entry is what the lists tell about a Row.
type Entry struct {
	Metric   string            `json:"metric"`
	Type     Kind              `json:"type"`
	Level    Level             `json:"level"`
	Tags     map[string]string `json:"tags"`
	Interval int               `json:"interval"`
}

// Grouped is something per group, in order of the groups. Its JSON is an object with the groups as keys.
type Grouped[T any] []Group[T]

// Group is the part of one group.
type Group[T any] struct {
	Name string
	Rows []T // never nil
}

// MarshalJSON keeps the order of the groups.
func (g Grouped[T]) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, group := range g {
		if i > 0 {
			out.WriteByte(',')
		}
		key, err := json.Marshal(group.Name)
		if err != nil {
			return nil, err
		}
		rows, err := json.Marshal(group.Rows)
		if err != nil {
			return nil, err
		}
		out.Write(key)
		out.WriteByte(':')
		out.Write(rows)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// NormalRows reads one group for one application, "" for all. Metrics without the tag appName belong to every
// application. Gauges come first, then counters, histograms, meters, timers and compasses, each in order of registration. Workers that do not
// answer in time leave their rows out. An unknown group gives ErrUnknownGroup; the rows are never nil otherwise.
func (r *Registry) NormalRows(ctx context.Context, group, app string) ([]Row, error) {
	if group == "" {
		return nil, ErrUnknownGroup
	}
	all := r.collect(ctx, query{group: group, app: app, pull: true})
	if len(all) == 0 {
		return nil, ErrUnknownGroup
	}
	return all[0].rows(time.Now()), nil
}

// Snapshot reads all groups for one application, "" for all.
func (r *Registry) Snapshot(ctx context.Context, app string) Grouped[Row] {
	now := time.Now()
	grouped := Grouped[Row]{}
	for _, c := range r.collect(ctx, query{app: app, pull: true}) {
		grouped = append(grouped, Group[Row]{c.group, c.rows(now)})
	}
	return grouped
}

// CompactRows is for reporters: of every group what has happened between the report before and now, buckets only when
// they are complete, and little more. With the time of one call as since of the next, each bucket is in exactly one
// report, unless more than ten have become complete meanwhile.
func (r *Registry) CompactRows(ctx context.Context, since, now time.Time, o CompactOptions) []Row {
	to := newCompactCollector(since, now, o)
	for _, c := range r.collect(ctx, query{app: o.App, pull: true}) {
		c.collect(to)
	}
	return to.rows
}

// List tells what there is in one group, "" for all, for one application, "" for all, without asking any worker.
// An unknown group gives an empty result.
func (r *Registry) List(group, app string) Grouped[Entry] {
	grouped := Grouped[Entry]{}
	for _, c := range r.collect(context.Background(), query{group: group, app: app}) {
		for i := range c.gauges {
			c.gauges[i].Value = 0 // there, whether or not it has a value now
		}
		entries := []Entry{}
		for _, row := range c.rows(time.Now()) {
			entries = append(entries, Entry{row.Metric, row.Type, row.Level, row.Tags, row.Interval})
		}
		grouped = append(grouped, Group[Entry]{c.group, entries})
	}
	return grouped
}

// rows turns a group into the original's rows. Gauges without a value have none.
func (c collected) rows(now time.Time) []Row {
	to := newCollector(now)
	c.collect(to)
	return to.rows
}

func (c collected) collect(to *collector) {
	for _, s := range c.gauges {
		to.gauge(s.Name, s.Value)
	}
	for _, e := range c.entries {
		e.metric.collect(to, e.name())
	}
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
