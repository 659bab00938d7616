package endpoints

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// numbered are events of an application with numbers from … to.
func numbered(app, kind string, from, to uint64) []Event {
	var all []Event
	for id := from; id <= to; id++ {
		all = append(all, Event{ID: id, App: app, Kind: kind, Data: fmt.Appendf(nil, `{"id":%d}`, id)})
	}
	return all
}

// pipe is the writing end of a response whose reader can be slow.
type pipe struct {
	header  http.Header
	status  int
	lines   chan string
	timeout time.Time
}

func newPipe(lines int) *pipe { return &pipe{header: http.Header{}, lines: make(chan string, lines)} }

func (p *pipe) Header() http.Header                 { return p.header }
func (p *pipe) WriteHeader(status int)              { p.status = status }
func (p *pipe) Flush()                              {}
func (p *pipe) SetWriteDeadline(at time.Time) error { p.timeout = at; return nil }
func (p *pipe) SetReadDeadline(at time.Time) error  { return nil }
func (p *pipe) Write(text []byte) (n int, err error) {
	select {
	case p.lines <- string(text):
		return len(text), nil
	default:
	}
	timer := time.NewTimer(time.Until(p.timeout))
	defer timer.Stop()
	select {
	case p.lines <- string(text):
		return len(text), nil
	case <-timer.C:
		return 0, os.ErrDeadlineExceeded
	}
}

// hear opens a stream; what is written to it comes out of the pipe, which is closed at the end.
func hear(ctx context.Context, s *Server, p *pipe, target string, header ...string) {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:1024", "localhost"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	s.Handler().ServeHTTP(p, r)
	close(p.lines)
}

// heard is all that has come out of a pipe so far.
func (p *pipe) heard() string {
	text := ""
	for {
		select {
		case line, open := <-p.lines:
			if !open {
				return text + "(end)"
			}
			text += line
		default:
			return text
		}
	}
}

func line(id uint64) string { return fmt.Sprintf("id: %d\ndata: {\"id\":%d}\n\n", id, id) }

const retryLine = "retry: 2000\n\n"

func TestEventStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := NewEvents(func() []Event { return append(numbered("a", "ready", 1, 3), numbered("b", "down", 4, 5)...) })
		b := newBed(t, "", func(c *Config) { c.Events = events })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		open := func(target string, header ...string) *pipe {
			p := newPipe(100)
			wg.Go(func() { hear(ctx, b.Server, p, target, header...) })
			synctest.Wait()
			return p
		}
		for _, c := range []struct{ target, last, want string }{
			{"/events", "", ""},
			{"/events", "x", ""},
			{"/events", "0", ""},
			{"/events?last=2", "", line(4) + line(5)},
			{"/events?last=1&appName=a", "", line(3)},
			{"/events?last=100", "", line(1) + line(2) + line(3) + line(4) + line(5)},
			{"/events?last=100&kind=x,down", "", line(4) + line(5)},
			{"/events?appName=nobody&last=3", "", ""},
			{"/events", "3", line(4) + line(5)},
			{"/events?last=5", "4", line(5)},
			{"/events?lastEventId=4", "", line(5)},
			{"/events?appName=a", "1", line(2) + line(3)},
			{"/EVENTS/", "99", ""},
		} {
			p := open(c.target, "Last-Event-ID", c.last)
			if got := p.heard(); got != retryLine+c.want || p.status != 200 || p.header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
				t.Errorf("%s after %q: %d %q, want %q", c.target, c.last, p.status, got, c.want)
			}
		}
		all, one := open("/events"), open("/events?appName=b")
		events.Publish(numbered("a", "exited", 6, 7)...)
		events.Publish(numbered("a", "exited", 7, 7)...) // known already
		events.Publish(numbered("b", "up", 8, 8)...)
		synctest.Wait()
		if got, want := all.heard(), retryLine+line(6)+line(7)+line(8); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got, want := one.heard(), retryLine+line(8); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		events.Publish(numbered("a", "exited", 9, 9)...)
		time.Sleep(heartbeat)
		synctest.Wait()
		if got, want := one.heard(), ": alive\nid: 9\n\n"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		events.Publish(numbered("b", "down", 10, 10)...)
		events.Close()
		wg.Wait()
		if got, want := one.heard(), line(10)+"(end)"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		late := newPipe(10)
		hear(ctx, b.Server, late, "/events")
		if late.status != http.StatusServiceUnavailable {
			t.Errorf("a stream that begins after the end: %d", late.status)
		}
	})
}

func TestEventStreamRequests(t *testing.T) {
	b := newBed(t, "", func(c *Config) { c.Events = NewEvents(nil) })
	b.want(t, "/events?last=x", 400, `Bad Request: last is "x", want a number from 0 to 1000`)
	b.want(t, "/events?last=-1", 400, `Bad Request: last is "-1", want a number from 0 to 1000`)
	b.want(t, "/events?last=1001", 400, `Bad Request: last is "1001", want a number from 0 to 1000`)
	if got := b.do(http.MethodPost, "/events"); got.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %s", got.Status)
	}
	if got := b.do(http.MethodHead, "/events"); got.StatusCode != http.StatusOK || got.Header.Get("Content-Type") == "" {
		t.Errorf("HEAD: %s %v", got.Status, got.Header)
	}
	if status, _ := newBed(t, "", nil).get(t, "/events"); status != http.StatusNotFound {
		t.Errorf("without a source: %d", status)
	}
}

