package control

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/pandora-go/pandora/supervisor"
)

// Top is what the live view shows: all applications, and what their workers use.
type Top struct {
	// At is when it was measured.
	At           time.Time   `json:"at"`
	Applications []AppStatus `json:"applications"`
	// Usage is of the workers that have a process, in no order.
	Usage []Usage `json:"usage"`
	// Health is that of the applications of which it is known.
	Health []Health `json:"health"`
}

// Usage is what one process uses.
type Usage struct {
	PID int `json:"pid"`
	// CPUSeconds is the time on a CPU since it began, RSS resident bytes.
	CPUSeconds float64 `json:"cpuSeconds"`
	RSS        uint64  `json:"rssBytes"`
	// LagMs is how late its event loop was at the longest, over about a second; nil when it is unknown. Silent is true when
	// it has told before and does not answer now.
	LagMs  *float64 `json:"lagMs,omitempty"`
	Silent bool     `json:"silent,omitempty"`
}

// Health is what the checks of an application say, as /health does.
type Health struct {
	AppName string `json:"appName"`
	Up      bool   `json:"up"`
	// Reason says why it is DOWN; "" otherwise.
	Reason string `json:"reason,omitempty"`
}

// Top asks for what the live view shows.
func (d *Daemon) Top(ctx context.Context) (Top, error) {
	var answer Top
	err := d.client.call(ctx, http.MethodGet, "/v1/top", nil, &answer)
	return answer, err
}

// handleTop answers the question of the live view.
func handleTop(mux *http.ServeMux, same func(http.Handler) http.Handler, top func(context.Context) Top) {
	mux.Handle("GET /v1/top", same(handlerFunc(func(r *http.Request) (any, error) {
		if top == nil {
			return nil, &Error{Code: CodeRefused, Message: "this daemon does not measure its workers"}
		}
		answer := top(r.Context())
		for i := range answer.Applications {
			answer.Applications[i].Processes = withoutOutput(answer.Applications[i].Processes)
		}
		return answer, nil
	})))
}

// withoutOutput leaves out what workers wrote before their ends, which is long and not shown. Statuses are read by others
// too: what differs is copied.
func withoutOutput(processes []supervisor.ProcessStatus) []supervisor.ProcessStatus {
	all := slices.Clone(processes)
	for i := range all {
		if !slices.ContainsFunc(all[i].Workers, func(w supervisor.WorkerStatus) bool { return w.LastExit != nil }) {
			continue
		}
		all[i].Workers = slices.Clone(all[i].Workers)
		for j, w := range all[i].Workers {
			if w.LastExit != nil {
				exit := *w.LastExit
				exit.Output, exit.Error = nil, ""
				all[i].Workers[j].LastExit = &exit
			}
		}
	}
	return all
}
