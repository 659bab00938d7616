package metrics

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	// actionSeries announces a worker that has series of its own.
	actionSeries = "METRIC_DISCOVER_KEY_PANDORA_SERIES"
	// maxConnSeries bounds the announcements of one connection, maxAway the workers of an application whose connection
	// has ended and that may come back, maxSeriesApps the applications whose past is remembered.
	maxConnSeries = 4
	maxAway       = 64
	maxSeriesApps = 256
	// maxRetired bounds the series of an application that are remembered of workers that are gone, maxOrphaned those of them
	// that no living worker has, unless it has more itself.
	maxRetired  = 20_000
	maxOrphaned = 4096
)

// seriesSet is the series that workers keep themselves, as npm's prom-client does: process_*, nodejs_*, and whatever their
// applications have in prom-client. A worker tells all of them in one answer. They appear in the Prometheus text only,
// under the names they have.
//
// Counters and histograms of an application are the sum of its workers, and of those that were: what a worker has
// counted when it was last asked stays. Everything else, and all that prom-client collects by default, is each worker's.
type seriesSet struct {
	options ClientOptions

	mu      sync.Mutex // guards everything below, and counted of all clients
	clients []*seriesClient
	apps    map[string]*seriesApp
}

// seriesApp is what is known of an application beside its living workers.
type seriesApp struct {
	// retired has numbers only.
	retired map[string]*summed
	// prune is how many of them there are when those of nobody are forgotten.
	prune int
	away  []*seriesClient // the latest last
}

// seriesClient is one worker.
type seriesClient struct {
	app, id string
	seriesPeer
	// process and worker are as it says.
	process, worker string
	// child is the number of one that a worker has started, "" for a worker: the lowest that no living one of that worker has.
	child string
	// counted is what it told last, by summed.key.
	counted map[string]*summed

	mu   sync.Mutex // guards last
	last *seriesPull
}

// seriesPeer is the other end of a connection.
type seriesPeer struct {
	conn    uint64
	pid     int
	request func(ctx context.Context, action string, data any) (json.RawMessage, error)
}

// seriesPull is one reading of a worker.
type seriesPull struct {
	began time.Time
	done  chan struct{}
	each  []perWorker // complete when done is closed
}

func newSeriesSet(r *Registry, o ClientOptions) *seriesSet {
	s := &seriesSet{options: o, apps: map[string]*seriesApp{}}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, s)
	return s
}

// discover handles the announcement of a worker, which it repeats on each new connection.
func (s *seriesSet) discover(peer seriesPeer, data json.RawMessage) {
	var m struct {
		AppName, ClientID, Process string
		Worker                     *int
		Child                      bool
	}
	if err := json.Unmarshal(data, &m); err != nil || m.ClientID == "" || len(m.AppName)+len(m.ClientID)+len(m.Process) > maxKey {
		s.options.Refused(RefusedMalformed)
		return
	}
	c := &seriesClient{
		app: m.AppName, id: m.ClientID, seriesPeer: peer, process: m.Process, counted: map[string]*summed{},
	}
	if m.Worker != nil {
		c.worker = strconv.Itoa(*m.Worker)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	of := 0
	for _, other := range s.clients {
		if other.conn != c.conn {
			continue
		}
		if other.app == c.app && other.id == c.id {
			return
		}
		of++
	}
	if of >= maxConnSeries {
		s.options.Refused(RefusedClient)
		return
	}
	app := s.appLocked(c.app)
	if i := slices.IndexFunc(app.away, func(o *seriesClient) bool { return o.id == c.id }); i >= 0 {
		c.counted = app.away[i].counted
		app.away = slices.Delete(app.away, i, i+1)
	}
	if m.Child {
		c.child = s.childLocked(c)
	}
	s.clients = append(s.clients, c)
}

// childLocked finds a number for a process that a worker has started. s.mu is held.
func (s *seriesSet) childLocked(c *seriesClient) string {
	taken := map[string]bool{}
	for _, o := range s.clients {
		if o.app == c.app && o.process == c.process && o.worker == c.worker {
			taken[o.child] = true
		}
	}
	n := 1
	for taken[strconv.Itoa(n)] {
		n++
	}
	return strconv.Itoa(n)
}

// appLocked returns what is known of an application. s.mu is held.
func (s *seriesSet) appLocked(name string) *seriesApp {
	app := s.apps[name]
	if app != nil {
		return app
	}
	if len(s.apps) >= maxSeriesApps {
		for other := range s.apps {
			if !slices.ContainsFunc(s.clients, func(c *seriesClient) bool { return c.app == other }) {
				delete(s.apps, other)
			}
		}
	}
	app = &seriesApp{retired: map[string]*summed{}, prune: maxOrphaned}
	s.apps[name] = app
	return app
}

// close is for a connection that has ended: its workers may come back, or are gone.
func (s *seriesSet) close(conn uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clients = slices.DeleteFunc(s.clients, func(c *seriesClient) bool {
		if c.conn != conn {
			return false
		}
		app := s.appLocked(c.app)
		app.away = append(app.away, c)
		for len(app.away) > maxAway {
			for key, t := range app.away[0].counted {
				s.retireLocked(c.app, key, t)
			}
			app.away = slices.Delete(app.away, 0, 1)
		}
		return true
	})
}

// retireLocked keeps what was counted for as long as its application has the series. s.mu is held.
func (s *seriesSet) retireLocked(name, key string, t *summed) {
	app := s.appLocked(name)
	if known := app.retired[key]; known != nil {
		known.add(t)
		return
	}
	if len(app.retired) >= app.prune {
		living := map[string]bool{}
		for _, c := range s.clients {
			if c.app == name {
				for key := range c.counted {
					living[key] = true
				}
			}
		}
		for key := range app.retired {
			if !living[key] {
				delete(app.retired, key)
			}
		}
		app.prune = min(maxRetired, 2*len(app.retired)+maxOrphaned)
	}
	if len(app.retired) < maxRetired {
		app.retired[key] = &summed{value: t.value, sum: t.sum, buckets: maps.Clone(t.buckets)}
	}
}

// told takes what a worker answered. What it counts from the beginning again, and what it has no more, stays counted.
func (s *seriesSet) told(c *seriesClient, all []*summed, complete bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := make(map[string]*summed, len(all))
	for _, t := range all {
		now[t.key()] = t
	}
	for key, before := range c.counted {
		t := now[key]
		switch {
		case t == nil && !complete:
			now[key] = before
		case t == nil || t.value < before.value:
			s.retireLocked(c.app, key, before)
		}
	}
	c.counted = now
}

// read implements textSource.
func (s *seriesSet) read(ctx context.Context, app string) func(to families) {
	s.mu.Lock()
	var clients []*seriesClient
	for _, c := range s.clients {
		if app == "" || c.app == app {
			clients = append(clients, c)
		}
	}
	s.mu.Unlock()
	each := make([][]perWorker, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() { each[i] = c.read(ctx, s) })
	}
	wg.Wait()
	return func(to families) {
		// Of two generations in one place the newer is shown: it came later.
		for i, c := range clients {
			process, worker := c.labels(s.options)
			for _, one := range each[i] {
				one.expose(to, c.app, process, worker, c.child)
			}
		}
		for _, t := range s.sums(clients) {
			t.expose(to)
		}
	}
}

