package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told is a state, and whether it comes with a registration.
type told struct {
	state string
	made  bool
}

func at(state string) told    { return told{state: state} }
func made(state string) told  { return told{state: state, made: true} }
func newLedger() *ledger      { return newLedgers().open("a", "demo", "id") }
func spoilt(err error) string { return string(refusalOf(err)) }

// feed gives states to a metric through a ledger; errors are those of the bad ones.
func feed(l *ledger, m target, states ...told) (errs []string) {
	for _, s := range states {
		if err := l.merge("x", []target{m}, json.RawMessage(s.state), !s.made); err != nil {
			errs = append(errs, spoilt(err))
		}
	}
	return errs
}

func TestMergeCounters(t *testing.T) {
	for name, tt := range map[string]struct {
		states    []told
		count     float64 // of a counter
		meter     float64
		bucket    string // of the counter
		malformed int
	}{
		"one after the other":     {[]told{made("0"), at("5"), at("7")}, 7, 7, "[7]", 0},
		"repeated":                {[]told{made("0"), at("5"), at("5"), made("5"), at("5")}, 5, 5, "[5]", 0},
		"lost":                    {[]told{made("0"), at("9")}, 9, 9, "[9]", 0},
		"lost, told at reconnect": {[]told{made("0"), at("2"), made("9"), at("10")}, 10, 10, "[10]", 0},
		"a new daemon":            {[]told{made("100"), at("103")}, 103, 103, "[3]", 0},
		"down":                    {[]told{made("0"), at("5"), at("3")}, 3, 5, "[3]", 0},
		"below zero":              {[]told{made("0"), at("-5"), at("3")}, 3, 3, "[3]", 0},
		"nonsense between": {[]told{made("0"), at("5"), at(`"x"`), at("null"), at("1e300"), at("[]"), at("{}"), at(""), at("6")},
			6, 6, "[6]", 6},
		"nonsense first": {[]told{made(`"x"`), made("100"), at("101")}, 101, 101, "[1]", 1},
	} {
		c, m := NewBucketCounter(time.Minute), NewMeter(time.Minute)
		for _, target := range []target{c, m} {
			if errs := feed(newLedger(), target, tt.states...); len(errs) != tt.malformed {
				t.Errorf("%s: refused %v", name, errs)
			}
		}
		if got := fmt.Sprint(counts(c.Buckets(time.Time{}))); c.Count() != tt.count || m.Count() != tt.meter || got != tt.bucket {
			t.Errorf("%s: counter %v %s, meter %v", name, c.Count(), got, m.Count())
		}
	}
}

