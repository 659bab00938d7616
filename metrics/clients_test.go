package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/wire"
	"go.uber.org/zap"
)

const patience = 10 * time.Second

// daemon is a message server with a registry behind it.
type daemon struct {
	path     string
	registry *Registry
	server   *wire.Server
	receiver *receiver
	missed   atomic.Int32

	mu      sync.Mutex // guards refused
	refused map[Refusal]int
}

func (d *daemon) refusals(reason Refusal) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused[reason]
}

func startDaemon(t *testing.T) *daemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "metrics")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{path: filepath.Join(dir, "s"), registry: NewRegistry()}
	d.server, err = wire.Listen(d.path, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	d.refused = map[Refusal]int{}
	d.receiver = serveClients(d.server, d.registry, ClientOptions{
		Missed: func(string) { d.missed.Add(1) },
		Refused: func(reason Refusal) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.refused[reason]++
		},
	})
	d.server.Handle("sync", func(_ *wire.Conn, _ json.RawMessage, reply func(any)) { reply(1) })
	var served sync.WaitGroup
	served.Go(func() { _ = d.server.Serve() })
	t.Cleanup(func() {
		if err := d.server.Close(); err != nil {
			t.Error(err)
		}
		served.Wait()
		os.RemoveAll(dir)
	})
	return d
}

// spelling is a name that we would serialise otherwise.
const spelling = "spelling@%^b%^&1!*&a%^&2"

// worker is a MetricsClient as the original's.
type worker struct {
	*wire.Conn
	t       *testing.T
	app, id string
	asked   atomic.Int32
}

// join connects a worker whose gauges are answered by values: a value, or nil for silence.
func (d *daemon) join(t *testing.T, app, id string, values map[string]any) *worker {
	t.Helper()
	w := d.dial(t, app, id, values)
	w.send("METRIC_DISCOVER_KEY_PANDORA_METRIC", map[string]string{"appName": app, "clientId": id})
	return w
}

