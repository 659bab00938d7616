package metrics

import (
	"context"
	"encoding/json"
	"sync"
	"time"
)

// maxVitals bounds an answer.
const maxVitals = 4 << 10

// Vitals is how one worker is, by its own account.
type Vitals struct {
	PID int `json:"-"`
	// RSS is the memory the system has given it; HeapUsed is V8's heap in use, which cannot grow beyond HeapLimit.
	RSS       float64 `json:"rssBytes"`
	HeapUsed  float64 `json:"heapUsedBytes"`
	HeapLimit float64 `json:"heapLimitBytes"`
	// LagMs is how late its event loop is: "now", and "max", "mean", "p50", "p90" and "p99" since the same watch was asked
	// before, which the first answer does not have. It is nil without a watch.
	LagMs map[string]float64 `json:"lagMs"`
}

// Vitals asks the workers of an application, all at once, how they are; one that does not answer in time is left out. The
// watch names who asks for the event loop, every so often; with "" nobody does.
func (r *Registry) Vitals(ctx context.Context, app, watch string, every time.Duration) []Vitals {
	r.mu.Lock()
	var set *seriesSet
	for _, text := range r.texts {
		if s, ok := text.(*seriesSet); ok {
			set = s
		}
	}
	r.mu.Unlock()
	if set == nil {
		return nil
	}
	set.mu.Lock()
	var clients []*seriesClient
	for _, c := range set.clients {
		if c.app == app {
			clients = append(clients, c)
		}
	}
	set.mu.Unlock()
	answers := make([]*Vitals, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() { answers[i] = c.vitals(ctx, watch, every) })
	}
	wg.Wait()
	var all []Vitals
	for _, v := range answers {
		if v != nil {
			all = append(all, *v)
		}
	}
	return all
}

func (c *seriesClient) vitals(ctx context.Context, watch string, every time.Duration) *Vitals {
	question := map[string]any{"watch": watch, "intervalMs": every.Milliseconds()}
	data, err := c.request(ctx, downlinkPrefix+c.app+"_vitals_"+c.id, question)
	if err != nil || len(data) == 0 || len(data) > maxVitals {
		return nil
	}
	v := &Vitals{PID: c.pid}
	if json.Unmarshal(data, v) != nil || v.RSS <= 0 {
		return nil
	}
	return v
}
