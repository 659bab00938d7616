package main

import (
	"time"

	"github.com/pandora-go/pandora/internal/top"
)

// topJSON is the document of top; docs/json.md tells of its fields.
type topJSON struct {
	At time.Time `json:"at"`
	// IntervalMs is the time that CPU is over.
	IntervalMs   int64        `json:"intervalMs"`
	Applications []topAppJSON `json:"applications"`
}

// topAppJSON is one application of it; what is unknown is null.
type topAppJSON struct {
	AppName      string          `json:"appName"`
	State        string          `json:"state"`
	Health       *string         `json:"health"`
	HealthReason string          `json:"healthReason,omitempty"`
	Restarts     int             `json:"restarts"`
	CPUPercent   *float64        `json:"cpuPercent"`
	MemoryBytes  *uint64         `json:"memoryBytes"`
	Workers      []topWorkerJSON `json:"workers"`
}

// topWorkerJSON is one worker.
type topWorkerJSON struct {
	Process     string   `json:"process"`
	Worker      int      `json:"worker"`
	PID         *int     `json:"pid"`
	State       string   `json:"state"`
	Generation  int      `json:"generation"`
	Restarts    int      `json:"restarts"`
	Uptime      *float64 `json:"uptimeSeconds"`
	CPUPercent  *float64 `json:"cpuPercent"`
	MemoryBytes *uint64  `json:"memoryBytes"`
	LagMs       *float64 `json:"lagMs"`
	// Silent is true when it has told of its event loop before and does not answer now.
	Silent bool   `json:"silent"`
	Note   string `json:"note,omitempty"`
}

// topDocument makes the document of two samples.
func topDocument(now, before top.Sample) topJSON {
	doc := topJSON{At: now.At, IntervalMs: now.At.Sub(before.At).Milliseconds(), Applications: []topAppJSON{}}
	for _, app := range now.Apps {
		one := top.Sample{At: now.At, Apps: []top.App{app}}
		whole := top.Table(one, &before, top.Applications)[0]
		a := topAppJSON{
			AppName: app.Name, State: app.State, HealthReason: app.Reason, Restarts: whole.Restarts,
			CPUPercent: known(whole.CPU, whole.CPU >= 0), MemoryBytes: known(whole.Memory, whole.Measured),
			Health: known(string(app.Health), app.Health != top.HealthUnknown), Workers: []topWorkerJSON{},
		}
		rows := top.Table(one, &before, top.Workers)
		for _, p := range app.Processes {
			if len(p.Workers) == 0 {
				rows = rows[min(1, len(rows)):] // the row of a process without workers
			}
			for _, w := range p.Workers {
				r := rows[0]
				rows = rows[1:]
				a.Workers = append(a.Workers, topWorkerJSON{
					Process: p.Name, Worker: w.Slot, PID: known(w.PID, w.PID != 0), State: w.State, Generation: w.Generation,
					Restarts: w.Restarts, Uptime: known(r.Uptime.Seconds(), r.Uptime >= 0), CPUPercent: known(r.CPU, r.CPU >= 0),
					MemoryBytes: known(r.Memory, r.Measured), LagMs: known(float64(r.Lag)/float64(time.Millisecond), r.Lag >= 0),
					Silent: r.Silent, Note: w.Note,
				})
			}
		}
		doc.Applications = append(doc.Applications, a)
	}
	return doc
}

// known is a value, or nil where it is not known.
func known[T any](value T, is bool) *T {
	if !is {
		return nil
	}
	return &value
}
