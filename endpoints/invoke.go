package endpoints

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

const (
	maxReplyRows  = 10_000
	maxReplyBytes = 4 << 20
	// maxTotalBytes bounds what all Indicators together may add to one answer.
	maxTotalBytes = 32 << 20
	// maxHealthReply bounds what one Indicator says about health, and maxHealthBytes what is kept of those that say more
	// than smallReply.
	maxHealthReply = 256 << 10
	maxHealthBytes = 16 << 20
	smallReply     = 4 << 10
	// latePatience is how long an Indicator is waited for that was late within lateTime.
	latePatience = 250 * time.Millisecond
	lateTime     = 10 * time.Second
	// maxDescription bounds a sentence.
	maxDescription = 1 << 10
)

// row is one row of an Indicator. Scope is "" when the Indicator gave none.
type row struct {
	Key   string          `json:"key"`
	Data  json.RawMessage `json:"data,omitempty"`
	Scope string          `json:"scope,omitempty"`
	// Details, an object, and Description, a sentence, go with a row of the group health; the original has neither.
	Details     json.RawMessage `json:"-"`
	Description string          `json:"-"`
}

// appRows are the rows of one application.
type appRows struct {
	app  string
	rows []row
}

// flights lets requests that ask the same at the same time share one invocation.
type flights struct {
	mu  sync.Mutex
	all map[string]*flight
}

type flight struct {
	done   chan struct{}
	result []appRows
}

// invoke asks the Indicators of a group, of one application or, with app "", of all, and returns their rows by
// application, in the order of registration. An application whose Indicators all failed is there without rows.
func (g *groups) invoke(ctx context.Context, group, app string, args map[string]any) []appRows {
	data, err := encodeJSON(args)
	if err != nil {
		return nil // strings and lists of strings always encode
	}
	key := group + "\x00" + app + "\x00" + string(data)
	g.flights.mu.Lock()
	f, joined := g.flights.all[key]
	if !joined {
		f = &flight{done: make(chan struct{})}
		if g.flights.all == nil {
			g.flights.all = map[string]*flight{}
		}
		g.flights.all[key] = f
	}
	g.flights.mu.Unlock()
	if joined {
		select {
		case <-f.done:
			return f.result
		case <-ctx.Done():
			return nil // the client has gone
		}
	}
	defer func() {
		g.flights.mu.Lock()
		delete(g.flights.all, key)
		g.flights.mu.Unlock()
		close(f.done)
	}()
	// Others may have joined, so the invocation goes on when its own client leaves; it is bounded anyway.
	f.result = g.ask(context.WithoutCancel(ctx), group, app, data)
	return f.result
}

// ask is invoke without sharing.
func (g *groups) ask(ctx context.Context, group, app string, args json.RawMessage) []appRows {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	seats := g.list(group, app)
	replies := make([][]row, len(seats))
	var total atomic.Int64
	var wg sync.WaitGroup
	for i, s := range seats {
		wg.Go(func() {
			ctx, cancel := s.patience(ctx)
			defer cancel()
			var reason string
			replies[i], reason = g.askSeat(ctx, s, args, maxReplyBytes, func(n int64) bool { return total.Add(n) <= maxTotalBytes })
			s.note(reason)
		})
	}
	wg.Wait()
	var result []appRows
	index := map[string]int{}
	for i, s := range seats {
		at, ok := index[s.app]
		if !ok {
			at = len(result)
			index[s.app] = at
			result = append(result, appRows{app: s.app})
		}
		result[at].rows = append(result[at].rows, replies[i]...)
	}
	return result
}

// patience bounds how long an Indicator that was late a short while ago is waited for, so that one that hangs makes only
// few requests wait.
func (s *seat) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if late := s.late.Load(); late != 0 && time.Since(time.UnixMilli(late)) < lateTime {
		return context.WithTimeout(ctx, latePatience)
	}
	return context.WithCancel(ctx)
}

// note remembers whether the Indicator was late; while it is, since when is not moved on.
func (s *seat) note(reason string) {
	if reason != "timeout" {
		s.late.Store(0)
		return
	}
	now := time.Now()
	if late := s.late.Load(); late == 0 || now.Sub(time.UnixMilli(late)) >= lateTime {
		s.late.Store(now.UnixMilli())
	}
}

// askSeat asks the first member of a seat. When its connection closes meanwhile, the next stand-by is asked. A reply may
// have most bytes, and fit has to agree with its size. reason says why there are no rows.
func (g *groups) askSeat(ctx context.Context, s *seat, args json.RawMessage, most int64, fit func(int64) bool) (rows []row, reason string) {
	var last error
	for _, m := range g.members(s) {
		action := "MESSENGER_DOWNLINK_" + s.app + "_" + s.group + "_" + m.client
		data, err := m.peer.Request(ctx, action, args)
		if err == nil {
			size := int64(len(data))
			if size > most || !fit(size) {
				fit(0)
				g.report(s, "size", nil)
				return nil, "size"
			}
			rows, reason := decodeRows(data)
			g.report(s, reason, nil)
			return rows, reason
		}
		last = err
		if ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil || errors.Is(last, context.DeadlineExceeded) {
		reason = "timeout"
	} else {
		reason = "closed"
	}
	fit(0)
	g.report(s, reason, last)
	return nil, reason
}

// report counts a miss, and logs the first of a series. The reason "" is a success.
func (g *groups) report(s *seat, reason string, err error) {
	if reason == "" {
		s.failing.Store(false)
		return
	}
	g.observer.Missed(s.group, reason)
	if s.failing.Swap(true) {
		return
	}
	g.log.Warn("indicator left out", zap.String("app", s.app), zap.String("group", s.group),
		zap.String("indicator", s.name), zap.String("reason", reason), zap.Error(err))
}

// decodeRows reads a reply. The reason says why there are no rows: "empty" (the Indicator threw), "malformed", "size".
func decodeRows(data json.RawMessage) (rows []row, reason string) {
	if len(data) == 0 || bytes.Equal(data, []byte("null")) {
		return nil, "empty"
	}
	var raw []struct {
		Key   any             `json:"key"`
		Data  json.RawMessage `json:"data"`
		Scope any             `json:"scope"`

		Details     json.RawMessage `json:"details"`
		Description any             `json:"description"`
	}
	if err := json.Unmarshal(data, &raw); err != nil {
		return nil, "malformed"
	}
	if len(raw) > maxReplyRows {
		return nil, "size"
	}
	rows = make([]row, 0, len(raw))
	for _, r := range raw {
		scope, _ := r.Scope.(string)
		out := row{Data: r.Data, Scope: scope, Details: r.Details}
		if text, isText := r.Description.(string); isText {
			out.Description = strings.ToValidUTF8(text[:min(len(text), maxDescription)], "")
		}
		switch key := r.Key.(type) {
		case string:
			out.Key = key
		case float64:
			out.Key = strconv.FormatFloat(key, 'f', -1, 64)
		default:
			return nil, "malformed"
		}
		rows = append(rows, out)
	}
	return rows, ""
}
