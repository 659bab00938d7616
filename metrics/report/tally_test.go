package report

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	m3 "github.com/uber-go/tally/v4/m3/thrift/v2"
	"github.com/uber-go/tally/v4/thirdparty/github.com/apache/thrift/lib/go/thrift"

	"github.com/pandora-go/pandora/metrics"
)

// m3Receiver is tally's own server side of the M3 protocol.
type m3Receiver struct {
	mu     sync.Mutex
	values map[string][]string
}

// EmitMetricBatchV2 implements the service.
func (r *m3Receiver) EmitMetricBatchV2(batch m3.MetricBatch) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range batch.Metrics {
		var tags []string
		for _, tag := range append(slices.Clone(m.Tags), batch.CommonTags...) {
			tags = append(tags, tag.Name+"="+tag.Value)
		}
		slices.Sort(tags)
		value := fmt.Sprint("count ", m.Value.Count)
		if m.Value.MetricType == m3.MetricType_GAUGE {
			value = fmt.Sprint("gauge ", m.Value.Gauge)
		}
		if all := r.values[m.Name]; len(all) < 10 {
			r.values[m.Name] = append(all, value+" "+strings.Join(tags, " "))
		}
	}
	return nil
}

func (r *m3Receiver) got(name string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.values[name]
}

// receiveM3 receives until the test ends.
func receiveM3(t *testing.T) (*m3Receiver, string) {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	receiver := &m3Receiver{values: map[string][]string{}}
	processor := m3.NewM3Processor(receiver)
	var wg sync.WaitGroup
	wg.Go(func() {
		packet := make([]byte, 65536)
		for {
			n, _, err := conn.ReadFrom(packet)
			if err != nil {
				return
			}
			in := thrift.NewTMemoryBuffer()
			in.Write(packet[:n])
			protocol := thrift.NewTCompactProtocol(in)
			if _, err := processor.Process(protocol, protocol); err != nil {
				t.Errorf("a packet of %d bytes is not understood: %v", n, err)
			}
		}
	})
	t.Cleanup(func() {
		conn.Close()
		wg.Wait()
	})
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	return receiver, port
}

// TestTally sends to two of tally's sinks at once through its third.
func TestTally(t *testing.T) {
	receiver, m3Port := receiveM3(t)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, statsdPort, _ := net.SplitHostPort(conn.LocalAddr().String())
	sink := configured(t, "", "tally", `{"statsd":{"port":`+statsdPort+`,"prefix":"p"},"m3":{"port":`+m3Port+`,"env":"test","includeHost":false}}`, true)
	var got []string
	for _, b := range batches(t, sink, "") {
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		got = append(got, lines(t, conn)...)
	}
	if err := sink.(io.Closer).Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p.demo.test.counter.count.v_w:10|c", "p.demo.test.timer.p95.v_w:50|g", "p.depth:-3|g"} {
		if n := count(got, want); n != 2 {
			t.Errorf("statsd got %q %d times, expected 2, of\n%s", want, n, strings.Join(got, "\n"))
		}
	}
	for name, want := range map[string][]string{
		"test.counter.count":            {"count 10 appName=demo env=test service=pandora tag=v_w"},
		"test.compass.hit_bucket_count": {"count 1 appName=demo env=test service=pandora tag=v_w"},
		"depth":                         {"gauge -3 env=test service=pandora"},
	} {
		all := receiver.got(name)
		for end := time.Now().Add(2 * time.Second); len(all) < 2 && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
			all = receiver.got(name)
		}
		for _, value := range want {
			if !slices.Contains(all, value) {
				t.Errorf("M3 got %s as %q, expected %q", name, all, value)
			}
		}
	}
}

func count(all []string, one string) int {
	n := 0
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

// TestTenThousandGenerations: workers come and go, each with series of its own, and no sink takes more memory for it.
func TestTenThousandGenerations(t *testing.T) {
	_, m3Port := receiveM3(t)
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, port, _ := net.SplitHostPort(conn.LocalAddr().String())
	url, _ := forgetful(t)
	sinks := []taker{
		configured(t, "", "statsd", `{"port":`+port+`}`, true),
		configured(t, "", "dogstatsd", `{"port":`+port+`}`, true),
		configured(t, "", "tally", `{"m3":{"port":`+m3Port+`},"statsd":{"port":`+port+`}}`, true),
		configured(t, "", "otlp", `{"endpoint":"`+url+`"}`, true),
		configured(t, "", "newrelic", `{"url":"`+url+`","apiKey":"k"}`, true),
		configured(t, "", "open-falcon", `{"agentUrl":"`+url+`"}`, true),
	}
	registry := metrics.NewRegistry()
	runners := make([]*runner, len(sinks))
	for i, sink := range sinks {
		runners[i] = New(Config{Registry: registry}).newRunner(Reporter{Name: "x"}, sink, "")
	}
	since := time.Now()
	generation := func(n int) {
		owner := registry.NewOwner()
		for _, key := range []string{"orders", "errors"} {
			name := metrics.NewName(key).Tagged(map[string]string{"appName": "shop", "pid": fmt.Sprint(n)})
			c, err := registry.BucketCounter(owner, "shop", name)
			if err != nil {
				t.Fatal(err)
			}
			c.Inc(1)
			err = registry.AddGauge(owner, "shop", name.Tagged(map[string]string{"kind": "gauge"}), metrics.GaugeFunc(func(context.Context) any { return 1.0 }))
			if err != nil {
				t.Fatal(err)
			}
		}
		if n%10 == 0 {
			for _, r := range runners {
				if err := r.sink.take(t.Context(), r.collect(t.Context(), since)); err != nil && !strings.Contains(err.Error(), "refused") {
					t.Fatal(err)
				}
			}
		}
		registry.Remove(owner)
	}
	heap := func() uint64 {
		for _, r := range runners {
			_ = r.sink
		}
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for n := range 5000 {
		generation(n)
	}
	before := heap()
	for n := range 5000 {
		generation(5000 + n)
	}
	after := heap()
	t.Logf("heap after 5,000 and 10,000 generations: %d and %d KiB", before>>10, after>>10)
	if after > before+(1<<20) {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, after>>10)
	}
	if s := sinks[2].(*tallySink); len(s.given) > renewal+100 {
		t.Errorf("tally's reporter has been given %d series", len(s.given))
	}
	for _, sink := range sinks {
		if err := sink.(io.Closer).Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestTallyIsRenewed: tally's reporter is made anew before it remembers too much, and counts go on.
func TestTallyIsRenewed(t *testing.T) {
	opened := 0
	var reporters []*counting
	sink := &tallySink{growth: growth{fresh: true}, open: func(context.Context) (tallyReporter, error) {
		opened++
		c := &counting{}
		reporters = append(reporters, c)
		return tallyReporter{cachedReporter{c}, []io.Closer{c}}, nil
	}}
	for n := range 5 {
		b := &batch{at: time.Now(), rows: []metrics.Row{{Metric: "total", Value: float64(n) + .5, Type: metrics.KindCounter}}}
		for i := range renewal / 2 {
			b.rows = append(b.rows, metrics.Row{Metric: fmt.Sprint(n, ".", i), Value: 1.0, Type: metrics.KindGauge})
		}
		if err := sink.take(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if opened != 2 || !reporters[0].closed {
		t.Errorf("%d reporters were made, expected 2 with the first one closed", opened)
	}
	if n := reporters[0].count + reporters[1].count; n != 4 {
		t.Errorf("counted %d, expected 4", n)
	}
}
