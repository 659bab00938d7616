package report

import (
	"context"
	"fmt"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/metrics/v1"
	common "go.opentelemetry.io/proto/slim/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/slim/otlp/metrics/v1"
	resource "go.opentelemetry.io/proto/slim/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// maxPoints bounds the series of one request.
const maxPoints = 10_000

// otlpSink sends what the Prometheus text shows, under the same names, as OTLP over HTTP. Each application is a resource.
type otlpSink struct {
	poster *poster
	json   bool
	// service is the name of what belongs to no application.
	service, version string
	attributes       map[string]string
	// fresh says that what the first report has was counted since the reporter began.
	fresh bool
	// began are the series that were delivered last.
	began map[string]beginning
	// last is when they were read.
	last time.Time
}

// beginning is since when a series counts, and how far it was.
type beginning struct {
	at    time.Time // zero: it is not known
	value float64
}

func (*otlpSink) shape() shape { return families }

// Close gives the connections back.
func (s *otlpSink) Close() error { return s.poster.Close() }

func (s *otlpSink) take(ctx context.Context, b *batch) error {
	began := make(map[string]beginning, len(s.began))
	request := s.newRequest()
	for _, f := range b.families {
		for _, m := range f.Metric {
			if request.points == maxPoints {
				if err := s.send(ctx, request); err != nil {
					return err
				}
				request = s.newRequest()
			}
			request.add(f, m, b.at, s.since(f, m, b, began))
		}
	}
	if request.points > 0 {
		if err := s.send(ctx, request); err != nil {
			return err
		}
	}
	s.began, s.last = began, b.at
	return nil
}

// since tells since when a series counts. One that is new, or smaller than before, has begun after the report before.
func (s *otlpSink) since(f *dto.MetricFamily, m *dto.Metric, b *batch, began map[string]beginning) time.Time {
	var value float64
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		value = m.GetCounter().GetValue()
	case dto.MetricType_SUMMARY:
		value = float64(m.GetSummary().GetSampleCount())
	case dto.MetricType_HISTOGRAM:
		value = float64(m.GetHistogram().GetSampleCount())
	default:
		return time.Time{}
	}
	tags := make(map[string]string, len(m.Label))
	for _, l := range m.Label {
		tags[l.GetName()] = l.GetValue()
	}
	id := key(f.GetName(), tags)
	start, known := s.began[id]
	switch {
	case known && value >= start.value:
	case s.began != nil:
		start.at = s.last
	case s.fresh:
		start.at = b.since
	default:
		start.at = time.Time{}
	}
	start.value = value
	began[id] = start
	return start.at
}

// otlpRequest is one request while it is put together.
type otlpRequest struct {
	sink   *otlpSink
	data   *collector.ExportMetricsServiceRequest
	points int
	scopes map[string]*otlp.ScopeMetrics // by application
	// metric is the one that was added to last, of which application and family.
	metrics map[[2]string]*otlp.Metric
}

func (s *otlpSink) newRequest() *otlpRequest {
	return &otlpRequest{
		sink: s, data: &collector.ExportMetricsServiceRequest{},
		scopes: map[string]*otlp.ScopeMetrics{}, metrics: map[[2]string]*otlp.Metric{},
	}
}

// scope is where the metrics of an application go.
func (r *otlpRequest) scope(app string) *otlp.ScopeMetrics {
	if known := r.scopes[app]; known != nil {
		return known
	}
	s := r.sink
	attributes := map[string]string{}
	for k, v := range s.attributes {
		attributes[k] = v
	}
	attributes["service.name"] = app
	if app == "" {
		attributes["service.name"], attributes["service.version"] = s.service, s.version
	}
	scope := &otlp.ScopeMetrics{Scope: &common.InstrumentationScope{Name: "pandora", Version: s.version}}
	r.scopes[app] = scope
	r.data.ResourceMetrics = append(r.data.ResourceMetrics, &otlp.ResourceMetrics{
		Resource: &resource.Resource{Attributes: keyValues(attributes)}, ScopeMetrics: []*otlp.ScopeMetrics{scope},
	})
	return scope
}

