package endpoints

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/pandora-go/pandora/metrics"
	"github.com/prometheus/common/expfmt"
)

// Metrics is what /metrics reads; *metrics.Registry is one. app selects the metrics of one application and those that
// belong to none, "" selects all.
type Metrics interface {
	// List describes the metrics of one group, "" for all; it is empty for an unknown group.
	List(group, app string) metrics.Grouped[metrics.Entry]
	// NormalRows reads one group; an error that is metrics.ErrUnknownGroup says that there is none.
	NormalRows(ctx context.Context, group, app string) ([]metrics.Row, error)
	// Snapshot reads all groups.
	Snapshot(ctx context.Context, app string) metrics.Grouped[metrics.Row]
	// WritePrometheus writes all numeric metrics in a text format.
	WritePrometheus(ctx context.Context, w io.Writer, format expfmt.Format, app string) error
}

const (
	// formatJSON is what a client asks for with Accept: application/json.
	formatJSON expfmt.Format = typeJSON
	// formatAny is the text format without its version, which a client that accepts anything does not name.
	formatAny expfmt.Format = typeText
)

// negotiate chooses the form of /metrics: text for clients that do not care.
func negotiate(h http.Header) expfmt.Format {
	format := expfmt.NegotiateAccept(h, formatAny, expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, formatJSON)
	if escaping, isText := strings.CutPrefix(string(format), string(formatAny)); isText {
		return expfmt.FmtText + expfmt.Format(escaping)
	}
	return format
}

// metricsAll serves /metrics: Prometheus text, OpenMetrics or the rows as JSON by group, as the Accept header says.
func (s *Server) metricsAll(ctx context.Context, r request) (answer, error) {
	app := r.query.get("appName")
	format := negotiate(r.header)
	if mediaType(format) == mediaType(formatJSON) {
		return ok(http.StatusOK, s.metrics.Snapshot(ctx, app))
	}
	var body bytes.Buffer
	if err := s.metrics.WritePrometheus(ctx, &body, format, app); err != nil {
		return answer{}, err
	}
	return answer{status: http.StatusOK, contentType: string(format), body: body.Bytes()}, nil
}

// metricsList serves /metrics/list and /metrics/list/:group: what there is, by group.
func (s *Server) metricsList(_ context.Context, r request) (answer, error) {
	return ok(http.StatusOK, s.metrics.List(r.group, r.query.get("appName")))
}

// metricsGroup serves /metrics/:group: the rows of one group.
func (s *Server) metricsGroup(ctx context.Context, r request) (answer, error) {
	rows, err := s.metrics.NormalRows(ctx, r.group, r.query.get("appName"))
	if errors.Is(err, metrics.ErrUnknownGroup) {
		return failOK(metrics.ErrUnknownGroup.Error())
	}
	if err != nil {
		return answer{}, err
	}
	return ok(http.StatusOK, list(rows))
}

// mediaType is a format without its parameters.
func mediaType(f expfmt.Format) string {
	name, _, _ := strings.Cut(string(f), ";")
	return strings.TrimSpace(name)
}
