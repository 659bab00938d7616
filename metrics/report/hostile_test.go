package report

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// FuzzConfigure: whatever is configured, what cannot be is told, and the file goes on unless it is switched off.
func FuzzConfigure(f *testing.F) {
	for _, seed := range []string{
		`{"reporter":{"file":{"initConfig":{"globalTags":{"a":1}}},"statsd":{"port":1,"socket":""}}}`,
		`{"reporter":{"x":{"type":"tally","m3":{"commonTags":[]},"statsd":7}}}`,
		`{"reporter":{"otlp":{"endpoint":"http://[::1","headers":{"a":"\n"}}}}`,
		`{"reporter":{"alinode":{"server":"ws://","appid":1},"oneapm":{"host":"a:b"},"newrelic":{"apiKey":"é"}}}`,
		`[]`, `{"reporter":[]}`, `{"reporter":{"":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, config []byte) {
		set := New(Config{Registry: metrics.NewRegistry(), Output: &strings.Builder{}, File: func(string) string { return "/nowhere/metrics.log" }})
		problems := set.Configure(config)
		for _, p := range problems {
			if !strings.Contains(p, "reporter") {
				t.Errorf("a problem names no reporter: %q", p)
			}
		}
		for _, r := range set.running {
			if r.Interval <= 0 || r.Timeout <= 0 {
				t.Errorf("%s reports each %v within %v", r.Name, r.Interval, r.Timeout)
			}
			r.close()
		}
	})
}

// TestHostileNames: names and tags with any bytes become whole lines, one for each value.
func TestHostileNames(t *testing.T) {
	sink := &statsdSink{tagged: true, growth: growth{fresh: true}}
	b := &batch{}
	step := sink.growth.begin(b)
	for _, bad := range []string{"a\nb:1|c", "a|b", "a#b", "\x00\xff", strings.Repeat("x", 3000), "名:前"} {
		for _, tagged := range []bool{true, false} {
			sink.tagged = tagged
			line := sink.line(metrics.Row{Metric: bad, Value: 1.0, Type: metrics.KindGauge, Tags: map[string]string{bad: bad, "appName": bad}}, step)
			if strings.Count(line, "\n") != 1 || strings.Count(line, "|") > 2 || strings.Count(strings.SplitN(line, "|", 2)[0], ":") != 1 {
				t.Errorf("name %q, tagged %v: line %q", bad, tagged, line)
			}
		}
	}
}

// TestConcurrentUse: everything may be called at once while reporters run.
func TestConcurrentUse(t *testing.T) {
	registry, counter := bucketed(t)
	set := New(Config{Registry: registry, Interval: time.Millisecond, Output: &lockedBuffer{}})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	steady := &recorder{}
	set.Add(Reporter{Name: "steady"}, steady)
	var wg sync.WaitGroup
	wg.Go(func() { set.Run(ctx) })
	for worker := range 4 {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				switch (n + worker) % 4 {
				case 0:
					set.Configure(json.RawMessage(fmt.Sprintf(`{"reporter":{"console":{"timeoutMs":%d}}}`, 1000+n%2)))
				case 1:
					set.Sync([]Application{{Name: "shop", Reporters: []Declared{{Name: "console", Options: map[string]any{"timeoutMs": 1000 + n%3}}}}})
				case 2:
					remove := set.Add(Reporter{Name: fmt.Sprint("own", worker), App: "shop"}, &recorder{})
					counter.Inc(1)
					remove()
				case 3:
					_, _ = set.States(), set.Problems()
					set.SetInterval(time.Duration(1+n%2) * time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	if n, _ := steady.got(); n < 10 {
		t.Errorf("a reporter that nobody touched reported %d times in 300 ms", n)
	}
}

// lockedBuffer may be written to by several reporters.
type lockedBuffer struct{ mu sync.Mutex }

// Write implements io.Writer.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(p), nil
}