func TestMergeSamples(t *testing.T) {
	full := `{"seq":0,"count":3,"sum":6,"samples":[1,2,3]}`
	for name, tt := range map[string]struct {
		states     []told
		count, sum float64
		kept       int
		mean       float64 // of what is kept
		refused    string
	}{
		"one after the other": {[]told{made(`{"seq":0,"count":0,"sum":0}`), at(full), at(`{"seq":3,"count":4,"sum":16,"samples":[10]}`)}, 4, 16, 4, 4, ""},
		"repeated":            {[]told{at(full), at(full), made(`{"seq":3,"count":3,"sum":6}`)}, 3, 6, 3, 2, ""},
		"lost":                {[]told{at(`{"seq":2,"count":3,"sum":6,"samples":[3]}`)}, 3, 6, 1, 3, ""},
		"partly known":        {[]told{at(full), at(`{"seq":1,"count":5,"sum":40,"samples":[2,3,10,24]}`)}, 5, 40, 5, 8, ""},
		"a choice":            {[]told{at(`{"seq":0,"count":100,"sum":500,"samples":[4,6]}`)}, 100, 500, 2, 5, ""},
		"a choice and one":    {[]told{at(`{"seq":0,"count":9,"sum":90,"samples":[10]}`), at(`{"seq":9,"count":10,"sum":110,"samples":[20]}`)}, 10, 110, 2, 11, ""},
		"a new daemon":        {[]told{made(`{"seq":50,"count":50,"sum":100}`), at(`{"seq":50,"count":51,"sum":107,"samples":[7]}`)}, 51, 107, 1, 7, ""},
		"negative":            {[]told{at(`{"seq":0,"count":2,"sum":-3,"samples":[-1,-2]}`)}, 2, -3, 2, -1.5, ""},
		"white space":         {[]told{at(`{"seq":0,"count":2,"sum":3,"samples":[ 1 ,` + "\n\t" + `2 ]}`)}, 2, 3, 2, 1.5, ""},
		"bad sample":          {[]told{at(`{"seq":0,"count":2,"sum":3,"samples":[1,"x"]}`)}, 2, 3, 1, 1, "[malformed]"},
		"nonsense": {[]told{at(full), at(`[]`), at(`{"seq":5,"count":4}`), at(`{"seq":0.5,"count":9}`), at(`{"count":1e300}`), at(`{"seq":-1,"count":9}`), at("7")},
			3, 6, 3, 2, strings.TrimRight("["+strings.Repeat("malformed ", 6), " ") + "]"},
		"more than a frame holds": {[]told{at(`{"seq":0,"count":9000,"sum":9000,"samples":[` + strings.TrimSuffix(strings.Repeat("1,", 9000), ",") + `]}`)},
			9000, 9000, decayingSize, 1, "[samples limit]"},
	} {
		h := NewHistogram(time.Minute, ReservoirDecaying)
		errs := feed(newLedger(), h, tt.states...)
		if got := fmt.Sprint(errs); got != "[]" && got != tt.refused || got == "[]" && tt.refused != "" {
			t.Errorf("%s: refused %s", name, got)
		}
		s := h.Snapshot()
		if h.Count() != tt.count || h.Sum() != tt.sum || s.Size() != tt.kept || math.Abs(s.Mean()-tt.mean) > 1e-3 {
			t.Errorf("%s: count %v, sum %v, %d kept, mean %v", name, h.Count(), h.Sum(), s.Size(), s.Mean())
		}
	}
	timer := NewTimer(time.Minute, ReservoirDecaying)
	feed(newLedger(), timer, at(`{"seq":0,"count":2,"sum":3,"samples":[-1,4]}`))
	if s := timer.Snapshot(); s.Size() != 1 || s.Min() != 4 || timer.Count() != 2 {
		t.Errorf("timer: %d values, min %v", s.Size(), s.Min())
	}
}

func TestMergeCompass(t *testing.T) {
	f := NewFastCompass(time.Minute)
	errs := feed(newLedger(), f, made(`{"totals":{}}`), at(`{"totals":{"success":[3,30]}}`), at(`{"totals":{"success":[3,30],"error":[1,2]}}`),
		at(`{"totals":{"success":[2,20]}}`), at(`{"totals":{"success":[1e300,1]}}`), made(`{"totals":{"success":[5,50]}}`), at(`{"totals":[]}`), at(`{}`))
	if got := fmt.Sprint(f.Totals(), errs); got != "[{success 5 50} {error 1 2}] [malformed]" {
		t.Errorf("got %s", got)
	}
	many := `{"totals":{`
	for i := range 40 {
		many += fmt.Sprintf(`"c%d":[1,1],`, i)
	}
	errs = feed(newLedger(), f, at(strings.TrimSuffix(many, ",")+"}}"))
	if len(f.Totals()) != maxCategories || fmt.Sprint(errs) != "[categories limit]" {
		t.Errorf("%d categories, %v", len(f.Totals()), errs)
	}
}

