package report

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

const (
	newRelicURL   = "https://metric-api.newrelic.com/metric/v1"
	newRelicEU    = "https://metric-api.eu.newrelic.com/metric/v1"
	maxNewRelic   = 2000 // metrics of one request, of which about a million bytes are taken
	newRelicName  = 255  // bytes of a name or of an attribute's name
	newRelicValue = 4096 // bytes of an attribute's value
)

// newRelicSink sends to the Metric API of New Relic: gauges, and counts of what has happened since the report before.
type newRelicSink struct {
	poster *poster
	common map[string]string
	growth growth
	// of is the report of which the first rows, as many as done, have arrived already, step what its totals are.
	of   *batch
	done int
	step counted
}

// newRelicMetric is one metric of the API. Timestamp is in milliseconds since 1970, when the interval of a count began.
type newRelicMetric struct {
	Name       string            `json:"name"`
	Type       string            `json:"type"`
	Value      float64           `json:"value"`
	Timestamp  int64             `json:"timestamp"`
	Interval   int64             `json:"interval.ms,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

// newRelicBody is one element of the request's array.
type newRelicBody struct {
	Common struct {
		Attributes map[string]string `json:"attributes"`
	} `json:"common"`
	Metrics []newRelicMetric `json:"metrics"`
}

// newNewRelic makes the reporter for New Relic.
func (s *Set) newNewRelic(o *options) taker {
	key := o.text("apiKey", s.config.Getenv("NEW_RELIC_LICENSE_KEY"))
	if key == "" || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		o.wrong("apiKey", "the license key of the account, here or in NEW_RELIC_LICENSE_KEY")
	}
	address := newRelicURL
	if o.oneOf("region", "us", "eu") == "eu" {
		address = newRelicEU
	}
	common := hostAttributes()
	common["instrumentation.provider"] = "pandora"
	maps.Copy(common, o.tags("attributes"))
	return &newRelicSink{
		poster: newPoster(o.address("url", address), http.Header{"Api-Key": {key}}, true),
		common: common, growth: growth{fresh: o.fresh},
	}
}

func (*newRelicSink) shape() shape { return full }

// Close gives the connections back.
func (s *newRelicSink) Close() error { return s.poster.Close() }

func (s *newRelicSink) take(ctx context.Context, b *batch) error {
	if s.of != b {
		s.of, s.done, s.step = b, 0, s.growth.begin(b)
	}
	for s.done < len(b.rows) {
		rows := b.rows[s.done:min(len(b.rows), s.done+maxNewRelic)]
		if err := s.send(ctx, b, rows, s.step); err != nil {
			return err
		}
		s.done += len(rows)
		s.step.partly()
	}
	s.step.delivered()
	s.of = nil
	return nil
}

func (s *newRelicSink) send(ctx context.Context, b *batch, rows []metrics.Row, step counted) error {
	var body newRelicBody
	body.Common.Attributes = s.common
	for _, row := range rows {
		if m, ok := newRelicOf(row, b, step); ok {
			body.Metrics = append(body.Metrics, m)
		}
	}
	if len(body.Metrics) == 0 {
		return nil
	}
	data, err := json.Marshal([]newRelicBody{body})
	if err != nil {
		return Permanent(fmt.Errorf("encode metrics for New Relic: %w", err))
	}
	_, err = s.poster.post(ctx, "application/json", data)
	return err
}

// newRelicOf is a row as the API takes it.
func newRelicOf(row metrics.Row, b *batch, step counted) (newRelicMetric, bool) {
	value, ok := number(row.Value)
	m := newRelicMetric{Name: cut(row.Metric, newRelicName), Type: "gauge", Value: value, Timestamp: row.Timestamp}
	switch row.Type {
	case metrics.KindCounter:
		since := step.since(b)
		m.Type, m.Value = "count", step.grown(row, value)
		m.Timestamp, m.Interval = since.UnixMilli(), max(1, b.at.Sub(since).Milliseconds())
	case metrics.KindDelta:
		m.Type, m.Interval = "count", max(1, int64(row.Interval))*time.Second.Milliseconds()
	}
	tags := stableTags(row.Tags)
	m.Attributes = make(map[string]string, len(tags))
	for name, v := range tags {
		m.Attributes[cut(name, newRelicName)] = cut(v, newRelicValue)
	}
	return m, ok
}

// cut shortens a text to a number of bytes, between two characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
