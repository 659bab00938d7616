// Package supervisor is what a guard does for one application: it starts, watches, replaces and stops the Node
// processes that a plan describes, and tells everyone who asks how they are.
//
//	s := supervisor.New(supervisor.Config{Spawner: …, Log: log})
//	go s.Run(ctx)                                   // owns every goroutine of the package; returns when all have ended
//	op, err := s.Submit(supervisor.OpStart, &plan)  // one operation at a time; follow it with Watch
//
// Concurrency: every method of Supervisor may be called from any goroutine; Status, Operation and Event values are
// snapshots that nobody changes afterwards.
//
// It evaluates no JavaScript, serves no HTTP and knows neither the daemon nor the metrics.
package supervisor

import (
	"encoding/json"
	"time"

	"github.com/pandora-go/pandora/procfile"
)

// Plan is everything that is needed to run an application. It travels as JSON from the command through the daemon to
// the guard.
type Plan struct {
	App procfile.Application `json:"app"`
	// Env is the complete environment that workers inherit, as KEY=VALUE; the process's own env is laid over it.
	Env []string `json:"env"`
	// Node is the Node binary; "" looks "node" up in the PATH of Env at each spawn.
	Node string `json:"node,omitempty"`
	// Cwd is the folder the user's command ran in (PANDORA_CWD).
	Cwd string `json:"cwd"`
	// JSDir is the installed js/<digest> folder; its node/bootstrap.js is the workers' main script.
	JSDir string `json:"jsDir"`
	// Executable is the pandora program, which workers call to transform TypeScript; "" leaves that to Node.
	Executable string `json:"executable,omitempty"`
	// RunDir holds the sockets that workers connect to (PANDORA_TMP_DIR).
	RunDir string `json:"runDir"`
	// Home is PANDORA_DIR.
	Home string `json:"home"`
	// LogsDir is the folder that holds one folder per application.
	LogsDir string `json:"logsDir"`
	// LogRotation says when logs are rotated, in the form of PANDORA_LOG_ROTATION, which counts more; "" is the default.
	LogRotation string `json:"logRotation,omitempty"`
	// WorkerConfig is what the global configuration says that workers have to know, an object; empty when it is nothing.
	WorkerConfig json.RawMessage `json:"workerConfig,omitempty"`
	// Dev is true under `pandora dev`.
	Dev bool `json:"dev,omitempty"`
	// Stopped names processes that are not to run, because they were stopped on their own.
	Stopped []string `json:"stopped,omitempty"`
}

// State is the state of one worker.
type State string

// The worker states. backoff: will be tried at NextTryAt. fatal: will not, Reason says why.
const (
	StatePending  State = "pending"
	StateStarting State = "starting"
	StateRunning  State = "running"
	StateStopping State = "stopping"
	StateStopped  State = "stopped"
	StateBackoff  State = "backoff"
	StateFatal    State = "fatal"
)

// AppState is the state of an application in the original's numbers: 1 pending, 2 complete, 3 stopped.
type AppState int

// The application states of the original.
const (
	AppPending  AppState = 1
	AppComplete AppState = 2
	AppStopped  AppState = 3
)

// Status is a snapshot of one application.
type Status struct {
	AppName string `json:"appName"`
	AppDir  string `json:"appDir"`
	// AppID is a uuid made at each start.
	AppID    string   `json:"appId"`
	State    AppState `json:"state"`
	GuardPID int      `json:"guardPid"`
	// StartedAt is when the running start operation began; zero when nothing was started.
	StartedAt time.Time `json:"startedAt"`
	// StartCount counts spawned workers, RestartCount those that replaced a dead one.
	StartCount   int `json:"startCount"`
	RestartCount int `json:"restartCount"`
	// StdoutLogPath is nodejs_stdout.log of the application; "" in dev.
	StdoutLogPath string          `json:"stdoutLogPath"`
	Processes     []ProcessStatus `json:"processes"`
	// Sockets are the listening sockets the guard owns.
	Sockets []Socket `json:"sockets"`
	// Operation is the running operation, or the last one; nil before the first.
	Operation *Operation `json:"operation,omitempty"`
	// Structure is the graph being run.
	Structure procfile.Application `json:"structure"`
	// LastEvent marks the newest event.
	LastEvent EventMark `json:"lastEvent"`
}

// EventMark is a place in the events of one guard.
type EventMark struct {
	// Guard tells the starts of guards apart.
	Guard string `json:"guard"`
	// Seq is the number of the event; 0 is before the first.
	Seq uint64 `json:"seq"`
}

