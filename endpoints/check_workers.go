package endpoints

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/pandora-go/pandora/metrics"
)

// vitals is the part of the metrics that asks workers how they are; *metrics.Registry has it.
type vitals interface {
	Vitals(ctx context.Context, app, watch string, every time.Duration) []metrics.Vitals
}

// errNoMetrics is for a daemon that keeps none.
var errNoMetrics = errors.New("there are no metrics here that could tell")

// runningWorker is a worker, and what it told.
type runningWorker struct {
	process, worker string
	pid             int
	told            metrics.Vitals
}

func (w runningWorker) name() string { return w.process + "/" + w.worker }

// askWorkers asks the running workers of an application, or of one process of it, how they are. silent are those that
// did not tell.
func askWorkers(ctx context.Context, m Metrics, app Application, process, watch string, every time.Duration) (told, silent []runningWorker, err error) {
	source, ok := m.(vitals)
	if !ok {
		return nil, nil, errNoMetrics
	}
	var expected []runningWorker
	found := process == ""
	for _, p := range app.Processes {
		if process != "" && p.Name != process {
			continue
		}
		found = true
		for _, w := range p.Workers {
			if w.State != "running" || w.PID == 0 {
				continue
			}
			one := runningWorker{process: p.Name, worker: strconv.Itoa(w.Worker), pid: w.PID}
			if i := slices.IndexFunc(expected, func(o runningWorker) bool { return o.name() == one.name() }); i >= 0 {
				expected[i] = one // the newer of two generations
			} else {
				expected = append(expected, one)
			}
		}
	}
	if !found {
		return nil, nil, fmt.Errorf("there is no process %q: correct the option process", clipText(process, 64))
	}
	if len(expected) == 0 {
		return nil, nil, nil
	}
	answers := source.Vitals(ctx, app.Name, watch, every)
	for _, w := range expected {
		if i := slices.IndexFunc(answers, func(v metrics.Vitals) bool { return v.PID == w.pid }); i >= 0 {
			w.told = answers[i]
			told = append(told, w)
		} else {
			silent = append(silent, w)
		}
	}
	return told, silent, nil
}

// silence is what is wrong when workers have not told.
func silence(ctx context.Context, silent []runningWorker) error {
	if len(silent) == 0 {
		return nil
	}
	err := fmt.Errorf("worker %s did not answer: its event loop hangs, or it is not connected to the daemon", silent[0].name())
	if len(silent) > 1 {
		err = fmt.Errorf("%d workers did not answer, %s among them: their event loops hang, or they are not connected to the daemon", len(silent), silent[0].name())
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return err
}
