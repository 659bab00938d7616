package endpoints

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// loopOptions are those of event_loop: loops of workers that are too late are DOWN.
type loopOptions struct {
	name  string // of the process, "" for all
	what  string
	limit time.Duration
}

func decodeLoop(f *fields) checkOptions {
	return &loopOptions{
		name: f.text("process", ""), what: f.choice("percentile", "p99", "p90", "p50", "mean", "max"),
		limit: f.millis("maxLagMs", 500*time.Millisecond, time.Millisecond, time.Hour),
	}
}

func (o *loopOptions) perApp() bool    { return true }
func (o *loopOptions) process() string { return o.name }
func (o *loopOptions) probe(env checkEnv, spec checkSpec) probe {
	return loopProbe{options: o, metrics: env.metrics, watch: spec.name, every: spec.interval}
}

type loopProbe struct {
	stateless
	options *loopOptions
	metrics Metrics
	// watch is how workers know who asks, every so often.
	watch string
	every time.Duration
}

// try compares the lag of each worker since it was asked last. One that is asked for the first time tells how late it is
// now, as it has only begun to watch.
func (p loopProbe) try(ctx context.Context, app Application) finding {
	o := p.options
	told, silent, err := askWorkers(ctx, p.metrics, app, o.name, p.watch, p.every)
	if err != nil {
		return finding{err: err}
	}
	if len(told)+len(silent) == 0 {
		return finding{absent: true}
	}
	lags := map[string]any{}
	var late []string
	for _, w := range told {
		lag, watched := w.told.LagMs[o.what]
		if !watched {
			lag = w.told.LagMs["now"]
		}
		ms := math.Round(lag*100) / 100
		lags[w.name()] = ms
		if lag > float64(o.limit)/float64(time.Millisecond) {
			late = append(late, fmt.Sprintf("%s %.0f ms", w.name(), ms))
		}
	}
	details := map[string]any{"percentile": o.what, "maxLagMs": o.limit.Milliseconds(), "lagMs": lags}
	if len(late) > 0 {
		return down(details, "the event loop is late (%s), more than %d ms: %s; look for synchronous work with a CPU profile, or add workers",
			o.what, o.limit.Milliseconds(), clipText(strings.Join(late, ", "), 300))
	}
	return finding{err: silence(ctx, silent), details: details}
}
