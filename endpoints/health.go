package endpoints

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"
)

// stateComplete is the state of an application all of whose processes have become ready.
const stateComplete = 2

const (
	// renderTTL is how long an answer of /health is sent again as it is.
	renderTTL = 250 * time.Millisecond
	// maxRendered bounds the answers that are kept, and maxRenderedBytes the size of one.
	maxRendered      = 64
	maxRenderedBytes = 256 << 10
)

// health serves /health and /health/:name: the health of all running applications, or of the one that appName names; all
// of it, or what a group or one Indicator says.
//
// The status is 200 when everything asked for is UP and 503 when an application is DOWN. An application that is known
// and does not run is 503, one that nobody knows 404, both with a failure envelope. (The original answers these two
// with a 500 page and everything else with 200.) With legacyStatus every one of them is 200.
func (s *Server) health(ctx context.Context, r request) (answer, error) {
	q := healthQuery{
		app: r.query.get("appName"), name: r.name, view: negotiateHealth(r.header), shown: s.options.view.shows(r.trusted),
	}
	if q.name == "" {
		q.name = r.query.get("group")
	}
	_, q.verbose = r.query["verbose"]
	q.verbose = q.verbose && q.shown
	version, versioned := s.version()
	if versioned {
		if accept, ok := acceptOf(r.header); ok && r.name == "" {
			s.questions.put(question{rawQuery: r.rawQuery, accept: accept, trusted: r.trusted}, q)
		}
		if p, ok := s.rendered.find(q, version, time.Now()); ok {
			return p.answer(), nil
		}
	}
	p, err := s.renderHealth(ctx, q)
	if err != nil {
		return answer{}, err
	}
	if versioned {
		s.rendered.put(q, version, p)
	}
	return p.answer(), nil
}

// healthQuery is everything that an answer of /health depends on besides the health.
type healthQuery struct {
	app, name string
	view      healthForm
	// shown is true when the client sees what the health consists of, verbose when it also wants to know why.
	shown, verbose bool
}

// page is an answer without its time, which goes between head and tail; with no tail it has none.
type healthPage struct {
	status      int
	contentType string
	head, tail  []byte
	// length is the header of a page that is kept.
	length []string
}

// answer is the page, to be sent with the time then.
func (p healthPage) answer() answer {
	return answer{status: p.status, contentType: p.contentType, body: p.head, tail: p.tail}
}

// renderHealth evaluates what is asked for.
func (s *Server) renderHealth(ctx context.Context, q healthQuery) (healthPage, error) {
	group, err := s.options.view.group(q.name)
	if err != "" {
		return s.healthProblem(q, http.StatusBadRequest, err)
	}
	known := s.source.Applications()
	s.keep(known)
	apps, stopped := s.choose(known, q.app)
	if q.app != "" && len(apps) == 0 {
		if stopped {
			return s.healthProblem(q, http.StatusServiceUnavailable, "Application "+q.app+" is not running")
		}
		return s.healthProblem(q, http.StatusNotFound, appNotFound(q.app))
	}
	results := make([]*appHealth, len(apps))
	var wg sync.WaitGroup
	for i, app := range apps {
		wg.Go(func() { results[i] = s.groupHealth(ctx, app, group) })
	}
	wg.Wait()
	if q.name != "" && !s.options.view.isGroup(q.name) && !slices.ContainsFunc(results, func(h *appHealth) bool { return len(h.components) > 0 }) {
		return s.healthProblem(q, http.StatusNotFound, "Can't found an Indicator or a group it named "+q.name)
	}
	status := http.StatusOK
	if slices.ContainsFunc(results, (*appHealth).down) {
		status = http.StatusServiceUnavailable
	}
	return s.formHealth(q, s.healthStatus(status), results)
}

