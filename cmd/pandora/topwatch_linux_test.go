package main

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/metrics"
)

// TestTopWatch: workers are asked at most once in a while however many look; one that stops to answer is silent, and holds
// nobody up for long.
func TestTopWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, hangs, own := 0, false, os.Getpid()
		w := &topWatch{
			list: func() []control.AppStatus { return []control.AppStatus{{AppName: "shop", PIDs: []int{own, -1}}} },
			vitals: func(ctx context.Context, app, _ string, _ time.Duration) []metrics.Vitals {
				asked++
				if hangs {
					<-ctx.Done()
					return nil
				}
				return []metrics.Vitals{{PID: own, LagMs: map[string]float64{"now": 1, "max": 7}}}
			},
			verdicts: func(context.Context) []endpoints.Verdict {
				return []endpoints.Verdict{{App: "shop", Reason: "disk: full"}}
			},
			wanted: make(chan struct{}, 1), done: make(chan struct{}),
		}
		ctx, cancel := context.WithCancel(t.Context())
		go w.run(ctx)
		for range 5 {
			got := w.measure(ctx)
			if len(got.Usage) != 1 || got.Usage[0].LagMs == nil || *got.Usage[0].LagMs != 7 || got.Usage[0].RSS == 0 {
				t.Fatalf("usage %+v, want that of one process, late by 7 ms", got.Usage)
			}
			if len(got.Health) != 1 || got.Health[0] != (control.Health{AppName: "shop", Reason: "disk: full"}) {
				t.Errorf("health %+v", got.Health)
			}
		}
		if asked != 1 {
			t.Errorf("workers were asked %d times for five views", asked)
		}
		hangs = true
		time.Sleep(topAskEvery)
		began := time.Now()
		if got := w.measure(ctx); time.Since(began) > topPatience || got.Usage[0].Silent {
			t.Errorf("after %s: %+v, want what was known before", time.Since(began), got.Usage)
		}
		time.Sleep(topLimit)
		if got := w.measure(ctx); !got.Usage[0].Silent || got.Usage[0].LagMs != nil {
			t.Errorf("usage %+v, want a silent worker", got.Usage)
		}
		cancel()
		synctest.Wait()
	})
}

// TestParseUsage reads lines of the kernel's, whatever the name of the process is.
func TestParseUsage(t *testing.T) {
	const line = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 250 150 0 0 20 0 11 0 12345 1000000 3000 184 1 1"
	got, ok := parseUsage(7, []byte(line))
	if want := uint64(3000 * os.Getpagesize()); !ok || got.CPUSeconds != 4 || got.RSS != want || got.PID != 7 {
		t.Errorf("%+v, %v; want 4 s and %d bytes", got, ok, want)
	}
	for _, bad := range []string{"", "7 (node", "7 (node) S 1", "7 (node) S 1 7 7 0 -1 4194560 1 0 0 0 x 150 0 0 20 0 11 0 12345 1000000 3000 184"} {
		if got, ok := parseUsage(7, []byte(bad)); ok {
			t.Errorf("%q gives %+v", bad, got)
		}
	}
}

// FuzzParseUsage reads anything.
func FuzzParseUsage(f *testing.F) {
	f.Add([]byte("7 (node) S 1 7 7 0 -1 4194560 1 0 0 0 250 150 0 0 20 0 11 0 12345 1000000 3000 184"))
	f.Fuzz(func(_ *testing.T, data []byte) { parseUsage(7, data) })
}
