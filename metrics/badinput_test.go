package metrics

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/expfmt"
)

// TestNamesOfAnyBytes: whatever a name, tag or group is made of, both texts can be read and the rows are JSON.
func TestNamesOfAnyBytes(t *testing.T) {
	var every strings.Builder
	for b := range 256 {
		every.WriteByte(byte(b))
	}
	for _, odd := range []string{
		every.String(), "\x00", "\n", "\\", `"`, `\"`, "a\r\nb", "# HELP x y", "{", "}", " ", "\xff\xfe", "\xed\xa0\x80", "中文", "🦄", "__name__", "le",
		"quantile", "1", "-", "", "a{b=\"c\"} 5", "@%^", "!*&", "%^&", "\u2028", "app", "group", "pid",
	} {
		r := NewRegistry()
		made := 0
		for _, group := range []string{"g", "g" + odd, odd} {
			for _, name := range []Name{NewName("n" + odd).Tagged(map[string]string{"appName": odd, odd: odd, "x" + odd: "1"}), NewName(odd), ParseName(odd)} {
				for _, kind := range []string{typeCounter, typeMeter, typeHistogram, typeTimer, typeCompass} {
					m, err := r.targetOf(1, kind, group, name.Tagged(map[string]string{"kind": kind}))
					if err != nil {
						continue
					}
					made++
					_ = m.call(map[string]string{typeCounter: "inc", typeMeter: "mark", typeCompass: "record"}[kind], []json.RawMessage{json.RawMessage("5"), json.RawMessage(`"success"`)})
				}
				if r.AddGauge(1, group, name, constant(odd)) == nil && r.AddGauge(1, group, name.Tagged(map[string]string{"of": "number"}), constant(1)) == nil {
					made++
				}
			}
		}
		var out bytes.Buffer
		if families := parseText(t, r, &out); len(families) == 0 || made == 0 {
			t.Errorf("%q: %d metrics, nothing shown", odd, made)
		}
		open := text(t, r, expfmt.TypeOpenMetrics, "")
		if !strings.HasSuffix(open, "\n# EOF\n") || strings.Contains(open, "\x00\n") {
			t.Errorf("%q: %s", odd, open)
		}
		if data, err := json.Marshal(r.Snapshot(t.Context(), "")); err != nil || !json.Valid(data) {
			t.Errorf("%q: %v", odd, err)
		}
	}
}

// TestNumbersThatAreNone: NaN, infinities, what is too large and durations below zero change nothing.
func TestNumbersThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := NewRegistry()
		counter := must[*BucketCounter](t)(r.BucketCounter(1, "g", NewName("counter")))
		plain := must[*Counter](t)(r.Counter(Daemon, "d", NewName("plain")))
		meter := must[*Meter](t)(r.Meter(1, "g", NewName("meter")))
		histogram := must[*Histogram](t)(r.Histogram(1, "g", NewName("histogram"), ReservoirDecaying))
		timer := must[*Timer](t)(r.Timer(1, "g", NewName("timer"), ReservoirDecaying))
		compass := must[*FastCompass](t)(r.FastCompass(1, "g", NewName("compass")))
		for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			counter.Inc(v)
			counter.Dec(v)
			plain.Inc(v)
			meter.Mark(v)
			histogram.Update(v)
			timer.Update(v)
			compass.Record(v, "success")
			gauge(t, r, 1, "g", NewName(fmt.Sprint("gauge", v)), v)
		}
		for _, v := range []float64{-1, -math.MaxFloat64, -math.SmallestNonzeroFloat64} {
			meter.Mark(v)
			timer.Update(v)
			compass.Record(v, "success")
		}
		calls := map[string][]string{
			typeCounter: {"inc", `"NaN"`, `1e999`, `{}`, `[]`, `"x"`}, typeMeter: {"mark", `1e999`, `-5`, `"x"`},
			typeHistogram: {"update", `1e999`, `null`, `"x"`}, typeTimer: {"update", `-1`, `1e999`, `null`}, typeCompass: {"record", `-1`, `1e999`, `null`},
		}
		for kind, values := range calls {
			m := must[target](t)(r.targetOf(1, kind, "g", NewName(strings.Replace(strings.ToLower(kind), "fast", "", 1))))
			for _, v := range values[1:] {
				_ = m.call(values[0], []json.RawMessage{json.RawMessage(v), json.RawMessage(`"success"`)})
			}
			known := &totals{}
			for _, state := range []string{
				`1e999`, `"NaN"`, `null`, `9007199254740994`, `{"seq":-1,"count":1}`, `{"seq":2,"count":1}`, `{"seq":0,"count":1e300,"sum":1}`,
				`{"seq":0,"count":1.5,"sum":1}`, `{"totals":{"success":[-1,5]}}`, `{"totals":{"success":[1e300,5]}}`, `{"totals":{"success":[1,-5]}}`,
			} {
				if kind == typeMeter && strings.HasPrefix(state, "9") {
					continue
				}
				_ = m.merge(known, json.RawMessage(state), true)
			}
			if known.count != 0 || len(known.categories) != 0 {
				t.Errorf("%s: known %+v", kind, known)
			}
		}
		time.Sleep(time.Minute)
		for _, row := range must[[]Row](t)(r.NormalRows(t.Context(), "g", "")) {
			if v, ok := number(row.Value); ok && v != 0 {
				t.Errorf("%s is %v", row.Metric, v)
			}
		}
		if plain.Count() != 0 {
			t.Errorf("plain counter %v", plain.Count())
		}
		if out := text(t, r, expfmt.TypeTextPlain, ""); strings.Contains(out, "NaN") || strings.Contains(out, "Inf") {
			t.Errorf("text\n%s", out)
		}
	})
}

