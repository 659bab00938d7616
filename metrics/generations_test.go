package metrics

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func (w *worker) createWith(kind, group, key string, state any) {
	w.t.Helper()
	w.uplink(map[string]any{"action": "METRIC_CREATE", "name": w.name(key), "type": kind, "group": group, "value": []any{state}})
}

func (w *worker) merge(kind, key string, state any) {
	w.t.Helper()
	w.uplink(map[string]any{"action": "METRIC_UPDATE", "name": w.name(key), "type": kind, "method": "merge", "value": []any{state}})
}

func (w *worker) call(kind, key, method string, args ...any) {
	w.t.Helper()
	w.uplink(map[string]any{"action": "METRIC_UPDATE", "name": w.name(key), "type": kind, "method": method, "value": args})
}

// only is the values that begin so.
func (d *daemon) only(t *testing.T, prefix string) string {
	t.Helper()
	var found []string
	for _, v := range strings.Fields(d.values(t)) {
		if strings.HasPrefix(v, prefix) {
			found = append(found, v)
		}
	}
	return strings.Join(found, " ")
}

func (w *worker) leave(t *testing.T, d *daemon) {
	t.Helper()
	w.Close()
	until(t, "true", func() string {
		d.receiver.mu.Lock()
		defer d.receiver.mu.Unlock()
		for _, clients := range d.receiver.conns {
			for _, c := range clients {
				if c.id == w.id && c.app == w.app {
					return "false"
				}
			}
		}
		return "true"
	})
}

// TestNoCounterGoesBackwards: workers come and go, in all orders; what they counted stays.
func TestNoCounterGoesBackwards(t *testing.T) {
	d := startDaemon(t)
	generation := func(id string) *worker {
		w := d.join(t, "demo", id, nil)
		w.createWith("COUNTER", "g", "hits", 0)
		w.createWith("TIMER", "g", "took", map[string]any{"seq": 0, "count": 0, "sum": 0})
		w.merge("COUNTER", "hits", 10)
		w.merge("TIMER", "took", map[string]any{"seq": 0, "count": 2, "sum": 30, "samples": []int{10, 20}})
		w.sync()
		return w
	}
	old := generation("g0")
	for i := 1; i <= 3; i++ { // the new one first, as in a reload
		next := generation(fmt.Sprint("g", i))
		old.leave(t, d)
		old = next
		if got, want := d.only(t, "g/hits"), fmt.Sprint("g/hits.count=", 10*(i+1)); got != want {
			t.Errorf("reload %d: %s, want %s", i, got, want)
		}
	}
	for i := 4; i <= 6; i++ { // the old one first, as in a crash
		old.leave(t, d)
		if got := d.values(t); got != "" {
			t.Errorf("of nobody: %s", got)
		}
		old = generation(fmt.Sprint("g", i))
		if got, want := d.only(t, "g/hits"), fmt.Sprint("g/hits.count=", 10*(i+1)); got != want {
			t.Errorf("crash %d: %s, want %s", i, got, want)
		}
	}
	if got := d.only(t, "g/took.count"); got != "g/took.count=14" {
		t.Errorf("timer: %s", got)
	}
	if got := d.only(t, "g/took.max"); got != "g/took.max=20" {
		t.Errorf("timer: %s", got)
	}
}

// TestClientComesBack: the same client on a new connection counts once, whatever was lost or is repeated.
func TestClientComesBack(t *testing.T) {
	d := startDaemon(t)
	w := d.join(t, "demo", "c", nil)
	w.createWith("COUNTER", "g", "hits", 0)
	w.createWith("FASTCOMPASS", "g", "calls", map[string]any{"totals": map[string]any{}})
	w.merge("COUNTER", "hits", 5)
	w.merge("FASTCOMPASS", "calls", map[string]any{"totals": map[string][]int{"success": {2, 20}}})
	w.sync()
	second := d.join(t, "demo", "c", nil) // the daemon has not seen the first one end
	second.createWith("COUNTER", "g", "hits", 7)
	second.sync()
	if got := d.only(t, "g/hits"); got != "g/hits.count=7" {
		t.Errorf("on two connections: %s", got)
	}
	w.Close()
	second.leave(t, d)
	third := d.join(t, "demo", "c", nil)
	third.createWith("COUNTER", "g", "hits", 9)
	third.createWith("COUNTER", "other", "hits", 9) // the same metric in another group
	third.merge("COUNTER", "hits", 10)
	third.sync()
	if got := d.values(t); got != "g/hits.count=10 other/hits.count=10" {
		t.Errorf("back again: %s", got)
	}

	// A new daemon is told again.
	d = startDaemon(t)
	for id, count := range map[string]int{"c": 10, "e": 30} {
		w := d.join(t, "demo", id, nil)
		w.createWith("COUNTER", "g", "hits", count)
		w.merge("COUNTER", "hits", count+1)
		w.merge("COUNTER", "hits", count+1)
		w.sync()
	}
	if got := d.values(t); got != "g/hits.count=42" {
		t.Errorf("at a new daemon: %s", got)
	}
}

// TestClientOfTheOriginalComesBack: npm's client does not register again when its connection was lost.
func TestClientOfTheOriginalComesBack(t *testing.T) {
	d := startDaemon(t)
	values := map[string]any{"gauge": 1}
	w := d.join(t, "demo", "npm", values)
	w.create("GAUGE", "g", "gauge")
	w.create("METER", "g", "meter")
	w.call("METER", "meter", "mark", 3)
	w.sync()
	w.leave(t, d)
	back := d.dial(t, "demo", "npm", values)
	back.call("METER", "meter", "mark", 4)
	back.sync()
	if got := d.only(t, "g/gauge") + d.only(t, "g/meter.count"); got != "g/gauge=1g/meter.count=7" {
		t.Errorf("got %s", got)
	}
	// Someone else does not get to speak for a client that is there.
	d.dial(t, "demo", "npm", nil).call("METER", "meter", "mark", 100)
	if got := d.only(t, "g/meter.count"); got != "g/meter.count=7" {
		t.Errorf("a stranger: %s", got)
	}
}

