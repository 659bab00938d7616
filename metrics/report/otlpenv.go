package report

import (
	"math"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
)

// defaultOTLP is where a collector on the same machine listens.
const defaultOTLP = "http://localhost:4318"

// enabledByEnvironment reports whether OTEL_METRICS_EXPORTER asks for the reporter "otlp".
func enabledByEnvironment(getenv func(string) string) bool {
	if strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	for name := range strings.SplitSeq(getenv("OTEL_METRICS_EXPORTER"), ",") {
		if strings.TrimSpace(name) == "otlp" {
			return true
		}
	}
	return false
}

// otlpEnvironment reads the variables of OpenTelemetry.
type otlpEnvironment struct{ getenv func(string) string }

// get reads one, without spaces around it.
func (e otlpEnvironment) get(name string) string { return strings.TrimSpace(e.getenv(name)) }

// first is the first variable that is set.
func (e otlpEnvironment) first(absent string, names ...string) string {
	for _, name := range names {
		if value := e.get(name); value != "" {
			return value
		}
	}
	return absent
}

// milliseconds is the first variable that is set to a time.
func (e otlpEnvironment) milliseconds(absent time.Duration, names ...string) time.Duration {
	n, err := strconv.ParseInt(e.first("", names...), 10, 64)
	if err != nil || n < 100 || n > (24*time.Hour).Milliseconds() {
		return absent
	}
	return time.Duration(n) * time.Millisecond
}

// pairs reads lists as name=value,name=value, with what is no such pair left out.
func (e otlpEnvironment) pairs(names ...string) map[string]string {
	all := map[string]string{}
	for _, name := range names {
		for pair := range strings.SplitSeq(e.get(name), ",") {
			k, v, ok := strings.Cut(pair, "=")
			value, err := url.PathUnescape(strings.TrimSpace(v))
			if k = strings.TrimSpace(k); ok && k != "" && err == nil && len(all) < maxTags {
				all[k] = value
			}
		}
	}
	return all
}

// joinPath adds a path to a base URL.
func joinPath(base, path string) string {
	if base == "" {
		base = defaultOTLP
	}
	return strings.TrimRight(base, "/") + "/" + path
}

func validAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// hostAttributes tells where this runs.
func hostAttributes() map[string]string {
	attributes := map[string]string{}
	if host, err := os.Hostname(); err == nil {
		attributes["host.name"] = host
	}
	return attributes
}

// keyValues are attributes in order.
func keyValues(attributes map[string]string) []*common.KeyValue {
	all := make([]*common.KeyValue, 0, len(attributes))
	for name, value := range attributes {
		all = append(all, keyValue(name, value))
	}
	slices.SortFunc(all, func(a, b *common.KeyValue) int { return strings.Compare(a.Key, b.Key) })
	return all
}

func keyValue(name, value string) *common.KeyValue {
	return &common.KeyValue{Key: name, Value: &common.AnyValue{Value: &common.AnyValue_StringValue{StringValue: value}}}
}

// attributesOf are the labels of a series but its application, which is the resource.
func attributesOf(m *dto.Metric) []*common.KeyValue {
	all := make([]*common.KeyValue, 0, len(m.Label))
	for _, l := range m.Label {
		if l.GetName() != "app" {
			all = append(all, keyValue(l.GetName(), l.GetValue()))
		}
	}
	return all
}

// unitOf tells the unit that a name ends in.
func unitOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for suffix, unit := range map[string]string{"_seconds": "s", "_bytes": "By", "_ratio": "1"} {
		if strings.HasSuffix(name, suffix) {
			return unit
		}
	}
	return ""
}

// nanoseconds is a time since 1970, 0 for none.
func nanoseconds(t time.Time) uint64 {
	if t.IsZero() || t.UnixNano() < 0 {
		return 0
	}
	return uint64(t.UnixNano())
}

// pointOf is what points of all types have.
type pointOf struct {
	attributes []*common.KeyValue
	at, since  uint64
}

func (p pointOf) number(value float64) *otlp.NumberDataPoint {
	return &otlp.NumberDataPoint{
		Attributes: p.attributes, TimeUnixNano: p.at, StartTimeUnixNano: p.since,
		Value: &otlp.NumberDataPoint_AsDouble{AsDouble: value},
	}
}

func (p pointOf) summary(s *dto.Summary) *otlp.SummaryDataPoint {
	point := &otlp.SummaryDataPoint{
		Attributes: p.attributes, TimeUnixNano: p.at, StartTimeUnixNano: p.since, Count: s.GetSampleCount(), Sum: s.GetSampleSum(),
	}
	for _, q := range s.Quantile {
		if !math.IsNaN(q.GetValue()) {
			point.QuantileValues = append(point.QuantileValues, &otlp.SummaryDataPoint_ValueAtQuantile{Quantile: q.GetQuantile(), Value: q.GetValue()})
		}
	}
	return point
}

func (p pointOf) histogram(h *dto.Histogram) *otlp.HistogramDataPoint {
	sum := h.GetSampleSum()
	point := &otlp.HistogramDataPoint{
		Attributes: p.attributes, TimeUnixNano: p.at, StartTimeUnixNano: p.since, Count: h.GetSampleCount(), Sum: &sum,
	}
	below := uint64(0)
	for _, b := range h.Bucket {
		if math.IsInf(b.GetUpperBound(), 1) {
			continue
		}
		point.ExplicitBounds = append(point.ExplicitBounds, b.GetUpperBound())
		point.BucketCounts = append(point.BucketCounts, max(below, b.GetCumulativeCount())-below)
		below = max(below, b.GetCumulativeCount())
	}
	point.BucketCounts = append(point.BucketCounts, max(below, h.GetSampleCount())-below)
	return point
}
