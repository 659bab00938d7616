package report

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/pandora-go/pandora/metrics"
)

const (
	// defaultFalcon is where the agent of Open-Falcon takes values.
	defaultFalcon = "http://127.0.0.1:1988/v1/push"
	// maxFalcon bounds the values of one request.
	maxFalcon = 2000
)

// falconSink pushes values to the agent of Open-Falcon.
type falconSink struct {
	poster   *poster
	endpoint string
	// step is the interval of reports in seconds.
	step int64
}

// falconValue is one value as the agent takes it.
type falconValue struct {
	Endpoint string `json:"endpoint"`
	Metric   string `json:"metric"`
	// Timestamp is in seconds since 1970, Step in seconds.
	Timestamp   int64   `json:"timestamp"`
	Step        int64   `json:"step"`
	Value       float64 `json:"value"`
	CounterType string  `json:"counterType"`
	Tags        string  `json:"tags"`
}

// newFalcon makes the reporter for Open-Falcon.
func (s *Set) newFalcon(o *options) taker {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return &falconSink{
		poster:   newPoster(o.address("agentUrl", defaultFalcon), http.Header{}, false),
		endpoint: o.text("endpoint", host), step: max(1, int64(o.interval.Seconds())),
	}
}

func (*falconSink) shape() shape { return full }

// Close gives the connections back.
func (s *falconSink) Close() error { return s.poster.Close() }

func (s *falconSink) take(ctx context.Context, b *batch) error {
	values := []falconValue{}
	for _, row := range b.rows {
		if value, ok := s.value(row); ok {
			values = append(values, value)
		}
	}
	for chunk := range slices.Chunk(values, maxFalcon) {
		body, err := json.Marshal(chunk)
		if err != nil {
			return Permanent(fmt.Errorf("encode values for Open-Falcon: %w", err))
		}
		if _, err := s.poster.post(ctx, "application/json", body); err != nil {
			return err
		}
	}
	return nil
}

// value is a row as the agent takes it. Counters are called as they were registered, and the agent's side makes rates of
// them.
func (s *falconSink) value(row metrics.Row) (falconValue, bool) {
	number, ok := number(row.Value)
	v := falconValue{
		Endpoint: s.endpoint, Metric: falconWord(row.Metric), Timestamp: row.Timestamp / 1000, Step: s.step,
		Value: number, CounterType: "GAUGE",
	}
	switch row.Type {
	case metrics.KindCounter:
		v.CounterType = "COUNTER"
		v.Metric = strings.TrimSuffix(v.Metric, ".count")
	case metrics.KindDelta:
		v.Step = max(1, int64(row.Interval))
	}
	tags := stableTags(row.Tags)
	var all []string
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, falconWord(tag)+"="+falconWord(tags[tag]))
	}
	v.Tags = strings.Join(all, ",")
	return v, ok
}

// falconWord replaces what separates tags.
func falconWord(s string) string { return replaced(s, ",= ") }
