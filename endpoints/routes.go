package endpoints

import (
	"context"
	"net/http"
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
	// rawQuery is the query as it was sent.
	rawQuery string
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
	// shared is true for an answer that takes long to make and depends on path and query alone, which all who ask within a
	// moment get.
	shared bool
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
		{nameProcess, []route{{path: "/process", handle: s.process, shared: true}}},
		{nameRuntime, []route{{path: "/runtime", handle: s.runtime}}},
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
		list = append(list, route{path: "/metrics", handle: s.metricsAll}, route{path: "/metrics/list", handle: s.metricsList, shared: true},
			route{path: "/metrics/list/:group", handle: s.metricsList, shared: true}, route{path: "/metrics/:group", handle: s.metricsGroup, shared: true})
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
	for _, name := range []string{nameDaemon, nameError, nameHealth, nameInfo, nameProcess, nameMetrics, nameRuntime} {
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

// list makes a nil slice an empty one, so that JSON shows [].
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
