package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/uber-go/tally/v4"

	"github.com/pandora-go/pandora/metrics"
)

// recorder is a sink whose behaviour a test decides.
type recorder struct {
	mu      sync.Mutex
	reports [][]metrics.Row
	at      []time.Time
	behave  func(ctx context.Context, n int) error // n counts the tries, from 1
	tries   int
}

func (r *recorder) Report(ctx context.Context, rows []metrics.Row) error {
	r.mu.Lock()
	r.tries++
	n := r.tries
	r.mu.Unlock()
	if r.behave != nil {
		if err := r.behave(ctx, n); err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reports = append(r.reports, rows)
	r.at = append(r.at, time.Now())
	return nil
}

// got is the number of reports that arrived and of tries.
func (r *recorder) got() (reports, tries int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.reports), r.tries
}

// bucketed is the registry of an application that counts an event each second.
func bucketed(t *testing.T) (*metrics.Registry, *metrics.BucketCounter) {
	t.Helper()
	registry := metrics.NewRegistry()
	registry.SetReporterInterval(10 * time.Second)
	counter, err := registry.BucketCounter(metrics.Daemon, "shop", metrics.Name{Key: "orders", Tags: map[string]string{"appName": "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	return registry, counter
}

// running runs a set within a synctest bubble until the test ends it.
func running(t *testing.T, set *Set) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { set.Run(ctx) })
	synctest.Wait()
	return func() {
		cancel()
		wg.Wait()
	}
}

// TestSchedule: a report each interval, every complete bucket in exactly one of them.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, counter := bucketed(t)
		set := New(Config{Registry: registry, Interval: 25 * time.Second})
		sink := &recorder{}
		set.Add(Reporter{Name: "own"}, sink)
		end := running(t, set)
		for range 100 {
			counter.Inc(1)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		end()
		if n, _ := sink.got(); n != 4 {
			t.Fatalf("%d reports in 100 s, expected 4", n)
		}
		seen := map[int64]float64{}
		for _, rows := range sink.reports {
			for _, row := range rows {
				if row.Metric == "orders.bucket_count" {
					if _, twice := seen[row.Timestamp]; twice {
						t.Errorf("bucket %d is told twice", row.Timestamp)
					}
					seen[row.Timestamp] = row.Value.(float64)
				}
			}
		}
		sum := 0.0
		for _, v := range seen {
			sum += v
		}
		if len(seen) < 9 || sum != float64(10*len(seen)) {
			t.Errorf("buckets %v, expected at least nine with ten events each", seen)
		}
	})
}

// TestFailingSink: pauses grow, no faster than asked for, and the report comes when the sink works again.
func TestFailingSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, _ := bucketed(t)
		set := New(Config{Registry: registry, Interval: 10 * time.Second})
		var tries []time.Time
		sink := &recorder{behave: func(_ context.Context, n int) error {
			tries = append(tries, time.Now())
			if n <= 5 {
				return fmt.Errorf("try %d: refused", n)
			}
			return nil
		}}
		set.Add(Reporter{Name: "own"}, sink)
		end := running(t, set)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if s := set.States()[0]; s.Failed < 1 || !strings.Contains(s.Error, "refused") || s.Waiting != 1 {
			t.Errorf("after a failure the state is %+v", s)
		}
		time.Sleep(60 * time.Second)
		synctest.Wait()
		states := set.States()
		end()
		for i := 1; i < 5; i++ {
			most := firstPause << (i - 1)
			if pause := tries[i].Sub(tries[i-1]); pause < most/2 || pause > most {
				t.Errorf("pause %d is %v, expected %v to %v", i, pause, most/2, most)
			}
		}
		if s := states[0]; s.Sent != 7 || s.Failed != 5 || s.Dropped != 0 || s.Error != "" || s.Waiting != 0 {
			t.Errorf("state %+v, expected 7 sent, 5 failed, none dropped", s)
		}
	})
}