// sums are the counters and histograms that living workers have.
func (s *seriesSet) sums(clients []*seriesClient) []*summed {
	s.mu.Lock()
	defer s.mu.Unlock()
	sums := map[string]map[string]*summed{} // by application and key
	for _, c := range clients {
		if sums[c.app] == nil {
			sums[c.app] = map[string]*summed{}
		}
		for key, t := range c.counted {
			if known := sums[c.app][key]; known != nil {
				known.add(t)
			} else {
				sums[c.app][key] = t.clone()
			}
		}
	}
	var all []*summed
	for name, of := range sums {
		app := s.appLocked(name)
		for _, key := range sortedKeys(of) {
			t := of[key]
			if past := app.retired[key]; past != nil {
				t.add(past)
			}
			for _, c := range app.away {
				if past := c.counted[key]; past != nil {
					t.add(past)
				}
			}
			t.app = name
			all = append(all, t)
		}
	}
	return all
}

// labels tell which worker it is.
func (c *seriesClient) labels(o ClientOptions) (process, worker string) {
	if c.child != "" {
		return c.process, c.worker
	}
	if process, worker, ok := o.Worker(c.pid); ok {
		return process, strconv.Itoa(worker)
	}
	return c.process, c.worker
}

// read asks the worker, at most once a second for all readers together.
func (c *seriesClient) read(ctx context.Context, s *seriesSet) []perWorker {
	c.mu.Lock()
	p := c.last
	mine := p == nil || time.Since(p.began) >= pullInterval
	if mine {
		p = &seriesPull{began: time.Now(), done: make(chan struct{})}
		c.last = p
	}
	c.mu.Unlock()
	if mine {
		// Others may wait for this reading, so it does not end with this reader.
		p.each = c.ask(context.WithoutCancel(ctx), s)
		close(p.done)
		return p.each
	}
	select {
	case <-p.done:
		return p.each
	case <-ctx.Done():
		return nil
	}
}

func (c *seriesClient) ask(ctx context.Context, s *seriesSet) []perWorker {
	ctx, cancel := context.WithTimeout(ctx, pullTimeout)
	defer cancel()
	data, err := c.request(ctx, downlinkPrefix+c.app+"_series_"+c.id, struct{}{})
	if err != nil {
		if late(err) {
			s.options.Missed(c.app)
		}
		return nil
	}
	each, totals, complete, err := parseSeries(data)
	if err != nil {
		s.options.Refused(refusalOf(err))
	}
	s.told(c, totals, complete && err == nil)
	return each
}
