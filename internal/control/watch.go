package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

const (
	// watchPause is how much time there is between two lines of a stream at least: many workers change at once.
	watchPause = 25 * time.Millisecond
	// healthInterval is how often health checks, which do not tell by themselves, are asked for a stream with health.
	healthInterval = 500 * time.Millisecond
)

// Watched is one line of a stream of all applications.
type Watched struct {
	Applications []AppStatus `json:"applications"`
	// Health is that of the running applications, found after Applications; nil where it was not asked for, and where the
	// daemon does not serve it.
	Health []Health `json:"health"`
}

// ErrSeen ends Watch without an error: whoever watches has seen enough.
var ErrSeen = errors.New("seen enough")

// Watch calls each with all applications now and after every change, until it returns an error or ctx ends; with health
// also with what health checks say. It returns that error, and nil for ErrSeen.
func (d *Daemon) Watch(ctx context.Context, health bool, each func(Watched) error) error {
	path := "/v1/watch"
	if health {
		path += "?health=1"
	}
	err := d.client.lines(ctx, path, func(line []byte) error {
		var w Watched
		if err := json.Unmarshal(line, &w); err != nil {
			return err
		}
		return each(w)
	})
	if errors.Is(err, ErrSeen) {
		return nil
	}
	return err
}

// handleWatch answers with a line for every change of any application.
func (f *Fleet) handleWatch(mux *http.ServeMux, same func(http.Handler) http.Handler, health func(context.Context) []Health) {
	mux.Handle("GET /v1/watch", same(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ask := health
		if r.URL.Query().Get("health") == "" {
			ask = nil
		}
		lines := newLineWriter(w)
		f.watch(r.Context(), ask, func(seen Watched) bool { return lines.write(seen) == nil })
	})))
}

// watch calls each with all applications now and after every change until it returns false or ctx ends.
func (f *Fleet) watch(ctx context.Context, health func(context.Context) []Health, each func(Watched) bool) {
	var again <-chan time.Time
	if health != nil {
		tick := time.NewTicker(healthInterval)
		defer tick.Stop()
		again = tick.C
	}
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		// Before they are listed, so that no change falls between.
		f.mu.Lock()
		changed := f.changed
		f.mu.Unlock()
		seen := Watched{Applications: f.List()}
		if health != nil {
			seen.Health = health(ctx)
		}
		for i := range seen.Applications {
			seen.Applications[i].Processes = withoutOutput(seen.Applications[i].Processes)
		}
		if !each(seen) {
			return
		}
		pause.Reset(watchPause)
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-again:
		}
	}
}
