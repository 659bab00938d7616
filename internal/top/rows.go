package top

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Row is one line of the table.
type Row struct {
	// Key tells rows apart, from one sample to the next.
	Key    string
	Target Target
	Name   string
	// PID is that of a worker; 0 where there is none. Workers is how many living ones a row stands for.
	PID, Workers int
	State        string
	Tone         Tone
	// CPU is percent of one core; negative when it is unknown.
	CPU float64
	// Memory is resident bytes; only where Measured.
	Memory   uint64
	Measured bool
	// Lag is negative when it is unknown.
	Lag      time.Duration
	Silent   bool
	Restarts int
	// Uptime is negative where nothing runs.
	Uptime time.Duration
	Health Health
	// Note says what is not as it should be.
	Note string
}

// Tone says how a state is.
type Tone int

// The tones: Fine is as it should be, Passing will be soon or is meant so, Broken needs somebody.
const (
	Fine Tone = iota
	Passing
	Broken
)

// toneOf tells how the state of a worker is.
func toneOf(state string) Tone {
	switch state {
	case "running":
		return Fine
	case "fatal", "backoff", StateHangs:
		return Broken
	}
	return Passing
}

// StateHangs is shown of a worker that runs and does not answer its guard.
const StateHangs = "hangs"

// rowsOf makes the rows of a sample; what was used is the difference to the sample before, which may be nil.
func rowsOf(now Sample, before *Sample, level Level) []Row {
	used := usedBefore(before)
	var rows []Row
	for _, app := range now.Apps {
		var all []Row
		for _, p := range app.Processes {
			workers := workerRows(app, p, now.At, used, before)
			switch {
			case level == Workers && len(workers) > 0:
				all = append(all, workers...)
			case level == Applications:
				all = append(all, workers...)
			default:
				name := app.Name + "/" + p.Name
				all = append(all, sum(Row{Key: name, Name: name, Target: Target{app.Name, p.Name, All}, State: emptyState(app, p)}, workers))
			}
		}
		if level == Applications || len(all) == 0 {
			one := sum(Row{Key: app.Name, Name: app.Name, Target: Target{app.Name, "", All}, State: app.State}, all)
			all = []Row{one}
		}
		for i := range all {
			all[i].Health = app.Health
			all[i].Note = joined(all[i].Note, app.Doing, healthNote(app))
		}
		rows = append(rows, all...)
	}
	return rows
}

// emptyState is the state of a process that has no workers.
func emptyState(app App, p Process) string {
	if p.Stopped {
		return "stopped"
	}
	return app.State
}

// healthNote says why an application is DOWN.
func healthNote(app App) string {
	if app.Health != HealthDown {
		return ""
	}
	if app.Reason == "" {
		return "health DOWN"
	}
	return "health DOWN: " + app.Reason
}

// joined puts sentences together.
func joined(texts ...string) string {
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	return strings.Join(texts, "; ")
}

// life tells processes apart that have had the same number.
type life struct {
	pid   int
	since int64
}

func lifeOf(w Worker) life { return life{w.PID, w.Since.UnixNano()} }

// usedBefore is how much each process had used by the sample before.
func usedBefore(before *Sample) map[life]time.Duration {
	used := map[life]time.Duration{}
	if before == nil {
		return used
	}
	for _, app := range before.Apps {
		for _, p := range app.Processes {
			for _, w := range p.Workers {
				if w.Measured {
					used[lifeOf(w)] = w.CPU
				}
			}
		}
	}
	return used
}

// workerRows makes a row for each worker of a process.
func workerRows(app App, p Process, now time.Time, used map[life]time.Duration, before *Sample) []Row {
	rows := make([]Row, 0, len(p.Workers))
	for i, w := range p.Workers {
		target := Target{app.Name, p.Name, w.Slot}
		name := target.String()
		r := Row{
			Key: name, Name: name, Target: target, PID: w.PID, State: w.State, Tone: toneOf(w.State),
			CPU: -1, Lag: -1, Restarts: w.Restarts, Uptime: -1, Note: w.Note,
		}
		if i+1 < len(p.Workers) && p.Workers[i+1].Slot == w.Slot {
			// Of two in a slot the name goes with the newer, which stays.
			r.Key, r.Name = fmt.Sprintf("%s (%d)", name, w.Generation), name+" old"
		}
		if w.PID != 0 {
			r.Workers, r.Lag, r.Silent = 1, w.Lag, w.Silent
			r.Memory, r.Measured = w.Memory, w.Measured
			if !w.Since.IsZero() {
				r.Uptime = max(0, now.Sub(w.Since))
			}
			r.CPU = percent(w, now, used, before)
		}
		rows = append(rows, r)
	}
	return rows
}

// percent is the share of one core that a worker has had since the sample before, or since it began if that was later;
// negative when that is unknown.
func percent(w Worker, now time.Time, used map[life]time.Duration, before *Sample) float64 {
	if before == nil || !w.Measured {
		return -1
	}
	had, known := used[lifeOf(w)]
	span := now.Sub(before.At)
	if !known && w.Since.After(before.At) {
		had, span = 0, now.Sub(w.Since)
	} else if !known {
		return -1
	}
	if span <= 0 {
		return -1
	}
	return math.Round(max(0, float64(w.CPU-had)/float64(span))*1000) / 10
}

// sum is one row for several: what they use together, the latest loop, the longest time.
func sum(r Row, rows []Row) Row {
	r.CPU, r.Lag, r.Uptime, r.Tone = -1, -1, -1, Passing
	states := map[string]int{}
	worst := Row{Tone: Fine, State: "running"}
	for _, one := range rows {
		r.Workers += one.Workers
		r.Restarts += one.Restarts
		if one.CPU >= 0 {
			r.CPU = max(0, r.CPU) + one.CPU
		}
		if one.Measured {
			r.Measured, r.Memory = true, r.Memory+one.Memory
		}
		r.Lag, r.Uptime = max(r.Lag, one.Lag), max(r.Uptime, one.Uptime)
		r.Silent = r.Silent || one.Silent
		states[one.State]++
		if one.Tone > worst.Tone {
			worst = one
		}
		if r.Note == "" && one.Note != "" {
			r.Note = one.Name + " " + one.Note
		}
	}
	if len(rows) > 0 {
		r.Tone, r.State = worst.Tone, worst.State
		if n := states[worst.State]; n < len(rows) {
			r.State = strconv.Itoa(n) + " " + worst.State
		}
	}
	return r
}

// matches reports whether a row holds a text: in its name, its state, its health or its number.
func (r Row) matches(text string) bool {
	if text == "" {
		return true
	}
	hay := r.Name + " " + r.State + " " + string(r.Health)
	if r.PID != 0 {
		hay += " " + strconv.Itoa(r.PID)
	}
	return strings.Contains(strings.ToLower(hay), strings.ToLower(text))
}

// order sorts rows by a column: names upwards, figures downwards; what is equal by name.
func order(rows []Row, by Column, reversed bool) {
	slices.SortStableFunc(rows, func(a, b Row) int {
		c := by.compare(a, b)
		if reversed {
			c = -c
		}
		return cmp.Or(c, byName(a, b))
	})
}

// byName compares as people do: the tenth worker comes after the second.
func byName(a, b Row) int {
	return cmp.Or(
		cmp.Compare(a.Target.App, b.Target.App), cmp.Compare(a.Target.Process, b.Target.Process),
		cmp.Compare(a.Target.Worker, b.Target.Worker), cmp.Compare(a.Key, b.Key),
	)
}
