package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"
)

// hubPeer is a client of the hub that answers what it is sent with answer.
type hubPeer struct {
	t      *testing.T
	conn   *Conn
	host   map[string]any
	mu     sync.Mutex
	got    []string
	answer func(data json.RawMessage, reply func(any))
}

func startHub(t *testing.T) string {
	t.Helper()
	path, _ := start(t, func(s *Server) { NewHub(s, zaptest.NewLogger(t)) })
	return path
}

// join connects a client that publishes these selectors beside its location.
func join(t *testing.T, path, process string, objects ...map[string]any) *hubPeer {
	t.Helper()
	p := &hubPeer{t: t, host: map[string]any{"appName": "app", "processName": process, "clientId": "id-" + process, "pid": "7"}}
	p.answer = func(data json.RawMessage, reply func(any)) {
		reply(map[string]any{"success": true, "host": p.host, "data": process})
	}
	p.conn = dial(t, path, func(_ *Conn, action string, data json.RawMessage, reply func(any)) {
		p.mu.Lock()
		p.got = append(p.got, string(data))
		answer := p.answer
		p.mu.Unlock()
		if action != hubDeliver {
			t.Errorf("action %q", action)
		}
		answer(data, reply)
	})
	p.must(hubOnline, map[string]any{"host": p.host, "needReply": true})
	for _, object := range objects {
		s := maps.Clone(p.host)
		maps.Copy(s, object)
		p.must(hubPublish, map[string]any{"host": p.host, "data": map[string]any{"selector": s}})
	}
	return p
}

func (p *hubPeer) must(action string, data any) hubReply {
	p.t.Helper()
	r := p.send(action, data)
	if !r.Success {
		p.t.Fatalf("%s %v: %+v", action, data, r.Error)
	}
	return r
}

func (p *hubPeer) send(action string, data any) hubReply {
	p.t.Helper()
	raw, err := p.conn.Request(p.t.Context(), action, data)
	if err != nil {
		p.t.Fatal(err)
	}
	var r hubReply
	if err := json.Unmarshal(raw, &r); err != nil {
		p.t.Fatalf("%s: %v", raw, err)
	}
	return r
}

// call sends a message to remote.
func (p *hubPeer) call(remote map[string]any, more map[string]any) hubReply {
	p.t.Helper()
	m := map[string]any{"host": p.host, "remote": remote, "needReply": true, "action": "x"}
	maps.Copy(m, more)
	return p.send(hubMessage, m)
}

func TestHubSelectors(t *testing.T) {
	path := startHub(t)
	join(t, path, "plain", map[string]any{"objectName": "o"})
	join(t, path, "red", map[string]any{"objectName": "o", "objectTag": "red"})
	join(t, path, "blue", map[string]any{"objectName": "o", "tag": "blue"}, map[string]any{"objectName": "other"})
	p := join(t, path, "caller")
	for _, c := range []struct {
		remote map[string]any
		want   string
	}{
		{map[string]any{"objectName": "o"}, "plain"},
		{map[string]any{"objectName": "o", "objectTag": nil}, "plain"},
		{map[string]any{"objectName": "o", "objectTag": "red"}, "red"},
		{map[string]any{"objectName": "o", "objectTag": "blue"}, "blue"},
		{map[string]any{"objectName": "other"}, "blue"},
		{map[string]any{"processName": "red"}, "red"},
		{map[string]any{"processName": "blue", "appName": "app", "pid": "7"}, "blue"},
		{map[string]any{"clientId": "id-plain"}, "plain"},
	} {
		r := p.call(c.remote, nil)
		if string(r.Data) != fmt.Sprintf("%q", c.want) {
			t.Errorf("%v: %s %+v, want %q", c.remote, r.Data, r.Error, c.want)
		}
	}
	for _, c := range []struct {
		remote map[string]any
		want   string
	}{
		{map[string]any{"objectName": "absent"}, `Cannot found any clients by selector: {"objectName":"absent"}`},
		{map[string]any{"objectName": "o", "objectTag": "green"}, `Cannot found any clients by selector: {"objectName":"o","objectTag":"green"}`},
		{map[string]any{"pid": 7}, `Cannot found any clients by selector: {"pid":7}`},
		{map[string]any{"appName": "app", "processName": "red", "objectName": "other"}, `Cannot found any clients`},
		{nil, "Selector is required, but got null"},
		{map[string]any{"objectName": strings.Repeat("x", 2000)}, "Selector expects a objectName of at most 1024 bytes"},
	} {
		if r := p.call(c.remote, nil); r.Success || r.Error == nil || !strings.HasPrefix(r.Error.Message, c.want) {
			t.Errorf("%v: %+v %+v", c.remote, r, r.Error)
		}
	}
}