func TestEveryTypeOfCall(t *testing.T) {
	d := startDaemon(t)
	one, two := d.join(t, "demo", "1", nil), d.join(t, "demo", "2", nil)
	for _, w := range []*worker{one, two} {
		for kind, call := range map[string][]any{
			"COUNTER": {"inc", 5}, "METER": {"mark", 5}, "HISTOGRAM": {"update", 5}, "TIMER": {"update", 5}, "FASTCOMPASS": {"record", 5, "success"},
		} {
			w.create(kind, "g", kind)
			w.call(kind, kind, call[0].(string), call[1:]...)
		}
		w.sync()
	}
	for _, want := range []string{"COUNTER.count=10", "METER.count=10", "HISTOGRAM.count=2", "HISTOGRAM.p95=5", "TIMER.count=2", "TIMER.rt=5"} {
		if got := d.only(t, "g/"+strings.SplitAfter(want, "=")[0]); got != "g/"+want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRefusalsAreCounted(t *testing.T) {
	d := startDaemon(t)
	w := d.join(t, "demo", "c", nil)
	w.create("COUNTER", "g", "ok")
	w.create("COUNTER", "g", strings.Repeat("x", maxKey))
	w.create("METER", "g", "ok")
	w.create("nonsense", "g", "x")
	w.createWith("COUNTER", "g", "late", "nonsense")
	w.call("COUNTER", "ok", "explode")
	w.merge("COUNTER", "ok", json.RawMessage(`{"a":1}`))
	w.call("COUNTER", "ok", "inc", 2)
	w.sync()
	for reason, want := range map[Refusal]int{RefusedName: 2, RefusedMalformed: 4} {
		if got := d.refusals(reason); got != want {
			t.Errorf("%s: %d, want %d", reason, got, want)
		}
	}
	if got := d.only(t, "g/ok"); got != "g/ok.count=2" {
		t.Errorf("got %s", got)
	}
	for i := range maxClientMetrics + 5 {
		w.create("COUNTER", "g", fmt.Sprint("many", i))
	}
	w.sync()
	if got := d.refusals(RefusedClient); got != 7 { // ok and late have places
		t.Errorf("client limit: %d", got)
	}
	for i := range maxConnClients + 2 {
		w.send(actionDiscover, map[string]string{"appName": "demo", "clientId": fmt.Sprint(i)})
	}
	w.sync()
	if got := d.refusals(RefusedClient); got != 10 {
		t.Errorf("clients of a connection: %d", got)
	}
	w.leave(t, d)
	d.receiver.mu.Lock()
	defer d.receiver.mu.Unlock()
	if len(d.receiver.apps) != 0 {
		t.Errorf("places are still taken: %d", len(d.receiver.apps["demo"]))
	}
}

// TestClientsOwnRefusals: what a client has not even told is counted once, however often it says so.
func TestClientsOwnRefusals(t *testing.T) {
	d := startDaemon(t)
	w := d.join(t, "demo", "c", nil)
	for _, value := range []any{[]any{5}, []any{5}, []any{3}, []any{-1}, []any{7.9}, 5, []any{}, []any{"x"}} {
		w.uplink(map[string]any{"action": "METRIC_REFUSED", "value": value})
	}
	w.sync()
	w.leave(t, d)
	w = d.join(t, "demo", "c", nil)
	w.uplink(map[string]any{"action": "METRIC_REFUSED", "value": []any{9}})
	w.sync()
	if n, wrong := d.refusals(RefusedClient), d.refusals(RefusedMalformed); n != 8 || wrong != 3 {
		t.Errorf("%d, and %d that make no sense", n, wrong)
	}
}

func TestApplicationIsBounded(t *testing.T) {
	rc := &receiver{apps: map[string]map[string]int{}}
	for i := range maxAppMetrics {
		if err := rc.take("demo", fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := rc.take("demo", "7"); err != nil {
		t.Error("a name that another worker has:", err)
	}
	if err := rc.take("demo", "one more"); refusalOf(err) != RefusedApplication {
		t.Error("beyond the limit:", err)
	}
	if err := rc.take("other", "one more"); err != nil {
		t.Error("another application:", err)
	}
	rc.giveBack("demo", map[string]bool{"7": true, "8": true})
	if err := rc.take("demo", "one more"); err != nil || rc.apps["demo"]["7"] != 1 {
		t.Error("after one has gone:", err)
	}
}

// TestGenerationsAreForgotten: names that never come back take no memory for ever.
func TestGenerationsAreForgotten(t *testing.T) {
	r := NewRegistry()
	for i := range 3 * maxResting {
		owner := r.NewOwner()
		h := must[*Timer](t)(r.Timer(owner, "g", NewName(fmt.Sprint("pid", i)), ReservoirDecaying))
		h.Update(1)
		r.Remove(owner)
	}
	if n := len(r.shared[kindTimer]); n != maxResting || r.resting.Len() != maxResting || len(r.rests) != maxResting || len(r.groups[0].known) != 0 {
		t.Errorf("%d metrics, %d of nobody, %d names", n, r.resting.Len(), len(r.groups[0].known))
	}
	for _, s := range r.shared[kindTimer] {
		if n := s.(*Timer).Snapshot().Size(); n != 0 {
			t.Fatalf("a metric of nobody keeps %d values", n)
		}
	}
}
