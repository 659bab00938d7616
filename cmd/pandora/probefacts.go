package main

import (
	"github.com/pandora-go/pandora/endpoints"
	"github.com/pandora-go/pandora/supervisor"
)

// endpointProcesses shows the processes of an application to the probes.
func endpointProcesses(list []supervisor.ProcessStatus) []endpoints.Process {
	out := make([]endpoints.Process, len(list))
	for i, p := range list {
		out[i] = endpoints.Process{Name: p.Name, Kind: string(p.Kind), Stopped: p.Stopped, Workers: make([]endpoints.Worker, len(p.Workers))}
		for j, w := range p.Workers {
			out[i].Workers[j] = endpoints.Worker{
				Worker: w.Worker, State: string(w.State), PID: w.PID, Generation: w.Generation, Restarts: w.Restarts,
				Ready:    w.State == supervisor.StateRunning && w.UnresponsiveSince.IsZero(),
				Draining: w.State == supervisor.StateStopping, SpawnedAt: w.SpawnedAt, ReadyAt: w.ReadyAt,
				UnresponsiveSince: w.UnresponsiveSince, Reason: w.Reason,
				NextTryAt: w.NextTryAt, Listening: w.Listening, LogPath: w.LogPath, LastExit: endpointExit(w.LastExit),
			}
		}
	}
	return out
}

// endpointExit shows how a process ended, without what it has printed.
func endpointExit(e *supervisor.Exit) *endpoints.Exit {
	if e == nil {
		return nil
	}
	return &endpoints.Exit{At: e.At, Code: e.Code, Signal: e.Signal, Reason: e.Reason, Message: e.Message, Hint: e.Hint}
}

// draining tells whether an operation under way takes the whole application down, be it to start it again.
func draining(op *supervisor.Operation) bool {
	return op != nil && op.State == supervisor.OpRunning && op.Process == "" &&
		(op.Kind == supervisor.OpStop || op.Kind == supervisor.OpRestart)
}