func TestHubCallsAllAndSpreads(t *testing.T) {
	path := startHub(t)
	var all []*hubPeer
	for i := range 3 {
		all = append(all, join(t, path, fmt.Sprint("p", i), map[string]any{"objectName": "o"}))
	}
	p := join(t, path, "caller")
	r := p.call(map[string]any{"objectName": "o"}, map[string]any{"broadcast": true})
	if len(r.BatchReply) != 3 || string(r.Remote) == "" {
		t.Fatalf("%+v", r)
	}
	for i, answer := range r.BatchReply {
		var one hubReply
		if json.Unmarshal(answer, &one) != nil || string(one.Data) != fmt.Sprintf("%q", fmt.Sprint("p", i)) {
			t.Errorf("answer %d: %s", i, answer)
		}
	}
	for range 30 {
		p.call(map[string]any{"objectName": "o"}, nil)
	}
	for _, peer := range all {
		peer.mu.Lock()
		if len(peer.got) != 11 {
			t.Errorf("%v got %d messages of 33", peer.host["processName"], len(peer.got))
		}
		peer.mu.Unlock()
	}
	// Without an answer wanted, and to everybody.
	if err := p.conn.Send(hubMessage, map[string]any{"host": p.host, "broadcast": true, "action": "all"}); err != nil {
		t.Fatal(err)
	}
	p.call(map[string]any{"processName": "caller"}, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.got) != 2 || !strings.Contains(p.got[0], `"all"`) {
		t.Errorf("caller got %q", p.got)
	}
}

// TestHubLongAnswers: answers that are too long for one message together do not take the others with them.
func TestHubLongAnswers(t *testing.T) {
	path := startHub(t)
	long := json.RawMessage(`"` + strings.Repeat("x", maxBatch/2) + `"`)
	for i, answer := range []json.RawMessage{long, long, json.RawMessage(`"short"`)} {
		peer := join(t, path, fmt.Sprint("p", i), map[string]any{"objectName": "o"})
		peer.mu.Lock()
		peer.answer = func(_ json.RawMessage, reply func(any)) { reply(answer) }
		peer.mu.Unlock()
	}
	r := join(t, path, "caller").call(map[string]any{"objectName": "o"}, map[string]any{"broadcast": true})
	var sizes []string
	for _, answer := range r.BatchReply {
		switch {
		case strings.Contains(string(answer), "left out: all together"):
			sizes = append(sizes, "left out")
		case len(answer) == len(long):
			sizes = append(sizes, "long")
		default:
			sizes = append(sizes, string(answer))
		}
	}
	slices.Sort(sizes[:min(2, len(sizes))]) // whichever came first
	if got := fmt.Sprint(sizes); got != `[left out long "short"]` {
		t.Errorf("%s; %+v", got, r.Error)
	}
}