// ProcessStatus is a snapshot of one process (a role) and its workers.
type ProcessStatus struct {
	Name string        `json:"name"`
	Kind procfile.Kind `json:"kind"`
	// Stopped is true when it was stopped on its own, while the application runs.
	Stopped bool `json:"stopped,omitempty"`
	// Workers are ordered by slot; while a slot is reloaded it is there twice, the older generation first.
	Workers []WorkerStatus `json:"workers"`
}

// WorkerStatus is a snapshot of one worker.
type WorkerStatus struct {
	// Worker is the slot number, from 0, stable across generations.
	Worker int   `json:"worker"`
	State  State `json:"state"`
	// PID is 0 when no process lives in the slot.
	PID int `json:"pid,omitempty"`
	// Generation counts the processes this slot has had, from 1.
	Generation int `json:"generation"`
	// Restarts counts the processes that replaced one that had ended by itself.
	Restarts  int       `json:"restarts"`
	SpawnedAt time.Time `json:"spawnedAt,omitzero"`
	ReadyAt   time.Time `json:"readyAt,omitzero"`
	// NextTryAt is set in state backoff.
	NextTryAt time.Time `json:"nextTryAt,omitzero"`
	// Reason says in a sentence why the worker is in backoff or fatal; "" otherwise.
	Reason string `json:"reason,omitempty"`
	// Doing is what a worker that is starting or stopping is at, as a clause ("waits for http://127.0.0.1:80/ to answer",
	// "drains 3 connections"); "" otherwise, and when there is nothing to say.
	Doing string `json:"doing,omitempty"`
	// Listening are the addresses the worker listens on, in a form that does not change from one generation to the next;
	// Exclusive are those of them that only one process can hold.
	Listening []string `json:"listening,omitempty"`
	Exclusive []string `json:"exclusive,omitempty"`
	// Inspector is where a debugger attaches to it, as "ws://…"; "" when it is not to be debugged, or not ready yet.
	Inspector string `json:"inspector,omitempty"`
	// UnresponsiveSince is when its event loop last answered, once that is too long ago; zero while it answers.
	UnresponsiveSince time.Time `json:"unresponsiveSince,omitzero"`
	// LastExit is how the previous process of the slot ended; nil when none has.
	LastExit *Exit `json:"lastExit,omitempty"`
	// LogPath is the file with the worker's output; "" in dev.
	LogPath string `json:"logPath,omitempty"`
	// Drift is set when the worker's own evaluation of the procfile differs from the graph that is being run.
	Drift *Drift `json:"drift,omitempty"`
}

// Drift tells how the evaluation of the procfile in a worker differs from the one that made the graph: a worker binds
// its services by its own.
type Drift struct {
	// Digest is what the worker has in place of the graph's Evaluation.Digest; "" when its evaluation failed.
	Digest string `json:"digest"`
	// Differences are clauses for the user, at least one and at most ten, without values of configurations.
	Differences []string `json:"differences"`
}

// WorkerDrift is the drift of one worker.
type WorkerDrift struct {
	Process string `json:"process"`
	Worker  int    `json:"worker"`
	Drift
}

// Exit tells how a worker's process ended.
type Exit struct {
	At time.Time `json:"at"`
	// Code is the exit code; -1 when a signal ended it.
	Code int `json:"code"`
	// Signal is the name of the signal that ended it, as "SIGKILL"; "" otherwise.
	Signal string `json:"signal,omitempty"`
	// Reason is why it ended: one of the Reason constants.
	Reason string `json:"reason"`
	// Message is the same as a clause, such as "exited with code 1: TypeError: … (at /app/web.js:3:7)".
	Message string `json:"message"`
	// Hint is what to do about it; "" when there is no advice.
	Hint string `json:"hint,omitempty"`
	// Error is the error it ended by (message and stack), as it reported it or as Node wrote it; "" when there is none.
	Error string `json:"error,omitempty"`
	// Output holds the last lines it wrote, oldest first; at most 20.
	Output []string `json:"output,omitempty"`

	cause *cause // what Reason and Message are made of; nil when nothing more is known
}

// Socket is a listening socket the guard owns.
type Socket struct {
	// Network is "tcp", "udp" or "unix".
	Network string `json:"network"`
	// Address is the IP address bound, or the path of a unix socket.
	Address string `json:"address"`
	// Port is 0 for a unix socket.
	Port int `json:"port,omitempty"`
	// Process is the process whose worker asked for it first.
	Process string `json:"process"`
}

// OpKind names an operation.
type OpKind string

