package endpoints

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The states of an Indicator.
const (
	statusUp   = "UP"
	statusDown = "DOWN"
)

// closeLimit bounds the wait for checks that run when the server is closed.
const closeLimit = time.Second

// checkResult is what a built-in check found for one application.
type checkResult struct {
	// name is the key of the row in /health; process is "" for one about the application as a whole.
	name, process string
	// A result that is not up makes the application DOWN only when it is critical.
	up, critical bool
	// description says what is wrong and what to do; "" when up. It names addresses and options, never a secret.
	description string
	// details hold what was measured, to be shown to those who may see it; their keys carry units. They are not to be
	// changed: results are shared.
	details map[string]any
	// at is when the check ended, after it had run for took.
	at   time.Time
	took time.Duration
}

// status is the row's word for the result.
func (r checkResult) status() string {
	if r.up {
		return statusUp
	}
	return statusDown
}

// checks are the built-in checks: those of the configuration, which every application has, and those that applications
// define themselves.
type checks struct {
	specs []checkSpec
	env   checkEnv
	log   *zap.Logger

	mu sync.Mutex
	// shared are the runners of checks that say the same of every application, by name.
	shared map[string]*runner
	apps   map[string]*appChecks
	closed bool
}

// appChecks are the checks of one application.
type appChecks struct {
	declared []DeclaredIndicator
	// runners are in the order in which they are shown; own are those that no other application has.
	runners, own []*runner
}

// checkEnv is what checks may ask.
type checkEnv struct {
	// metrics is nil when there are none.
	metrics Metrics
}

func newChecks(o healthOptions, env checkEnv, log *zap.Logger) *checks {
	return &checks{specs: o.checks, env: env, log: log, shared: map[string]*runner{}, apps: map[string]*appChecks{}}
}

// results runs the built-in checks of an application all at once, and returns their results in the order in which they
// are shown. A result that is fresh enough is served again, and no check is waited for longer than its time limit.
func (c *checks) results(ctx context.Context, app Application) []checkResult {
	runners := c.of(app)
	results := make([]checkResult, len(runners))
	shown := make([]bool, len(runners))
	var wg sync.WaitGroup
	for i, r := range runners {
		var wait *pending
		if results[i], shown[i], wait = r.peek(ctx, app); wait != nil {
			wg.Go(func() { results[i], shown[i] = r.wait(ctx, *wait) })
		}
	}
	wg.Wait()
	n := 0
	for i := range results {
		if shown[i] {
			results[n] = results[i]
			n++
		}
	}
	return results[:n]
}

// of returns the runners of an application, made anew where what it defines has changed.
func (c *checks) of(app Application) []*runner {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	known := c.apps[app.Name]
	if known != nil && slices.EqualFunc(known.declared, app.Indicators, sameIndicator) {
		return known.runners
	}
	fresh := &appChecks{declared: slices.Clone(app.Indicators)}
	own := map[string]DeclaredIndicator{}
	for _, d := range app.Indicators {
		if d.Type != "" {
			own[d.Name] = d
		}
	}
	for _, spec := range c.specs {
		if d, replaced := own[spec.name]; replaced {
			fresh.add(c.declared(app, known, d))
			delete(own, spec.name)
			continue
		}
		if !spec.perApp() {
			r := c.shared[spec.name]
			if r == nil {
				r = newRunner(spec, "", c.env, c.log)
				c.shared[spec.name] = r
			}
			fresh.runners = append(fresh.runners, r)
			continue
		}
		r := known.find(func(r *runner) bool { return r.global && r.spec.name == spec.name })
		if r == nil {
			r = newRunner(spec, app.Name, c.env, c.log)
			r.global = true
		}
		fresh.add(r)
	}
	for _, d := range app.Indicators {
		if _, left := own[d.Name]; left && d.Type != "" {
			fresh.add(c.declared(app, known, d))
			delete(own, d.Name)
		}
	}
	if known != nil {
		for _, r := range known.own {
			if !slices.Contains(fresh.own, r) {
				r.close()
			}
		}
	}
	c.apps[app.Name] = fresh
	return fresh.runners
}

// declared returns the runner of a check that an application defines, the known one if it is still the same.
func (c *checks) declared(app Application, known *appChecks, d DeclaredIndicator) *runner {
	r := known.find(func(r *runner) bool { return !r.global && sameIndicator(r.declared, d) })
	if r == nil {
		r = newRunner(declaredSpec(d), app.Name, c.env, c.log)
		r.declared = d
	}
	return r
}

func (a *appChecks) add(r *runner) {
	a.runners, a.own = append(a.runners, r), append(a.own, r)
}

func (a *appChecks) find(is func(*runner) bool) *runner {
	if a == nil {
		return nil
	}
	if i := slices.IndexFunc(a.own, is); i >= 0 {
		return a.own[i]
	}
	return nil
}

// sameIndicator tells whether two definitions ask for the same check. Where they are written does not matter.
func sameIndicator(a, b DeclaredIndicator) bool {
	return a.Name == b.Name && a.Type == b.Type && a.Interval == b.Interval && a.Timeout == b.Timeout &&
		a.Critical == b.Critical && bytes.Equal(a.Options, b.Options)
}

// keep forgets the checks of applications that are not running among all the known ones any more, and their connections.
func (c *checks) keep(apps []Application) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.apps) == 0 {
		return
	}
	running := make(map[string]bool, len(apps))
	for _, app := range apps {
		if app.Running {
			running[app.Name] = true
		}
	}
	for name, known := range c.apps {
		if running[name] {
			continue
		}
		for _, r := range known.own {
			r.close()
		}
		delete(c.apps, name)
	}
}

// close ends the connections that checks keep, and the checks that are running; it waits for them, but not for one that
// the kernel holds.
func (c *checks) close() {
	c.mu.Lock()
	var all []*runner
	for _, r := range c.shared {
		all = append(all, r)
	}
	for _, known := range c.apps {
		all = append(all, known.own...)
	}
	c.closed = true
	c.apps, c.shared = map[string]*appChecks{}, map[string]*runner{}
	c.mu.Unlock()
	for _, r := range all {
		r.close()
	}
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	for _, r := range all {
		select {
		case <-r.idle():
		case <-limit.C:
			return
		}
	}
}

// Close ends the connections that built-in checks keep. Health has no built-in checks afterwards.
func (s *Server) Close() { s.checks.close() }