// TestMillionRegistrations: a client that registers a million names gets ten thousand; the rest is counted, and costs nothing
// that stays. So do names of very many workers, and labels of prom-client.
func TestMillionRegistrations(t *testing.T) {
	r := NewRegistry()
	instruments, closer := NewInstruments(r, nil)
	rc := &receiver{registry: r, apps: map[string]map[string]int{}, ledgers: newLedgers(), options: ClientOptions{Refused: instruments.Refused}}
	c := &client{
		app: "demo", owner: r.NewOwner(), receiver: rc, ledger: newLedger(), gauges: map[string]string{}, targets: map[string][]target{},
		registered: map[string]bool{}, warned: map[Refusal]bool{},
	}
	const asked = 1_000_000
	m := frame{Type: typeCounter, Group: "g"}
	for i := range asked {
		m.Name = "orders@%^user%^&" + strconv.Itoa(i) + "@%^NORMAL"
		if err := c.create(m); err != nil {
			rc.options.Refused(refusalOf(err))
		}
	}
	values := make([]string, maxSeriesSamples+1)
	for i := range values {
		values[i] = fmt.Sprintf(`{"labels":{"user":"%d"},"value":1}`, i)
	}
	_, totals, complete, err := parseSeries(json.RawMessage(`{"complete":true,"families":[{"name":"a_total","type":"counter","values":[{"value":1}]},` +
		`{"name":"b_total","type":"counter","values":[` + strings.Join(values, ",") + `]}]}`))
	if len(totals) != 1 || complete || refusalOf(err) != RefusedClient {
		t.Errorf("labels of prom-client: %d series, complete %v, %v", len(totals), complete, err)
	}
	if err := closer.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(r.groupNamed("g").known); n != maxClientMetrics || len(c.registered) != n || len(rc.apps["demo"]) != n || c.ledger.size() != n {
		t.Errorf("%d metrics, %d places, %d of the application, %d remembered", n, len(c.registered), len(rc.apps["demo"]), c.ledger.size())
	}
	contains(t, text(t, r, expfmt.TypeTextPlain, ""), fmt.Sprintf(`pandora_client_refusals_total{reason="client limit"} %d`, asked-maxClientMetrics))
}

// groupNamed finds a group.
func (r *Registry) groupNamed(name string) *group {
	for _, g := range r.groups {
		if g.name == name {
			return g
		}
	}
	return nil
}