// TestRestartIsNoBurst: what an earlier daemon has counted is in no bucket and no rate.
func TestRestartIsNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, tm, f := NewMeter(time.Second), NewTimer(time.Second, ReservoirDecaying), NewFastCompass(time.Second)
		feed(newLedger(), m, made("1000"), at("1010"))
		feed(newLedger(), tm, made(`{"seq":1000,"count":1000,"sum":1000}`), at(`{"seq":1000,"count":1010,"sum":1010,"samples":[1]}`))
		feed(newLedger(), f, made(`{"totals":{"success":[1000,1]}}`), at(`{"totals":{"success":[1010,2]}}`))
		time.Sleep(5 * time.Second)
		if r := m.Rates(); r.M1 != 2 || m.Count() != 1010 || fmt.Sprint(counts(m.Buckets(time.Time{}))) != "[10]" {
			t.Errorf("meter: %+v, %v", r, m.Buckets(time.Time{}))
		}
		if r := tm.Rates(); r.M1 != 2 || tm.Count() != 1010 || fmt.Sprint(counts(tm.Buckets(time.Time{}))) != "[10]" {
			t.Errorf("timer: %+v, %v", r, tm.Buckets(time.Time{}))
		}
		if b := f.categories[0].buckets.list(0, 1<<40); len(b) != 1 || b[0].count != 10 || f.Totals()[0].Count != 1010 {
			t.Errorf("compass: %+v", b)
		}
	})
}

func TestCalls(t *testing.T) {
	counter, meter := NewBucketCounter(time.Minute), NewMeter(time.Minute)
	histogram, timer, compass := NewHistogram(time.Minute, ReservoirDecaying), NewTimer(time.Minute, ReservoirDecaying), NewFastCompass(time.Minute)
	for _, tt := range []struct {
		m      target
		method string
		args   string
		bad    bool
	}{
		{counter, "inc", `[5]`, false}, {counter, "dec", `[2]`, false}, {counter, "desc", `[]`, false}, {counter, "inc", `[0]`, false},
		{counter, "mark", `[1]`, true}, {counter, "inc", `["5"]`, true}, {counter, "constructor", `[]`, true},
		{meter, "mark", `[5]`, false}, {meter, "mark", `[null]`, false}, {meter, "mark", `[-3]`, false}, {meter, "inc", `[1]`, true}, {meter, "mark", `[{}]`, true},
		{histogram, "update", `[0]`, false}, {histogram, "update", `[-4]`, false}, {histogram, "update", `[]`, false}, {histogram, "update", `[null]`, false},
		{histogram, "update", `[true]`, true}, {histogram, "add", `[1]`, true},
		{timer, "update", `[7,"ms"]`, false}, {timer, "update", `[-7]`, false}, {timer, "update", `["7"]`, true}, {timer, "stop", `[7]`, true},
		{compass, "record", `[5,"hit"]`, false}, {compass, "record", `[5,404]`, false}, {compass, "record", `[5,true]`, false}, {compass, "record", `[-5,"hit"]`, false},
		{compass, "record", `[5,null]`, false}, {compass, "record", `[5]`, false}, {compass, "record", `[5,{}]`, true}, {compass, "record", `["x","hit"]`, true}, {compass, "mark", `[]`, true},
	} {
		var args []json.RawMessage
		if err := json.Unmarshal([]byte(tt.args), &args); err != nil {
			t.Fatal(err)
		}
		if err := tt.m.call(tt.method, args); (err != nil) != tt.bad {
			t.Errorf("%T.%s(%s): %v", tt.m, tt.method, tt.args, err)
		}
	}
	if counter.Count() != 3 || meter.Count() != 6 || histogram.Count() != 2 || timer.Sum() != 7 {
		t.Errorf("counter %v, meter %v, histogram %v, timer %v", counter.Count(), meter.Count(), histogram.Count(), timer.Sum())
	}
	if got := fmt.Sprint(compass.Totals()); got != "[{hit 1 5} {404 1 5} {true 1 5}]" {
		t.Errorf("compass %s", got)
	}
}