// groupHealth is the health of an application as far as a group goes.
func (s *Server) groupHealth(ctx context.Context, app Application, group healthGroup) *appHealth {
	h := &appHealth{app: app.Name}
	if !group.stateOnly() {
		h = s.healthOf(ctx, app)
	}
	if group.include == nil && group.exclude == nil {
		return h
	}
	for _, c := range []component{stateComponent(livenessState, livenessOf(app)), stateComponent(readinessState, readinessOf(app))} {
		if slices.Contains(group.include, c.name) {
			h.set(c)
		}
	}
	return h.only(group)
}

// stateComponent is what the processes' checks say together.
func stateComponent(name string, checks []probeCheck) component {
	c := component{name: name, status: rawUp, up: true, known: true, critical: true, at: time.Now()}
	for _, check := range checks {
		if check.reason != "" {
			c.up, c.status, c.description = false, rawDown, check.name+": "+check.reason
			break
		}
	}
	return c
}

// choose lists the running applications, or the one with a name; also those that are known only by their Indicators (a
// process that uses the client library on its own). stopped is true when the one with the name is known and does not run.
func (s *Server) choose(known []Application, name string) (apps []Application, stopped bool) {
	names := map[string]bool{}
	for _, app := range known {
		names[app.Name] = true
		if name != "" && app.Name != name {
			continue
		}
		if app.Running {
			apps = append(apps, app)
		} else {
			stopped = stopped || name != ""
		}
	}
	for _, app := range s.groups.apps(nameHealth) {
		if !names[app] && (name == "" || app == name) {
			apps = append(apps, Application{Name: app})
		}
	}
	return apps, stopped
}

func (s *Server) healthStatus(status int) int {
	if s.options.LegacyStatus {
		return http.StatusOK
	}
	return status
}

// group finds the components that a name of /health/:name stands for. A name that is no group is that of an Indicator.
func (v healthView) group(name string) (g healthGroup, problem string) {
	if name == "" {
		return g, ""
	}
	if len(name) > maxNameBytes {
		return g, "the name is too long"
	}
	if g, ok := v.groups[name]; ok {
		return g, ""
	}
	return healthGroup{include: []string{name}}, ""
}

func (v healthView) isGroup(name string) bool {
	_, ok := v.groups[name]
	return ok
}

// Watch looks at the health of all running applications from time to time until ctx ends, so that changes are noticed when
// nobody asks.
func (s *Server) Watch(ctx context.Context) {
	if s.options.view.watch <= 0 || !s.options.EndPoints[nameHealth].Enabled {
		return
	}
	tick := time.NewTicker(s.options.view.watch)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		known := s.source.Applications()
		s.keep(known)
		var wg sync.WaitGroup
		for _, app := range known {
			if app.Running {
				wg.Go(func() { s.healthOf(ctx, app) })
			}
		}
		wg.Wait()
	}
}

// Versioned is a Source that can tell cheaply whether anything has changed. One that cannot is asked at each request.
type Versioned interface {
	// Version differs from the time before when Applications may.
	Version() uint64
}

// version changes whenever something does that the health of applications depends on.
func (s *Server) version() (version [2]uint64, ok bool) {
	source, ok := s.source.(Versioned)
	if !ok {
		return version, false
	}
	return [2]uint64{source.Version(), s.groups.version.Load()}, true
}

// rendered keeps the last answers of /health for a moment.
type rendered struct {
	mu sync.RWMutex
	// all is guarded by mu.
	all map[healthQuery]renderedPage
}

type renderedPage struct {
	page    healthPage
	version [2]uint64
	until   time.Time
}

// find returns an answer that still holds.
func (r *rendered) find(q healthQuery, version [2]uint64, now time.Time) (healthPage, bool) {
	r.mu.RLock()
	p, ok := r.all[q]
	r.mu.RUnlock()
	return p.page, ok && p.version == version && now.Before(p.until)
}

// put keeps an answer.
func (r *rendered) put(q healthQuery, version [2]uint64, p healthPage) {
	if len(p.head)+len(p.tail) > maxRenderedBytes {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil || len(r.all) >= maxRendered {
		r.all = map[healthQuery]renderedPage{}
	}
	r.all[q] = renderedPage{page: p.measured(), version: version, until: time.Now().Add(renderTTL)}
}