func TestHubForgets(t *testing.T) {
	path := startHub(t)
	one := join(t, path, "one", map[string]any{"objectName": "o"}, map[string]any{"objectName": "keep"})
	two := join(t, path, "two", map[string]any{"objectName": "o"})
	p := join(t, path, "caller")
	one.must(hubUnpublish, map[string]any{"data": map[string]any{"selector": map[string]any{"objectName": "o"}}})
	if r := p.call(map[string]any{"objectName": "o"}, map[string]any{"broadcast": true}); len(r.BatchReply) != 1 {
		t.Errorf("%+v", r)
	}
	if r := p.call(map[string]any{"objectName": "keep"}, nil); string(r.Data) != `"one"` {
		t.Errorf("%+v", r)
	}
	// Whoever dies with a call to answer is told of at once.
	asked := make(chan struct{})
	two.mu.Lock()
	two.answer = func(json.RawMessage, func(any)) { close(asked) }
	two.mu.Unlock()
	go func() { <-asked; two.conn.Close() }()
	began := time.Now()
	r := p.call(map[string]any{"objectName": "o"}, nil)
	if r.Success || r.Error == nil || r.Error.Code != "PANDORA_HUB_CLOSED" || time.Since(began) > callTimeout/2 {
		t.Errorf("%+v %+v after %v", r, r.Error, time.Since(began))
	}
	<-two.conn.Done()
	if r := p.call(map[string]any{"objectName": "o"}, nil); r.Error == nil || r.Error.Code != "PANDORA_HUB_NOT_FOUND" {
		t.Errorf("%+v", r)
	}
	one.must(hubOffline, map[string]any{"host": one.host})
	if r := p.call(map[string]any{"processName": "one"}, nil); r.Success {
		t.Errorf("%+v", r)
	}
}

func TestHubTimeout(t *testing.T) {
	path := startHub(t)
	one := join(t, path, "one", map[string]any{"objectName": "o"})
	one.mu.Lock()
	one.answer = func(json.RawMessage, func(any)) {}
	one.mu.Unlock()
	p := join(t, path, "caller")
	r := p.call(map[string]any{"objectName": "o"}, map[string]any{"timeout": 30})
	if r.Error == nil || r.Error.Name != "MessengerRequestTimeoutError" || r.Error.Message != "target no response in 30ms" {
		t.Errorf("%+v", r.Error)
	}
}

