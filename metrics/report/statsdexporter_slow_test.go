//go:build slow

package report

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

// TestStatsdExporter has Prometheus' statsd_exporter receive DogStatsD over UDP and over a socket, and plain statsd, and
// asks it for the values.
func TestStatsdExporter(t *testing.T) {
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := web.Addr().String()
	web.Close()
	port, socket := freePort(t), filepath.Join(t.TempDir(), "dsd.socket")
	started(t, "statsd_exporter", "--web.listen-address="+address, "--statsd.listen-udp=127.0.0.1:"+port,
		"--statsd.listen-tcp=", "--statsd.listen-unixgram="+socket)
	ask := func() string {
		response, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err.Error()
		}
		return string(body)
	}
	eventually(t, "statsd_exporter_", ask)
	for prefix, config := range map[string]string{
		"udp":   `{"type":"dogstatsd","port":` + port + `,"prefix":"udp"}`,
		"unix":  `{"type":"dogstatsd","socket":"` + socket + `","prefix":"unix"}`,
		"plain": `{"type":"statsd","port":` + port + `,"prefix":"plain"}`,
	} {
		sink := configured(t, "", prefix, config, true)
		defer sink.(*statsdSink).Close()
		for _, b := range batches(t, sink, "") {
			if err := sink.take(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, prefix := range []string{"udp", "unix"} {
		labels := `{appName="demo",tag="v_w"}`
		eventually(t, fmt.Sprintf("\n%s_test_counter_count%s 20\n", prefix, labels), ask)
		eventually(t, fmt.Sprintf("\n%s_test_compass_hit_bucket_count%s 4\n", prefix, labels), ask)
		eventually(t, fmt.Sprintf("\n%s_test_timer_p95%s 50\n", prefix, labels), ask)
		eventually(t, fmt.Sprintf("\n%s_depth -3\n", prefix), ask)
	}
	eventually(t, "\nplain_demo_test_counter_count_v_w 20\n", ask)
	eventually(t, "\nplain_depth -3\n", ask)
	eventually(t, "\nstatsd_exporter_lines_total ", ask)
	eventually(t, "\nstatsd_exporter_tag_errors_total 0\n", ask)
}
