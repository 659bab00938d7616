package metrics

import (
	"container/list"
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// maxKey bounds the serialised name of a metric, in bytes, maxGroup that of a group.
	maxKey   = 2048
	maxGroup = 256
	// maxGroups bounds the groups of a registry: groups stay when their metrics go.
	maxGroups = 1024
	// maxResting bounds the metrics of workers that are remembered without an owner.
	maxResting = 4096
	// maxInterned bounds the tags that are looked up for sharing.
	maxInterned = 4096
)

// Owner is who keeps a metric alive: the daemon, or one connection of a worker.
type Owner uint64

// Daemon owns the metrics that stay.
const Daemon Owner = 0

// Registry holds all metrics, by group. All methods may be called concurrently. Make it with NewRegistry.
type Registry struct {
	mu       sync.Mutex // guards everything below
	groups   []*group   // in order of their first metric
	owner    Owner
	interval time.Duration // the reporters'
	// shared finds the metrics of workers, each in whatever groups, by their serialised names.
	shared [kinds]map[string]metric
	// more is in how many groups a metric is beside the first; few are in any.
	more map[metric]int
	// Metrics that nobody owns wait in resting, the latest last, where rests finds them.
	resting *list.List // of restingMetric
	rests   map[metric]*list.Element
	// tags finds the tags that many metrics have in common, by how they are serialised.
	tags map[string]map[string]string
	// texts are who adds to the Prometheus text alone.
	texts []textSource
}

// textSource has metrics for the Prometheus text that are no rows.
type textSource interface {
	// read asks for those of an application, or of all if app is "", and returns what adds them.
	read(ctx context.Context, app string) func(to families)
}

// restingMetric is a metric that nobody owns.
type restingMetric struct {
	kind kind
	key  string
}

// metric is a metric of any type but gauges.
type metric interface {
	collect(to *collector, name Name)
	expose(to families, group string, name Name)
	// rest gives back what is not needed while nobody owns the metric.
	rest()
}

// kind is the type of a metric, in the order in which rows have them.
type kind uint8

const (
	kindCounter kind = iota
	kindHistogram
	kindMeter
	kindTimer
	kindCompass
	kinds
)

func (k kind) String() string {
	return [...]string{"counter", "histogram", "meter", "timer", "compass"}[k]
}

// entry is one metric in one group. There may be very many.
type entry struct {
	key    string // the serialised name
	tags   map[string]string
	metric metric
	owner  Owner
	// more are the other owners.
	more *[]Owner
	// dotted is the length of the name's key, at the beginning of key.
	dotted uint16
	level  uint8 // in levels
	kind   kind
	// shared tells those of workers.
	shared bool
}

// levels are the levels of names; an entry holds the place.
var levels = [...]Level{Normal, Critical, Major, Minor, Trivial}

func (e *entry) name() Name { return Name{e.key[:e.dotted], e.tags, levels[e.level]} }

// own makes somebody one of the owners.
func (e *entry) own(owner Owner) {
	if e.owner == owner || e.more != nil && slices.Contains(*e.more, owner) {
		return
	}
	if e.more == nil {
		e.more = new([]Owner)
	}
	*e.more = append(*e.more, owner)
}

// disown takes an owner away, and tells whether there is none left.
func (e *entry) disown(owner Owner) bool {
	if e.more == nil {
		return e.owner == owner
	}
	if e.owner == owner {
		e.owner = (*e.more)[0]
		owner = e.owner
	}
	if *e.more = slices.DeleteFunc(*e.more, func(o Owner) bool { return o == owner }); len(*e.more) == 0 {
		e.more = nil
	}
	return false
}

// group is the metrics of one group, each list in order of registration.
type group struct {
	name   string
	gauges []*gaugeEntry
	kept   [kinds][]*entry
	// known finds the entries of kept by their serialised names, read the gauges'.
	known map[string]*entry
	read  map[string]*gaugeEntry
}

// view is a copy of a group to read without the lock.
type view struct {
	name    string
	gauges  []gaugeEntry
	entries []*entry
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
	// worker is the labels process and worker of the peer, nil where they are not known.
	worker() map[string]string
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	r := &Registry{
		interval: DefaultReporterInterval, more: map[metric]int{}, resting: list.New(), rests: map[metric]*list.Element{},
		tags: map[string]map[string]string{},
	}
	for k := range r.shared {
		r.shared[k] = map[string]metric{}
	}
	return r
}

