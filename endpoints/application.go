package endpoints

import (
	"encoding/json"
	"time"
)

// Process is what the probes know of one process (a role) of an application.
type Process struct {
	Name string
	// Kind is "worker" for one of a cluster, else "plain".
	Kind string
	// Stopped is true when it was stopped on its own, while the application goes on.
	Stopped bool
	// Workers are ordered by slot; while a slot is reloaded it is there twice, the older generation first.
	Workers []Worker
}

// Worker is one worker of a process.
type Worker struct {
	// Worker is the slot number, from 0, stable across generations.
	Worker int
	// State is "pending", "starting", "running", "stopping", "stopped", "backoff" or "fatal".
	State string
	// PID is 0 when no process lives in the slot.
	PID int
	// Generation counts the processes this slot has had, from 1; Restarts those that replaced one that had ended by itself.
	Generation, Restarts int
	// Ready is true when it takes work: it is running and its event loop answers. Draining is true from the beginning of
	// its stop until it has ended.
	Ready, Draining bool
	// SpawnedAt and ReadyAt are of the present process; zero when there is none, or it is not ready yet.
	SpawnedAt, ReadyAt time.Time
	// UnresponsiveSince is when its event loop last answered, once that is too long ago; zero while it answers.
	UnresponsiveSince time.Time
	// Reason says in a sentence why it is in backoff or fatal; "" otherwise. NextTryAt is set in backoff.
	Reason    string
	NextTryAt time.Time
	// Listening are the addresses it listens on.
	Listening []string
	// LogPath is the file with its output; "" when there is none.
	LogPath string
	// LastExit is how the process before it in the slot ended; nil when there was none.
	LastExit *Exit
}

// Exit tells how a worker's process ended.
type Exit struct {
	At time.Time `json:"at"`
	// Code is the exit code; -1 when a signal ended it, whose name is Signal.
	Code   int    `json:"code"`
	Signal string `json:"signal,omitempty"`
	// Reason is why, a word for programs; Message the same as a clause; Hint what to do about it.
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// DeclaredIndicator is an Indicator that an application's procfile defines with pandora.indicator.
type DeclaredIndicator struct {
	Name string
	// Group is the EndPoint it belongs to, "health" unless the procfile says otherwise.
	Group string
	// Type is the kind of a built-in check, as "redis"; "" for a scripted one.
	Type string
	// Options are what the procfile gave, a JSON object; nil for none.
	Options json.RawMessage
	// Interval is how often a scripted one runs; Timeout bounds one run. 0 is the default of whoever runs it.
	Interval, Timeout time.Duration
	// Critical is false when its DOWN leaves the application UP.
	Critical bool
	// Scripted is true when a function of the procfile does the work, in the application's script host.
	Scripted bool
	// At is where it is defined, as "procfile.js:12:9".
	At string
	// Problem says in a sentence why a scripted one cannot run; "" when nothing is known to be in its way.
	Problem string
}
