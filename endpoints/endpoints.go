// Package endpoints is the daemon's HTTP side: the EndPoints (daemon, error, health, info, process, metrics), the Indicators
// that applications register with them over the message socket, and the health checks that every application has
// without asking.
//
//	options, err := endpoints.DecodeOptions(globalConfigJSON)
//	s := endpoints.New(endpoints.Config{Source: daemon, Metrics: registry, Options: options, Log: log})
//	endpoints.Attach(wireServer, s)  // Indicators may register from now on
//	err = s.Serve(ctx, listener)     // once per listener, TCP or unix; returns when ctx ends and requests are answered
//
// An EndPoint is a group of Indicators. A worker's Indicator announces itself with a frame, gets the group's
// configuration back, and is asked for rows at each request, all Indicators at once and each for at most
// InvokeTimeout. One that is late, fails or answers nonsense is left out; the answer is partial, never an error page.
// Of a singleton Indicator that several workers register, the first is asked; the others stand by and take its place
// when its connection closes.
//
// Errors are what workers report by themselves, for the EndPoint error; with a file they need Run, and outlive the daemon.
// Events are what happens, handed on to clients that listen; Close ends their streams, which Serve would wait for.
//
// Concurrency: every method of Server may be called from any goroutine, and Serve for several listeners at a time.
// A health check that a request started may outlive that request, by at most its time limit (a statfs that the kernel
// never answers excepted, of which there is at most one).
//
// It supervises nothing, keeps no metric, and changes no state over HTTP.
package endpoints

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// Source tells about the daemon and its applications. The values are snapshots; the methods must not wait for anything.
type Source interface {
	Daemon() DaemonInfo
	// Applications lists every known application, running or not, in the order they are to be shown.
	Applications() []Application
}

// DaemonInfo describes the daemon.
type DaemonInfo struct {
	// Versions maps a component to its version; "pandora" is always expected.
	Versions map[string]string
	Cwd      string
	PID      int
	// Uptime is in seconds.
	Uptime float64
	// Stopping is true once the daemon has begun to stop all applications.
	Stopping bool
	// ConfigPaths are the global configuration files that were loaded, in order.
	ConfigPaths []string
	// Reporters are the names of the enabled reporters.
	Reporters []string
	// Problems are sentences about what is not as it should be.
	Problems []string
}

// Application describes one application.
type Application struct {
	Name string
	Dir  string
	// ID is the uuid of the current start.
	ID string
	// State is 1 pending, 2 complete, 3 stopped.
	State int
	// Running is true from the beginning of a start until the end of a stop. One that is not running is absent from
	// /info and /health.
	Running bool
	// PIDs are the processes the guard started and that live.
	PIDs []int
	// Uptime is in seconds since the start of the application.
	Uptime       float64
	StartCount   int
	RestartCount int
	// Structure is the graph being run, as JSON-marshalable data.
	Structure any
	// Engine is who evaluated the procfile, "goja" or "node"; Digest identifies what workers take from it.
	Engine, Digest string
	// Drift are the workers whose own evaluation of the procfile differs.
	Drift         []Drift
	StdoutLogPath string
	// Sockets are the listening sockets the guard owns for the application.
	Sockets []Socket
	// Processes are what it consists of, in the order they start.
	Processes []Process
	// Draining is true from the moment its stop or restart is asked for until all of it has ended.
	Draining bool
	// Indicators are those its procfile defines.
	Indicators []DeclaredIndicator
}

// Drift tells how a worker's own evaluation of the procfile differs from the structure that is being run.
type Drift struct {
	Process string `json:"process"`
	Worker  int    `json:"worker"`
	// Digest is what the worker has in place of the application's; "" when its evaluation failed.
	Digest      string   `json:"digest"`
	Differences []string `json:"differences"`
}

// Socket is a listening socket of an application.
type Socket struct {
	// Network is "tcp", "unix" or "udp".
	Network string
	// Address is an IP address, or the path of a unix socket.
	Address string
	// Port is 0 for a unix socket.
	Port int
}

// Observer is told what happened, for instrumentation. Its methods are called from many goroutines and must not wait.
type Observer interface {
	// Served reports a request. The route is a pattern as "/metrics/:group", or "other" for an unknown path.
	Served(route string, status int, took time.Duration)
	// Missed reports an Indicator that gave no rows. The reason is "timeout", "closed", "empty", "malformed" or "size".
	Missed(group, reason string)
}

// Config is what New needs.
type Config struct {
	Source Source
	// Metrics serves /metrics and its sub-routes; nil leaves them out.
	Metrics Metrics
	Options Options
	// Observer may be nil.
	Observer Observer
	// Transition is told every change of health; nil for nobody. It is called from many goroutines and must not wait.
	Transition func(Transition)
	// Log may be nil.
	Log *zap.Logger
	// InvokeTimeout bounds one invocation of all Indicators of a group; 0 means 3 s.
	InvokeTimeout time.Duration
	// Secret tells whether values under a name are secrets, which /runtime hides; nil for none.
	Secret func(name string) bool
	// Errors serves /error; nil leaves it out.
	Errors *Errors
	// Events serves /events; nil leaves it out.
	Events *Events
}

// Server serves the EndPoints. The zero value is not usable; New makes one.
type Server struct {
	source    Source
	metrics   Metrics
	errors    *Errors
	events    *Events
	options   Options
	observer  Observer
	log       *zap.Logger
	groups    *groups
	checks    *checks
	access    *access
	secret    func(string) bool
	usage     usage
	changes   *changes
	rendered  rendered
	questions questions
	pages     pages
	external  atomic.Pointer[external]
	handler   http.Handler

	mu sync.Mutex
	// builtins are the results of the built-in checks by application; guarded by mu.
	builtins map[string]*shared[[]checkResult]
}

// New makes a server that listens nowhere yet.
func New(c Config) *Server {
	s := &Server{source: c.Source, metrics: c.Metrics, options: c.Options, observer: c.Observer, log: c.Log}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.observer == nil {
		s.observer = silent{}
	}
	s.errors, s.events = c.Errors, c.Events
	timeout := c.InvokeTimeout
	if timeout <= 0 {
		timeout = defaultInvokeTimeout
	}
	s.groups = newGroups(s.groupConfigs(), timeout, s.observer, s.log)
	s.checks = newChecks(s.options.health, checkEnv{metrics: s.metrics}, s.log.Named("checks"))
	s.secret = c.Secret
	s.changes = &changes{tell: c.Transition, apps: map[string]*history{}}
	s.builtins = map[string]*shared[[]checkResult]{}
	s.access = newAccess(s.options, s.log)
	routed := s.newEcho()
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.quick(w, r) {
			routed.ServeHTTP(w, r)
		}
	})
	return s
}

// Handler serves every route; it can be mounted anywhere that keeps the path.
func (s *Server) Handler() http.Handler { return s.handler }

// groupConfigs returns what Indicators of each enabled group are told when they register.
func (s *Server) groupConfigs() map[string]json.RawMessage {
	configs := map[string]json.RawMessage{}
	for _, name := range []string{nameError, nameInfo, nameHealth, nameProcess, nameRuntime} {
		if e := s.options.EndPoints[name]; e.Enabled {
			configs[name] = e.InitConfig
			if name == nameHealth {
				configs[name] = forIndicators(e.InitConfig)
			}
		}
	}
	return configs
}

// silent is the Observer of a server that has none.
type silent struct{}

func (silent) Served(string, int, time.Duration) {}
func (silent) Missed(string, string)             {}
