package endpoints

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"testing"

	"go.uber.org/zap/zaptest"
)

// daemon is a Source with settable contents.
type fakeSource struct {
	mu   sync.Mutex
	apps []Application
}

func (s *fakeSource) Daemon() DaemonInfo {
	return DaemonInfo{
		Versions: map[string]string{"pandora": "9.9.9", "goja": "g", "echo": "e"}, Cwd: "/srv", PID: 42, Uptime: 1.5,
		ConfigPaths: []string{"/etc/a.js"},
	}
}

func (s *fakeSource) Applications() []Application {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Application(nil), s.apps...)
}

func (s *fakeSource) set(apps ...Application) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps = apps
}

// fakePeer answers requests with a function.
type fakePeer struct {
	id     uint64
	answer func(ctx context.Context, action string, args json.RawMessage) (json.RawMessage, error)
}

func (p *fakePeer) ID() uint64 { return p.id }

func (p *fakePeer) Request(ctx context.Context, action string, data any) (json.RawMessage, error) {
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, err
	}
	return p.answer(ctx, action, raw)
}

// fixed is a peer that always answers the same.
func fixed(id uint64, reply string) *fakePeer {
	return &fakePeer{id, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		return json.RawMessage(reply), nil
	}}
}

// mute is a peer that never answers.
func mute(id uint64) *fakePeer {
	return &fakePeer{id, func(ctx context.Context, _ string, _ json.RawMessage) (json.RawMessage, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
}

// broken is a peer whose connection has closed.
func broken(id uint64) *fakePeer {
	return &fakePeer{id, func(context.Context, string, json.RawMessage) (json.RawMessage, error) {
		return nil, errors.New("connection closed")
	}}
}

// fakeFrames hands frames to what was attached.
type fakeFrames struct {
	handle func(*fakePeer, json.RawMessage, func(any))
	closed func(*fakePeer)
}

func (f *fakeFrames) Handle(action string, h func(*fakePeer, json.RawMessage, func(any))) {
	if action == DiscoverAction {
		f.handle = h
	}
}
func (f *fakeFrames) OnClose(h func(*fakePeer)) { f.closed = h }

// announce registers an Indicator and returns the configuration it gets; "" for no reply.
func (f *fakeFrames) announce(p *fakePeer, group, app, name, client, kind string) string {
	data, _ := json.Marshal(map[string]any{"indicatorName": name, "appName": app, "group": group, "clientId": client, "type": kind})
	got := ""
	f.handle(p, data, func(v any) { b, _ := json.Marshal(v); got = string(b) })
	return got
}

// bed is a server under test.
type bed struct {
	*Server
	source *fakeSource
	frames *fakeFrames
}

func newBed(t *testing.T, config string, change func(*Config)) *bed {
	t.Helper()
	options, err := DecodeOptions(json.RawMessage(config))
	if err != nil {
		t.Fatal(err)
	}
	b := &bed{source: &fakeSource{}, frames: &fakeFrames{}}
	c := Config{Source: b.source, Options: options, Log: zaptest.NewLogger(t)}
	if change != nil {
		change(&c)
	}
	b.Server = New(c)
	Attach(b.frames, b.Server)
	return b
}

// noDisk keeps results independent of the machine's disk.
const noDisk = `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"enabled":false}}}}}}`

func (b *bed) do(method, target string, header ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr, r.Host = "127.0.0.1:1024", "localhost"
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.Handler().ServeHTTP(w, r)
	return w.Result()
}

var stamp = regexp.MustCompile(`"timestamp":\d{12,13}`)

// moment is a time in an answer.
var moment = regexp.MustCompile(`"20\d\d-\d\d-\d\dT[0-9:.]+Z"`)

// get returns the status and the body with the time taken out.
func (b *bed) get(t *testing.T, target string, header ...string) (int, string) {
	t.Helper()
	response := b.do(http.MethodGet, target, header...)
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, stamp.ReplaceAllString(string(body), `"timestamp":T`)
}

func (b *bed) want(t *testing.T, target string, status int, body string) {
	t.Helper()
	gotStatus, got := b.get(t, target)
	if gotStatus != status || got != body {
		t.Errorf("GET %s\n got %d %s\nwant %d %s", target, gotStatus, got, status, body)
	}
}