// TestHubFlood: whoever is flooded is spared, and the caller is told.
func TestHubFlood(t *testing.T) {
	path := startHub(t)
	one := join(t, path, "one", map[string]any{"objectName": "o"})
	one.mu.Lock()
	one.answer = func(json.RawMessage, func(any)) {}
	one.mu.Unlock()
	p := join(t, path, "caller")
	busy := false
	message := map[string]any{"host": p.host, "remote": map[string]any{"objectName": "o"}, "needReply": true, "timeout": 60000}
	var refused sync.WaitGroup
	refused.Add(1)
	var once sync.Once
	for range maxWaiting + 1 {
		err := p.conn.Ask(hubMessage, message, time.Minute, func(data json.RawMessage, err error) {
			if strings.Contains(string(data), "PANDORA_HUB_BUSY") {
				once.Do(refused.Done)
			}
		})
		if errors.Is(err, ErrBusy) {
			busy = true
		}
	}
	if !busy {
		t.Error("the caller's own connection takes any number of calls")
	}
	other := join(t, path, "other")
	err := other.conn.Ask(hubMessage, message, time.Minute, func(data json.RawMessage, err error) {
		if strings.Contains(string(data), "PANDORA_HUB_BUSY") {
			once.Do(refused.Done)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	refused.Wait()
	one.mu.Lock()
	one.answer = func(_ json.RawMessage, reply func(any)) { reply(map[string]any{"success": true}) }
	one.mu.Unlock()
	// The caller's own connection may have all the calls that it can; the hub goes on.
	if r := other.send(hubOnline, map[string]any{"host": other.host}); !r.Success {
		t.Errorf("%+v", r)
	}
}

func TestHubConfig(t *testing.T) {
	path := startHub(t)
	p, q := join(t, path, "p"), join(t, path, "q", map[string]any{"objectName": configName + "@subscriber"})
	to := func(action string, more map[string]any) json.RawMessage {
		t.Helper()
		maps.Copy(more, map[string]any{"action": action})
		r := p.call(map[string]any{"objectName": configName}, more)
		if !r.Success {
			t.Errorf("%s %v: %+v", action, more, r.Error)
		}
		return r.Data
	}
	invoke := func(method string, args ...any) string {
		return string(to("OBJECT_ACTION_INVOKE", map[string]any{"propertyName": method, "data": args}))
	}
	if got := invoke("getConfig", "a"); got != "" {
		t.Errorf("an unknown topic: %s", got)
	}
	q.call(map[string]any{"objectName": configName}, map[string]any{"action": "OBJECT_ACTION_SUBSCRIBE", "register": "a.b"})
	invoke("publish", "a.b", map[string]any{"n": 1})
	invoke("publish", "zero", 0)
	for method, want := range map[string]string{"getAllTopics": `["a.b","zero"]`, "getAllSubscribedTopics": `["a.b"]`} {
		if got := invoke(method); got != want {
			t.Errorf("%s: %s", method, got)
		}
	}
	for args, want := range map[string]string{"a.b": `{"n":1}`, "zero": "0", "": `{"a.b":{"n":1},"zero":0}`} {
		if got := invoke("getConfig", args); got != want {
			t.Errorf("getConfig %q: %s", args, got)
		}
	}
	if got := string(to("OBJECT_ACTION_INTROSPECT", map[string]any{})); !strings.Contains(got, `{"name":"getConfig","length":1,"type":"function"}`) {
		t.Errorf("introspection: %s", got)
	}
	q.call(map[string]any{"processName": "q"}, nil) // it has been told before
	q.mu.Lock()
	if len(q.got) != 3 || !strings.Contains(q.got[0], `"data":["a.b",[{"n":1}]]`) || !strings.Contains(q.got[0], `"propertyName":"callback"`) {
		t.Errorf("told: %q", q.got)
	}
	q.mu.Unlock()
	if r := p.call(map[string]any{"objectName": configName}, map[string]any{"action": "OBJECT_ACTION_INVOKE", "propertyName": "nope"}); r.Error == nil ||
		r.Error.Message != `Cannot found method called nope within object {"name":"__PANDORA_HUB_CONFIG_MANAGER"}` {
		t.Errorf("%+v", r.Error)
	}
	if r := p.call(map[string]any{"objectName": configName}, map[string]any{"action": "OBJECT_ACTION_INVOKE", "propertyName": "publish", "data": []any{"big", strings.Repeat("x", maxTopicBytes)}}); r.Success {
		t.Error("a topic that is too large is taken")
	}
}

// FuzzHub: nothing that a client says harms the hub or another client.
func FuzzHub(f *testing.F) {
	for _, data := range []string{
		`{"remote":{"objectName":"o"},"needReply":true}`, `{"remote":null,"broadcast":true}`, `null`, `[]`, `{"host":{"pid":1}}`, `{"data":{"selector":{"objectName":"x"}}}`,
		`{"remote":{"objectName":"__PANDORA_HUB_CONFIG_MANAGER"},"needReply":true,"action":"OBJECT_ACTION_INVOKE","propertyName":"publish","data":["a",1]}`,
		`{"remote":{"pid":{}},"timeout":1e300,"needReply":true}`, `{"remote":{"objectName":"o"},"timeout":-5,"needReply":true}`, `{"broadcast":1}`,
	} {
		for action := range 5 {
			f.Add(uint8(action), []byte(data))
		}
	}
	dir := f.TempDir()
	path := filepath.Join(dir, "s")
	server, err := Listen(path, zap.NewNop())
	if err != nil {
		f.Fatal(err)
	}
	NewHub(server, zap.NewNop())
	served := make(chan error, 1)
	go func() { served <- server.Serve() }()
	f.Cleanup(func() { server.Close(); <-served })
	var runs atomic.Int64
	actions := []string{hubOnline, hubPublish, hubUnpublish, hubOffline, hubMessage}
	f.Fuzz(func(t *testing.T, action uint8, data []byte) {
		if !json.Valid(data) {
			return
		}
		// The hub may learn of the end of the last one only later.
		name := fmt.Sprint("good", runs.Add(1))
		good := join(t, path, name, map[string]any{"objectName": "mine"})
		evil := dial(t, path)
		_ = evil.Send(actions[int(action)%len(actions)], json.RawMessage(data))
		if r := good.call(map[string]any{"objectName": "mine", "clientId": "id-" + name}, nil); !r.Success {
			t.Errorf("%+v", r.Error)
		}
		evil.Close()
		good.conn.Close()
		<-good.conn.Done()
		<-evil.Done()
	})
}

// FuzzBody: a body is taken apart alike by both ways.
func FuzzBody(f *testing.F) {
	for _, body := range []string{`{"action":"a"}`, `{"action":"a","data":1}`, `{"action":"a","data":1,"data":2}`, `{"action":"a\"","data":{}}`, `{"action":"a","data":}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		action, data, ok := parseBody(body)
		if !ok {
			return
		}
		var slow struct {
			Action *string         `json:"action"`
			Data   json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(body, &slow); err != nil || slow.Action == nil || *slow.Action != action || (slow.Data == nil) != (data == nil) {
			t.Fatalf("%q: %q %q, and slowly %v %q", body, action, data, slow.Action, slow.Data)
		}
		if data != nil && strings.TrimSpace(string(data)) != strings.TrimSpace(string(slow.Data)) {
			t.Fatalf("%q: %q, and slowly %q", body, data, slow.Data)
		}
	})
}

func TestHubWatch(t *testing.T) {
	path := startHub(t)
	told := make(chan string, 100)
	watcher := dial(t, path, func(_ *Conn, action string, data json.RawMessage, _ func(any)) {
		told <- action + " " + string(data)
	})
	p := &hubPeer{t: t, conn: watcher, host: map[string]any{"processName": "watcher"}}
	watch := func(name any) hubReply {
		return p.send(hubWatch, map[string]any{"data": map[string]any{"objectName": name}})
	}
	for _, bad := range []any{nil, 7, true, "", strings.Repeat("x", maxSelectorValue)} {
		if r := watch(bad); r.Success {
			t.Errorf("%v can be watched", bad)
		}
	}
	expect := func(step string) {
		t.Helper()
		select {
		case got := <-told:
			if want := hubChanged + ` {"objectName":"o"}`; got != want {
				t.Errorf("%s: told %s, want %s", step, got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nothing was told", step)
		}
	}
	p.must(hubWatch, map[string]any{"data": map[string]any{"objectName": "o"}})
	other := join(t, path, "other", map[string]any{"objectName": "another"})
	first := join(t, path, "first", map[string]any{"objectName": "o"}, map[string]any{"objectName": "o", "objectTag": "red"})
	expect("the first is published")
	watch("o")
	s := maps.Clone(first.host)
	s["objectName"] = "o"
	first.must(hubUnpublish, map[string]any{"host": first.host, "data": map[string]any{"selector": s}})
	expect("one is taken back")
	watch("o")
	watch("o")
	if err := first.conn.Close(); err != nil {
		t.Fatal(err)
	}
	expect("one ends")
	join(t, path, "second", map[string]any{"objectName": "o"})
	other.must(hubOffline, map[string]any{"host": other.host})
	watch("another") // its answer comes after all that is told
	select {
	case got := <-told:
		t.Errorf("told %s, which nobody watches", got)
	default:
	}
}

func TestRoutesForgetWatchers(t *testing.T) {
	r := newRoutes()
	conns := []*Conn{{}, {}}
	for _, c := range conns {
		if err := r.watch(c, "so"); err == nil {
			t.Error("one that is not there can watch")
		}
		if err := r.add(c, selector{objectName: "so"}); err != nil {
			t.Fatal(err)
		}
		for i := range maxSelectors {
			if err := r.watch(c, fmt.Sprint("so", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.watch(c, "sone more"); err == nil {
			t.Error("the objects that one can watch are not bounded")
		}
	}
	r.changed("so0")
	if got := len(r.takeChanges()); got != len(conns) {
		t.Errorf("%d are told of a change, want %d", got, len(conns))
	}
	for _, c := range conns {
		if len(r.byConn[c].watching) != maxSelectors-1 {
			t.Errorf("still watches %d", len(r.byConn[c].watching))
		}
		r.forget(c)
	}
	if len(r.watchers)+len(r.byObject)+len(r.takeChanges()) != 0 {
		t.Errorf("left: %d watchers, %d objects", len(r.watchers), len(r.byObject))
	}
}
