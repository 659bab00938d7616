package scripts

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// peerBase keeps the numbers of hosts apart from those of connections.
const peerBase = 1 << 63

// staleAfter is how much later than its interval and time limit an indicator may be.
const staleAfter = 10 * time.Second

// Host is a running script host, as the daemon's EndPoints see it: a peer with indicators that answers from the last run
// of each.
type Host struct {
	// App is the application's name.
	App string

	keeper    *Keeper
	kept      *kept
	in        *lines
	ctx       context.Context
	wg        sync.WaitGroup
	questions chan struct{}
	// reports are the reports whose end is waited for.
	reports replies
	// requests are those to resources whose answer is waited for.
	requests replies
	// lastWord is why it could not go on; it belongs to the goroutine that reads.
	lastWord string

	mu sync.Mutex // guards what follows
	id uint64
	// loaded is nil before it has said what it runs.
	loaded  *loaded
	results map[[2]string]*shown
}

// shown is the last result of an indicator. first is closed with the first one.
type shown struct {
	rows  json.RawMessage
	at    time.Time
	first chan struct{}
}

// ID is unique among the peers of a server; it changes when the host has loaded something anew.
func (h *Host) ID() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.id
}

// ClientID is how the indicator at a place of Indicators is asked for.
func ClientID(at int) string { return "script-" + strconv.Itoa(at) }

// Indicators are what it runs, in an order that stays as long as ID does.
func (h *Host) Indicators() []Indicator {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loaded == nil {
		return nil
	}
	return h.loaded.Indicators
}

// Request answers a question of an EndPoint, whose action ends with a ClientID, by the last result; before there is one,
// it waits for it.
func (h *Host) Request(ctx context.Context, action string, _ any) (json.RawMessage, error) {
	at, err := strconv.Atoi(action[strings.LastIndexByte(action, '-')+1:])
	h.mu.Lock()
	if err != nil || h.loaded == nil || at < 0 || at >= len(h.loaded.Indicators) {
		h.mu.Unlock()
		return nil, fmt.Errorf("a script host has nothing for %q", action)
	}
	indicator := h.loaded.Indicators[at]
	s := h.shown(indicator.Group, indicator.Name)
	h.mu.Unlock()
	select {
	case <-s.first:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-h.ctx.Done():
		return nil, ErrGone
	}
	h.mu.Lock()
	rows, when := s.rows, s.at
	h.mu.Unlock()
	late := time.Duration(indicator.IntervalMs+indicator.TimeoutMs)*time.Millisecond + staleAfter
	if since := time.Since(when); since > late {
		return failed(indicator.Name, indicator.Group, fmt.Sprintf("has not run for %v", since.Round(time.Second))), nil
	}
	return rows, nil
}

// shown is the place of an indicator's results. h.mu is held.
func (h *Host) shown(group, name string) *shown {
	key := [2]string{group, name}
	if h.results[key] == nil {
		h.results[key] = &shown{first: make(chan struct{})}
	}
	return h.results[key]
}

// heard takes one message of the process.
func (h *Host) heard(m fromHost) error {
	switch {
	case m.Loaded != nil:
		h.reload(m.Loaded)
	case m.Result != nil:
		h.mu.Lock()
		s := h.shown(m.Result.Group, m.Result.Name)
		if s.rows == nil {
			close(s.first)
		}
		s.rows, s.at = m.Result.Rows, time.Now()
		h.mu.Unlock()
	case m.Ask != nil:
		select {
		case h.questions <- struct{}{}:
			h.wg.Go(func() {
				defer func() { <-h.questions }()
				h.answer(*m.Ask)
			})
		default:
			return h.in.write(toHost{Answer: &reply{ID: m.Ask.ID, Error: "too many questions at a time"}})
		}
	case m.Reported != nil:
		h.reports.heard(*m.Reported)
	case m.Answered != nil:
		h.requests.heard(*m.Answered)
	case m.Print != nil:
		h.keeper.config.Print(h.App, m.Print.Owner, m.Print.Text)
	case m.Problem != nil:
		h.keeper.config.Print(h.App, m.Problem.Owner, m.Problem.Text+"\n")
	case m.Stuck != nil:
		h.lastWord = m.Stuck.Owner + ": " + m.Stuck.Text
	}
	return nil
}

// answer answers a question of a script.
func (h *Host) answer(q question) {
	value, err := h.keeper.config.Answer(h.ctx, h.App, q.What, q.Arg)
	a := reply{ID: q.ID, Value: value}
	if err != nil {
		a = reply{ID: q.ID, Error: err.Error()}
	}
	_ = h.in.write(toHost{Answer: &a})
}

// reload registers what is loaded now in place of what was.
func (h *Host) reload(l *loaded) {
	if h.ID() != 0 {
		h.keeper.config.Down(h)
	}
	h.mu.Lock()
	h.loaded = l
	h.id = peerBase + h.keeper.lastID.Add(1)
	keep := map[[2]string]*shown{}
	for _, i := range l.Indicators {
		if key := [2]string{i.Group, i.Name}; h.results[key] != nil {
			keep[key] = h.results[key]
		}
	}
	h.results = keep
	h.mu.Unlock()
	e := h.kept
	e.mu.Lock()
	e.current, e.known, e.problem = h, *l, ""
	events := e.events
	e.events = nil
	e.mu.Unlock()
	h.keeper.config.Up(h)
	for _, event := range events {
		_ = h.in.write(toHost{Event: event})
	}
}

// end takes back what it had registered.
func (h *Host) end() {
	e := h.kept
	e.mu.Lock()
	if e.current == h {
		e.current = nil
	}
	e.mu.Unlock()
	if h.ID() != 0 {
		h.keeper.config.Down(h)
	}
}

// Reporters are the reporters of its procfile.
func (h *Host) Reporters() []Reporter {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loaded == nil {
		return nil
	}
	return h.loaded.Reporters
}

// Report hands rows, as JSON, to a reporter of the procfile and waits for what it says.
func (h *Host) Report(ctx context.Context, name string, rows json.RawMessage) error {
	_, err := h.reports.ask(ctx, h.ctx.Done(), func(id int64) error {
		return h.in.write(toHost{Report: &reportOrder{ID: id, Name: name, Rows: rows}})
	})
	return err
}

// EndPoints are those of the global configuration that it runs.
func (h *Host) EndPoints() []EndPoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.loaded == nil {
		return nil
	}
	return h.loaded.EndPoints
}

// Ask hands a request, as JSON, to the resource of an EndPoint and waits for its answer. The error is
// context.DeadlineExceeded when there is none in time.
func (h *Host) Ask(ctx context.Context, arg json.RawMessage) (json.RawMessage, error) {
	return h.requests.ask(ctx, h.ctx.Done(), func(id int64) error {
		return h.in.write(toHost{Request: &request{ID: id, Arg: arg}})
	})
}
