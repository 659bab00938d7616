package endpoints

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The states of an Indicator.
const (
	statusUp   = "UP"
	statusDown = "DOWN"
)

const (
	// checkTTL is how long a result serves further requests.
	checkTTL = time.Second
	// diskLimit and portLimit bound one check; urlLimit bounds one with a configured URL, whose connection may take
	// no longer than portLimit.
	diskLimit = time.Second
	portLimit = time.Second
	urlLimit  = 3 * time.Second
)

// checks are the built-in health checks.
type checks struct {
	options healthOptions
	log     *zap.Logger
	disk    *check
	// url is the check of the configured URL, which is one for all applications; nil without.
	url *check

	mu sync.Mutex
	// sockets are the port checks by application.
	sockets map[string]*check
}

func newChecks(o healthOptions, log *zap.Logger) *checks {
	c := &checks{options: o, log: log, disk: newCheck(diskLimit), sockets: map[string]*check{}}
	if o.checkURL != nil {
		c.url = newCheck(urlLimit)
	}
	return c
}

// health is a row of /health.
type health struct {
	key, status string
}

// checkResult is what a built-in check found for one application.
type checkResult struct {
	// name is the key of the row in /health; process is "" for one about the application as a whole.
	name, process string
	// A result that is not up makes the application DOWN only when it is critical.
	up, critical bool
	// description says what is wrong and what to do; "" when up.
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

// results runs the built-in checks of an application all at once, and returns their results in the order in which they
// are shown. A result that is fresh enough is served again, and no check is waited for longer than its time limit.
func (c *checks) results(ctx context.Context, app Application) []checkResult {
	var wg sync.WaitGroup
	var disk, port string
	if c.options.disk {
		wg.Go(func() { disk = c.disk.status(ctx, c.checkDisk) })
	}
	if c.options.port {
		wg.Go(func() { port = c.port(ctx, app) })
	}
	wg.Wait()
	var results []checkResult
	if disk != "" {
		results = append(results, checkResult{name: "disk_space", up: disk == statusUp, critical: true, at: time.Now()})
	}
	if port != "" {
		results = append(results, checkResult{name: "port", up: port == statusUp, critical: true, at: time.Now()})
	}
	return results
}

// run returns the rows of the built-in checks of each application, the checks running all at once.
func (c *checks) run(ctx context.Context, apps []Application) [][]health {
	rows := make([][]health, len(apps))
	var wg sync.WaitGroup
	for i, app := range apps {
		wg.Go(func() {
			for _, result := range c.results(ctx, app) {
				rows[i] = append(rows[i], health{result.name, result.status()})
			}
		})
	}
	wg.Wait()
	return rows
}

// port returns the state of an application's port; "" when there is nothing to try.
func (c *checks) port(ctx context.Context, app Application) string {
	if c.url != nil {
		return c.url.status(ctx, func(ctx context.Context) string { return checkURL(ctx, c.options.checkURL) })
	}
	sockets := connectable(app.Sockets)
	if len(sockets) == 0 {
		return ""
	}
	c.mu.Lock()
	one, ok := c.sockets[app.Name]
	if !ok {
		one = newCheck(portLimit)
		c.sockets[app.Name] = one
	}
	c.mu.Unlock()
	return one.status(ctx, func(ctx context.Context) string { return checkSockets(ctx, sockets) })
}

// checkDisk compares the use of the file system with the configured rate. A path that cannot be measured is DOWN: the
// original takes a mount it does not find for full.
func (c *checks) checkDisk(context.Context) string {
	used, err := diskUse(c.options.path)
	if err != nil {
		c.log.Warn("disk check", zap.String("path", c.options.path), zap.Error(err))
		return statusDown
	}
	if float64(used) > c.options.rate {
		return statusDown
	}
	return statusUp
}

// keep forgets the port checks of applications that are not among all the known ones any more.
func (c *checks) keep(apps []Application) {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := map[string]bool{}
	for _, app := range apps {
		names[app.Name] = true
	}
	for name := range c.sockets {
		if !names[name] {
			delete(c.sockets, name)
		}
	}
}

// check is one check whose result is shared by the requests of checkTTL, and of which one run is under way at a time.
type check struct {
	limit time.Duration

	mu      sync.Mutex
	result  string
	at      time.Time // of result; zero before the first
	started time.Time // of the run under way
	running chan struct{}
}

func newCheck(limit time.Duration) *check { return &check{limit: limit} }

// status returns the cached state, or that of a run of f. A run that takes longer than the limit is DOWN.
func (c *check) status(ctx context.Context, f func(context.Context) string) string {
	c.mu.Lock()
	if !c.at.IsZero() && time.Since(c.at) < checkTTL {
		defer c.mu.Unlock()
		return c.result
	}
	if c.running == nil {
		c.running = make(chan struct{})
		c.started = time.Now()
		go c.run(context.WithoutCancel(ctx), c.running, f)
	}
	running, left := c.running, c.limit-time.Since(c.started)
	c.mu.Unlock()
	if left < 0 {
		left = 0
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-running:
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.result
	case <-timer.C:
		return statusDown
	case <-ctx.Done():
		return statusDown // nobody reads it
	}
}

// run runs f once and publishes its result.
func (c *check) run(ctx context.Context, done chan struct{}, f func(context.Context) string) {
	ctx, cancel := context.WithTimeout(ctx, c.limit)
	defer cancel()
	result := f(ctx)
	c.mu.Lock()
	c.result, c.at, c.running = result, time.Now(), nil
	c.mu.Unlock()
	close(done)
}
