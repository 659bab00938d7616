package metrics

import (
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/pandora-go/pandora/internal/wire"
	"github.com/prometheus/common/expfmt"
)

// generations is how many workers come and go in the soak.
const generations = 10_000

// TestGenerationsLeakNothing: thousands of workers come and go, each with metrics of its process alone, with shared ones, with
// series of prom-client and with everything the daemon counts of them; memory and what is shown stay as they are.
func TestGenerationsLeakNothing(t *testing.T) {
	d := startDaemon(t)
	set := newSeriesSet(d.registry, ClientOptions{Worker: func(int) (string, int, bool) { return "", 0, false }, Refused: func(Refusal) {}})
	instruments, closer := NewInstruments(d.registry, []string{"running"})
	defer closer.Close()
	var previous *worker
	var half uint64
	shown := ""
	for i := range generations {
		conn, err := wire.Dial(t.Context(), d.path) // nothing of it may stay until the test ends
		if err != nil {
			t.Fatal(err)
		}
		next := &worker{Conn: conn, t: t, app: "demo", id: fmt.Sprint("client", i)}
		next.send(actionDiscover, map[string]string{"appName": "demo", "clientId": next.id})
		name := NewName("heap").Tagged(map[string]string{"appName": "demo", "pid": fmt.Sprint(i)}).String()
		for _, kind := range []string{"GAUGE", "TIMER", "COUNTER"} {
			next.uplink(map[string]any{"action": "METRIC_CREATE", "name": kind + name, "type": kind, "group": "g"})
		}
		next.createWith("COUNTER", "g", "hits", 0)
		next.merge("COUNTER", "hits", 1)
		next.uplink(map[string]any{"action": "METRIC_UPDATE", "name": "TIMER" + name, "type": "TIMER", "method": "update", "value": []int{5}})
		next.sync()
		series := &seriesClient{app: "demo", id: next.id, seriesPeer: seriesPeer{conn: uint64(i)}, counted: map[string]*summed{}}
		set.mu.Lock()
		set.clients = append(set.clients, series)
		set.mu.Unlock()
		set.told(series, []*summed{
			{identity: identity{name: "carts_total"}, value: 1}, {identity: identity{name: "of_pid_total", labels: []label{{"pid", fmt.Sprint(i)}}}, value: 1},
		}, true)
		set.close(uint64(i))
		instruments.Restarted("demo", "web")
		instruments.PullMissed("demo")
		instruments.Workers(map[string]int{"running": 1})
		if previous != nil {
			previous.Close()
			<-previous.Done()
		}
		previous = next
		if i == generations/2 || i == generations-1 {
			next.leaveOthers(t, d)
			size, lines := footprint(t, d.registry)
			if half == 0 {
				half, shown = size, lines
			} else if size > half+half/10+256<<10 || lines != shown {
				t.Errorf("%d bytes and %s after %d generations, %d bytes and %s after half of them", size, lines, generations, half, shown)
			}
		}
	}
	if got := d.only(t, "g/hits"); got != fmt.Sprint("g/hits.count=", generations) {
		t.Errorf("the counter all share: %s", got)
	}
	previous.Close()
	<-previous.Done()
}

// leaveOthers waits until the daemon knows no other worker.
func (w *worker) leaveOthers(t *testing.T, d *daemon) {
	t.Helper()
	until(t, "1", func() string {
		d.receiver.mu.Lock()
		defer d.receiver.mu.Unlock()
		return fmt.Sprint(len(d.receiver.conns))
	})
}

// footprint is the memory in use, and how many rows there are of the workers' group and bytes of text.
func footprint(t *testing.T, r *Registry) (uint64, string) {
	t.Helper()
	if err := r.WritePrometheus(t.Context(), io.Discard, expfmt.NewFormat(expfmt.TypeTextPlain), ""); err != nil {
		t.Fatal(err)
	}
	rows := len(r.List("g", "")[0].Rows)
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	r.mu.Lock()
	defer r.mu.Unlock()
	return m.HeapAlloc, fmt.Sprint(rows, " rows, ", len(r.rests), " resting, ", len(r.groups), " groups")
}
