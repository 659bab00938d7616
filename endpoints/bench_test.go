package endpoints

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
)

// discard is a ResponseWriter that keeps nothing.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkHealth is /health with 20 indicators beside a bare handler of echo, both without a network.
func BenchmarkHealth(b *testing.B) {
	options, err := DecodeOptions([]byte(noDisk))
	if err != nil {
		b.Fatal(err)
	}
	source, frames := &versionedSource{}, &fakeFrames{}
	source.apps = []Application{demo()}
	s := New(Config{Source: source, Options: options})
	Attach(frames, s)
	for i := range 20 {
		frames.announce(fixed(1, fmt.Sprintf(`[{"key":"check_%d","data":"UP"}]`, i)), "health", "demo", fmt.Sprint(i), "c", "")
	}
	bare := echo.New()
	body := make([]byte, 700)
	bare.GET("/health", func(c echo.Context) error { return c.Blob(200, typeJSON, body) })
	for name, handler := range map[string]http.Handler{"own": s.Handler(), "bare": bare} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "/health?appName=demo", nil)
			r.RemoteAddr, r.Host = "127.0.0.1:1024", "127.0.0.1:7002"
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(&discard{http.Header{}}, r)
			}
		})
	}
}
