package endpoints

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"time"
)

// daemon serves /daemon.
func (s *Server) daemon(context.Context, request) (answer, error) {
	d := s.source.Daemon()
	return ok(http.StatusOK, struct {
		Versions  versions `json:"versions"`
		Cwd       string   `json:"cwd"`
		PID       int      `json:"pid"`
		Uptime    float64  `json:"uptime"`
		Configs   []string `json:"loadedGlobalConfigPaths"`
		EndPoints []string `json:"loadedEndPoints"`
		Reporters []string `json:"loadedReporters"`
		// The original has no problems.
		Problems []string `json:"problems"`
	}{d.Versions, d.Cwd, d.PID, d.Uptime, list(d.ConfigPaths), s.endPointNames(), list(d.Reporters), list(d.Problems)})
}

// versions are written in alphabetical order with pandora's own last, where the original has it.
type versions map[string]string

// MarshalJSON writes the object.
func (v versions) MarshalJSON() ([]byte, error) {
	o := ordered{}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if name != "pandora" {
			o = append(o, member{name, v[name]})
		}
	}
	if own, ok := v["pandora"]; ok {
		o = append(o, member{"pandora", own})
	}
	return o.MarshalJSON()
}

// appNotFound is the original's text, its spelling included.
func appNotFound(app string) string { return "Can't found an Application it named " + app }

// info serves /info: for each running application the daemon's own introspection and then the rows of its Indicators.
func (s *Server) info(ctx context.Context, r request) (answer, error) {
	name := r.query.get("appName")
	apps, found := s.running(name)
	if name != "" && !found {
		return failOK(appNotFound(name))
	}
	rows := map[string][]row{}
	for _, a := range s.groups.invoke(ctx, nameInfo, name, r.query.args()) {
		rows[a.app] = a.rows
	}
	all := ordered{}
	for _, app := range apps {
		one := make([]any, 0, 1+len(rows[app.Name]))
		one = append(one, struct {
			Key  string        `json:"key"`
			Data introspection `json:"data"`
		}{"introspection", introspect(app)})
		for _, row := range rows[app.Name] {
			one = append(one, row)
		}
		if name != "" {
			return ok(http.StatusOK, one)
		}
		all = append(all, member{app.Name, one})
	}
	return ok(http.StatusOK, all)
}

// running returns the running applications, or the one with a name.
func (s *Server) running(name string) (apps []Application, found bool) {
	for _, app := range s.source.Applications() {
		if app.Running && (name == "" || app.Name == name) {
			apps = append(apps, app)
		}
	}
	return apps, len(apps) > 0
}

// introspection is the original's record of an application.
type introspection struct {
	State          int            `json:"state"`
	AppName        string         `json:"appName"`
	AppDir         string         `json:"appDir"`
	AppID          string         `json:"appId"`
	PIDs           []int          `json:"pids"`
	Uptime         float64        `json:"uptime"`
	StartCount     int            `json:"startCount"`
	RestartCount   int            `json:"restartCount"`
	Representation representation `json:"representation"`
	Complex        any            `json:"complex"`
	Structure      any            `json:"structure"`
	StdoutLogPath  string         `json:"stdoutLogPath"`
	// The original has none of these.
	Engine    string         `json:"engine"`
	Digest    string         `json:"digest"`
	Drift     []Drift        `json:"drift"`
	Processes []shownProcess `json:"processes"`
	Sockets   []shownSocket  `json:"sockets"`
}

// shownProcess is a process with all its workers, as the verb list prints them.
type shownProcess struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`
	Stopped bool          `json:"stopped,omitempty"`
	Workers []shownWorker `json:"workers"`
}

type shownWorker struct {
	workerFacts
	PID       int       `json:"pid,omitempty"`
	SpawnedAt time.Time `json:"spawnedAt,omitzero"`
	ReadyAt   time.Time `json:"readyAt,omitzero"`
	NextTryAt time.Time `json:"nextTryAt,omitzero"`
	Reason    string    `json:"reason,omitempty"`
	Listening []string  `json:"listening,omitempty"`
	LogPath   string    `json:"logPath,omitempty"`
}

type shownSocket struct {
	Network string `json:"network"`
	Address string `json:"address"`
	Port    int    `json:"port,omitempty"`
}

type representation struct {
	AppName string `json:"appName"`
	AppDir  string `json:"appDir"`
}

func introspect(app Application) introspection {
	return introspection{
		State: app.State, AppName: app.Name, AppDir: app.Dir, AppID: app.ID, PIDs: list(app.PIDs), Uptime: app.Uptime,
		StartCount: app.StartCount, RestartCount: app.RestartCount,
		Representation: representation{AppName: app.Name, AppDir: app.Dir},
		Complex:        app.Structure, Structure: app.Structure, StdoutLogPath: app.StdoutLogPath,
		Engine: app.Engine, Digest: app.Digest, Drift: list(app.Drift),
		Processes: showProcesses(app.Processes), Sockets: showSockets(app.Sockets),
	}
}

func showProcesses(processes []Process) []shownProcess {
	shown := make([]shownProcess, len(processes))
	for i, p := range processes {
		shown[i] = shownProcess{Name: p.Name, Kind: p.Kind, Stopped: p.Stopped, Workers: make([]shownWorker, len(p.Workers))}
		for j, w := range p.Workers {
			shown[i].Workers[j] = shownWorker{
				workerFacts: factsOf(w), PID: w.PID, SpawnedAt: w.SpawnedAt, ReadyAt: w.ReadyAt, NextTryAt: w.NextTryAt,
				Reason: w.Reason, Listening: w.Listening, LogPath: w.LogPath,
			}
		}
	}
	return shown
}

func showSockets(sockets []Socket) []shownSocket {
	shown := make([]shownSocket, len(sockets))
	for i, s := range sockets {
		shown[i] = shownSocket(s)
	}
	return shown
}
