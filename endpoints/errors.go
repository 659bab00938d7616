package endpoints

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// defaultErrorCapacity is how many different errors of one application are kept, maxErrorCapacity what may be asked for.
	defaultErrorCapacity = 100
	maxErrorCapacity     = 10_000
	// maxErrorBytes bounds the errors of one application, maxAllErrorBytes those of all of them.
	maxErrorBytes    = 1 << 20
	maxAllErrorBytes = 8 << 20
	// maxErrorApps is how many applications may have errors; the one that is silent for longest goes.
	maxErrorApps = 256
	// maxSuppressed bounds how many errors one report may stand for.
	maxSuppressed = 1_000_000
	// loadPatience bounds how long a request waits for the errors of the time before.
	loadPatience = 3 * time.Second
)

// ErrorsConfig is what NewErrors needs.
type ErrorsConfig struct {
	// Path is the file in which the errors outlive the daemon; "" keeps them in memory only.
	Path string
	// Capacity is how many different errors of one application are kept; 0 means 100.
	Capacity int
	// Count is told how many errors there were, at each report; it must not wait. It may be nil.
	Count func(n float64)
	// Log may be nil.
	Log *zap.Logger
}

// Errors keeps the last errors of each application: what its workers report for the EndPoint error. Those that are the
// same but for time and process are one entry with a count. Errors stay when an application has stopped.
//
// All methods may be called from any goroutine. None waits for the file, of which Run takes care, but for the request
// that comes before the file was read.
type Errors struct {
	path     string
	capacity int
	count    func(n float64)
	log      *zap.Logger
	// most bounds the bytes of all errors, mostFile those of the file.
	most     int
	mostFile int64
	// wake tells Run that there is something to do; loaded is closed when the file has been read.
	wake       chan struct{}
	loaded     chan struct{}
	loadedOnce sync.Once

	mu sync.Mutex
	// The fields below are guarded by mu.
	apps map[string]*errorRing
	// order has the applications, the one that reported last at the end.
	order []string
	bytes int
	// dirty are the entries that the file does not have as they are.
	dirty []*errorEntry
	// forgotten is true when the file may hold an application that is to be forgotten; unwanted are those that it is not to
	// bring back when it is read.
	forgotten bool
	unwanted  []string
}

// errorRing holds the errors of one application, the one that happened last at the end.
type errorRing struct {
	entries []*errorEntry
	byKey   map[errorKey]*errorEntry
	bytes   int
}

// errorEntry is one error, however often it happened.
type errorEntry struct {
	key errorKey
	app string
	// report is the last report of it.
	report errorReport
	count  float64
	// first is the time of the first report, in ms since 1970.
	first json.RawMessage
	bytes int
	// queued is true while it is in Errors.dirty; written when the file has all but its last report; gone when it is no
	// longer kept.
	queued, written, gone bool
}

// NewErrors makes an empty keeper of errors. One with a file needs Run.
func NewErrors(c ErrorsConfig) *Errors {
	e := &Errors{
		path: c.Path, capacity: c.Capacity, count: c.Count, log: c.Log, most: maxAllErrorBytes, mostFile: maxErrorFile,
		wake: make(chan struct{}, 1), loaded: make(chan struct{}), apps: map[string]*errorRing{},
	}
	if e.capacity <= 0 {
		e.capacity = defaultErrorCapacity
	}
	if e.count == nil {
		e.count = func(float64) {}
	}
	if e.log == nil {
		e.log = zap.NewNop()
	}
	if e.path == "" {
		e.endLoading()
	}
	return e
}

// ErrorFrames is the message server that AttachErrors listens to, for connections of type C.
type ErrorFrames[C Peer] interface {
	HandleFunc(match func(action string) bool, handle func(peer C, action string, data json.RawMessage, reply func(any)))
}

// AttachErrors lets workers report their errors over w: our own, and those of the client library from npm. It is to be
// called before w serves.
func AttachErrors[C Peer](w ErrorFrames[C], e *Errors) {
	w.HandleFunc(isErrorReport, func(peer C, action string, data json.RawMessage, _ func(any)) {
		e.take(peer.ID(), action, data)
	})
}

// isErrorReport tells the actions MESSENGER_UPLINK_<application>_error_<client>.
func isErrorReport(action string) bool {
	_, _, ok := cutErrorAction(action)
	return ok
}

// cutErrorAction takes such an action apart. The name of an application may hold anything, that of a client holds no
// underscore.
func cutErrorAction(action string) (app, client string, ok bool) {
	rest, ok := strings.CutPrefix(action, "MESSENGER_UPLINK_")
	at := strings.LastIndexByte(rest, '_')
	if !ok || at < 0 {
		return "", "", false
	}
	app, ok = strings.CutSuffix(rest[:at], "_error")
	return app, rest[at+1:], ok
}