// dial is join without an announcement.
func (d *daemon) dial(t *testing.T, app, id string, values map[string]any) *worker {
	t.Helper()
	w := &worker{t: t, app: app, id: id}
	conn, err := wire.Dial(t.Context(), d.path, func(_ *wire.Conn, action string, data json.RawMessage, reply func(any)) {
		var m struct{ MetricKey, Type string }
		if err := json.Unmarshal(data, &m); err != nil || m.Type != "GAUGE" || action != "MESSENGER_DOWNLINK_"+app+"_metrics_"+id {
			t.Errorf("asked %s %s", action, data)
		}
		w.asked.Add(1)
		if strings.HasPrefix(m.MetricKey, "spelling") && m.MetricKey != spelling {
			t.Errorf("asked for %s", m.MetricKey)
		}
		if v := values[ParseName(m.MetricKey).Key]; v != nil {
			reply(v)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Conn = conn
	t.Cleanup(func() { conn.Close(); <-conn.Done() })
	return w
}

func (w *worker) send(action string, data any) {
	w.t.Helper()
	if err := w.Send(action, data); err != nil {
		w.t.Fatal(err)
	}
}

func (w *worker) uplink(data map[string]any) {
	w.t.Helper()
	data["clientId"] = w.id
	w.send("MESSENGER_UPLINK_"+w.app+"_metrics_"+w.id, data)
}

func (w *worker) name(key string) string { return NewName(key).Tagged(app(w.app)).String() }

func (w *worker) create(kind, group, key string) {
	w.t.Helper()
	w.uplink(map[string]any{"action": "METRIC_CREATE", "name": w.name(key), "type": kind, "group": group})
}

func (w *worker) update(key, method string, value any) {
	w.t.Helper()
	w.uplink(map[string]any{"action": "METRIC_UPDATE", "name": w.name(key), "method": method, "value": value, "type": "COUNTER"})
}

// sync waits until the daemon has handled what the worker sent.
func (w *worker) sync() {
	w.t.Helper()
	if _, err := w.Request(w.t.Context(), "sync", nil); err != nil {
		w.t.Fatal(err)
	}
}

func (d *daemon) values(t *testing.T) string {
	t.Helper()
	var all []string
	for _, group := range d.registry.Snapshot(t.Context(), "") {
		for _, row := range group.Rows {
			if row.Interval != notBucketed {
				continue // what there is in buckets has tests of its own
			}
			value, err := json.Marshal(row.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, fmt.Sprintf("%s/%s=%s", group.Name, row.Metric, value))
		}
	}
	return strings.Join(all, " ")
}

// until polls for a value.
func until(t *testing.T, want string, got func() string) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for got() != want {
		select {
		case <-deadline.C:
			t.Fatalf("got %s, want %s", got(), want)
		case <-tick.C:
		}
	}
}

func TestCountersOfWorkers(t *testing.T) {
	d := startDaemon(t)
	one, two := d.join(t, "demo", "c1", nil), d.join(t, "demo", "c2", nil)
	for _, w := range []*worker{one, two} {
		w.create("COUNTER", "test", "hits")
		w.update("hits", "inc", []int{5})
		w.update("hits", "dec", []int{2})
		w.update("hits", "desc", []int{1}) // as the npm client calls it
		w.update("hits", "inc", []any{nil})
		w.update("hits", "inc", []int{})
		w.update("hits", "inc", 0)
		w.update("hits", "inc", 1.5) // a single argument, as version 0.1
		w.sync()
	}
	if got := d.values(t); got != "test/hits.count=13" {
		t.Errorf("got %s", got)
	}
	one.Close()
	until(t, "1", func() string { return fmt.Sprint(len(d.counterOwners())) })
	if got := d.values(t); got != "test/hits.count=13" {
		t.Errorf("after one of two went: %s", got)
	}
	two.Close()
	until(t, "", func() string { return d.values(t) })
}

// counterOwners is the owners of the first counter.
func (d *daemon) counterOwners() []Owner {
	d.registry.mu.Lock()
	defer d.registry.mu.Unlock()
	if len(d.registry.groups) == 0 || len(d.registry.groups[0].kept[kindCounter]) == 0 {
		return nil
	}
	e := d.registry.groups[0].kept[kindCounter][0]
	owners := []Owner{e.owner}
	if e.more != nil {
		owners = append(owners, *e.more...)
	}
	return owners
}

func TestGaugesOfWorkers(t *testing.T) {
	d := startDaemon(t)
	values := map[string]any{"n": 1.5, "s": "text", "b": true, "o": map[string]int{"a": 1}, "null": json.RawMessage("null"), "zero": 0, "member": 7, "spelling": 8}
	w := d.join(t, "demo", "c1", values)
	for _, key := range []string{"n", "s", "b", "o", "null", "zero"} {
		w.create("GAUGE", "g", key)
	}
	w.uplink(map[string]any{"action": "METRIC_CREATE", "name": w.name("member"), "group": "g"}) // as the npm client's sets
	w.uplink(map[string]any{"action": "METRIC_CREATE", "name": spelling, "type": "GAUGE", "group": "g"})
	w.sync()
	want := `g/n=1.5 g/s="text" g/b=true g/o={"a":1} g/zero=0 g/member=7 g/spelling=8`
	var readers sync.WaitGroup
	for range 10 {
		readers.Go(func() {
			if got := d.values(t); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	readers.Wait()
	// Ten readers within a second share one reading; a slow machine may see two.
	if n := w.asked.Load(); n > 16 {
		t.Errorf("the worker was asked %d times", n)
	}
	if d.missed.Load() != 0 {
		t.Error("missed")
	}
	w.Close()
	until(t, "", func() string { return d.values(t) })
}

func TestSilentWorkerDelaysAndHidesNobody(t *testing.T) {
	d := startDaemon(t)
	silent := d.join(t, "demo", "mute", nil)
	for i := range 200 {
		silent.create("GAUGE", "g", fmt.Sprint("mute", i))
	}
	silent.create("GAUGE", "g", "shared")
	silent.sync()
	good := d.join(t, "demo", "c1", map[string]any{"n": 1, "shared": 2})
	good.create("GAUGE", "g", "n")
	good.create("GAUGE", "g", "shared")
	good.sync()
	began := time.Now()
	if got := d.values(t); got != "g/shared=2 g/n=1" {
		t.Errorf("got %s", got)
	}
	if took := time.Since(began); took > pullTimeout+3*time.Second {
		t.Errorf("took %s", took)
	}
	if d.missed.Load() != 1 {
		t.Errorf("missed %d times", d.missed.Load())
	}
	if n := silent.asked.Load(); n > pullsAtOnce {
		t.Errorf("%d questions were open", n)
	}
	// Whoever gives up early gets what is there.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.registry.Snapshot(ctx, "")
}

func TestMalformedMessages(t *testing.T) {
	d := startDaemon(t)
	w := d.join(t, "demo_metrics_x", "c1", map[string]any{"ok": 1})
	w.create("COUNTER", "g", "ok.count")
	discover, uplink := "METRIC_DISCOVER_KEY_PANDORA_METRIC", "MESSENGER_UPLINK_demo_metrics_x_metrics_c1"
	for _, data := range []any{nil, 1, "x", []int{1}, map[string]any{}, map[string]any{"appName": 5, "clientId": "x"},
		map[string]any{"appName": "demo_metrics_x", "clientId": "c1"}} { // the last one is known already
		w.send(discover, data)
	}
	for _, data := range []any{nil, 1, "x", []int{}, map[string]any{}, map[string]any{"action": 1}} {
		w.send(uplink, data)
	}
	w.send("MESSENGER_UPLINK_demo_metrics_unknown", map[string]any{"action": "METRIC_CREATE"})
	for _, kind := range []string{"nonsense", "gauge", "__proto__"} {
		w.create(kind, "g", "x"+kind)
	}
	w.create("GAUGE", "g", "ok.count")                                                             // taken
	w.create("GAUGE", "", "nogroup")                                                               // no group
	w.uplink(map[string]any{"action": "METRIC_CREATE", "name": "", "type": "GAUGE", "group": "g"}) // no name
	for _, method := range []string{"constructor", "", "__proto__", "inc "} {
		w.update("ok.count", method, []int{1})
	}
	for _, value := range []any{"text", []any{"5"}, []any{map[string]int{}}, true} {
		w.update("ok.count", "inc", value)
	}
	w.update("unknown", "inc", []int{1})
	w.update("ok.count", "inc", []int{1})
	w.create("GAUGE", "g", "ok")
	w.sync()
	if got := d.values(t); got != "g/ok=1 g/ok.count=1" {
		t.Errorf("got %s", got)
	}
	stranger := d.join(t, "other", "c9", nil)
	stranger.send(uplink, map[string]any{"action": "METRIC_UPDATE", "name": w.name("ok.count"), "method": "inc", "value": []int{100}})
	stranger.sync()
	if got := d.values(t); got != "g/ok=1 g/ok.count=1" {
		t.Errorf("a stranger counted: %s", got)
	}
}

func TestClientIsBounded(t *testing.T) {
	d := startDaemon(t)
	w := d.join(t, "demo", "c1", nil)
	for i := range maxClientMetrics + 20 {
		w.create("COUNTER", "g", fmt.Sprint("c", i))
	}
	w.sync()
	if n := len(d.registry.List("g", "")[0].Rows) / 3; n != maxClientMetrics {
		t.Errorf("%d metrics", n)
	}
}
