package endpoints

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// keptEvents is how many of the last events a stream may begin with, or be behind.
	keptEvents = 1000
	// eventPage is how many events are handed out at a time.
	eventPage = 64
)

// Event is one thing that happened.
type Event struct {
	// ID grows from one event to the next, also from one daemon to the next; not by one.
	ID uint64
	// App is "" in what concerns the daemon itself.
	App string
	// Kind is one word for programs.
	Kind string
	// Data is the event as it is shown: a JSON object without line breaks.
	Data json.RawMessage
}

// Transition is a change of health. It is one event of kind "up" or "down".
type Transition struct {
	App string
	// Process is the process whose health it is; "" for the whole application.
	Process string
	// Indicator is the indicator that has changed; "" for what all of them say together.
	Indicator string
	Up        bool
	// Reason says why in a clause; it may be "".
	Reason string
	At     time.Time
}

// errMissed tells a reader that events after its last one are no longer kept.
var errMissed = errors.New("events have been missed")

// Events hands the last events, and those to come, to any number of readers. It is fed with Publish, in the order of the
// numbers. Readers take from the one ring of the last 1,000 events, so a slow one costs nobody anything, and misses some.
//
// All methods may be called from any goroutine.
type Events struct {
	load func() []Event
	once sync.Once

	mu sync.Mutex
	// The fields below are guarded by mu.
	ring []Event
	// gone is the number of the last event that is no longer kept; 0 when none is known of.
	gone   uint64
	closed bool
	// changed is closed and replaced whenever there are events, and closed for good at the end.
	changed chan struct{}
	streams int
}

// NewEvents makes Events without any. load, which may be nil, gives those of the time before, oldest first; it is called
// at most once, when somebody reads, and may take its time.
func NewEvents(load func() []Event) *Events {
	return &Events{load: load, changed: make(chan struct{})}
}

// Publish adds events, whose numbers are larger than all before. It does not wait for readers.
func (e *Events) Publish(events ...Event) {
	if len(events) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return
	}
	for _, event := range events {
		// What load has found already is not told again.
		if n := len(e.ring); n == 0 || event.ID > e.ring[n-1].ID {
			e.ring = append(e.ring, event)
		}
	}
	e.trim()
	close(e.changed)
	e.changed = make(chan struct{})
}

// trim forgets what is too old; e.mu is held.
func (e *Events) trim() {
	if over := len(e.ring) - keptEvents; over > 0 {
		e.gone = e.ring[over-1].ID
		e.ring = slices.Delete(e.ring, 0, over)
	}
}

// Close lets readers have what there is, and no more. Nothing can be published afterwards.
func (e *Events) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		close(e.changed)
	}
}

// loaded puts the events of the time before in front.
func (e *Events) loaded() {
	e.once.Do(func() {
		if e.load == nil {
			return
		}
		before := e.load()
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.gone != 0 {
			return // so many have come meanwhile that none of them is kept
		}
		if len(e.ring) > 0 {
			first := e.ring[0].ID
			end := slices.IndexFunc(before, func(b Event) bool { return b.ID >= first })
			if end >= 0 {
				before = before[:end]
			}
		}
		e.ring = append(slices.Clone(before), e.ring...)
		e.trim()
	})
}

// last is the number of the newest event, or of the one before the last so many that are wanted.
func (e *Events) last(back int, w wish) uint64 {
	e.loaded()
	e.mu.Lock()
	defer e.mu.Unlock()
	for at := len(e.ring) - 1; at >= 0; at-- {
		if back == 0 {
			return e.ring[at].ID
		}
		if w.wants(e.ring[at]) {
			back--
		}
	}
	return e.gone
}

// page is what a reader gets at a time.
type page struct {
	events []Event
	// changed is closed when there is more, or the end.
	changed <-chan struct{}
	// closed is true when there will be no more.
	closed bool
}

// after gives events that follow the one with a number, oldest first. With errMissed the first of them is not the next one.
func (e *Events) after(id uint64) (page, error) {
	e.loaded()
	e.mu.Lock()
	defer e.mu.Unlock()
	at, found := slices.BinarySearchFunc(e.ring, id, func(event Event, id uint64) int {
		switch {
		case event.ID < id:
			return -1
		case event.ID > id:
			return 1
		}
		return 0
	})
	if found {
		at++
	}
	p := page{events: slices.Clone(e.ring[at:min(len(e.ring), at+eventPage)]), changed: e.changed}
	p.closed = e.closed && at+len(p.events) == len(e.ring)
	if id < e.gone {
		return p, errMissed
	}
	return p, nil
}

// enter takes one of n places for streams; false when they are taken. leave gives it back.
func (e *Events) enter(n int) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.streams >= n || e.closed {
		return false
	}
	e.streams++
	return true
}

func (e *Events) leave() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.streams--
}
