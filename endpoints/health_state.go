package endpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"
)

// component is what one Indicator or built-in check says about an application.
type component struct {
	name, process string
	// status is "UP", "DOWN", or whatever else an Indicator has said.
	status json.RawMessage
	// up is false only for what says DOWN, which makes the application DOWN when it is critical.
	up, critical bool
	// known is false for a status that is neither UP nor DOWN.
	known bool
	// description says what is wrong; details, a JSON object, what was measured. Both may be empty.
	description string
	details     json.RawMessage
	// at is when that was found, and took how long it took.
	at   time.Time
	took time.Duration
}

// appHealth is the health of one application.
type appHealth struct {
	app        string
	components []component
}

// down reports whether a critical component says DOWN.
func (h *appHealth) down() bool {
	return slices.ContainsFunc(h.components, func(c component) bool { return !c.up && c.critical })
}

// set adds a component, or replaces the one with its name.
func (h *appHealth) set(c component) {
	for i := range h.components {
		if h.components[i].name == c.name {
			h.components[i] = c
			return
		}
	}
	h.components = append(h.components, c)
}

// only keeps the components of a group.
func (h *appHealth) only(g healthGroup) *appHealth {
	kept := &appHealth{app: h.app}
	for _, c := range h.components {
		if g.has(c.name) {
			kept.components = append(kept.components, c)
		}
	}
	return kept
}

// rowDraining is the row of an application on its way down, so that who goes by /health sends it nothing more.
const rowDraining = "draining"

var (
	rawUp   = json.RawMessage(`"UP"`)
	rawDown = json.RawMessage(`"DOWN"`)
)

// healthOf evaluates an application: the built-in checks, the rows of its Indicators, whose row takes the place of a
// built-in one with the same key, and what its procfile defines and nobody answers for.
func (s *Server) healthOf(ctx context.Context, app Application) *appHealth {
	h := &appHealth{app: app.Name}
	var results []checkResult
	var wg sync.WaitGroup
	if app.Running {
		wg.Go(func() { results = s.builtin(ctx, app) })
	}
	replies := s.groups.health(ctx, app.Name)
	wg.Wait()
	for _, r := range results {
		h.addCheck(r)
	}
	heard := map[string]bool{}
	for _, reply := range replies {
		for _, row := range reply.rows {
			if len(row.Data) == 0 {
				continue
			}
			heard[row.Key] = true
			c := rowComponent(row, reply)
			c.critical = s.critical(app, c.name)
			h.set(c)
		}
	}
	for _, d := range app.Indicators {
		if d.Scripted && d.Group == nameHealth && app.Running && !heard[d.Name] {
			h.set(missing(d, replies))
		}
	}
	if app.Draining {
		h.set(component{
			name: rowDraining, status: rawDown, critical: true, known: true, at: time.Now(),
			description: "it is being stopped or restarted",
		})
	}
	if app.Running && app.State == stateComplete && !app.Draining {
		s.changes.note(app, h)
	}
	return h
}

// builtin runs the built-in checks of an application, sharing what they find.
func (s *Server) builtin(ctx context.Context, app Application) []checkResult {
	s.mu.Lock()
	one := s.builtins[app.Name]
	if one == nil {
		one = &shared[[]checkResult]{}
		s.builtins[app.Name] = one
	}
	s.mu.Unlock()
	// The checks have their own time to live; this only keeps one that hangs from holding up requests.
	return one.get(ctx, patience, func(ctx context.Context) []checkResult { return s.checks.results(ctx, app) })
}

// keep forgets what is kept for applications that are not known any more.
func (s *Server) keep(known []Application) {
	s.checks.keep(known)
	s.changes.keep(known)
	s.pages.sweep()
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.builtins {
		if !slices.ContainsFunc(known, func(app Application) bool { return app.Name == name }) {
			delete(s.builtins, name)
		}
	}
}

// addCheck adds the result of a built-in check. Where several processes have the same check, the later ones are named
// after their process too.
func (h *appHealth) addCheck(r checkResult) {
	c := component{
		name: r.name, process: r.process, status: rawUp, up: r.up, known: true, critical: r.critical,
		description: r.description, at: r.at, took: r.took,
	}
	if !r.up {
		c.status = rawDown
	}
	if len(r.details) > 0 {
		if details, err := encodeJSON(r.details); err == nil {
			c.details = details
		}
	}
	if r.process != "" && slices.ContainsFunc(h.components, func(o component) bool { return o.name == r.name }) {
		c.name = r.name + ":" + r.process
	}
	h.set(c)
}

