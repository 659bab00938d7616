package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandora-go/pandora/internal/wire"
)

// pulled is a client with some gauges whose answers take a while.
func pulled(gauges int, takes time.Duration) (c *client, asked, missed *atomic.Int32) {
	asked, missed = new(atomic.Int32), new(atomic.Int32)
	c = &client{
		app: "demo", id: "c1", gauges: map[string]string{},
		receiver: &receiver{options: ClientOptions{Missed: func(string) { missed.Add(1) }}},
		request: func(ctx context.Context, _ string, _ any) (json.RawMessage, error) {
			n := asked.Add(1)
			select {
			case <-time.After(takes):
				return json.RawMessage(fmt.Sprint(n)), nil
			case <-ctx.Done():
				return nil, wire.ErrTimeout
			}
		},
	}
	for i := range gauges {
		c.gauges[fmt.Sprint("g", i)] = "raw"
	}
	return c, asked, missed
}

func TestPullIsSharedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked, missed := pulled(1, 300*time.Millisecond)
		read := func() string { return fmt.Sprint(c.read(t.Context())["g0"]) }
		var readers sync.WaitGroup
		began := time.Now()
		for range 20 {
			readers.Go(func() {
				if v := read(); v != "1" {
					t.Errorf("got %s", v)
				}
			})
		}
		readers.Wait()
		if took := time.Since(began); took != 300*time.Millisecond {
			t.Errorf("took %s", took)
		}
		time.Sleep(699 * time.Millisecond)
		if v := read(); v != "1" {
			t.Errorf("within a second: %s", v)
		}
		time.Sleep(time.Millisecond)
		if v := read(); v != "2" || asked.Load() != 2 {
			t.Errorf("after a second: %s, asked %d times", v, asked.Load())
		}
		if missed.Load() != 0 {
			t.Error("missed")
		}
	})
}

func TestPullDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// 64 at once, 400 ms each: two rounds are in time, the third is cut off.
		c, asked, missed := pulled(200, 400*time.Millisecond)
		began := time.Now()
		values := c.read(t.Context())
		if took := time.Since(began); took != pullTimeout {
			t.Errorf("took %s", took)
		}
		if len(values) != 2*pullsAtOnce || asked.Load() != 3*pullsAtOnce || missed.Load() != 1 {
			t.Errorf("%d values, asked %d, missed %d", len(values), asked.Load(), missed.Load())
		}
	})
}

func TestReaderThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, asked, _ := pulled(1, 500*time.Millisecond)
		first, cancelFirst := context.WithCancel(t.Context())
		var readers sync.WaitGroup
		readers.Go(func() { c.read(first) })
		synctest.Wait()
		readers.Go(func() { // waits for the first one's reading, which goes on
			if v := c.read(t.Context())["g0"]; v != 1.0 {
				t.Errorf("got %v", v)
			}
		})
		second, cancelSecond := context.WithCancel(t.Context())
		readers.Go(func() {
			if v := c.read(second); v != nil {
				t.Errorf("got %v", v)
			}
			if time.Since(c.last.began) >= 500*time.Millisecond {
				t.Error("waited for an answer nobody wants")
			}
		})
		synctest.Wait()
		cancelFirst()
		cancelSecond()
		readers.Wait()
		if asked.Load() != 1 {
			t.Errorf("asked %d times", asked.Load())
		}
	})
}

// TestPullTogether: one request asks for everything.
func TestPullTogether(t *testing.T) {
	c, asked, missed := pulled(0, 0)
	c.together, c.gauges = true, map[string]string{"a": "raw a", "b": "raw b", "c": "raw c", "d": "raw d"}
	answer, failure := `[1,null,"x"]`, error(nil)
	c.request = func(_ context.Context, action string, data any) (json.RawMessage, error) {
		asked.Add(1)
		if text := fmt.Sprint(action, data); text != "MESSENGER_DOWNLINK_demo_metrics_c1map[metricKeys:[raw a raw b raw c raw d] type:GAUGE]" {
			t.Error(text)
		}
		return json.RawMessage(answer), failure
	}
	read := func() string { c.last = nil; return fmt.Sprint(c.read(t.Context())) }
	if got := read(); got != "map[a:1 c:x]" || asked.Load() != 1 {
		t.Errorf("%s, asked %d times", got, asked.Load())
	}
	for _, answer = range []string{``, `7`, `{"a":1}`, `[`} {
		if got := read(); got != "map[]" {
			t.Errorf("%s: %s", answer, got)
		}
	}
	failure = wire.ErrTimeout
	if got := read(); got != "map[]" || missed.Load() != 1 {
		t.Errorf("%s, missed %d", got, missed.Load())
	}
}
