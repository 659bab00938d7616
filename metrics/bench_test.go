package metrics

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"
)

func BenchmarkUpdate(b *testing.B) {
	counter, meter := NewBucketCounter(time.Minute), NewMeter(time.Minute)
	histogram, timer, compass := NewHistogram(time.Minute, ReservoirDecaying), NewTimer(time.Minute, ReservoirDecaying), NewFastCompass(time.Minute)
	for name, update := range map[string]func(v float64){
		"Counter": func(float64) { counter.Inc(1) }, "Meter": func(float64) { meter.Mark(1) },
		"Histogram": histogram.Update, "Timer": timer.Update,
		"FastCompass": func(v float64) { compass.Record(v, "success") },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			v := 1.0
			for b.Loop() {
				v = v*1.1 + 1
				if v > 1e6 {
					v = 1
				}
				update(v)
			}
		})
	}
}

// newBenchClient is a client with one metric of a type, in a registry.
func newBenchClient(b *testing.B, kind string) *client {
	m, err := NewRegistry().targetOf(1, kind, "g", NewName("n"))
	if err != nil {
		b.Fatal(err)
	}
	return &client{ledger: newLedger(), targets: map[string][]target{kind + partSeparator + NewName("n").String(): {m}}}
}

// message is the body of a frame.
func message(kind, method string, value any) []byte {
	body, err := json.Marshal(map[string]any{"action": "MESSENGER_UPLINK_demo_metrics_abcdefghij", "data": map[string]any{
		"action": "METRIC_UPDATE", "name": NewName("n").String(), "type": kind, "method": method, "value": []any{value}, "clientId": "abcdefghij",
	}})
	if err != nil {
		panic(err)
	}
	return body
}

// receive is what the daemon does with the body of a frame.
func receive(b *testing.B, c *client, body []byte) {
	var envelope struct {
		Action string          `json:"action"`
		Data   json.RawMessage `json:"data"`
	}
	var m frame
	if err := json.Unmarshal(body, &envelope); err != nil {
		b.Fatal(err)
	}
	if err := json.Unmarshal(envelope.Data, &m); err != nil {
		b.Fatal(err)
	}
	if err := c.update(m); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTotals: a frame each 100 ms carries whatever a counter has counted. The metric core is the part of a core that
// a worker with 100 counters takes, of which each counts 10,000 times a second: a million together.
func BenchmarkTotals(b *testing.B) {
	c := newBenchClient(b, typeCounter)
	bodies := make([][]byte, 1000)
	for i := range bodies {
		bodies[i] = message(typeCounter, methodMerge, i*1000)
	}
	i := 0
	for b.Loop() {
		receive(b, c, bodies[i%len(bodies)])
		i++
	}
	perFrame := float64(b.Elapsed().Nanoseconds()) / float64(i)
	b.ReportMetric(100*perFrame*100*10/1e9, "%core/1M-inc/s")
}

// BenchmarkSamples: 50,000 samples a second are 5,000 in a frame each 100 ms.
func BenchmarkSamples(b *testing.B) {
	const inFrame = 5000
	c := newBenchClient(b, typeTimer)
	bodies := make([][]byte, 100)
	for i := range bodies {
		samples := make([]float64, inFrame)
		for n := range samples {
			samples[n] = rand.ExpFloat64() * 100
		}
		bodies[i] = message(typeTimer, methodMerge, map[string]any{"seq": 0, "count": inFrame, "sum": 100 * inFrame, "samples": samples})
	}
	i := 0
	for b.Loop() {
		c.ledger = newLedger() // the frame is new
		receive(b, c, bodies[i%len(bodies)])
		i++
	}
	perSample := float64(b.Elapsed().Nanoseconds()) / float64(i) / inFrame
	b.ReportMetric(perSample, "ns/sample")
	b.ReportMetric(100*perSample*50_000/1e9, "%core/50k-samples/s")
}

// BenchmarkCalls: npm's client sends a frame for each call.
func BenchmarkCalls(b *testing.B) {
	for kind, method := range map[string]string{typeCounter: "inc", typeTimer: "update"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			c, body := newBenchClient(b, kind), message(kind, method, 12.5)
			for b.Loop() {
				receive(b, c, body)
			}
		})
	}
}

// BenchmarkMemory tells the bytes that a registered metric takes, its name included: after events in ten buckets, with a
// reservoir that is full.
func BenchmarkMemory(b *testing.B) {
	for kind, n := range map[string]int{typeGauge: 10_000, typeCounter: 10_000, typeMeter: 10_000, typeHistogram: 500, typeTimer: 500, typeCompass: 10_000} {
		b.Run(kind, func(b *testing.B) {
			var size float64
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				r := NewRegistry()
				for i := range n {
					if err := fill(r, kind, NewName(fmt.Sprint("metric", i)).Tagged(map[string]string{"appName": "demo"}), 2000); err != nil {
						b.Fatal(err)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				size = float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
				runtime.KeepAlive(r)
			}
			b.ReportMetric(size, "B/metric")
		})
	}
}

// fill registers a metric and gives it some values, or a gauge of 16 bytes.
func fill(r *Registry, kind string, name Name, values int) error {
	if kind == typeGauge {
		return r.AddGauge(1, "g", name, constant(1.5))
	}
	m, err := r.targetOf(1, kind, "g", name)
	if err != nil {
		return err
	}
	for i := range values {
		switch m := m.(type) {
		case *BucketCounter:
			m.Inc(5)
		case *Meter:
			m.Mark(5)
		case *Histogram:
			m.Update(float64(i))
		case *Timer:
			m.Update(float64(i))
		case *FastCompass:
			m.Record(5, "success")
		}
	}
	return nil
}

// BenchmarkQuantiles reads a timer that has a full reservoir and another value each time.
func BenchmarkQuantiles(b *testing.B) {
	t := NewTimer(time.Minute, ReservoirDecaying)
	for range 5000 {
		t.Update(rand.ExpFloat64())
	}
	b.ReportAllocs()
	for b.Loop() {
		t.Update(rand.ExpFloat64())
		t.histogram.exposition()
	}
}

func BenchmarkParseName(b *testing.B) {
	name := NewName("some.name").Tagged(map[string]string{"appName": "demo", "t": strings.Repeat("x", 20)}).String()
	for b.Loop() {
		ParseName(name)
	}
}

// BenchmarkMemoryOfWorkers tells the bytes that a metric takes which a worker has registered: with all that is known of its owner.
func BenchmarkMemoryOfWorkers(b *testing.B) {
	const n = 10_000
	for _, kind := range []string{typeGauge, typeCounter} {
		b.Run(kind, func(b *testing.B) {
			var size float64
			for b.Loop() {
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				rc := &receiver{registry: NewRegistry(), apps: map[string]map[string]int{}, ledgers: newLedgers()}
				c := &client{
					app: "demo", owner: 1, receiver: rc, ledger: newLedger(), gauges: map[string]string{}, targets: map[string][]target{},
					registered: map[string]bool{}, renews: true,
				}
				for i := range n {
					m := frame{Type: kind, Group: "g", Name: NewName(fmt.Sprint("metric", i)).Tagged(map[string]string{"appName": "demo"}).String()}
					if err := c.create(m); err != nil {
						b.Fatal(err)
					}
					m.Method, m.Value = methodMerge, json.RawMessage("[5]")
					if err := c.update(m); err != nil && kind != typeGauge {
						b.Fatal(err)
					}
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				size = float64(after.HeapAlloc-before.HeapAlloc) / n
				runtime.KeepAlive(c)
			}
			b.ReportMetric(size, "B/metric")
		})
	}
}
