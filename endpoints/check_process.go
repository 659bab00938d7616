package endpoints

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// processOptions are those of process: every worker that should run does.
type processOptions struct {
	// name is the process that is looked at, "" for all.
	name string
	// least is how many workers of a process have to run; 0 for all of them.
	least int
}

func decodeProcess(f *fields) checkOptions {
	return &processOptions{name: f.text("process", ""), least: int(f.integer("minRunning", 0, 1, 1<<16))}
}

func (o *processOptions) perApp() bool                    { return true }
func (o *processOptions) process() string                 { return o.name }
func (o *processOptions) probe(checkEnv, checkSpec) probe { return processProbe{options: o} }

type processProbe struct {
	stateless
	options *processOptions
}

func (p processProbe) try(_ context.Context, app Application) finding { return p.now(app) }

// processCount is how the workers of one process are.
type processCount struct {
	Workers  int `json:"workers"`
	Running  int `json:"running"`
	Restarts int `json:"restarts"`
	// Stopped is true when it was stopped on purpose, which is no problem.
	Stopped bool `json:"stopped,omitempty"`
}

// now counts. A worker that is being reloaded counts as running while its predecessor runs.
func (p processProbe) now(app Application) finding {
	counts := map[string]any{}
	var problems []string
	found := p.options.name == ""
	for _, process := range app.Processes {
		if p.options.name != "" && process.Name != p.options.name {
			continue
		}
		found = true
		count, missing := countWorkers(process)
		counts[process.Name] = count
		need := count.Workers
		if p.options.least > 0 {
			need = p.options.least
		}
		if !process.Stopped && count.Running < need {
			text := fmt.Sprintf("%d of %d workers of %s are running, expected %d", count.Running, count.Workers, process.Name, need)
			if missing != "" {
				text += ": " + missing
			}
			problems = append(problems, text)
		}
	}
	details := map[string]any{"processes": counts}
	switch {
	case !found:
		return down(details, "there is no process %q: correct the option process", clipText(p.options.name, 64))
	case len(problems) > 0:
		return down(details, "%s", strings.Join(problems, "; "))
	}
	return finding{details: details}
}

// countWorkers counts the workers of a process by their places. missing says what is the matter with the first one that
// does not run.
func countWorkers(p Process) (count processCount, missing string) {
	running, why := map[int]bool{}, map[int]string{}
	var order []int
	for _, w := range p.Workers {
		if _, seen := running[w.Worker]; !seen {
			order = append(order, w.Worker)
			running[w.Worker] = false
		}
		count.Restarts += w.Restarts
		why[w.Worker] = w.State
		switch {
		case w.State != "running":
		case w.UnresponsiveSince.IsZero():
			running[w.Worker] = true
		default:
			why[w.Worker] = "running, but its event loop has not answered since " + w.UnresponsiveSince.UTC().Format(time.RFC3339)
		}
		if w.Reason != "" {
			why[w.Worker] += ": " + clipText(w.Reason, maxValueShown)
		}
	}
	for _, worker := range order {
		switch {
		case running[worker]:
			count.Running++
		case missing == "":
			missing = fmt.Sprintf("worker %d is %s", worker, why[worker])
		}
	}
	count.Workers, count.Stopped = len(order), p.Stopped
	return count, missing
}