func TestLedgersAreBounded(t *testing.T) {
	ls := newLedgers()
	here := ls.open("here", "demo", "here")
	for i := range 3 * maxGoneClients {
		l := ls.open(fmt.Sprint(i), "demo", "id")
		for n := range 40 {
			l.remember(frame{Name: fmt.Sprint(n)})
		}
		again := ls.open(fmt.Sprint(i), "demo", "id")
		ls.leave(l)
		if again != l || ls.byAction[l.action].gone != nil {
			t.Fatal("gone while a connection is there")
		}
		ls.leave(l)
	}
	if n := ls.gone.Len(); n != maxGoneClients || ls.entries != 40*n || len(ls.byAction) != n+1 {
		t.Errorf("%d gone with %d entries, %d in all", n, ls.entries, len(ls.byAction))
	}
	big := ls.open("big", "demo", "big")
	for n := range maxClientMetrics + 10 {
		big.remember(frame{Name: fmt.Sprint(n)})
	}
	ls.leave(big)
	if ls.entries > maxGoneEntries || ls.byAction["big"] == nil || ls.byAction["here"].ledger != here {
		t.Errorf("%d entries", ls.entries)
	}
	if again := ls.open("big", "demo", "big"); again != big || len(again.registrations()) != maxClientMetrics {
		t.Error("forgotten")
	}
}

func FuzzUpdate(f *testing.F) {
	f.Add("update", `[1]`)
	f.Add("merge", `[{"seq":0,"count":3,"sum":6,"samples":[1,2,3]}]`)
	f.Add("merge", `[{"totals":{"a":[1,2]}}]`)
	f.Add("merge", `[-5]`)
	f.Add("record", `[5,"x"]`)
	f.Fuzz(func(t *testing.T, method, value string) {
		if !json.Valid([]byte(value)) {
			return // the frame would have been none
		}
		r := NewRegistry()
		l := newLedger()
		for _, kind := range []string{typeCounter, typeMeter, typeHistogram, typeTimer, typeCompass} {
			m, err := r.targetOf(1, kind, "g", NewName(kind))
			if err != nil {
				t.Fatal(err)
			}
			c := &client{ledger: l, targets: map[string][]target{kind + partSeparator + "n": {m}}}
			for range 2 {
				_ = c.update(frame{Type: kind, Name: "n", Method: method, Value: json.RawMessage(value)})
			}
		}
		rows, err := r.NormalRows(t.Context(), "g", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(rows); err != nil {
			t.Fatal(err)
		}
		if err := r.WritePrometheus(t.Context(), discard{}, "text/plain; version=0.0.4", ""); err != nil {
			t.Fatal(err)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestRefusals(t *testing.T) {
	if refusalOf(errors.New("x")) != RefusedMalformed || refusalOf(fmt.Errorf("y: %w", refuse(RefusedName, "x"))) != RefusedName {
		t.Error("wrong refusal")
	}
}

func FuzzNumbers(f *testing.F) {
	f.Add(`[1, 2.5e3 ,-0]`)
	f.Add(`[[1],"x",null,1e999]`)
	f.Fuzz(func(t *testing.T, raw string) {
		if !json.Valid([]byte(raw)) {
			return
		}
		var want []*float64
		wrong := json.Unmarshal([]byte(raw), &want)
		for _, v := range want {
			if wrong == nil && v == nil {
				wrong = errors.New("null")
			}
		}
		got, err := numbers(trim([]byte(raw)), 100)
		if (err == nil) != (wrong == nil && len(want) <= 100) {
			t.Fatalf("%q: %v, JSON says %v", raw, err, wrong)
		}
		for i, v := range got {
			if wrong == nil && v != *want[i] {
				t.Fatalf("%q: %v at %d", raw, v, i)
			}
		}
	})
}

func TestInternedTagsAreBounded(t *testing.T) {
	r := NewRegistry()
	for i := range 3 * maxInterned / 2 {
		if err := r.AddGauge(Daemon, "g", NewName("x").Tagged(map[string]string{"n": fmt.Sprint(i)}), constant(1)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(r.tags); n > maxInterned {
		t.Errorf("%d tags", n)
	}
	for i, e := range r.groups[0].gauges {
		if e.name.Tags["n"] != fmt.Sprint(i) || e.name.Key != "x" {
			t.Fatalf("%d has %v", i, e.name)
		}
	}
}
