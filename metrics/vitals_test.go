package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/wire"
)

// vitalWorker connects a worker that answers the question how it is.
func (d *daemon) vitalWorker(t *testing.T, app, id string, answer func(question string) any) {
	t.Helper()
	conn, err := wire.Dial(t.Context(), d.path, func(_ *wire.Conn, action string, data json.RawMessage, reply func(any)) {
		if action != "MESSENGER_DOWNLINK_"+app+"_vitals_"+id {
			t.Errorf("asked %s", action)
		}
		if a := answer(string(data)); a != nil {
			reply(a)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(); <-conn.Done() })
	if err := conn.Send(actionSeries, map[string]any{"appName": app, "clientId": id, "process": "web", "worker": 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Request(t.Context(), "sync", nil); err != nil {
		t.Fatal(err)
	}
}

func TestVitals(t *testing.T) {
	if got := NewRegistry().Vitals(t.Context(), "demo", "", 0); got != nil {
		t.Errorf("without workers: %v", got)
	}
	d := startDaemon(t)
	always := func(answer string) func(string) any { return func(string) any { return json.RawMessage(answer) } }
	d.vitalWorker(t, "demo", "good", func(question string) any {
		if question != `{"intervalMs":5000,"watch":"loop"}` {
			t.Errorf("asked %s", question)
		}
		return json.RawMessage(`{"rssBytes":3e7,"heapUsedBytes":2e6,"heapLimitBytes":4e9,"lagMs":{"now":1.5,"p99":20},"more":[]}`)
	})
	for i, bad := range []string{`null`, `7`, `{"rssBytes":"x"}`, `{}`, `{"rssBytes":1,"x":"` + strings.Repeat("x", maxVitals) + `"}`} {
		d.vitalWorker(t, "demo", fmt.Sprint("bad", i), always(bad))
	}
	d.vitalWorker(t, "demo", "silent", func(string) any { return nil })
	d.vitalWorker(t, "other", "other", func(string) any {
		t.Error("a worker of another application is asked")
		return nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	got := d.registry.Vitals(ctx, "demo", "loop", 5*time.Second)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	if len(got) != 1 || got[0].PID != os.Getpid() || got[0].RSS != 3e7 || got[0].HeapLimit != 4e9 || got[0].LagMs["p99"] != 20 {
		t.Errorf("%+v", got)
	}
}