// take takes one report.
func (e *Errors) take(peer uint64, action string, data json.RawMessage) {
	app, client, _ := cutErrorAction(action)
	report, err := decodeErrorReport(data, app, time.Now())
	if err != nil {
		e.log.Debug("error report ignored", zap.Uint64("peer", peer), zap.Error(err))
		return
	}
	report.client = client
	if n := e.add(report); n > 0 {
		e.count(n)
	}
}

// add keeps a report and returns how many errors it stands for; 0 when another client of the same process has told of
// the same error already.
func (e *Errors) add(report errorReport) float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 1 + report.suppressed
	ring := e.ring(report.app)
	entry := ring.byKey[report.key]
	switch {
	case entry == nil:
		entry = &errorEntry{key: report.key, app: report.app, report: report, first: report.timestamp(), count: n}
		ring.byKey[report.key] = entry
		ring.entries = append(ring.entries, entry)
		e.resize(ring, entry)
	case entry.report.echoes(report):
		return 0
	default:
		entry.report = report
		entry.count += n
		ring.toEnd(entry)
		e.resize(ring, entry)
	}
	e.queue(entry)
	e.trim(ring)
	return n
}

// ring returns the errors of an application, which reports now; e.mu is held.
func (e *Errors) ring(app string) *errorRing {
	ring := e.apps[app]
	if ring == nil {
		ring = &errorRing{byKey: map[errorKey]*errorEntry{}}
		e.apps[app] = ring
	}
	if n := len(e.order); n == 0 || e.order[n-1] != app {
		e.order = append(slices.DeleteFunc(e.order, func(other string) bool { return other == app }), app)
	}
	if len(e.order) > maxErrorApps {
		e.drop(e.order[0])
	}
	return ring
}

// resize takes into account how large an entry is now; e.mu is held.
func (e *Errors) resize(ring *errorRing, entry *errorEntry) {
	grown := entry.report.size() - entry.bytes
	entry.bytes += grown
	ring.bytes += grown
	e.bytes += grown
}

// trim drops the oldest errors until all bounds hold; e.mu is held.
func (e *Errors) trim(ring *errorRing) {
	for len(ring.entries) > e.capacity || ring.bytes > maxErrorBytes && len(ring.entries) > 1 {
		e.evict(ring)
	}
	for e.bytes > e.most {
		largest := ring
		for _, other := range e.apps {
			if other.bytes > largest.bytes {
				largest = other
			}
		}
		if len(largest.entries) < 2 {
			return // every application has one at most, and there are not so many of them
		}
		e.evict(largest)
	}
}

// evict drops the oldest error of an application; e.mu is held.
func (e *Errors) evict(ring *errorRing) {
	entry := ring.entries[0]
	ring.entries = slices.Delete(ring.entries, 0, 1)
	delete(ring.byKey, entry.key)
	ring.bytes -= entry.bytes
	e.bytes -= entry.bytes
	entry.gone = true
}

// drop forgets an application; e.mu is held.
func (e *Errors) drop(app string) {
	ring := e.apps[app]
	if ring == nil {
		return
	}
	for len(ring.entries) > 0 {
		e.evict(ring)
	}
	delete(e.apps, app)
	e.order = slices.DeleteFunc(e.order, func(other string) bool { return other == app })
	e.forgotten = true
}

// Forget drops what is kept of an application that is no more.
func (e *Errors) Forget(app string) {
	e.mu.Lock()
	e.drop(app)
	e.forgotten = e.path != ""
	select {
	case <-e.loaded:
	default:
		if len(e.unwanted) < maxErrorApps {
			e.unwanted = append(e.unwanted, app)
		}
	}
	e.mu.Unlock()
	e.signal()
}

// toEnd makes an entry the one that happened last.
func (r *errorRing) toEnd(entry *errorEntry) {
	if n := len(r.entries); r.entries[n-1] != entry {
		at := slices.Index(r.entries, entry)
		r.entries = append(slices.Delete(r.entries, at, at+1), entry)
	}
}

// queue has an entry written; e.mu is held.
func (e *Errors) queue(entry *errorEntry) {
	if e.path == "" || entry.queued {
		return
	}
	entry.queued = true
	e.dirty = append(e.dirty, entry)
	e.signal()
}

// signal wakes Run.
func (e *Errors) signal() {
	select {
	case e.wake <- struct{}{}:
	default:
	}
}

func (e *Errors) endLoading() { e.loadedOnce.Do(func() { close(e.loaded) }) }

// list returns the errors of an application, oldest first; with app "" those of the only application that has any.
func (e *Errors) list(ctx context.Context, app string) ([]errorItem, error) {
	select {
	case <-e.loaded:
	default:
		e.signal()
		limited, cancel := context.WithTimeout(ctx, loadPatience)
		defer cancel()
		select {
		case <-e.loaded:
		case <-limited.Done():
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if app == "" && len(e.order) == 1 {
		app = e.order[0]
	}
	ring := e.apps[app]
	if ring == nil {
		return nil, nil
	}
	items := make([]errorItem, len(ring.entries))
	for i, entry := range ring.entries {
		items[i] = errorItem{report: entry.report, count: entry.count, first: entry.first}
	}
	return items, nil
}
