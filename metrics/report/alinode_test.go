package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/pandora-go/pandora/metrics"
)

// alinodeCall is one message of the recorded exchange; testdata/record-agentx.js wrote it.
type alinodeCall struct {
	From    string
	Signed  bool
	Keys    []string
	Message map[string]any
}

// alinodeServer is the server of the recording: it takes who registers, has a command run, and hears heartbeats. answer
// may say something else to a message of a type.
func alinodeServer(t *testing.T, answer func(kind string) string) (address string, got func(kind string) []alinodeCall) {
	t.Helper()
	var mu sync.Mutex
	var calls []alinodeCall
	key := &alinodeSink{secret: "secret-1"}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		defer socket.CloseNow()
		say := func(text string) {
			signed := strings.TrimSuffix(text, "}") + `,"signature":"` + key.sign([]byte(text)) + `"}`
			_ = socket.Write(r.Context(), websocket.MessageText, []byte(signed))
		}
		for {
			_, data, err := socket.Read(r.Context())
			if err != nil {
				return
			}
			call := alinodeCall{From: "agent", Keys: keysOf(t, data)}
			plain, err := unsigned(data)
			if err := errors.Join(err, json.Unmarshal(data, &call.Message)); err != nil {
				t.Error(err)
			}
			call.Signed = call.Message["signature"] == key.sign(plain)
			delete(call.Message, "signature")
			mu.Lock()
			calls = append(calls, call)
			mu.Unlock()
			kind := fmt.Sprint(call.Message["type"])
			if answer != nil {
				if text := answer(kind); text != "" {
					say(text)
					continue
				}
			}
			switch kind {
			case "register":
				say(fmt.Sprintf(`{"type":"result","params":{"result":"REG_OK"},"id":%v}`, call.Message["id"]))
				_ = socket.Write(r.Context(), websocket.MessageText, []byte(`{"type":"command","params":{"command":"unsigned"},"id":8,"signature":"x"}`))
				say(`{"type":"command","params":{"command":"no_such_command 1","timeout":1000},"id":7}`)
			case "heartbeat":
				say(fmt.Sprintf(`{"type":"result","params":{"result":"HEARTBEAT_ACK"},"id":%v}`, call.Message["id"]))
			}
		}
	}))
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "http", "ws", 1), func(kind string) []alinodeCall {
		mu.Lock()
		defer mu.Unlock()
		return slices.DeleteFunc(slices.Clone(calls), func(c alinodeCall) bool { return kind != "" && c.Message["type"] != kind })
	}
}

// keysOf lists the keys of an object in their order.
func keysOf(t *testing.T, data []byte) []string {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := dec.Token(); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		if err := dec.Decode(&value); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, name.(string))
	}
	return keys
}

// systemBatch is the figures of a machine.
func systemBatch() *batch {
	b := &batch{at: time.UnixMilli(1700000000123)}
	for name, value := range map[string]float64{
		"system.mem.total": 4096, "system.mem.used": 1024, "system.load.1min": .5, "system.load.5min": .25, "system.load.15min": .125,
		"system.cpu.usage": .0625,
	} {
		b.rows = append(b.rows, metrics.Row{Metric: name, Value: value, Type: metrics.KindGauge})
	}
	return b
}

