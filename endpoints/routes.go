package endpoints

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// banner is the original's answer to GET /.
const banner = "Pandora restful service start successful"

// request is what a handler may know of an HTTP request.
type request struct {
	query query
	group string // the :group of the path
	// name and process are those of the path: the :name of /health, or the :app and :process of a probe.
	name, process string
	header        http.Header
	// trusted is true for a client that may see what is not for everybody; only routes that are open get others.
	trusted bool
}

// handler computes an answer. An error becomes a 500.
type handler func(context.Context, request) (answer, error)

// route is one path and who serves it.
type route struct {
	path   string
	handle handler
	// open is true for what everybody who can connect may ask.
	open bool
}

// routes lists the paths of the enabled EndPoints.
func (s *Server) routes() []route {
	list := []route{{path: "/", handle: s.banner, open: true}}
	for _, e := range []struct {
		name   string
		routes []route
	}{
		{nameDaemon, []route{{path: "/daemon", handle: s.daemon}}},
		{nameHealth, s.healthRoutes()},
		{nameInfo, []route{{path: "/info", handle: s.info}}},
		{nameProcess, []route{{path: "/process", handle: s.process}}},
	} {
		if s.options.EndPoints[e.name].Enabled {
			list = append(list, e.routes...)
		}
	}
	if s.events != nil {
		list = append(list, route{path: "/events", handle: s.stream})
	}
	if s.hasErrors() {
		list = append(list, route{path: "/error", handle: s.error})
	}
	if s.hasMetrics() {
		list = append(list, route{path: "/metrics", handle: s.metricsAll}, route{path: "/metrics/list", handle: s.metricsList},
			route{path: "/metrics/list/:group", handle: s.metricsList}, route{path: "/metrics/:group", handle: s.metricsGroup})
	}
	return list
}

// healthRoutes are the paths of the EndPoint health, which everybody may ask.
func (s *Server) healthRoutes() []route {
	list := []route{{path: "/health", handle: s.health, open: true}, {path: "/health/:name", handle: s.health, open: true}}
	for name, handle := range map[string]handler{"/livez": s.livez, "/readyz": s.readyz, "/startupz": s.startupz} {
		for _, path := range []string{name, name + "/:name", name + "/:name/:process"} {
			list = append(list, route{path: path, handle: handle, open: true})
		}
	}
	return list
}

// endPointNames lists the enabled EndPoints.
func (s *Server) endPointNames() []string {
	names := []string{}
	for _, name := range []string{nameDaemon, nameError, nameHealth, nameInfo, nameProcess, nameMetrics} {
		if s.options.EndPoints[name].Enabled && (name != nameMetrics || s.hasMetrics()) && (name != nameError || s.hasErrors()) {
			names = append(names, name)
		}
	}
	return append(names, s.externalNames()...)
}

func (s *Server) hasMetrics() bool {
	return s.metrics != nil && s.options.EndPoints[nameMetrics].Enabled
}

func (s *Server) banner(context.Context, request) (answer, error) {
	return text(http.StatusOK, banner), nil
}

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
	}{d.Versions, d.Cwd, d.PID, d.Uptime, list(d.ConfigPaths), s.endPointNames(), list(d.Reporters)})
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
	// The original has no engine, digest and drift.
	Engine string  `json:"engine"`
	Digest string  `json:"digest"`
	Drift  []Drift `json:"drift"`
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
	}
}

// process serves /process: the data of the rows of one application's workers.
func (s *Server) process(ctx context.Context, r request) (answer, error) {
	name := r.query.get("appName")
	if name == "" {
		return failOK("please query data by appName")
	}
	data := []json.RawMessage{}
	for _, a := range s.groups.invoke(ctx, nameProcess, name, r.query.args()) {
		for _, row := range a.rows {
			if len(row.Data) > 0 {
				data = append(data, row.Data)
			}
		}
	}
	return ok(http.StatusOK, data)
}

// list makes a nil slice an empty one, so that JSON shows [].
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
