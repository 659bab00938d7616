package endpoints

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
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
		a, err := ok(http.StatusOK, s.metrics.Snapshot(ctx, app))
		return a.zipped(r.header), err
	}
	var body bytes.Buffer
	if err := s.metrics.WritePrometheus(ctx, &body, format, app); err != nil {
		return answer{}, err
	}
	a := answer{status: http.StatusOK, contentType: string(format), body: body.Bytes()}
	return a.zipped(r.header), nil
}

// minGzip is the size from which on compressing is worth it, in bytes.
const minGzip = 1400

// zipped returns the answer compressed, if the client takes that and it is large.
func (a answer) zipped(h http.Header) answer {
	if len(a.body) < minGzip || !takesGzip(h) {
		return a
	}
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err == nil {
		_, err = w.Write(a.body)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return a // there is no such level, or no memory
	}
	a.body, a.gzipped = out.Bytes(), true
	return a
}

// takesGzip reads Accept-Encoding. A client that takes anything gets the plain text.
func takesGzip(h http.Header) bool {
	for _, value := range h.Values("Accept-Encoding") {
		for one := range strings.SplitSeq(value, ",") {
			coding, quality, _ := strings.Cut(strings.TrimSpace(one), ";")
			if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
				continue
			}
			q, weighted := strings.CutPrefix(strings.ReplaceAll(quality, " ", ""), "q=")
			weight, err := strconv.ParseFloat(q, 64)
			return !weighted || err == nil && weight > 0
		}
	}
	return false
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