// rowComponent is the component of an Indicator's row.
func rowComponent(r row, reply healthReply) component {
	c := component{name: r.Key, status: r.Data, up: true, description: r.Description, at: reply.at, took: reply.took}
	switch {
	case bytes.Equal(r.Data, rawUp):
		c.known = true
	case isDown(r.Data):
		c.up, c.known = false, true
	}
	if bytes.HasPrefix(bytes.TrimSpace(r.Details), []byte("{")) {
		c.details = r.Details
	}
	return c
}

// critical reports whether DOWN of an Indicator makes its application DOWN: so it is unless the procfile or
// actuator.endPoint.health.initConfig.<name>.critical says otherwise.
func (s *Server) critical(app Application, name string) bool {
	for _, d := range app.Indicators {
		if d.Name == name {
			return d.Critical
		}
	}
	return !s.options.view.nonCritical[name]
}

// missing is a scripted Indicator that nobody answers for.
func missing(d DeclaredIndicator, replies []healthReply) component {
	c := component{name: d.Name, status: rawDown, known: true, critical: d.Critical, description: d.Problem, at: time.Now()}
	if c.description != "" {
		return c
	}
	c.description = "its script host is not running (" + d.At + ")"
	for _, reply := range replies {
		if reply.indicator == d.Name {
			c.description, c.at, c.took = "it has not answered: "+reply.reason, reply.at, reply.took
		}
	}
	return c
}

// isDown tells whether a row is exactly DOWN.
func isDown(raw json.RawMessage) bool {
	var s string
	return len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &s) == nil && s == statusDown
}

// healthReply is what an Indicator of the group health has answered last.
type healthReply struct {
	indicator string
	rows      []row
	// reason says why there are no rows; "" otherwise.
	reason string
	at     time.Time
	took   time.Duration
	size   int64 // how many bytes the rows came in
}

// health returns what the Indicators of an application say about its health, in the order of their registration.
func (g *groups) health(ctx context.Context, app string) []healthReply {
	seats := g.list(nameHealth, app)
	replies := make([]healthReply, len(seats))
	var args json.RawMessage
	var wg sync.WaitGroup
	for i, s := range seats {
		if reply, ok := s.reply.fresh(healthTTL); ok {
			replies[i] = reply
			continue
		}
		if args == nil {
			args, _ = encodeJSON(map[string]string{"appName": app}) // a string always encodes
		}
		wg.Go(func() {
			replies[i] = s.reply.get(ctx, healthTTL, func(ctx context.Context) healthReply { return g.askHealth(ctx, s, args) })
		})
	}
	wg.Wait()
	return replies
}

// askHealth asks one Indicator. What all of them have said last is kept, within maxHealthBytes.
func (g *groups) askHealth(ctx context.Context, s *seat, args json.RawMessage) healthReply {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	began := time.Now()
	rows, reason := g.askSeat(ctx, s, args, maxHealthReply, func(n int64) bool {
		s.healthBytes.Store(n)
		return n <= smallReply || g.kept() <= maxHealthBytes
	})
	if rows == nil {
		s.healthBytes.Store(0)
	}
	return healthReply{indicator: s.name, rows: rows, reason: reason, at: time.Now(), took: time.Since(began), size: s.healthBytes.Load()}
}

// kept is how much there is of the larger replies about health. Where a new one has come, the one before is there until its
// place is taken, and may still be shown.
func (g *groups) kept() (total int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.seats {
		if n := max(s.healthBytes.Load(), s.reply.last().size); n > smallReply {
			total += n
		}
	}
	return total
}

// apps lists the applications that have Indicators of a group, in the order of their first registration.
func (g *groups) apps(group string) []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for _, s := range g.seats {
		if s.group == group && !slices.Contains(names, s.app) {
			names = append(names, s.app)
		}
	}
	return names
}

// healthGroup is a choice of components.
type healthGroup struct {
	// include is nil for all.
	include, exclude []string
}

func (g healthGroup) has(name string) bool {
	if slices.Contains(g.exclude, name) {
		return false
	}
	return g.include == nil || slices.Contains(g.include, name) || slices.Contains(g.include, "*")
}

// stateOnly reports whether only the states of the processes count.
func (g healthGroup) stateOnly() bool {
	return g.include != nil && !slices.ContainsFunc(g.include, func(name string) bool {
		return name == "*" || !strings.HasSuffix(name, "State")
	})
}
