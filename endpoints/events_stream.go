package endpoints

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxStreams is how many clients may listen to events at a time.
	maxStreams = 64
	// heartbeat is how long a stream is silent at most.
	heartbeat = 15 * time.Second
	// streamPatience is how long a client may take to accept what is sent to it.
	streamPatience = 10 * time.Second
	// streamRetry is when a client is to connect again.
	streamRetry = 2 * time.Second
)

// wish is what a client wants to hear.
type wish struct {
	app   string
	kinds []string
	// after is the number of the event that it heard last; resumed is true when it says so itself.
	after   uint64
	resumed bool
}

// wants tells whether an event is meant.
func (w wish) wants(e Event) bool {
	return (w.app == "" || w.app == e.App) && (len(w.kinds) == 0 || slices.Contains(w.kinds, e.Kind))
}

// wish reads a request for a stream: appName and kind choose events, last is how many of the last ones to begin with, and
// the header Last-Event-ID, or lastEventId for clients that cannot set it, where to go on.
func (e *Events) wish(header http.Header, q query) (wish, error) {
	w := wish{app: q.get("appName")}
	for _, kinds := range q["kind"] {
		w.kinds = append(w.kinds, strings.FieldsFunc(kinds, func(r rune) bool { return r == ',' })...)
	}
	back := 0
	if text := q.get("last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > keptEvents {
			return w, fmt.Errorf("last is %q, want a number from 0 to %d", shorten([]byte(text)), keptEvents)
		}
		back = n
	}
	text := header.Get("Last-Event-ID")
	if text == "" {
		text = q.get("lastEventId")
	}
	// One that is no number is not ours: the client has heard nothing yet.
	if id, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64); err == nil && id > 0 {
		w.after, w.resumed = id, true
	} else {
		w.after = e.last(back, w)
	}
	return w, nil
}

// stream serves /events: server-sent events, until the client goes, is too slow, or the daemon ends.
func (s *Server) stream(_ context.Context, r request) (answer, error) {
	wanted, err := s.events.wish(r.header, r.query)
	if err != nil {
		return text(http.StatusBadRequest, "Bad Request: "+err.Error()), nil
	}
	return answer{stream: func(w http.ResponseWriter, r *http.Request) { s.events.serve(w, r, wanted) }}, nil
}

// serve writes a stream of what is wanted.
func (e *Events) serve(w http.ResponseWriter, r *http.Request, wanted wish) {
	h := w.Header()
	if !e.enter(maxStreams) {
		h.Set("Retry-After", "5")
		http.Error(w, http.StatusText(http.StatusServiceUnavailable), http.StatusServiceUnavailable)
		return
	}
	defer e.leave()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Accel-Buffering", "no") // nginx would collect what is sent
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	out := &eventWriter{w: w, control: http.NewResponseController(w)}
	_ = out.control.SetReadDeadline(time.Time{}) // that of the request would end its context
	w.WriteHeader(http.StatusOK)
	out.run(r.Context(), e, wanted)
}

// eventWriter writes one stream.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// run sends what is wanted.
func (o *eventWriter) run(ctx context.Context, events *Events, wanted wish) {
	if o.send([]byte(fmt.Sprintf("retry: %d\n\n", streamRetry.Milliseconds()))) != nil {
		return
	}
	pulse := time.NewTimer(heartbeat)
	defer pulse.Stop()
	cursor := wanted.after
	for first := true; ; first = false {
		page, err := events.after(cursor)
		var text []byte
		if errors.Is(err, errMissed) {
			if !first || !wanted.resumed {
				return // too slow; it may go on with another stream, which begins with the same news
			}
			text = append(text, `data: {"kind":"missed","message":"events have happened meanwhile that are no longer kept"}`+"\n\n"...)
		}
		for _, e := range page.events {
			cursor = e.ID
			if wanted.wants(e) {
				text = append(append(append(append(strconv.AppendUint(append(text, "id: "...), e.ID, 10), "\ndata: "...), e.Data...), '\n'), '\n')
			}
		}
		if len(text) > 0 {
			if o.send(text) != nil {
				return
			}
			pulse.Reset(heartbeat)
		}
		if len(page.events) > 0 {
			continue
		}
		if page.closed {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-page.changed:
		case <-pulse.C:
			// An id without data is where to go on, too.
			if o.send([]byte(fmt.Sprintf(": alive\nid: %d\n\n", cursor))) != nil {
				return
			}
			pulse.Reset(heartbeat)
		}
	}
}

// send writes to the client, which has to accept it in time.
func (o *eventWriter) send(text []byte) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(streamPatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := o.w.Write(text); err != nil {
		return err
	}
	return o.control.Flush()
}
