package procfile

import (
	"net"
	"net/url"
	"reflect"
	"slices"
)

// Policy is what a process asks of its supervision. The zero value of every field means the default.
type Policy struct {
	// Balance is how connections find a worker of a cluster: BalanceRR (also "") or BalanceShared.
	Balance string `json:"balance,omitempty"`
	// Reload is ReloadStartFirst (also "") or ReloadStopFirst, for processes that hold what only one may hold.
	Reload string `json:"reload,omitempty"`
	// Ready is a condition beside the bootstrap's own report; nil is none.
	Ready *ReadyCheck `json:"ready,omitempty"`
	// Stdio is StdioTogether (also ""), one log file for what a worker prints, or StdioSplit, one for each of its streams.
	Stdio string `json:"stdio,omitempty"`
	// LivenessTimeoutMs ends a worker whose event loop has not answered for so long; 0 never does.
	LivenessTimeoutMs int64 `json:"livenessTimeoutMs,omitempty"`
	// MaxRestarts gives a worker up that was replaced too often; nil never does.
	MaxRestarts *RestartLimit `json:"maxRestarts,omitempty"`
	// MaxMemoryBytes replaces a worker whose resident memory is larger; 0 never does.
	MaxMemoryBytes int64 `json:"maxMemoryBytes,omitempty"`
	// StartTimeoutMs is how long a worker may take to become ready; 0 is two minutes.
	StartTimeoutMs int64 `json:"startTimeoutMs,omitempty"`
	// DrainTimeoutMs is how long a worker that leaves in a reload may finish what it is answering and wait for idle
	// connections; 0 is 30 s.
	DrainTimeoutMs int64 `json:"drainTimeoutMs,omitempty"`
	// StopTimeoutMs is how long each graceful step of a stop may take: requests in flight, then the services; 0 is 5 s.
	StopTimeoutMs int64 `json:"stopTimeoutMs,omitempty"`
	// GraceMs is how long upgraded and streaming connections (WebSocket, server-sent events, http2) of a worker that
	// leaves may go on; 0 is the drain's own time.
	GraceMs int64 `json:"graceMs,omitempty"`
}

// The values of Policy.Balance, Policy.Reload and Policy.Stdio.
const (
	BalanceRR        = "rr"
	BalanceShared    = "shared"
	ReloadStartFirst = "start-first"
	ReloadStopFirst  = "stop-first"
	StdioTogether    = "together"
	StdioSplit       = "split"
)

// ReadyCheck is when a worker counts as ready; exactly one of HTTP, TCP and Message is set.
type ReadyCheck struct {
	// HTTP is a URL that answers with a status below 400.
	HTTP string `json:"http,omitempty"`
	// TCP is host:port that accepts a connection.
	TCP string `json:"tcp,omitempty"`
	// Message is what the worker says with process.send, as JSON value.
	Message any `json:"message,omitempty"`
	// TimeoutMs is how long the condition may take after the bootstrap's report; 0 is the rest of the start's time.
	TimeoutMs int64 `json:"timeoutMs,omitempty"`
}

// RestartLimit is Count replacements within WindowMs milliseconds.
type RestartLimit struct {
	Count    int   `json:"count"`
	WindowMs int64 `json:"windowMs"`
}

// clone copies the policy deeply.
func (p *Policy) clone() *Policy {
	if p == nil {
		return nil
	}
	c := *p
	if p.Ready != nil {
		ready := *p.Ready
		ready.Message = cloneJSON(ready.Message)
		c.Ready = &ready
	}
	c.MaxRestarts = clonePointer(p.MaxRestarts)
	return &c
}

// PolicyOrDefault is the policy of the process, never nil.
func (p *Process) PolicyOrDefault() Policy {
	if p.Policy == nil {
		return Policy{}
	}
	return *p.Policy
}

// SameRun reports whether two definitions start the same process: everything but scale, order and policy is equal.
func (p *Process) SameRun(q *Process) bool {
	base := func(x *string) string {
		if x == nil {
			return ""
		}
		return *x
	}
	return p.EntryFile == q.EntryFile && base(p.EntryFileBaseDir) == base(q.EntryFileBaseDir) && sameEnv(p.Env, q.Env) &&
		slices.Equal(p.EnvFiles, q.EnvFiles) && slices.EqualFunc(p.Secrets, q.Secrets, sameSecret) && p.Cwd == q.Cwd &&
		slices.Equal(p.Args, q.Args) && slices.Equal(p.ExecArgv, q.ExecArgv) && p.Kind == q.Kind
}

func sameSecret(a, b Secret) bool { return reflect.DeepEqual(a, b) }

func sameEnv(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if other, ok := b[name]; !ok || other != value {
			return false
		}
	}
	return true
}

// policy checks what a process asks of its supervision.
func (v *validator) policy(path string, p *Policy) {
	if !slices.Contains([]string{"", BalanceRR, BalanceShared}, p.Balance) {
		v.fail(path+".balance", "expected %q or %q, got %q", BalanceRR, BalanceShared, p.Balance)
	}
	if !slices.Contains([]string{"", ReloadStartFirst, ReloadStopFirst}, p.Reload) {
		v.fail(path+".reload", "expected %q or %q, got %q", ReloadStartFirst, ReloadStopFirst, p.Reload)
	}
	if !slices.Contains([]string{"", StdioTogether, StdioSplit}, p.Stdio) {
		v.fail(path+".stdio", "expected %q or %q, got %q", StdioTogether, StdioSplit, p.Stdio)
	}
	for name, value := range map[string]int64{
		"livenessTimeoutMs": p.LivenessTimeoutMs, "maxMemoryBytes": p.MaxMemoryBytes, "startTimeoutMs": p.StartTimeoutMs,
		"drainTimeoutMs": p.DrainTimeoutMs, "stopTimeoutMs": p.StopTimeoutMs, "graceMs": p.GraceMs,
	} {
		if value < 0 {
			v.fail(path+"."+name, "expected 0 or more, got %d", value)
		}
	}
	if m := p.MaxRestarts; m != nil && (m.Count < 1 || m.WindowMs < 1) {
		v.fail(path+".maxRestarts", "expected at least one restart in at least one millisecond, got %d in %d", m.Count, m.WindowMs)
	}
	if p.Ready != nil {
		v.ready(path+".ready", p.Ready)
	}
}

// ready checks the condition for readiness.
func (v *validator) ready(path string, r *ReadyCheck) {
	given := 0
	for _, there := range []bool{r.HTTP != "", r.TCP != "", r.Message != nil} {
		if there {
			given++
		}
	}
	if given != 1 {
		v.fail(path, "expected one of http, tcp and message, got %d of them", given)
	}
	if u, err := url.Parse(r.HTTP); r.HTTP != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		v.fail(path+".http", "expected a URL such as http://127.0.0.1:3000/health, got %q", r.HTTP)
	}
	if r.TCP != "" {
		if _, port, err := net.SplitHostPort(r.TCP); err != nil || port == "" {
			v.fail(path+".tcp", "expected host:port, got %q", r.TCP)
		}
	}
	if r.TimeoutMs < 0 {
		v.fail(path+".timeoutMs", "expected 0 or more, got %d", r.TimeoutMs)
	}
}