func TestEventsThatWereMissed(t *testing.T) {
	const missed = `data: {"kind":"missed","message":"events have happened meanwhile that are no longer kept"}` + "\n\n"
	synctest.Test(t, func(t *testing.T) {
		events := NewEvents(func() []Event { return numbered("a", "ready", 1, 500) })
		b := newBed(t, "", func(c *Config) { c.Events = events })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		events.Publish(numbered("a", "ready", 501, 1200)...)
		p := newPipe(2000)
		wg.Go(func() { hear(ctx, b.Server, p, "/events", "Last-Event-ID", "100") })
		synctest.Wait()
		got := p.heard()
		if want := retryLine + missed + line(201) + line(202); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, line(1200)) || strings.Count(got, "\ndata:") != 1001 {
			t.Errorf("%.300q, %d events", got, strings.Count(got, "\ndata:"))
		}
		p = newPipe(2000)
		wg.Go(func() { hear(ctx, b.Server, p, "/events", "Last-Event-ID", "200") })
		synctest.Wait()
		if got := p.heard(); !strings.HasPrefix(got, retryLine+line(201)) {
			t.Errorf("nothing was missed, got %.300q", got)
		}
		// One that reads nothing is cut off, and does not hold up the others.
		slow := newPipe(1)
		wg.Go(func() { hear(ctx, b.Server, slow, "/events") })
		synctest.Wait()
		for id := uint64(1201); id < 4000; id++ {
			events.Publish(numbered("a", "ready", id, id)...)
		}
		time.Sleep(streamPatience + time.Second)
		synctest.Wait()
		if got := slow.heard(); got != retryLine+"(end)" {
			t.Errorf("slow: %q", got)
		}
		// One that is slow, but reads: it has to begin again.
		lame := newPipe(1)
		wg.Go(func() { hear(ctx, b.Server, lame, "/events") })
		synctest.Wait()
		events.Publish(numbered("a", "ready", 4000, 4001)...)
		synctest.Wait()
		events.Publish(numbered("a", "ready", 4002, 6000)...)
		text := ""
		for part := range lame.lines {
			text += part
		}
		if text != retryLine+line(4000)+line(4001) {
			t.Errorf("lame: %.300q", text)
		}
		cancel()
		wg.Wait()
	})
}

func TestEventStreamsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := NewEvents(nil)
		b := newBed(t, "", func(c *Config) { c.Events = events })
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for range maxStreams {
			p := newPipe(10)
			wg.Go(func() { hear(ctx, b.Server, p, "/events") })
		}
		synctest.Wait()
		p := newPipe(10)
		hear(ctx, b.Server, p, "/events")
		if p.status != http.StatusServiceUnavailable || p.header.Get("Retry-After") == "" {
			t.Errorf("one too many: %d", p.status)
		}
		cancel()
		wg.Wait()
		ctx, cancel = context.WithCancel(t.Context())
		p = newPipe(10)
		wg.Go(func() { hear(ctx, b.Server, p, "/events") })
		synctest.Wait()
		if p.status != 200 {
			t.Errorf("the places are free again: %d", p.status)
		}
		cancel()
		wg.Wait()
	})
}

// TestEventStreamOverTCP: a stream outlives the time limits of other requests, and ends with the server.
func TestEventStreamOverTCP(t *testing.T) {
	t.Parallel()
	events := NewEvents(nil)
	b := newBed(t, "", func(c *Config) { c.Events = events })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- b.Serve(ctx, l) }()
	response, err := http.Get("http://" + l.Addr().String() + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	read := func() string {
		for lines.Scan() {
			if text := lines.Text(); text != "" {
				return text
			}
		}
		return "(end)"
	}
	if got := read(); got != "retry: 2000" {
		t.Errorf("got %q", got)
	}
	events.Publish(numbered("a", "ready", 1, 1)...)
	if got := read(); got != "id: 1" {
		t.Errorf("got %q", got)
	}
	if got := read(); got != `data: {"id":1}` {
		t.Errorf("got %q", got)
	}
	began := time.Now()
	cancel()
	events.Close()
	if got := read(); got != "(end)" || errors.Is(lines.Err(), context.DeadlineExceeded) {
		t.Errorf("got %q %v", got, lines.Err())
	}
	if err := <-served; err != nil || time.Since(began) > 3*time.Second {
		t.Errorf("the end took %v: %v", time.Since(began), err)
	}
}

// FuzzEventWishes: whatever is asked for, a stream holds events that were asked for, in order, and each once.
func FuzzEventWishes(f *testing.F) {
	f.Add("last=3&appName=a&kind=ready,exited&kind=up", "")
	f.Add("last=1000", "18446744073709551615")
	f.Add("lastEventId=-1&appName=%00%ff", " 7 ")
	f.Fuzz(func(t *testing.T, query, lastID string) {
		events := NewEvents(func() []Event { return append(numbered("a", "ready", 1, 3), numbered("b", "up", 4, 5)...) })
		events.Publish(numbered("a", "exited", 6, 9)...)
		events.Close()
		q, err := parseQuery(query)
		if err != nil {
			return
		}
		header := http.Header{}
		header.Set("Last-Event-ID", lastID)
		wanted, err := events.wish(header, q)
		if err != nil {
			return
		}
		p := newPipe(100)
		(&eventWriter{w: p, control: http.NewResponseController(p)}).run(t.Context(), events, wanted)
		last := wanted.after
		for text := p.heard(); ; {
			before, data, found := strings.Cut(text, "data: {\"id\":")
			if !found {
				break
			}
			var id uint64
			if _, err := fmt.Sscanf(before[strings.LastIndex(before, "id: "):], "id: %d\n", &id); err != nil || id <= last {
				t.Fatalf("after %d: %q", last, text)
			}
			e := Event{ID: id, App: "a"}
			if id == 4 || id == 5 {
				e.App = "b"
			}
			if wanted.app != "" && wanted.app != e.App {
				t.Fatalf("not wanted by %+v: %d", wanted, id)
			}
			last, text = id, data
		}
	})
}
