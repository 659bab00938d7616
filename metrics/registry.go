package metrics

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

const (
	// maxKey bounds the serialised name of a metric, in bytes, maxGroup that of a group.
	maxKey   = 2048
	maxGroup = 256
	// maxGroups bounds the groups of a registry: groups stay when their metrics go.
	maxGroups = 1024
)

// Owner is who keeps a metric alive: the daemon, or one connection of a worker.
type Owner uint64

// Daemon owns the metrics that stay.
const Daemon Owner = 0

// Registry holds all metrics, by group. All methods may be called concurrently. Make it with NewRegistry.
type Registry struct {
	mu     sync.Mutex // guards everything below
	groups []*group   // in order of their first metric
	owner  Owner
}

// group is the metrics of one group, each list in order of registration.
type group struct {
	name       string
	gauges     []*gaugeEntry
	counters   []*counterEntry
	histograms []*histogramEntry
	// index finds the *gaugeEntry, *counterEntry or *histogramEntry of a serialised name.
	index map[string]any
}

// view is a copy of a group to read without the lock.
type view struct {
	name       string
	gauges     []gaugeEntry
	counters   []*counterEntry
	histograms []*histogramEntry
}

// gaugeEntry is one gauge, or a set of them.
type gaugeEntry struct {
	name    Name
	key     string
	sources []source // replaced, never changed: readers hold the old slice
	set     Set      // then name, key and sources are empty
}

// source is where one owner lets a gauge be read.
type source struct {
	owner Owner
	gauge Gauge // nil: the gauge is read by the batch
	batch batch
}

// batch reads all gauges of one peer together, by serialised name. One without a value is absent.
type batch interface {
	read(ctx context.Context) map[string]any
}

type counterEntry struct {
	name    Name
	key     string
	counter *Counter
	owners  []Owner
}

type histogramEntry struct {
	name      Name
	key       string
	histogram *histogram
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry { return &Registry{} }

// NewOwner returns an owner no one else has.
func (r *Registry) NewOwner() Owner {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.owner++
	return r.owner
}

// Groups returns the names of all groups, in order of their first metric. A group stays when its metrics have gone.
func (r *Registry) Groups() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	names := make([]string, len(r.groups))
	for i, g := range r.groups {
		names[i] = g.name
	}
	return names
}

// AddGauge registers a gauge. Several owners may register the same name: it shows the value of the first of them, in
// order of registration, that has one. An owner's second gauge of a name replaces its first. It is an error to take
// the name of a metric of another type.
func (r *Registry) AddGauge(owner Owner, groupName string, name Name, g Gauge) error {
	return r.addGauge(groupName, name, source{owner: owner, gauge: g})
}

func (r *Registry) addGauge(groupName string, name Name, s source) error {
	key := name.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	g, err := r.groupLocked(groupName, key)
	if err != nil {
		return err
	}
	switch e := g.index[key].(type) {
	case nil:
		e2 := &gaugeEntry{name: name, key: key, sources: []source{s}}
		g.index[key] = e2
		g.gauges = append(g.gauges, e2)
	case *gaugeEntry:
		e.sources = append(withoutOwner(e.sources, s.owner), s)
	default:
		return g.clash(key, "gauge")
	}
	return nil
}

// withoutOwner returns a copy of the sources without those of one owner.
func withoutOwner(sources []source, owner Owner) []source {
	return slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return s.owner == owner })
}

// AddSet registers a set of gauges whose members may change from reading to reading. It belongs to the daemon.
func (r *Registry) AddSet(groupName string, set Set) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	g, err := r.groupLocked(groupName, "")
	if err != nil {
		return err
	}
	g.gauges = append(g.gauges, &gaugeEntry{set: set})
	return nil
}

// Counter returns the counter of that name, made if there is none, and makes owner one of its owners: counters of the
// same name add up. It is an error to take the name of a metric of another type.
func (r *Registry) Counter(owner Owner, groupName string, name Name) (*Counter, error) {
	key := name.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	g, err := r.groupLocked(groupName, key)
	if err != nil {
		return nil, err
	}
	switch e := g.index[key].(type) {
	case nil:
		made := &counterEntry{name: name, key: key, counter: &Counter{}, owners: []Owner{owner}}
		g.index[key] = made
		g.counters = append(g.counters, made)
		return made.counter, nil
	case *counterEntry:
		if !slices.Contains(e.owners, owner) {
			e.owners = append(e.owners, owner)
		}
		return e.counter, nil
	}
	return nil, g.clash(key, "counter")
}

// histogram returns the daemon's histogram of that name, made if there is none with the given upper bounds.
func (r *Registry) histogram(groupName string, name Name, bounds []float64) (*histogram, error) {
	key := name.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	g, err := r.groupLocked(groupName, key)
	if err != nil {
		return nil, err
	}
	switch e := g.index[key].(type) {
	case nil:
		made := &histogramEntry{name: name, key: key, histogram: newHistogram(bounds)}
		g.index[key] = made
		g.histograms = append(g.histograms, made)
		return made.histogram, nil
	case *histogramEntry:
		return e.histogram, nil
	}
	return nil, g.clash(key, "histogram")
}

