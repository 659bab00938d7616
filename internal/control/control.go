// Package control is the private talk between command, daemon and guards: HTTP with JSON bodies over unix sockets, both
// ends of it, and the fleet, which is what the daemon knows about its applications and their guards.
//
//	fleet := control.NewFleet(control.FleetConfig{Home: home, Spawn: spawnGuard, …})
//	err := fleet.Run(ctx)                                   // adopts the guards that live; returns when all is quiet
//	err = control.Serve(ctx, listener, control.DaemonHandler(control.DaemonConfig{Fleet: fleet, …}))
//
//	daemon := control.DialDaemon(home.ControlSocket(), version)
//	op, err := daemon.Start(ctx, control.StartRequest{…})
//	op, err = daemon.Follow(ctx, op.ID, show)               // every change; returns the final one
//
// Concurrency: clients, handlers and Fleet may be used from any goroutine. Every application has one goroutine in the
// fleet, which lives as long as its guard is wanted.
//
// It starts no process by itself, evaluates nothing and serves nothing over TCP.
package control

import (
	"errors"
	"fmt"
	"time"

	"github.com/pandora-go/pandora/internal/state"
	"github.com/pandora-go/pandora/procfile"
	"github.com/pandora-go/pandora/supervisor"
)

// versionHeader carries the version of who speaks, in requests and answers.
const versionHeader = "Pandora-Version"

// Code tells errors apart for programs.
type Code string

// The codes of Error.
const (
	// CodeExists: the application runs already.
	CodeExists Code = "exists"
	// CodeNotFound: no such application or operation.
	CodeNotFound Code = "notFound"
	// CodeRefused: not now, the message says why.
	CodeRefused Code = "refused"
	// CodeClosing: the daemon is about to end.
	CodeClosing Code = "closing"
	// CodeInvalid: the request makes no sense.
	CodeInvalid Code = "invalid"
	// CodeVersion: daemon and command are of different versions.
	CodeVersion Code = "version"
	// CodeInternal: anything else.
	CodeInternal Code = "internal"
)

// Error is an answer that is not a success.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// CodeOf returns the code of an Error within err; "" when there is none.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// ErrUnreachable is wrapped by errors of a client whose server is not there, or went away in the middle.
var ErrUnreachable = errors.New("nobody answers")

// StartRequest is what a command asks the daemon to run.
type StartRequest struct {
	App procfile.Application `json:"app"`
	// Env is the environment of the calling shell, as KEY=VALUE.
	Env []string `json:"env"`
	// Cwd is the folder of the calling shell.
	Cwd string `json:"cwd"`
	// Node is the Node binary; "" looks it up in the PATH of Env at each spawn.
	Node string `json:"node,omitempty"`
	// GlobalEnvFiles are those of --env-file, kept for the next evaluation.
	GlobalEnvFiles []procfile.EnvFile `json:"globalEnvFiles,omitempty"`
	// GlobalEnv, GlobalArgs and GlobalExecArgv are --env, --args and --node-args, kept for the next evaluation.
	GlobalEnv      map[string]string `json:"globalEnv,omitempty"`
	GlobalArgs     []string          `json:"globalArgs,omitempty"`
	GlobalExecArgv []string          `json:"globalExecArgv,omitempty"`
}

// DaemonInfo describes a running daemon.
type DaemonInfo struct {
	PID     int    `json:"pid"`
	Version string `json:"version"`
	// Dir is the home folder, LogsDir the folder of the logs.
	Dir     string `json:"dir"`
	LogsDir string `json:"logsDir"`
	// Actuator is host:port of the HTTP server; "" when it does not serve, and ActuatorProblem says why.
	Actuator        string    `json:"actuator"`
	ActuatorProblem string    `json:"actuatorProblem,omitempty"`
	StartedAt       time.Time `json:"startedAt"`
	Executable      string    `json:"executable"`
	// ConfigPaths are the global configuration modules that were loaded.
	ConfigPaths []string `json:"configPaths"`
	// Problems are sentences about what is not as it should be.
	Problems []string `json:"problems"`
	// Guards are the guards it follows.
	Guards []GuardInfo `json:"guards"`
	// Reporters are those that report, of the global configuration first.
	Reporters []ReporterInfo `json:"reporters,omitempty"`
	// Revivals tells how often guards have brought a dead daemon back since a command has started one.
	Revivals state.Revivals `json:"revivals"`
	// Service is true when a service manager keeps the daemon.
	Service bool `json:"service"`
}

