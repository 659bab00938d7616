package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pandora-go/pandora/internal/wire"
)

// teller is a worker with series.
type teller struct {
	*wire.Conn
	answer atomic.Pointer[string]
	asked  atomic.Int32
}

func (w *teller) tells(families string) {
	answer := `{"complete":true,"families":[` + families + `]}`
	w.answer.Store(&answer)
}

// tell connects a worker in a place of the process web.
func (d *daemon) tell(t *testing.T, id string, place int, families string) *teller {
	t.Helper()
	w := d.dialTeller(t, id, families)
	if err := w.Send(actionSeries, map[string]any{"appName": "demo", "clientId": id, "process": "web", "worker": place}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Request(t.Context(), "sync", nil); err != nil {
		t.Fatal(err)
	}
	return w
}

// dialTeller is tell without an announcement.
func (d *daemon) dialTeller(t *testing.T, id, families string) *teller {
	t.Helper()
	w := &teller{}
	w.tells(families)
	conn, err := wire.Dial(t.Context(), d.path, func(_ *wire.Conn, action string, _ json.RawMessage, reply func(any)) {
		if action != "MESSENGER_DOWNLINK_demo_series_"+id {
			t.Errorf("asked %s", action)
		}
		w.asked.Add(1)
		reply(json.RawMessage(*w.answer.Load()))
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Conn = conn
	t.Cleanup(func() { conn.Close(); <-conn.Done() })
	return w
}

// leave ends the connection, and waits until the daemon knows.
func (d *daemon) leave(t *testing.T, w *teller, living int) {
	t.Helper()
	w.Close()
	until(t, fmt.Sprint(living), func() string {
		s := d.registry.texts[0].(*seriesSet)
		s.mu.Lock()
		defer s.mu.Unlock()
		return fmt.Sprint(len(s.clients))
	})
}

// text is the Prometheus text, asked anew, which must be one.
func (d *daemon) text(t *testing.T, format expfmt.FormatType) string {
	t.Helper()
	s := d.registry.texts[0].(*seriesSet)
	for _, c := range s.clients {
		c.mu.Lock()
		if c.last != nil {
			c.last.began = time.Time{}
		}
		c.mu.Unlock()
	}
	var b bytes.Buffer
	if err := d.registry.WritePrometheus(t.Context(), &b, expfmt.NewFormat(format), ""); err != nil {
		t.Fatal(err)
	}
	if format == expfmt.TypeTextPlain {
		parser := expfmt.NewTextParser(model.UTF8Validation)
		if _, err := parser.TextToMetricFamilies(bytes.NewReader(b.Bytes())); err != nil {
			t.Errorf("%v in %s", err, &b)
		}
	}
	return b.String()
}

func mustHave(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
}

// requestsSeen are the metrics of one worker that has seen n requests of half a second.
func requestsSeen(n int) string {
	return fmt.Sprintf(`
{"name":"requests_total","help":"Requests.","type":"counter","aggregator":"sum","values":[{"labels":{"code":200,"app":"mine"},"value":%[1]d}]},
{"name":"plain","help":"","type":"counter","values":[{"labels":{},"value":%[1]d}]},
{"name":"took","help":"Took.","type":"histogram","values":[
 {"labels":{"le":0.1},"value":0,"metricName":"took_bucket"},{"labels":{"le":1},"value":%[1]d,"metricName":"took_bucket"},
 {"labels":{"le":"+Inf"},"value":%[1]d,"metricName":"took_bucket"},{"labels":{},"value":%[2]g,"metricName":"took_sum"},
 {"labels":{},"value":%[1]d,"metricName":"took_count"}]},
{"name":"size","help":"","type":"summary","values":[{"labels":{"quantile":0.5},"value":3},
 {"labels":{},"value":9,"metricName":"size_sum"},{"labels":{},"value":%[1]d,"metricName":"size_count"}]},
{"name":"queue","help":"","type":"gauge","values":[{"labels":{"worker":"x"},"value":%[1]d}]},
{"name":"process_cpu_seconds_total","help":"","type":"counter","values":[{"labels":{},"value":%[1]d}]}`, n, float64(n)/2)
}

func TestSeriesOfWorkers(t *testing.T) {
	d := startDaemon(t)
	one := d.tell(t, "c1", 0, requestsSeen(2))
	two := d.tell(t, "c2", 1, requestsSeen(3))
	mustHave(t, d.text(t, expfmt.TypeTextPlain),
		`# HELP requests_total Requests.`, `# TYPE requests_total counter`,
		`requests_total{app="demo",code="200",tag_app="mine"} 5`, `plain{app="demo"} 5`,
		`took_bucket{app="demo",le="0.1"} 0`, `took_bucket{app="demo",le="1"} 5`, `took_bucket{app="demo",le="+Inf"} 5`,
		`took_sum{app="demo"} 2.5`, `took_count{app="demo"} 5`,
		`size{app="demo",process="web",worker="0",quantile="0.5"} 3`, `size_count{app="demo",process="web",worker="1"} 3`,
		`queue{app="demo",process="web",tag_worker="x",worker="0"} 2`, `queue{app="demo",process="web",tag_worker="x",worker="1"} 3`,
		`process_cpu_seconds_total{app="demo",process="web",worker="0"} 2`)
	if one.asked.Load() != 1 || two.asked.Load() != 1 {
		t.Errorf("asked %d and %d times", one.asked.Load(), two.asked.Load())
	}
	open := d.text(t, expfmt.TypeOpenMetrics)
	mustHave(t, open, `# TYPE plain unknown`, `plain{app="demo"} 5.0`, `requests_total{app="demo",code="200",tag_app="mine"} 5.0`)

	// What was counted stays: of a worker that begins again, of one that is gone, of a series that is gone.
	two.tells(requestsSeen(1))
	mustHave(t, d.text(t, expfmt.TypeTextPlain), `plain{app="demo"} 6`, `took_count{app="demo"} 6`, `took_sum{app="demo"} 3`)
	d.leave(t, one, 1)
	text := d.text(t, expfmt.TypeTextPlain)
	mustHave(t, text, `plain{app="demo"} 6`, `took_bucket{app="demo",le="1"} 6`)
	if strings.Contains(text, `worker="0"`) {
		t.Errorf("a worker that is gone in %s", text)
	}
	two.tells("")
	if text := d.text(t, expfmt.TypeTextPlain); strings.Contains(text, "plain") {
		t.Errorf("nobody has it, but %s", text)
	}
	// The same worker on a new connection goes on, another one in its place adds up.
	d.tell(t, "c1", 0, requestsSeen(4))
	mustHave(t, d.text(t, expfmt.TypeTextPlain), `plain{app="demo"} 8`, `took_count{app="demo"} 8`)
	d.tell(t, "c3", 0, requestsSeen(1))
	mustHave(t, d.text(t, expfmt.TypeTextPlain), `plain{app="demo"} 9`, `queue{app="demo",process="web",tag_worker="x",worker="0"} 1`)
}

// TestSeriesOfChildren: the processes of a cluster of the application's own are told apart, and what they count adds up.
func TestSeriesOfChildren(t *testing.T) {
	d := startDaemon(t)
	d.tell(t, "c0", 0, requestsSeen(1))
	children := make([]*teller, 3)
	for i := range children {
		w := d.dialTeller(t, fmt.Sprint("n", i), requestsSeen(i+2))
		if err := w.Send(actionSeries, map[string]any{"appName": "demo", "clientId": fmt.Sprint("n", i), "process": "web", "worker": 0, "child": true}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Request(t.Context(), "sync", nil); err != nil {
			t.Fatal(err)
		}
		children[i] = w
	}
	mustHave(t, d.text(t, expfmt.TypeTextPlain),
		`plain{app="demo"} 10`, `queue{app="demo",process="web",tag_worker="x",worker="0"} 1`,
		`queue{app="demo",child="1",process="web",tag_worker="x",worker="0"} 2`, `queue{app="demo",child="3",process="web",tag_worker="x",worker="0"} 4`,
		`process_cpu_seconds_total{app="demo",child="2",process="web",worker="0"} 3`)
	d.leave(t, children[0], 3)
	again := d.dialTeller(t, "again", requestsSeen(9))
	if err := again.Send(actionSeries, map[string]any{"appName": "demo", "clientId": "again", "process": "web", "worker": 0, "child": true}); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Request(t.Context(), "sync", nil); err != nil {
		t.Fatal(err)
	}
	mustHave(t, d.text(t, expfmt.TypeTextPlain), `plain{app="demo"} 19`, `queue{app="demo",child="1",process="web",tag_worker="x",worker="0"} 9`)
}

func TestSeriesOfManyGenerations(t *testing.T) {
	d := startDaemon(t)
	for i := range 2*maxAway + 10 {
		w := d.tell(t, fmt.Sprint("c", i), 0, requestsSeen(1))
		mustHave(t, d.text(t, expfmt.TypeTextPlain), fmt.Sprintf(`plain{app="demo"} %d`, i+1))
		d.leave(t, w, 0)
	}
	s := d.registry.texts[0].(*seriesSet)
	if app := s.apps["demo"]; len(app.away) != maxAway || len(app.retired) != 3 {
		t.Errorf("%d away, %d retired", len(app.away), len(app.retired))
	}
}

func TestSeriesThatMakeNoSense(t *testing.T) {
	d := startDaemon(t)
	d.tell(t, "c1", 0, `
{"name":"1bad","type":"counter","help":"","values":[{"labels":{},"value":1}]},
{"name":"pandora_workers","type":"gauge","help":"","values":[{"labels":{},"value":1}]},
{"name":"odd","type":"thing","help":"","values":[{"labels":{},"value":1}]},
{"name":"nan","type":"gauge","help":"","values":[{"labels":{},"value":null},{"labels":{"a":"b"},"value":"Nan"}]},
{"name":"less","type":"counter","help":7,"values":[{"labels":{},"value":-1}]},
{"name":"labels","type":"gauge","help":"a\nb","values":[{"labels":{"0":"x","a-b":true,"le":"\u0000\"","n":null},"value":1}]},
{"name":"same","type":"gauge","help":"","values":[{"labels":{},"value":1},{"labels":{},"value":2}]},
{"name":"same_total","type":"counter","help":"","values":[{"labels":{},"value":3}]},
{"name":"hole","type":"histogram","help":"","values":[{"labels":{"le":"2"},"value":5,"metricName":"hole_bucket"},
 {"labels":{"le":3},"value":4,"metricName":"hole_bucket"},{"labels":{"le":{}},"value":4,"metricName":"hole_bucket"}]}`)
	text := d.text(t, expfmt.TypeTextPlain)
	mustHave(t, text, `labels{a_b="true",app="demo",process="web",tag_0="x",tag_le="`+"\x00"+`\"",worker="0"} 1`,
		`same{app="demo",process="web",worker="0"} 2`, `same_counter_total{app="demo"} 3`,
		`hole_bucket{app="demo",le="3"} 5`, `hole_bucket{app="demo",le="+Inf"} 5`)
	for _, none := range []string{"1bad", "pandora_", "odd", "nan", "less"} {
		if strings.Contains(text, none) {
			t.Errorf("%s in %s", none, text)
		}
	}
	if d.refusals(RefusedName) == 0 {
		t.Error("nothing refused")
	}
	for _, answer := range []string{`7`, `{"families":7}`, `{"families":[{"name":{}}]}`, `null`, `{"families":[null]}`} {
		if _, totals, complete, _ := parseSeries(json.RawMessage(answer)); len(totals) > 0 || complete {
			t.Errorf("%s: %v %v", answer, totals, complete)
		}
	}
}

// FuzzSeries: nothing that a worker says breaks the text.
func FuzzSeries(f *testing.F) {
	f.Add(`{"complete":true,"families":[` + requestsSeen(3) + `]}`)
	f.Fuzz(func(t *testing.T, answer string) {
		each, totals, _, _ := parseSeries(json.RawMessage(answer))
		to := families{}
		for _, s := range each {
			s.expose(to, "demo", "web", "0", "")
		}
		for _, s := range totals {
			s.expose(to)
		}
		var b bytes.Buffer
		if err := to.write(&b, expfmt.NewFormat(expfmt.TypeTextPlain)); err != nil {
			t.Fatal(err)
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		if _, err := parser.TextToMetricFamilies(&b); err != nil {
			t.Errorf("%v from %q", err, answer)
		}
	})
}