// add adds one series.
func (r *otlpRequest) add(f *dto.MetricFamily, m *dto.Metric, at, since time.Time) {
	app := labelOf(m, "app")
	id := [2]string{app, f.GetName()}
	metric := r.metrics[id]
	if metric == nil {
		metric = &otlp.Metric{Name: f.GetName(), Description: f.GetHelp(), Unit: unitOf(f.GetName())}
		r.metrics[id] = metric
		scope := r.scope(app)
		scope.Metrics = append(scope.Metrics, metric)
	}
	r.points++
	point := pointOf{attributes: attributesOf(m), at: nanoseconds(at), since: nanoseconds(since)}
	switch f.GetType() {
	case dto.MetricType_COUNTER:
		if metric.Data == nil {
			metric.Data = &otlp.Metric_Sum{Sum: &otlp.Sum{
				AggregationTemporality: otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, IsMonotonic: true,
			}}
		}
		sum := metric.GetSum()
		sum.DataPoints = append(sum.DataPoints, point.number(m.GetCounter().GetValue()))
	case dto.MetricType_SUMMARY:
		if metric.Data == nil {
			metric.Data = &otlp.Metric_Summary{Summary: &otlp.Summary{}}
		}
		summary := metric.GetSummary()
		summary.DataPoints = append(summary.DataPoints, point.summary(m.GetSummary()))
	case dto.MetricType_HISTOGRAM:
		if metric.Data == nil {
			metric.Data = &otlp.Metric_Histogram{Histogram: &otlp.Histogram{
				AggregationTemporality: otlp.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE,
			}}
		}
		histogram := metric.GetHistogram()
		histogram.DataPoints = append(histogram.DataPoints, point.histogram(m.GetHistogram()))
	default:
		if metric.Data == nil {
			metric.Data = &otlp.Metric_Gauge{Gauge: &otlp.Gauge{}}
		}
		value := m.GetGauge().GetValue()
		if m.Gauge == nil {
			value = m.GetUntyped().GetValue()
		}
		gauge := metric.GetGauge()
		gauge.DataPoints = append(gauge.DataPoints, point.number(value))
	}
}

// send posts a request.
func (s *otlpSink) send(ctx context.Context, r *otlpRequest) error {
	contentType := "application/x-protobuf"
	body, err := proto.Marshal(r.data)
	if s.json {
		contentType = "application/json"
		body, err = protojson.MarshalOptions{UseEnumNumbers: true}.Marshal(r.data)
	}
	if err != nil {
		return Permanent(fmt.Errorf("encode OTLP: %w", err))
	}
	answer, err := s.poster.post(ctx, contentType, body)
	if err != nil {
		return err
	}
	var told collector.ExportMetricsServiceResponse
	if s.json {
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(answer, &told)
	} else {
		err = proto.Unmarshal(answer, &told)
	}
	if partial := told.GetPartialSuccess(); err == nil && partial.GetRejectedDataPoints() > 0 {
		return Permanent(fmt.Errorf("%d of %d series are refused: %.200q", partial.GetRejectedDataPoints(), r.points, partial.GetErrorMessage()))
	}
	return nil
}

// newOTLP makes the reporter for OTLP. What is not configured is taken from the variables OTEL_….
func (s *Set) newOTLP(o *options) taker {
	env := otlpEnvironment{s.config.Getenv}
	base, full := o.text("endpoint", ""), o.text("metricsEndpoint", "")
	if base == "" && full == "" {
		base, full = env.get("OTEL_EXPORTER_OTLP_ENDPOINT"), env.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT")
	}
	if full == "" {
		full = joinPath(base, "v1/metrics")
	}
	if !validAddress(full) {
		o.wrong("endpoint", `a URL with http or https and a host, as "http://127.0.0.1:4318"`)
	}
	header := http.Header{}
	for name, value := range env.pairs("OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS") {
		header.Set(name, value)
	}
	for name, value := range o.tags("headers") {
		header.Set(name, value)
	}
	protocol := o.text("protocol", env.first("http/protobuf", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"))
	if protocol != "http/protobuf" && protocol != "http/json" {
		o.wrong("protocol", "http/protobuf or http/json")
	}
	compression := o.oneOf("compression", env.first("none", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"), "none", "gzip")
	attributes := hostAttributes()
	for _, more := range []map[string]string{env.pairs("OTEL_RESOURCE_ATTRIBUTES"), o.tags("globalTags", "tags", "resourceAttributes")} {
		for name, value := range more {
			attributes[name] = value
		}
	}
	service := env.first(attributes["service.name"], "OTEL_SERVICE_NAME")
	if service == "" {
		service = "pandora"
	}
	return &otlpSink{
		poster: newPoster(full, header, compression == "gzip"), json: protocol == "http/json",
		service: service, version: s.config.Version, attributes: attributes, fresh: o.fresh,
	}
}