// SetReporterInterval caps the widths of the buckets of metrics that are made from now on, see Level.Period.
func (r *Registry) SetReporterInterval(interval time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.interval = interval
}

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
	if g.known[key] != nil {
		return g.clash(key, "gauge")
	}
	if e := g.read[key]; e != nil {
		e.sources = append(withoutOwner(e.sources, s.owner), s)
		return nil
	}
	e := &gaugeEntry{name: r.internLocked(name, key), key: key, sources: []source{s}}
	g.read[key] = e
	g.gauges = append(g.gauges, e)
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
//
// That holds for the methods of the other types too. A metric of workers is the same in all groups. When its last owner
// goes it is no longer shown; whoever registers it again goes on with its count, unless thousands have gone since.
func (r *Registry) Counter(owner Owner, groupName string, name Name) (*Counter, error) {
	return keep(r, owner, groupName, name, kindCounter, func(time.Duration) *Counter {
		return &Counter{created: second32(time.Now().Unix())}
	})
}

// BucketCounter is as Counter, with buckets.
func (r *Registry) BucketCounter(owner Owner, groupName string, name Name) (*BucketCounter, error) {
	return keep(r, owner, groupName, name, kindCounter, NewBucketCounter)
}

// Meter is as Counter, for meters.
func (r *Registry) Meter(owner Owner, groupName string, name Name) (*Meter, error) {
	return keep(r, owner, groupName, name, kindMeter, NewMeter)
}

// Histogram is as Counter, for histograms. The reservoir is that of the first call.
func (r *Registry) Histogram(owner Owner, groupName string, name Name, values Reservoir) (*Histogram, error) {
	return keep(r, owner, groupName, name, kindHistogram, func(width time.Duration) *Histogram {
		return NewHistogram(width, values)
	})
}

// Timer is as Counter, for timers. The reservoir is that of the first call.
func (r *Registry) Timer(owner Owner, groupName string, name Name, values Reservoir) (*Timer, error) {
	return keep(r, owner, groupName, name, kindTimer, func(width time.Duration) *Timer { return NewTimer(width, values) })
}

// FastCompass is as Counter, for compasses.
func (r *Registry) FastCompass(owner Owner, groupName string, name Name) (*FastCompass, error) {
	return keep(r, owner, groupName, name, kindCompass, NewFastCompass)
}

// histogram returns the daemon's histogram of that name, made if there is none with the given upper bounds.
func (r *Registry) histogram(groupName string, name Name, bounds []float64) (*histogram, error) {
	return keep(r, Daemon, groupName, name, kindHistogram, func(time.Duration) *histogram { return newHistogram(bounds) })
}

// keep returns the metric of that name, made if there is none.
func keep[M metric](r *Registry, owner Owner, groupName string, name Name, k kind, make func(width time.Duration) M) (M, error) {
	var none M
	key := name.String()
	r.mu.Lock()
	defer r.mu.Unlock()
	g, err := r.groupLocked(groupName, key)
	if err != nil {
		return none, err
	}
	if g.read[key] != nil {
		return none, g.clash(key, k.String())
	}
	if e := g.known[key]; e != nil {
		m, ok := e.metric.(M)
		if !ok {
			return none, g.clash(key, k.String())
		}
		e.own(owner)
		return m, nil
	}
	name = r.internLocked(name, key)
	made := &entry{
		key: key, tags: name.Tags, dotted: uint16(len(name.Key)), level: uint8(max(0, slices.Index(levels[:], name.Level))),
		kind: k, owner: owner, shared: owner != Daemon,
	}
	if made.shared {
		made.metric = r.shareLocked(k, key, func() metric { return make(name.Level.Period(r.interval)) })
	} else {
		made.metric = make(name.Level.Period(r.interval))
	}
	m, ok := made.metric.(M)
	if !ok {
		r.leaveLocked(made)
		return none, g.clash(key, k.String())
	}
	g.known[key] = made
	g.kept[k] = append(g.kept[k], made)
	return m, nil
}

// internLocked returns the name in memory that it has in common with its serialised form, and with other names. r.mu is
// held.
func (r *Registry) internLocked(name Name, key string) Name {
	name.Key = key[:len(name.Key)]
	tags := key[len(name.Key):strings.LastIndex(key, partSeparator)]
	known, ok := r.tags[tags]
	if !ok {
		if len(r.tags) >= maxInterned {
			clear(r.tags) // those in use stay where they are used
		}
		known = name.Tags
		r.tags[tags] = known
	}
	name.Tags = known
	return name
}

// shareLocked returns the metric of workers with that key, made if there is none, for one more entry. r.mu is held.
func (r *Registry) shareLocked(k kind, key string, make func() metric) metric {
	m := r.shared[k][key]
	if m == nil {
		m = make()
		r.shared[k][key] = m
	} else if place := r.rests[m]; place != nil {
		r.resting.Remove(place)
		delete(r.rests, m)
	} else {
		r.more[m]++
	}
	return m
}

