package report

import (
	"context"
	"encoding/json"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// configured makes the sink that a configuration describes.
func configured(t *testing.T, app, name, config string, fresh bool) taker {
	t.Helper()
	return configuredWith(t, Config{Registry: metrics.NewRegistry(), Version: "1.2.3"}, app, name, config, fresh)
}

func configuredWith(t *testing.T, c Config, app, name, config string, fresh bool) taker {
	t.Helper()
	r, problem := New(c).make(app, name, json.RawMessage(config), fresh)
	if problem != "" {
		t.Fatal(problem)
	}
	return r.sink
}

// batches are two reports, of 10 s each with the events of bed twice, as a sink of that shape gets them.
func batches(t *testing.T, of taker, app string) []*batch {
	t.Helper()
	var all []*batch
	synctest.Test(t, func(t *testing.T) {
		registry, events := bed(t)
		if err := registry.AddGauge(metrics.Daemon, "g", metrics.NewName("depth"), metrics.GaugeFunc(func(context.Context) any { return -3 })); err != nil {
			t.Fatal(err)
		}
		r := New(Config{Registry: registry}).newRunner(Reporter{Name: "x", App: app}, of, "")
		since := time.Now()
		for range 2 {
			time.Sleep(time.Second)
			events()
			time.Sleep(5 * time.Second)
			events()
			time.Sleep(4 * time.Second)
			b := r.collect(t.Context(), since)
			since = b.at
			all = append(all, b)
		}
	})
	return all
}

// lines reads packets until nothing comes for a while.
func lines(t *testing.T, conn net.PacketConn) []string {
	t.Helper()
	var all []string
	buffer := make([]byte, 65536)
	for {
		wait := 2 * time.Second
		if len(all) > 0 {
			wait = 100 * time.Millisecond
		}
		if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
			t.Fatal(err)
		}
		n, _, err := conn.ReadFrom(buffer)
		if err != nil {
			return all
		}
		if n > udpPacket {
			t.Errorf("a packet has %d bytes, at most %d are expected", n, udpPacket)
		}
		all = append(all, strings.Split(string(buffer[:n]), "\n")...)
	}
}

func TestStatsd(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	sink := configured(t, "", "statsd", `{"port":`+port+`,"prefix":"p"}`, true)
	defer sink.(*statsdSink).Close()
	var got [][]string
	for _, b := range batches(t, sink, "") {
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		got = append(got, lines(t, conn))
	}
	for i, report := range got {
		for _, want := range []string{
			"p.demo.test.counter.count.v_w:10|c", "p.demo.my.count.v_w:4|c", "p.demo.test.timer.count.v_w:10|c",
			"p.demo.test.timer.p95.v_w:50|g", "p.demo.gauge.number.v_w:1.5|g",
			"p.demo.test.compass.hit_bucket_count.v_w:1|c", "p.demo.test.compass.bucket_sum.v_w:21|c",
			"p.depth:0|g", "p.depth:-3|g",
		} {
			if !slices.Contains(report, want) {
				t.Errorf("report %d has no line %q but\n%s", i, want, strings.Join(report, "\n"))
			}
		}
		for _, line := range report {
			if strings.Contains(line, "gauge.text") || strings.Contains(line, "test.counter.bucket_count") {
				t.Errorf("report %d has line %q: text, or a count that is told already", i, line)
			}
		}
	}
	sums := 0
	for _, line := range slices.Concat(got...) {
		if line == "p.demo.test.compass.hit_bucket_count.v_w:1|c" {
			sums++
		}
	}
	if sums != 4 {
		t.Errorf("%d buckets of the compass in two reports, expected 4", sums)
	}
}

// TestStatsdContinues: what was counted before the first report of a daemon that goes on is not told as new.
func TestStatsdContinues(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	sink := configured(t, "demo", "statsd", `{"port":`+port+`}`, false)
	defer sink.(*statsdSink).Close()
	for i, b := range batches(t, sink, "demo") {
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		got := lines(t, conn)
		if told := slices.Contains(got, "demo.test.counter.count.v_w:10|c"); told != (i == 1) {
			t.Errorf("report %d tells the count: %v", i, told)
		}
		if slices.Contains(got, "depth:-3|g") {
			t.Error("a report of the application has what is nobody's")
		}
	}
}

func TestDogStatsdOverASocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dsd.socket")
	conn, err := net.ListenPacket("unixgram", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sink := configured(t, "", "mine", `{"type":"dogstatsd","socket":"`+path+`","packetBytes":1432}`, true)
	defer sink.(*statsdSink).Close()
	b := batches(t, sink, "")[0]
	b.rows = append(b.rows, metrics.Row{Metric: "a:b|c#d", Value: int64(2), Type: metrics.KindGauge,
		Tags: map[string]string{"pid": "1", "process": "web", "worker": "0", "k,k": "v|v"}})
	if err := sink.take(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	got := lines(t, conn)
	for _, want := range []string{
		"test.counter.count:10|c|#appName:demo,tag:v_w", "depth:0|g", "depth:-3|g", "a_b_c_d:2|g|#k_k:v_v,process:web,worker:0",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("no line %q but\n%s", want, strings.Join(got, "\n"))
		}
	}
	// A receiver that is gone is an error, and one that comes back is found again.
	conn.Close()
	if err := sink.take(t.Context(), b); err == nil {
		t.Error("no error without a receiver")
	}
}

// TestGrowth: totals that are smaller than before have begun anew; what is not delivered is told with the next report;
// series that are gone take no memory.
func TestGrowth(t *testing.T) {
	g := growth{fresh: true}
	at := time.Now()
	row := func(name string, worker string) metrics.Row {
		return metrics.Row{Metric: name, Type: metrics.KindCounter, Tags: map[string]string{"worker": worker}}
	}
	for i, step := range []struct {
		total, grown float64
		delivered    bool
	}{{5, 5, true}, {9, 4, false}, {12, 7, true}, {3, 3, true}, {3, 0, true}} {
		c := g.begin(&batch{at: at})
		if got := c.grown(row("n", "a"), step.total); got != step.grown {
			t.Errorf("step %d: %v has grown by %v, expected %v", i, step.total, got, step.grown)
		}
		if step.delivered {
			c.delivered()
		}
	}
	for i := range 10_000 {
		c := g.begin(&batch{at: at})
		c.grown(row("n", string(rune('a'+i))), 1)
		c.delivered()
	}
	if len(g.last) != 1 {
		t.Errorf("%d series are remembered after 10,000 workers, expected 1", len(g.last))
	}
}
