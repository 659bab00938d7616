package report

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/uber-go/tally/v4"
)

// counting is a reporter of tally that adds up what it is told.
type counting struct {
	count  int64
	closed bool
}

func (c *counting) ReportCount(n int64)              { c.count += n }
func (c *counting) ReportGauge(float64)              {}
func (c *counting) ReportTimer(time.Duration)        {}
func (c *counting) Flush()                           {}
func (c *counting) Capabilities() tally.Capabilities { return nil }
func (c *counting) Close() error {
	c.closed = true
	return nil
}
func (c *counting) AllocateCounter(string, map[string]string) tally.CachedCount { return c }
func (c *counting) AllocateGauge(string, map[string]string) tally.CachedGauge   { return c }
func (c *counting) AllocateTimer(string, map[string]string) tally.CachedTimer   { return c }
func (c *counting) AllocateHistogram(string, map[string]string, tally.Buckets) tally.CachedHistogram {
	return nil
}

// forgetful is a receiver that keeps nothing.
func forgetful(t *testing.T) (url string, server *httptest.Server) {
	t.Helper()
	server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(server.Close)
	return server.URL, server
}