// leaveLocked is for an entry that is gone. r.mu is held.
func (r *Registry) leaveLocked(e *entry) {
	if !e.shared {
		return
	}
	if n := r.more[e.metric]; n > 0 {
		if r.more[e.metric] = n - 1; n == 1 {
			delete(r.more, e.metric)
		}
		return
	}
	e.metric.rest()
	r.rests[e.metric] = r.resting.PushBack(restingMetric{e.kind, e.key})
	for r.resting.Len() > maxResting {
		oldest := r.resting.Remove(r.resting.Front()).(restingMetric)
		delete(r.rests, r.shared[oldest.kind][oldest.key])
		delete(r.shared[oldest.kind], oldest.key)
	}
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
				delete(g.read, e.key)
			}
			return len(e.sources) == 0
		})
		for k := range g.kept {
			g.kept[k] = slices.DeleteFunc(g.kept[k], func(e *entry) bool {
				if !e.disown(owner) {
					return false
				}
				delete(g.known, e.key)
				r.leaveLocked(e)
				return true
			})
		}
	}
}

// groupLocked returns the group, made if there is none, for a metric with the given serialised name. r.mu is held.
func (r *Registry) groupLocked(name, key string) (*group, error) {
	switch {
	case name == "" || len(name) > maxGroup:
		return nil, refuse(RefusedName, "register metric %.80q: group name of %d bytes, expected 1 to %d", key, len(name), maxGroup)
	case len(key) > maxKey:
		return nil, refuse(RefusedName, "register metric %.80q: name of %d bytes, at most %d", key, len(key), maxKey)
	}
	i := slices.IndexFunc(r.groups, func(g *group) bool { return g.name == name })
	if i < 0 {
		if len(r.groups) >= maxGroups {
			return nil, refuse(RefusedName, "register metric %.80q: there are %d groups already", key, maxGroups)
		}
		r.groups = append(r.groups, &group{name: name, known: map[string]*entry{}, read: map[string]*gaugeEntry{}})
		i = len(r.groups) - 1
	}
	return r.groups[i], nil
}

// clash is the error for a name that a metric of another type has.
func (g *group) clash(key, kind string) error {
	return refuse(RefusedName, "register %s %.80q: group %q has a metric of another type by that name", kind, key, g.name)
}

// collected is the metrics of one group at one moment, already filtered by application.
type collected struct {
	group   string
	gauges  []Sample
	entries []*entry // by kind
}

// query says what collect is to read.
type query struct {
	group, app string // "" for all
	// pull asks workers and gauges for values, otherwise only names are filled in.
	pull bool
	// each has the gauge of each worker, where it is known which it is, instead of one of all.
	each bool
}

// collect reads groups.
func (r *Registry) collect(ctx context.Context, q query) []collected {
	r.mu.Lock()
	var groups []view
	for _, g := range r.groups {
		if q.group != "" && g.name != q.group {
			continue
		}
		v := view{name: g.name}
		for _, entries := range g.kept {
			v.entries = append(v.entries, entries...)
		}
		for _, e := range g.gauges {
			v.gauges = append(v.gauges, *e)
		}
		groups = append(groups, v)
	}
	r.mu.Unlock()
	var values map[batch]map[string]any
	if q.pull {
		values = readBatches(ctx, groups, q.app)
	}
	all := make([]collected, 0, len(groups))
	for _, g := range groups {
		c := collected{group: g.name}
		for _, e := range g.gauges {
			c.gauges = append(c.gauges, e.samples(ctx, q, values)...)
		}
		for _, e := range g.entries {
			if belongs(e.name(), q.app) {
				c.entries = append(c.entries, e)
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
func (e gaugeEntry) samples(ctx context.Context, q query, values map[batch]map[string]any) []Sample {
	if e.set != nil {
		return slices.DeleteFunc(e.set.Samples(ctx), func(s Sample) bool { return !belongs(s.Name, q.app) })
	}
	if !belongs(e.name, q.app) {
		return nil
	}
	var each []Sample
	sources := e.sources
	if q.each && e.name.Tags["process"] == "" && e.name.Tags["worker"] == "" {
		sources = nil
		for _, src := range e.sources {
			labels := src.labels()
			if labels == nil {
				sources = append(sources, src)
				continue
			}
			each = append(each, Sample{Name: e.name, Value: usable(values[src.batch][e.key]), Text: Text{Labels: labels}})
		}
	}
	s := Sample{Name: e.name}
	for i := 0; q.pull && s.Value == nil && i < len(sources); i++ {
		if src := sources[i]; src.gauge != nil {
			s.Value = src.gauge.Value(ctx)
		} else {
			s.Value = values[src.batch][e.key]
		}
		s.Value = usable(s.Value)
	}
	return append(each, s)
}

// labels tells whose the source is.
func (s source) labels() map[string]string {
	if s.batch == nil {
		return nil
	}
	return s.batch.worker()
}