// Remove takes an owner's part in every metric back. A metric that has no owner left is gone; one that another owner
// still has stays, with its value.
func (r *Registry) Remove(owner Owner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, g := range r.groups {
		g.gauges = slices.DeleteFunc(g.gauges, func(e *gaugeEntry) bool {
			if e.set != nil {
				return false
			}
			e.sources = withoutOwner(e.sources, owner)
			if len(e.sources) == 0 {
				delete(g.index, e.key)
			}
			return len(e.sources) == 0
		})
		g.counters = slices.DeleteFunc(g.counters, func(e *counterEntry) bool {
			e.owners = slices.DeleteFunc(e.owners, func(o Owner) bool { return o == owner })
			if len(e.owners) == 0 {
				delete(g.index, e.key)
			}
			return len(e.owners) == 0
		})
	}
}

// groupLocked returns the group, made if there is none, for a metric with the given serialised name. r.mu is held.
func (r *Registry) groupLocked(name, key string) (*group, error) {
	switch {
	case name == "" || len(name) > maxGroup:
		return nil, fmt.Errorf("register metric %.80q: group name of %d bytes, expected 1 to %d", key, len(name), maxGroup)
	case len(key) > maxKey:
		return nil, fmt.Errorf("register metric %.80q: name of %d bytes, at most %d", key, len(key), maxKey)
	}
	i := slices.IndexFunc(r.groups, func(g *group) bool { return g.name == name })
	if i < 0 {
		if len(r.groups) >= maxGroups {
			return nil, fmt.Errorf("register metric %.80q: there are %d groups already", key, maxGroups)
		}
		r.groups = append(r.groups, &group{name: name, index: map[string]any{}})
		i = len(r.groups) - 1
	}
	return r.groups[i], nil
}

// clash is the error for a name that a metric of another type has.
func (g *group) clash(key, kind string) error {
	return fmt.Errorf("register %s %.80q: group %q has a metric of another type by that name", kind, key, g.name)
}

// collected is the metrics of one group at one moment, already filtered by application.
type collected struct {
	group      string
	gauges     []Sample
	counters   []*counterEntry
	histograms []*histogramEntry
}

// collect reads groups (all, or the named one) for an application ("" for all). With pull it asks workers and gauges
// for values, otherwise only names are filled in.
func (r *Registry) collect(ctx context.Context, groupName, app string, pull bool) []collected {
	r.mu.Lock()
	var groups []view
	for _, g := range r.groups {
		if groupName != "" && g.name != groupName {
			continue
		}
		v := view{name: g.name, counters: slices.Clone(g.counters), histograms: slices.Clone(g.histograms)}
		for _, e := range g.gauges {
			v.gauges = append(v.gauges, *e)
		}
		groups = append(groups, v)
	}
	r.mu.Unlock()
	var values map[batch]map[string]any
	if pull {
		values = readBatches(ctx, groups, app)
	}
	all := make([]collected, 0, len(groups))
	for _, g := range groups {
		c := collected{group: g.name}
		for _, e := range g.gauges {
			c.gauges = append(c.gauges, e.samples(ctx, app, pull, values)...)
		}
		for _, e := range g.counters {
			if belongs(e.name, app) {
				c.counters = append(c.counters, e)
			}
		}
		for _, e := range g.histograms {
			if belongs(e.name, app) {
				c.histograms = append(c.histograms, e)
			}
		}
		all = append(all, c)
	}
	return all
}

// belongs is the filter by application: metrics without the tag belong to everybody.
func belongs(n Name, app string) bool {
	tag, tagged := n.Tags["appName"]
	return app == "" || !tagged || tag == app
}

// readBatches asks every peer that has a wanted gauge, all at once.
func readBatches(ctx context.Context, groups []view, app string) map[batch]map[string]any {
	values := map[batch]map[string]any{}
	for _, g := range groups {
		for _, e := range g.gauges {
			for _, s := range e.sources {
				if s.batch != nil && belongs(e.name, app) {
					values[s.batch] = nil
				}
			}
		}
	}
	var mu sync.Mutex // guards read
	read := make(map[batch]map[string]any, len(values))
	var wg sync.WaitGroup
	for b := range values {
		wg.Go(func() {
			v := b.read(ctx)
			mu.Lock()
			defer mu.Unlock()
			read[b] = v
		})
	}
	wg.Wait()
	return read
}

// samples returns the gauge with its value, or the members of the set.
func (e gaugeEntry) samples(ctx context.Context, app string, pull bool, values map[batch]map[string]any) []Sample {
	if e.set != nil {
		return slices.DeleteFunc(e.set.Samples(ctx), func(s Sample) bool { return !belongs(s.Name, app) })
	}
	if !belongs(e.name, app) {
		return nil
	}
	s := Sample{Name: e.name}
	for i := 0; pull && s.Value == nil && i < len(e.sources); i++ {
		if src := e.sources[i]; src.gauge != nil {
			s.Value = src.gauge.Value(ctx)
		} else {
			s.Value = values[src.batch][e.key]
		}
		s.Value = usable(s.Value)
	}
	return []Sample{s}
}
