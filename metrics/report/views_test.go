package report

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// viewed is a ViewSink that a test decides about.
type viewed func(ctx context.Context, views []metrics.View) error

func (v viewed) Report(ctx context.Context, views []metrics.View) error { return v(ctx, views) }

// TestViewsComeWithTheSchedule: what fails is not tried again and delays nothing, and who is slow gets the newest.
func TestViewsComeWithTheSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, counter := bucketed(t)
		set := New(Config{Registry: registry})
		begun := time.Now()
		var failing, slow []time.Duration
		var counts []float64
		set.AddViews(Reporter{Name: "failing", Interval: time.Second}, viewed(func(_ context.Context, views []metrics.View) error {
			failing = append(failing, time.Since(begun))
			if len(views) != 1 || views[0].Type != metrics.TypeCounter || views[0].Tags["appName"] != "shop" {
				t.Errorf("views %+v", views)
			}
			return errors.New("no")
		}))
		set.AddViews(Reporter{Name: "slow", Interval: time.Second, Timeout: 20 * time.Second}, viewed(func(ctx context.Context, views []metrics.View) error {
			slow = append(slow, time.Since(begun))
			counts = append(counts, views[0].Count)
			select {
			case <-ctx.Done():
			case <-time.After(3700 * time.Millisecond):
			}
			return ctx.Err()
		}))
		end := running(t, set)
		for range 10 {
			counter.Inc(1)
			time.Sleep(time.Second)
			synctest.Wait()
		}
		states := set.States()
		end()
		for i, at := range failing {
			if want := time.Duration(i+1) * time.Second; at != want {
				t.Errorf("report %d after %v, want %v", i, at, want)
			}
		}
		if len(failing) != 10 || states[0].Failed != 10 || states[0].Dropped != 10 || states[0].Error != "no" {
			t.Errorf("%d reports, state %+v", len(failing), states[0])
		}
		// What there is then, once, and nothing from the time in which nobody took any.
		if len(slow) != 3 || slow[1] != 4700*time.Millisecond || counts[0] != 1 || counts[1] != 5 || counts[2] != 9 {
			t.Errorf("slow reports after %v with counts %v", slow, counts)
		}
		if states[1].Dropped != 6 || states[1].Waiting != 1 || states[1].Sent != 2 {
			t.Errorf("state %+v", states[1])
		}
	})
}