// TestHangingSink: it is given up after its limit, its queue is bounded with the oldest dropped and counted, and another
// reporter does not notice.
func TestHangingSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, _ := bucketed(t)
		scope := tally.NewTestScope("", nil)
		set := New(Config{Registry: registry, Interval: 5 * time.Second, Scope: scope})
		hanging := &recorder{behave: func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		fine := &recorder{}
		set.Add(Reporter{Name: "hanging", Timeout: 2 * time.Second}, hanging)
		set.Add(Reporter{Name: "fine"}, fine)
		end := running(t, set)
		time.Sleep(301 * time.Second)
		synctest.Wait()
		if n, _ := fine.got(); n != 60 {
			t.Errorf("the other reporter reported %d times in 300 s, expected 60", n)
		}
		states := set.States()
		s := states[slices.IndexFunc(states, func(s State) bool { return s.Name == "hanging" })]
		if s.Sent != 0 || s.Waiting > maxQueue || s.Dropped < 60-maxQueue-1 || s.Failed < 4 {
			t.Errorf("the hanging one's state is %+v", s)
		}
		if got := scope.Snapshot().Counters()["reporter.drops+reporter=hanging"]; got == nil || got.Value() != s.Dropped {
			t.Errorf("drops in the metrics are %v, expected %d", got, s.Dropped)
		}
		end() // returns although the sink hangs
	})
}

// TestPermanentFailure: what cannot get better is dropped at once, and so is what panics.
func TestPermanentFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, _ := bucketed(t)
		set := New(Config{Registry: registry, Interval: 10 * time.Second})
		sink := &recorder{behave: func(_ context.Context, n int) error {
			switch n {
			case 1:
				return Permanent(errors.New("too large"))
			case 2:
				panic("broken")
			}
			return nil
		}}
		set.Add(Reporter{Name: "own"}, sink)
		end := running(t, set)
		time.Sleep(31 * time.Second)
		synctest.Wait()
		s := set.States()[0]
		end()
		if s.Sent != 1 || s.Dropped != 2 || s.Failed != 2 {
			t.Errorf("state %+v, expected one sent, two dropped", s)
		}
	})
}

// TestRemove: a sink that was taken away is not called again, even if it is in the middle of a report.
func TestRemove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, _ := bucketed(t)
		set := New(Config{Registry: registry, Interval: 10 * time.Second})
		sink := &recorder{behave: func(ctx context.Context, _ int) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		end := running(t, set)
		defer end()
		remove := set.Add(Reporter{Name: "own", App: "shop"}, sink)
		time.Sleep(11 * time.Second)
		remove()
		remove()
		_, before := sink.got()
		time.Sleep(time.Minute)
		if _, after := sink.got(); before != 1 || after != 1 {
			t.Errorf("tried %d times before it was taken away and %d in all, expected once", before, after)
		}
		if states := set.States(); len(states) != 0 {
			t.Errorf("states %+v, expected none", states)
		}
	})
}

// TestOnlyTheApplication: a reporter of an application gets neither what is others' nor what is nobody's.
func TestOnlyTheApplication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry, counter := bucketed(t)
		counter.Inc(1)
		for _, name := range []metrics.Name{{Key: "system.load"}, {Key: "orders", Tags: map[string]string{"appName": "other"}}} {
			if err := registry.AddGauge(metrics.Daemon, "more", name, metrics.GaugeFunc(func(context.Context) any { return 1.0 })); err != nil {
				t.Fatal(err)
			}
		}
		set := New(Config{Registry: registry, Interval: 10 * time.Second})
		mine, all := &recorder{}, &recorder{}
		set.Add(Reporter{Name: "mine", App: "shop", Tags: map[string]string{"zone": "a", "appName": "x"}}, mine)
		set.Add(Reporter{Name: "all"}, all)
		end := running(t, set)
		time.Sleep(11 * time.Second)
		synctest.Wait()
		end()
		names := func(r *recorder) (all []string) {
			for _, row := range r.reports[0] {
				all = append(all, row.Metric+" "+row.Tags["appName"]+" "+row.Tags["zone"])
			}
			return all
		}
		if got := names(mine); !slices.Equal(got, []string{"orders.bucket_count shop a", "orders.count shop a"}) {
			t.Errorf("rows of the application: %q", got)
		}
		if got := names(all); len(got) != 4 {
			t.Errorf("rows of all: %q, expected four", got)
		}
	})
}

// TestQueueOfManyRows: the bound is also one of rows, and one report is always kept.
func TestQueueOfManyRows(t *testing.T) {
	r := New(Config{Registry: metrics.NewRegistry()}).newRunner(Reporter{Name: "own"}, rowSink{&recorder{}}, "")
	for range 3 {
		r.push(&batch{rows: make([]metrics.Row, maxQueuedRows+1)})
	}
	if s := r.state(); s.Waiting != 1 || s.Dropped != 2 {
		t.Errorf("state %+v, expected one waiting and two dropped", s)
	}
	for range 3 {
		r.push(&batch{rows: make([]metrics.Row, 1)})
	}
	if s := r.state(); s.Waiting != 3 || s.Dropped != 3 {
		t.Errorf("state %+v, expected three waiting and three dropped", s)
	}
}
