package report

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// BenchmarkReport reads 10,000 counters and sends them.
func BenchmarkReport(b *testing.B) {
	registry := metrics.NewRegistry()
	for i := range 10_000 {
		name := metrics.NewName(fmt.Sprint("orders.", i)).Tagged(map[string]string{"appName": "shop", "zone": "a"})
		c, err := registry.BucketCounter(metrics.Daemon, "shop", name)
		if err != nil {
			b.Fatal(err)
		}
		c.Inc(1)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	for _, test := range []struct{ name, kind, config string }{
		{"file", "file", `{"file":"` + b.TempDir() + `/metrics.log"}`},
		{"statsd", "statsd", `{"port":` + port + `}`},
		{"dogstatsd", "dogstatsd", `{"port":` + port + `}`},
	} {
		b.Run(test.name, func(b *testing.B) {
			r, problem := New(Config{Registry: registry}).make("", test.kind, []byte(test.config), true)
			if problem != "" {
				b.Fatal(problem)
			}
			defer r.close()
			b.ReportAllocs()
			for b.Loop() {
				if err := r.sink.take(b.Context(), r.collect(b.Context(), time.Now())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