// ReporterInfo is how one reporter does.
type ReporterInfo struct {
	Name string `json:"name"`
	// App is "" for those of the global configuration.
	App string `json:"appName,omitempty"`
	// Sent is the number of reports that arrived, Failed that of tries that did not, Dropped that of reports that were
	// given up.
	Sent    int64 `json:"sent"`
	Failed  int64 `json:"failed"`
	Dropped int64 `json:"dropped"`
	// Waiting is the number of reports that have not arrived yet.
	Waiting int `json:"waiting"`
	// Error is why the last try failed; "" when it did not.
	Error string `json:"error,omitempty"`
}

// GuardInfo is one guard.
type GuardInfo struct {
	App string `json:"app"`
	PID int    `json:"pid"`
}

// AppStatus is one application as list shows it: the original's record and ours.
type AppStatus struct {
	AppName string `json:"appName"`
	AppDir  string `json:"appDir"`
	AppID   string `json:"appId"`
	// State is 1 pending, 2 complete, 3 stopped; StateName says it as list does.
	State     supervisor.AppState `json:"state"`
	StateName string              `json:"stateName"`
	// PIDs are the living workers.
	PIDs []int `json:"pids"`
	// Uptime is in seconds since the start; 0 when it is stopped.
	Uptime       float64 `json:"uptime"`
	StartCount   int     `json:"startCount"`
	RestartCount int     `json:"restartCount"`
	// GuardPID is 0 when no guard lives.
	GuardPID      int                        `json:"guardPid"`
	StdoutLogPath string                     `json:"stdoutLogPath"`
	Processes     []supervisor.ProcessStatus `json:"processes"`
	Sockets       []supervisor.Socket        `json:"sockets"`
	Operation     *supervisor.Operation      `json:"operation,omitempty"`
	// Structure is the graph being run; only where one application is asked for.
	Structure *procfile.Application `json:"structure,omitempty"`
}

// NewAppStatus shows a guard's status at a time.
func NewAppStatus(s supervisor.Status, now time.Time) AppStatus {
	a := AppStatus{
		AppName: s.AppName, AppDir: s.AppDir, AppID: s.AppID, State: s.State, StateName: stateName(s.State),
		PIDs: []int{}, StartCount: s.StartCount, RestartCount: s.RestartCount, GuardPID: s.GuardPID,
		StdoutLogPath: s.StdoutLogPath, Processes: s.Processes, Sockets: s.Sockets, Operation: s.Operation,
	}
	if a.Processes == nil {
		a.Processes = []supervisor.ProcessStatus{}
	}
	if a.Sockets == nil {
		a.Sockets = []supervisor.Socket{}
	}
	for _, p := range s.Processes {
		for _, w := range p.Workers {
			if w.PID != 0 {
				a.PIDs = append(a.PIDs, w.PID)
			}
		}
	}
	if s.State != supervisor.AppStopped && !s.StartedAt.IsZero() {
		a.Uptime = max(0, now.Sub(s.StartedAt).Seconds())
	}
	return a
}

func stateName(s supervisor.AppState) string {
	switch s {
	case supervisor.AppComplete:
		return "Running"
	case supervisor.AppPending:
		return "Pending"
	default:
		return "Stopped"
	}
}

// final reports whether an operation has ended.
func final(op supervisor.Operation) bool {
	return op.State == supervisor.OpSucceeded || op.State == supervisor.OpFailed || op.State == supervisor.OpCanceled
}

// versionError names both versions and the remedy.
func versionError(daemon, command string) *Error {
	return &Error{Code: CodeVersion, Message: fmt.Sprintf(
		"the running daemon is of version %s, this command is of version %s; run [ pandora daemon upgrade ], which the applications do not notice",
		daemon, command)}
}
