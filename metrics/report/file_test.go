package report

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// bed is one metric of each type, as testdata/record.js has them.
func bed(t *testing.T) (registry *metrics.Registry, events func()) {
	t.Helper()
	r := metrics.NewRegistry()
	named := func(key string, l metrics.Level) metrics.Name {
		return metrics.NewName(key).Tagged(map[string]string{"appName": "demo", "tag": "v w"}).WithLevel(l)
	}
	for _, g := range []struct {
		key   string
		value any
	}{{"number", 1.5}, {"text", `a<b>&"c"`}, {"object", json.RawMessage(`{"a":[1,null]}`)}, {"nothing", nil}} {
		err := r.AddGauge(metrics.Daemon, "g", named("gauge."+g.key, metrics.Normal), metrics.GaugeFunc(func(context.Context) any { return g.value }))
		if err != nil {
			t.Fatal(err)
		}
	}
	counter, err1 := r.BucketCounter(metrics.Daemon, "g", named("test.counter", metrics.Critical))
	counts, err2 := r.BucketCounter(metrics.Daemon, "g", named("my.count", metrics.Critical))
	histogram, err3 := r.Histogram(metrics.Daemon, "g", named("test.histogram", metrics.Major), metrics.ReservoirUniform)
	meter, err4 := r.Meter(metrics.Daemon, "g", named("test.meter", metrics.Critical))
	timer, err5 := r.Timer(metrics.Daemon, "g", named("test.timer", metrics.Critical), metrics.ReservoirUniform)
	compass, err6 := r.FastCompass(metrics.Daemon, "g", named("test.compass", metrics.Critical))
	for _, err := range []error{err1, err2, err3, err4, err5, err6} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r, func() {
		counter.Inc(5)
		counts.Inc(2)
		meter.Mark(3)
		for _, v := range []float64{30, 10, 50, 20, 40} {
			histogram.Update(v)
			timer.Update(v)
		}
		compass.Record(5, "hit")
		compass.Record(7, "success")
		compass.Record(9, "miss")
	}
}

// decoded is a line with everything in a fixed order.
func decoded(t *testing.T, line string) (row metrics.Row, text string) {
	t.Helper()
	if err := json.Unmarshal([]byte(line), &row); err != nil {
		t.Fatalf("line %q: %v", line, err)
	}
	data, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	return row, string(data)
}

// TestFileAsTheOriginal compares the file with the one that the original's reporter wrote for the same events. Ours has
// more: a bucket that the original loses, and numbers where it has null.
func TestFileAsTheOriginal(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "pandorajs", "metrics.log")
	synctest.Test(t, func(t *testing.T) {
		registry, events := bed(t)
		set := New(Config{Registry: registry, Interval: 10 * time.Second, File: func(string) string { return path }})
		if problems := set.Configure(json.RawMessage(`{"reporter":{"file":{"enabled":true,"initConfig":{"globalTags":{"zone":"a"}}}}}`)); len(problems) > 0 {
			t.Fatal(problems)
		}
		end := running(t, set)
		for _, pause := range []time.Duration{1, 5, 5, 5} {
			time.Sleep(pause * time.Second)
			events()
		}
		time.Sleep(4*time.Second + time.Millisecond)
		synctest.Wait()
		end()
	})
	golden, err := os.ReadFile("testdata/metrics.log")
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; expected 0600", info.Mode(), err)
	}
	var want []string
	theirs := map[string]bool{}
	for line := range strings.Lines(string(golden)) {
		row, text := decoded(t, line)
		if row.Value != nil && !slices.Contains(want, text) { // the last bucket of a timer is there twice
			want = append(want, text)
			theirs[text] = true
		}
	}
	var got, more []string
	keys := []string{"metric", "timestamp", "value", "type", "level", "tags", "interval"}
	for line := range strings.Lines(string(written)) {
		row, text := decoded(t, line)
		at := -1
		for _, key := range keys {
			next := strings.Index(line, `"`+key+`":`)
			if next <= at {
				t.Errorf("key %q of %s is not in the original's place", key, line)
			}
			at = next
		}
		suffix := row.Metric[strings.LastIndexByte(row.Metric, '.')+1:]
		begin := row.Timestamp % 10000
		switch {
		case theirs[text]:
			got = append(got, text)
		case row.Interval == 5 && begin == 0, slices.Contains([]string{"m1", "rt", "mean", "hit_rate"}, suffix):
			more = append(more, text)
		default:
			t.Errorf("the original has no such line: %s", text)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines that the original has too\n%s\nexpected\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if all := strings.Join(more, "\n"); !strings.Contains(all, `"test.timer.mean","timestamp":946684810000,"value":30`) ||
		!strings.Contains(all, `"test.counter.bucket_count","timestamp":946684800000,"value":5`) {
		t.Errorf("the lines that the original gets wrong are\n%s", all)
	}
}

// TestFileRotates: a file that is too large is put aside, and no line is lost or cut.
func TestFileRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics.log")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, fileSize); err != nil { // sparse
		t.Fatal(err)
	}
	sink := &fileSink{path: path}
	defer sink.Close()
	rows := make([]metrics.Row, 5000)
	for i := range rows {
		rows[i] = metrics.Row{Metric: "m", Timestamp: int64(i), Value: 1.0, Type: metrics.KindGauge, Tags: map[string]string{"appName": "shop"}}
	}
	if err := sink.take(t.Context(), &batch{rows: rows}); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(data), "\n"); lines != len(rows) || strings.Contains(string(data), "\x00") {
		t.Errorf("%d lines after the rotation, expected %d", lines, len(rows))
	}
	files, err := filepath.Glob(path + ".*")
	if err != nil || len(files) != 1 {
		t.Errorf("archives %q, %v; expected one", files, err)
	}
}

// TestConsole prints the original's banners, and the numbers that it leaves out.
func TestConsole(t *testing.T) {
	var out strings.Builder
	synctest.Test(t, func(t *testing.T) {
		registry, events := bed(t)
		set := New(Config{Registry: registry, Interval: 10 * time.Second, Output: &out})
		if problems := set.Configure(json.RawMessage(`{"reporter":{"console":true}}`)); len(problems) > 0 {
			t.Fatal(problems)
		}
		end := running(t, set)
		events()
		time.Sleep(11 * time.Second)
		synctest.Wait()
		end()
	})
	for _, want := range []string{
		"-- Gauges " + strings.Repeat("-", 70) + "\ngauge.number - {\"appName\":\"demo\",\"tag\":\"v w\"}\n             gauge = 1.5\n",
		"\n-- Counters " + strings.Repeat("-", 68) + "\ntest.counter - {\"appName\":\"demo\",\"tag\":\"v w\"}\n             count = 5\n",
		"             count = 3\n         mean rate =  0.30 events/second\n     1-minute rate =  0.55 events/second\n",
		"-- Timers ", "-- Histograms ", "            mean = 30.00 milliseconds\n", "            75% <= 45.00\n",
		"               hit = 1 in 5 milliseconds\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output has no\n%s\nbut is\n%s", want, out.String())
		}
	}
}
