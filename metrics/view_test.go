package metrics

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

func TestView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counter, buckets, meter := &Counter{}, NewBucketCounter(5*time.Second), NewMeter(5*time.Second)
		histogram, timer, compass := NewHistogram(time.Minute, ReservoirUniform), NewTimer(5*time.Second, ReservoirUniform), NewFastCompass(time.Minute)
		counter.Inc(3)
		buckets.Inc(2)
		time.Sleep(7 * time.Second)
		buckets.Inc(4)
		meter.Mark(10)
		for _, v := range []float64{1, 2, 3, 4, 5} {
			histogram.Update(v)
			timer.Update(v)
		}
		compass.Record(7, "success")
		compass.Record(5, "success")
		compass.Record(1, "error")
		name := Name{Key: "n", Tags: map[string]string{"appName": "shop"}, Level: Critical}
		values := `"values":{"size":5,"min":1,"max":5,"mean":3,"stdDev":1.5811388300841898,"quantiles":[[0.01,1],[0.05,1],[0.1,1],[0.25,1.5],` +
			`[0.5,3],[0.75,4.5],[0.8,4.800000000000001],[0.9,5],[0.95,5],[0.98,5],[0.99,5],[0.999,5]]}`
		head := func(kind string) string {
			return `{"type":"` + kind + `","group":"g","name":"n","tags":{"appName":"shop"},"level":"CRITICAL"`
		}
		for want, value := range map[string]any{
			head("GAUGE") + `,"value":1.5}`:    1.5,
			head("GAUGE") + `,"value":0}`:      0,
			head("GAUGE") + `,"value":"text"}`: "text",
			head("COUNTER") + `,"count":3}`:    counter,
			head("COUNTER") + `,"count":6,"intervalSeconds":5,"buckets":[[946684805000,4],[946684800000,2]]}`:                                                                buckets,
			head("METER") + `,"count":10,"rates":{"m1":0,"m5":0,"m15":0,"mean":0},"intervalSeconds":5,"buckets":[[946684805000,10]]}`:                                        meter,
			head("HISTOGRAM") + `,"count":5,` + values + `}`:                                                                                                                 histogram,
			head("TIMER") + `,"count":5,"rates":{"m1":0,"m5":0,"m15":0,"mean":0},` + values + `,"intervalSeconds":5,"buckets":[[946684805000,5]]}`:                           timer,
			head("FASTCOMPASS") + `,"intervalSeconds":60,"categories":[{"name":"success","buckets":[[946684800000,2,12]]},{"name":"error","buckets":[[946684800000,1,1]]}]}`: compass,
		} {
			view := Metric{Group: "g", Name: name, Value: value}.View()
			if view.Rates != nil {
				view.Rates.Mean = 0 // of a clock that the test does not set
			}
			data, err := json.Marshal(view)
			if err != nil {
				t.Fatal(err)
			}
			if string(data) != want {
				t.Errorf("got  %s\nwant %s", data, want)
			}
		}
		if level := (Metric{Value: 1}).View().Level; level != Normal {
			t.Errorf("level %q", level)
		}
		bucket := Metric{Value: NewHistogram(time.Minute, ReservoirBucket)}.View().Values
		if bucket.Max != NotAvailable || bucket.Quantiles[0][1] != NotAvailable || bucket.Mean != 0 {
			t.Errorf("%+v", bucket)
		}
	})
}

// TestViewsAndRows writes what views and rows are of the same metrics at the same time; the collectors in JavaScript are held
// against it (js/test/goja-reporters.test.js).
func TestViewsAndRows(t *testing.T) {
	type moment struct {
		// At is in milliseconds since 1970, SinceSeconds what is new in the compact rows.
		At           int64  `json:"at"`
		SinceSeconds int    `json:"sinceSeconds"`
		Views        []View `json:"views"`
		Normal       []Row  `json:"normal"`
		Compact      []Row  `json:"compact"`
	}
	var moments []moment
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t)
		tagged := NewName("test.gauge").Tagged(map[string]string{"appName": "demo"})
		if err := b.AddGauge(Daemon, "other", tagged, GaugeFunc(func(context.Context) any { return 1.5 })); err != nil {
			t.Fatal(err)
		}
		take := func(since int) {
			now := time.Now()
			m := moment{At: now.UnixMilli(), SinceSeconds: since, Normal: must[[]Row](t)(b.NormalRows(t.Context(), "g", ""))}
			for _, metric := range b.Metrics(t.Context(), "") {
				view := metric.View()
				if view.Rates != nil {
					view.Rates.Mean = 3
				}
				m.Views = append(m.Views, view)
			}
			for _, row := range b.CompactRows(t.Context(), now.Add(-time.Duration(since)*time.Second), now, CompactOptions{}) {
				if row.Metric != "test.gauge" {
					m.Compact = append(m.Compact, row)
				}
			}
			moments = append(moments, m)
		}
		time.Sleep(time.Second)
		b.events()
		time.Sleep(6 * time.Second)
		take(60)
		b.events()
		time.Sleep(55 * time.Second)
		take(55)
	})
	got, err := json.MarshalIndent(moments, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/views.json")
	if err != nil && os.Getenv("PANDORA_UPDATE") == "" {
		t.Fatal(err)
	}
	if os.Getenv("PANDORA_UPDATE") != "" {
		if err := os.WriteFile("testdata/views.json", append(got, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(want) != string(got)+"\n" {
		t.Error("testdata/views.json is not what the code makes; run the test with PANDORA_UPDATE=1 and the JavaScript tests after it")
	}
}