// waitFor waits for what comes over a connection.
func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestAlinodeAsTheAgent compares with what npm's agent said, message by message.
func TestAlinodeAsTheAgent(t *testing.T) {
	data, err := os.ReadFile("testdata/agentx.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []alinodeCall
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	address, got := alinodeServer(t, nil)
	sink := configured(t, "", "alinode", `{"server":"`+address+`","appid":"1","secret":"secret-1","heartbeatIntervalMs":100}`, true)
	defer sink.(*alinodeSink).Close()
	if err := sink.take(t.Context(), systemBatch()); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"register", "result", "heartbeat", "log"} {
		at := slices.IndexFunc(recorded, func(c alinodeCall) bool { return c.From == "agent" && c.Message["type"] == kind })
		if at < 0 {
			t.Fatalf("the agent said nothing of type %s", kind)
		}
		theirs := recorded[at]
		waitFor(t, kind, func() bool { return len(got(kind)) > 0 })
		ours := got(kind)[0]
		if !ours.Signed || !theirs.Signed {
			t.Errorf("%s: signed %v, the agent's %v", kind, ours.Signed, theirs.Signed)
		}
		if !slices.Equal(ours.Keys, theirs.Keys) {
			t.Errorf("%s has the keys %q, the agent's %q", kind, ours.Keys, theirs.Keys)
		}
		if a, b := shapeOf(any(ours.Message)), shapeOf(any(theirs.Message)); a != b {
			t.Errorf("%s has the shape\n%s, the agent's\n%s", kind, a, b)
		}
	}
	if result := got("result"); len(result) != 1 || result[0].Message["id"] != 7.0 {
		t.Errorf("answers to commands: %v, expected one, to the signed one", result)
	}
	params := got("log")[0].Message["params"].(map[string]any)["metrics"].(map[string]any)
	for name, want := range map[string]float64{
		"totalmem": 4096 * 1024, "freemem": 3072 * 1024, "load1": .5, "load5": .25, "load15": .125, "cpu": .0625,
	} {
		if params[name] != want {
			t.Errorf("%s is %v, expected %v", name, params[name], want)
		}
	}
	if err := sink.take(t.Context(), systemBatch()); err != nil || len(got("register")) != 1 {
		t.Errorf("a second report: %v, registered %d times", err, len(got("register")))
	}
}

// TestAlinodeAnswers: who is refused says why and not the secret; a connection without answers is made anew.
func TestAlinodeAnswers(t *testing.T) {
	for answer, want := range map[string]string{
		`{"type":"result","params":{"result":"REG_NOK: who?"},"id":1}`: "REG_NOK: who?",
		`{"type":"error","params":{"error":"wrong"},"id":1}`:           "wrong",
	} {
		address, _ := alinodeServer(t, func(string) string { return answer })
		sink := configured(t, "", "alinode", `{"server":"`+address+`","appid":"1","secret":"secret-1"}`, true)
		if err := sink.take(t.Context(), systemBatch()); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret-1") {
			t.Errorf("answered %s: %v", answer, err)
		}
	}
	address, _ := alinodeServer(t, func(string) string { return `{"type":"other","params":{}}` })
	silent := configured(t, "", "alinode", `{"server":"`+address+`","appid":"1","secret":"secret-1"}`, true)
	limited, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := silent.take(limited, systemBatch()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without an answer: %v", err)
	}
	address, got := alinodeServer(t, func(kind string) string {
		if kind == "heartbeat" {
			return `{"type":"other","params":{}}`
		}
		return ""
	})
	sink := configured(t, "", "alinode", `{"server":"`+address+`","appid":"1","secret":"secret-1","heartbeatIntervalMs":100}`, true).(*alinodeSink)
	defer sink.Close()
	if err := sink.take(t.Context(), systemBatch()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end of a connection without heartbeats", func() bool { return sink.conn.failed() != nil })
	if err := sink.take(t.Context(), systemBatch()); err != nil || len(got("register")) != 2 || len(got("log")) < 1 {
		t.Errorf("after the end of the connection: %v, registered %d times", err, len(got("register")))
	}
	set := New(Config{Registry: metrics.NewRegistry()})
	if problems := set.Configure(json.RawMessage(`{"reporter":{"alinode":{"appid":"1"}}}`)); len(problems) != 1 || !strings.Contains(problems[0], "option appid and secret is not valid") {
		t.Errorf("without a secret: %q", problems)
	}
}

// FuzzUnsigned: what a server sends may be anything.
func FuzzUnsigned(f *testing.F) {
	for _, seed := range []string{`{"type":"result","params":{"result":"REG_OK"},"id":1,"signature":"x"}`, `{`, `[]`, `{"a":1e999,"signature":{}}`, "null", "[[0]]"} {
		f.Add([]byte(seed))
	}
	c := &alinodeConn{sink: &alinodeSink{secret: "s"}, taken: make(chan error, 1), cancel: func() {}}
	f.Fuzz(func(t *testing.T, data []byte) {
		plain, err := unsigned(data)
		if err == nil && !json.Valid(plain) && json.Valid(data) {
			t.Errorf("%q becomes %q", data, plain)
		}
		if json.Valid(data) {
			_ = c.heard(t.Context(), data) // nothing is signed
		}
	})
}