// The operations of a guard.
const (
	OpStart   OpKind = "start"
	OpStop    OpKind = "stop"
	OpRestart OpKind = "restart"
	// OpReload replaces the workers one by one, without a moment when nobody answers.
	OpReload OpKind = "reload"
	// OpScale adds and removes workers and leaves the others alone.
	OpScale OpKind = "scale"
	// OpReplace is a reload of one worker that the supervisor itself asks for.
	OpReplace OpKind = "replace"
)

// Request asks for an operation.
type Request struct {
	Kind OpKind `json:"kind"`
	// Plan is what is to run. A start, restart, reload or scale of the application needs one; for one process it may be
	// nil, which means what is running.
	Plan *Plan `json:"plan,omitempty"`
	// Process limits start, stop, restart and reload to one process; "" is the whole application.
	Process string `json:"process,omitempty"`
	// Worker limits a restart or reload of one process to one of its workers; nil is all of them.
	Worker *int `json:"worker,omitempty"`
	// Parallel is how many workers of a process a reload replaces at a time; 0 is one.
	Parallel int `json:"parallel,omitempty"`
	// Before is the last status from a guard that was lost, for a start that takes its place: it goes on counting from
	// there, and what ran then counts as replaced.
	Before *Status `json:"before,omitempty"`

	// slot is the worker of an OpReplace.
	slot int
}

// OpState is how far an operation is.
type OpState string

// The states of an operation; the last three are final.
const (
	OpRunning   OpState = "running"
	OpSucceeded OpState = "succeeded"
	OpFailed    OpState = "failed"
	OpCanceled  OpState = "canceled"
)

// Operation is a snapshot of one operation.
type Operation struct {
	ID      string `json:"id"`
	Kind    OpKind `json:"kind"`
	AppName string `json:"appName"`
	// Process is the one process that it is about; "" is the whole application. Worker is the one worker of it; nil is
	// all of them.
	Process    string    `json:"process,omitempty"`
	Worker     *int      `json:"worker,omitempty"`
	State      OpState   `json:"state"`
	StartedAt  time.Time `json:"startedAt"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// Replaced counts the new workers that are ready, in a reload or scale.
	Replaced int `json:"replaced,omitempty"`
	// Steps are the processes of the operation in order, for showing progress.
	Steps []Step `json:"steps"`
	// Failure is set when State is OpFailed.
	Failure *Failure `json:"failure,omitempty"`
	// Drift are the workers that evaluated the procfile to something else while the operation ran; at most 32.
	Drift []WorkerDrift `json:"drift,omitempty"`
}

// Step is the progress of one process within an operation.
type Step struct {
	Process string `json:"process"`
	// State is "waiting", "running", "done" or "failed".
	State string `json:"state"`
	// Done and Total count workers.
	Done       int       `json:"done"`
	Total      int       `json:"total"`
	StartedAt  time.Time `json:"startedAt,omitzero"`
	FinishedAt time.Time `json:"finishedAt,omitzero"`
	// Starting and Leaving count the workers that are on their way while the operation runs: to being ready, and out. A step
	// that is done may have some that leave, as those that a reload has replaced.
	Starting int `json:"starting,omitempty"`
	Leaving  int `json:"leaving,omitempty"`
	// Doing is what the first of them is at, as WorkerStatus.Doing.
	Doing string `json:"doing,omitempty"`
}

// Failure says why an operation failed.
type Failure struct {
	Process string `json:"process,omitempty"`
	Worker  int    `json:"worker"`
	// Message is a sentence: what failed and why.
	Message string `json:"message"`
	// Exit is how the failing worker ended; nil when it never lived.
	Exit *Exit `json:"exit,omitempty"`
	// LogPath is where its output is.
	LogPath string `json:"logPath,omitempty"`
}

// Event is one thing that happened, for the event log.
type Event struct {
	// Guard tells the starts of guards apart; Seq counts from 1 within one.
	Guard   string    `json:"guard"`
	Seq     uint64    `json:"seq"`
	Time    time.Time `json:"time"`
	App     string    `json:"app"`
	Process string    `json:"process,omitempty"`
	// Worker is the slot; -1 in an event of kind operation.
	Worker int `json:"worker"`
	PID    int `json:"pid,omitempty"`
	// Kind is one of spawned, ready, drift, exited, backoff, fatal, stopped, operation.
	Kind string `json:"kind"`
	// Message is one sentence.
	Message string `json:"message"`
	// Reason is one of the Reason constants in an event of kind exited; "" in others.
	Reason string `json:"reason,omitempty"`
}
