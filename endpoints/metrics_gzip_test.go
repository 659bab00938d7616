package endpoints

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/pandora-go/pandora/metrics"
	"github.com/prometheus/common/expfmt"
)

// long is a registry whose text is long.
type long struct{ *metrics.Registry }

func (long) WritePrometheus(_ context.Context, w io.Writer, _ expfmt.Format, _ string) error {
	_, err := io.WriteString(w, strings.Repeat("line\n", 1000))
	return err
}

func TestMetricsAreCompressed(t *testing.T) {
	b := newBed(t, noDisk, func(c *Config) { c.Metrics = long{metrics.NewRegistry()} })
	for accept, zipped := range map[string]bool{
		"gzip": true, "deflate, GZIP;q=0.5": true, "br, gzip ; q=1": true,
		"": false, "*": false, "gzip;q=0": false, "gzip;q=x": false, "xgzip": false, "identity": false,
	} {
		response := b.do(http.MethodGet, "/metrics", "Accept-Encoding", accept)
		body, err := io.ReadAll(response.Body)
		if err != nil || strconv.Itoa(len(body)) != response.Header.Get("Content-Length") {
			t.Errorf("%q: %v, %d bytes, length %s", accept, err, len(body), response.Header.Get("Content-Length"))
		}
		if got := response.Header.Get("Content-Encoding") == "gzip"; got != zipped {
			t.Errorf("%q: compressed %v", accept, got)
			continue
		}
		if zipped {
			r, err := gzip.NewReader(bytes.NewReader(body))
			if err == nil {
				body, err = io.ReadAll(r)
			}
			if err != nil || response.Header.Get("Vary") != "Accept-Encoding" {
				t.Errorf("%q: %v", accept, err)
			}
		}
		if string(body) != strings.Repeat("line\n", 1000) {
			t.Errorf("%q: %d bytes of text", accept, len(body))
		}
	}
	if response := newMetricsBed(t, noDisk, nil).do(http.MethodGet, "/metrics", "Accept-Encoding", "gzip"); response.Header.Get("Content-Encoding") != "" {
		t.Error("a short text is compressed")
	}
}
