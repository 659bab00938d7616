package metrics

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// original is what npm's pandora-metrics@1.11.0 emitted for the events of bed.events; testdata/record.js wrote it.
type original struct {
	Normal  map[string][]Row
	Compact map[string][]Row
	EWMA    map[string][]float64
}

func readOriginal(t *testing.T) original {
	t.Helper()
	data, err := os.ReadFile("testdata/original.json")
	if err != nil {
		t.Fatal(err)
	}
	var o original
	if err := json.Unmarshal(data, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// bed has one metric of each type.
type bed struct {
	*Registry
	counter, counts    *BucketCounter
	meter              *Meter
	histogram, buckets *Histogram
	timer              *Timer
	compass            *FastCompass
}

func newBed(t *testing.T) bed {
	r := NewRegistry()
	named := func(key string, l Level) Name {
		return NewName(key).Tagged(map[string]string{"appName": "demo", "tag": "v w"}).WithLevel(l)
	}
	return bed{
		Registry:  r,
		counter:   must[*BucketCounter](t)(r.BucketCounter(Daemon, "g", named("test.counter", Normal))),
		counts:    must[*BucketCounter](t)(r.BucketCounter(Daemon, "g", named("my.count", Critical))),
		meter:     must[*Meter](t)(r.Meter(Daemon, "g", named("test.meter", Critical))),
		histogram: must[*Histogram](t)(r.Histogram(Daemon, "g", named("test.histogram", Major), ReservoirUniform)),
		buckets:   must[*Histogram](t)(r.Histogram(Daemon, "g", named("test.buckets", Critical), ReservoirBucket)),
		timer:     must[*Timer](t)(r.Timer(Daemon, "g", named("test.timer", Critical), ReservoirUniform)),
		compass:   must[*FastCompass](t)(r.FastCompass(Daemon, "g", named("test.compass", Critical))),
	}
}

func (b bed) events() {
	b.counter.Inc(5)
	b.counts.Inc(2)
	b.meter.Mark(3)
	for _, v := range []float64{30, 10, 50, 20, 40} {
		b.histogram.Update(v)
		b.buckets.Update(v)
		b.timer.Update(v)
	}
	b.compass.Record(5, "hit")
	b.compass.Record(7, "success")
	b.compass.Record(9, "miss")
}

// fixed tells the rows that differ on purpose; see docs/metrics.md.
func fixed(r Row) bool {
	for _, suffix := range []string{".m1", ".m5", ".m15", ".hit_rate"} {
		if strings.HasSuffix(r.Metric, suffix) {
			return true
		}
	}
	return false
}

func rowsJSON(t *testing.T, rows []Row, keep func(Row) bool) string {
	t.Helper()
	var lines []string
	for _, r := range rows {
		if !keep(r) {
			continue
		}
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	return strings.Join(lines, "\n")
}

func TestRowsAsTheOriginal(t *testing.T) {
	want := readOriginal(t)
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		keep := func(r Row) bool { return !fixed(r) }
		time.Sleep(time.Second)
		b.events()
		time.Sleep(6 * time.Second)
		got := must[[]Row](t)(b.NormalRows(t.Context(), "g", "demo"))
		if got, want := rowsJSON(t, got, keep), rowsJSON(t, want.Normal["7"], keep); got != want {
			t.Errorf("after 7 s\ngot\n%s\nwant\n%s", got, want)
		}
		b.checkCompact(t, want.Compact["7"])
		b.events()
		time.Sleep(55 * time.Second)
		got = must[[]Row](t)(b.NormalRows(t.Context(), "g", ""))
		if got, want := rowsJSON(t, got, keep), rowsJSON(t, want.Normal["62"], keep); got != want {
			t.Errorf("after 62 s\ngot\n%s\nwant\n%s", got, want)
		}
	})
}

// checkCompact compares with the original's, whose unfinished and repeated buckets ours leave out.
func (b bed) checkCompact(t *testing.T, original []Row) {
	t.Helper()
	now := time.Now()
	seen := map[string]bool{}
	want := rowsJSON(t, original, func(r Row) bool {
		again := seen[r.Metric]
		seen[r.Metric] = true
		unfinished := r.Interval > 0 && r.Timestamp+int64(r.Interval)*1000 > now.UnixMilli()
		return !fixed(r) && !again && !unfinished
	})
	got := rowsJSON(t, b.CompactRows(t.Context(), time.Time{}, now, CompactOptions{}), func(r Row) bool { return !fixed(r) })
	if got != want {
		t.Errorf("compact\ngot\n%s\nwant\n%s", got, want)
	}
}

func TestEWMAGoldens(t *testing.T) {
	want := readOriginal(t).EWMA
	for i, name := range ratesNames {
		alpha := ewmaAlpha(ratesMinutes[i])
		var e, skipping ewma
		e.tick(alpha, 3, true)
		skipping.tick(alpha, 3, true)
		for minute, rate := range want[name] {
			if math.Abs(e.rate-rate) > 1e-9 || math.Abs(skipping.rate-rate) > 1e-9 {
				t.Errorf("%s after %d minutes: %v and %v, want %v", name, minute, e.rate, skipping.rate, rate)
			}
			for range 12 {
				e.tick(alpha, 0, false)
			}
			skipping.idle(alpha, 12)
		}
	}
	for name, known := range map[string][]float64{
		"m1": {.6, .22072766, .08120117, .02987224}, "m5": {.6, .49123845, .40219203}, "m15": {.6, .56130419, .52510399},
	} {
		for i, rate := range known {
			if math.Abs(want[name][i]-rate) > 1e-8 {
				t.Errorf("recorded %s[%d] is %v, the specification has %v", name, i, want[name][i], rate)
			}
		}
	}
}

// TestDeltasSumUp: reports at any times have each bucket once.
func TestDeltasSumUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		sums := map[string]float64{}
		since := time.Now()
		report := func() {
			now := time.Now()
			for _, r := range b.CompactRows(t.Context(), since, now, CompactOptions{}) {
				if r.Type == KindDelta {
					sums[r.Metric] += r.Value.(float64)
				}
			}
			since = now
		}
		for i := range 50 {
			b.counts.Inc(float64(i))
			b.meter.Mark(2)
			b.timer.Update(float64(i))
			b.compass.Record(3, "success")
			time.Sleep(1300 * time.Millisecond)
			if i%7 == 0 {
				report()
			}
		}
		time.Sleep(10 * time.Second)
		report()
		for metric, want := range map[string]float64{
			"my.count.bucket_count": b.counts.Count(), "test.meter.bucket_count": 100, "test.timer.bucket_count": 50,
			"test.compass.bucket_count": 50, "test.compass.bucket_sum": 150, "test.compass.success_bucket_count": 50,
		} {
			if sums[metric] != want {
				t.Errorf("%s: %v in all reports, want %v", metric, sums[metric], want)
			}
		}
	})
}

func TestCompactOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		b.events()
		time.Sleep(6 * time.Second)
		o := CompactOptions{App: "demo", Tags: map[string]string{"host": "h", "tag": "global"}, RateFactor: 60, DurationFactor: .001}
		found := map[string]any{}
		for _, r := range b.CompactRows(t.Context(), time.Time{}, time.Now(), o) {
			found[r.Metric] = r.Value
			if r.Tags["host"] != "h" || r.Tags["tag"] != "v_w" {
				t.Errorf("%s has tags %v", r.Metric, r.Tags)
			}
		}
		if found["test.meter.m1"] != 36.0 || found["test.timer.rt"] != .03 || found["test.compass.bucket_sum"] != .021 {
			t.Errorf("got %v", found)
		}
		o.App = "other"
		if rows := b.CompactRows(t.Context(), time.Time{}, time.Now(), o); len(rows) != 0 {
			t.Errorf("of another application: %v", rows)
		}
	})
}
