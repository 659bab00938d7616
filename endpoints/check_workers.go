package endpoints

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	dto "github.com/prometheus/client_model/go"
)

// families is the part of the metrics that tells what workers tell of themselves; *metrics.Registry has it.
type families interface {
	// Families reads the metrics of one application, asking its workers.
	Families(ctx context.Context, app string) []*dto.MetricFamily
}

// errNoMetrics is for a daemon that keeps none.
var errNoMetrics = errors.New("there are no metrics here that could tell")

// workerValues is what one worker told.
type workerValues struct {
	process, worker string
	pid             int
	values          map[string]float64
}

func (w workerValues) name() string { return w.process + "/" + w.worker }

// readWorkers asks the running workers of an application, or of one process of it, for some of their gauges. silent are
// those that told none of them.
func readWorkers(ctx context.Context, m Metrics, app Application, process string, names ...string) (told, silent []workerValues, err error) {
	source, ok := m.(families)
	if !ok {
		return nil, nil, errNoMetrics
	}
	var expected []workerValues
	found := process == ""
	for _, p := range app.Processes {
		if process != "" && p.Name != process {
			continue
		}
		found = true
		for _, w := range p.Workers {
			one := workerValues{process: p.Name, worker: strconv.Itoa(w.Worker), pid: w.PID, values: map[string]float64{}}
			if w.State != "running" || w.PID == 0 {
				continue
			}
			if i := slices.IndexFunc(expected, func(o workerValues) bool { return o.name() == one.name() }); i >= 0 {
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
	for _, family := range source.Families(ctx, app.Name) {
		if !slices.Contains(names, family.GetName()) {
			continue
		}
		for _, metric := range family.Metric {
			if metric.Gauge == nil {
				continue
			}
			label := func(name string) string {
				for _, pair := range metric.Label {
					if pair.GetName() == name {
						return pair.GetValue()
					}
				}
				return ""
			}
			if label("app") != app.Name {
				continue
			}
			for _, w := range expected {
				if w.process == label("process") && w.worker == label("worker") {
					w.values[family.GetName()] = metric.Gauge.GetValue()
				}
			}
		}
	}
	for _, w := range expected {
		if len(w.values) > 0 {
			told = append(told, w)
		} else {
			silent = append(silent, w)
		}
	}
	return told, silent, nil
}

// silence is what is wrong when workers have not told.
func silence(ctx context.Context, silent []workerValues) error {
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
