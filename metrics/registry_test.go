package metrics

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
)

func constant(v any) Gauge { return GaugeFunc(func(context.Context) any { return v }) }

func app(name string) map[string]string { return map[string]string{"appName": name} }

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// shape is rows without their time, as JSON.
func shape(t *testing.T, rows []Row) string {
	t.Helper()
	for i := range rows {
		if rows[i].Timestamp < 1_000_000_000_000 && rows[i].Timestamp != 946684800000 {
			t.Errorf("timestamp %d is not in milliseconds", rows[i].Timestamp)
		}
		rows[i].Timestamp = 1
	}
	out, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestRows(t *testing.T) {
	r := NewRegistry()
	c := must[*Counter](t)(r.Counter(Daemon, "test", NewName("test.qps.counter").Tagged(app("demo"))))
	c.Inc(7)
	must[*Counter](t)(r.Counter(Daemon, "test", NewName("my.count"))).Inc(1)
	for key, v := range map[string]any{"nan": math.NaN(), "inf": math.Inf(1), "null": nil} {
		if err := r.AddGauge(Daemon, "test", NewName(key), constant(v)); err != nil {
			t.Fatal(err)
		}
	}
	for _, g := range []struct {
		key string
		v   any
	}{{"f", 1.5}, {"i", 3}, {"s", "text"}, {"o", json.RawMessage(`{"a":1}`)}} {
		if err := r.AddGauge(Daemon, "test", NewName(g.key).Tagged(map[string]string{"t": "v w"}).WithLevel(Major), constant(g.v)); err != nil {
			t.Fatal(err)
		}
	}
	rows := must[[]Row](t)(r.NormalRows(t.Context(), "test", ""))
	want := `[` +
		`{"metric":"f","timestamp":1,"value":1.5,"type":"GAUGE","level":"MAJOR","tags":{"t":"v_w"},"interval":-1},` +
		`{"metric":"i","timestamp":1,"value":3,"type":"GAUGE","level":"MAJOR","tags":{"t":"v_w"},"interval":-1},` +
		`{"metric":"s","timestamp":1,"value":"text","type":"GAUGE","level":"MAJOR","tags":{"t":"v_w"},"interval":-1},` +
		`{"metric":"o","timestamp":1,"value":{"a":1},"type":"GAUGE","level":"MAJOR","tags":{"t":"v_w"},"interval":-1},` +
		`{"metric":"test.qps.counter.count","timestamp":1,"value":7,"type":"COUNTER","level":"NORMAL","tags":{"appName":"demo"},"interval":-1},` +
		`{"metric":"my.count","timestamp":1,"value":1,"type":"COUNTER","level":"NORMAL","tags":{},"interval":-1}]`
	if got := shape(t, rows); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if _, err := r.NormalRows(t.Context(), "nope", ""); !errors.Is(err, ErrUnknownGroup) || err.Error() != "The specified group is not found!" {
		t.Errorf("got %v", err)
	}
	// An application sees its own and nobody's.
	rows = must[[]Row](t)(r.NormalRows(t.Context(), "test", "other"))
	if got := shape(t, rows); strings.Contains(got, "qps") || !strings.Contains(got, "my.count") {
		t.Errorf("for another application: %s", got)
	}
}

func TestListAndSnapshot(t *testing.T) {
	r := NewRegistry()
	owner := r.NewOwner()
	must[*Counter](t)(r.Counter(Daemon, "zebra", NewName("c")))
	must[*Counter](t)(r.Counter(owner, "ant", NewName("d").Tagged(app("demo"))))
	for _, tt := range []struct{ group, app, want string }{
		{"", "", `{"zebra":[{"metric":"c.count","type":"COUNTER","level":"NORMAL","tags":{},"interval":-1}],` +
			`"ant":[{"metric":"d.count","type":"COUNTER","level":"NORMAL","tags":{"appName":"demo"},"interval":-1}]}`},
		{"ant", "other", `{"ant":[]}`},
		{"nope", "", `{}`},
	} {
		got, err := json.Marshal(r.List(tt.group, tt.app))
		if err != nil || string(got) != tt.want {
			t.Errorf("%q %q: %s %v\nwant %s", tt.group, tt.app, got, err, tt.want)
		}
	}
	r.Remove(owner)
	got, err := json.Marshal(r.Snapshot(t.Context(), ""))
	if err != nil || !strings.HasSuffix(string(got), `"ant":[]}`) || !strings.HasPrefix(string(got), `{"zebra":[{"metric":"c.count","timestamp":`) {
		t.Errorf("after the owner went: %s %v", got, err)
	}
	if got := fmt.Sprint(r.Groups()); got != "[zebra ant]" {
		t.Errorf("groups %s", got)
	}
}

func TestOwners(t *testing.T) {
	r := NewRegistry()
	one, two := r.NewOwner(), r.NewOwner()
	name := NewName("shared")
	a := must[*Counter](t)(r.Counter(one, "g", name))
	b := must[*Counter](t)(r.Counter(two, "g", name))
	a.Inc(1)
	b.Inc(1)
	for _, g := range []struct {
		owner Owner
		v     any
	}{{one, nil}, {two, 2}} {
		if err := r.AddGauge(g.owner, "g", NewName("gauge"), constant(g.v)); err != nil {
			t.Fatal(err)
		}
	}
	values := func() string {
		var all []string
		for _, row := range must[[]Row](t)(r.NormalRows(t.Context(), "g", "")) {
			all = append(all, fmt.Sprint(row.Metric, "=", row.Value))
		}
		return strings.Join(all, " ")
	}
	if got := values(); got != "gauge=2 shared.count=2" {
		t.Errorf("both: %s", got)
	}
	r.Remove(one)
	if got := values(); got != "gauge=2 shared.count=2" {
		t.Errorf("one gone: %s", got)
	}
	r.Remove(two)
	if got := values(); got != "" {
		t.Errorf("both gone: %s", got)
	}
	if c := must[*Counter](t)(r.Counter(r.NewOwner(), "g", name)); c.Count() != 2 {
		t.Error("a counter that came back went backwards")
	}
}

func TestRegistryRefuses(t *testing.T) {
	r := NewRegistry()
	must[*Counter](t)(r.Counter(Daemon, "g", NewName("x")))
	if err := r.AddGauge(Daemon, "g", NewName("x"), constant(1)); err == nil {
		t.Error("a gauge took a counter's name")
	}
	if err := r.AddGauge(Daemon, "g", NewName("y"), constant(1)); err != nil {
		t.Error(err)
	}
	if _, err := r.Counter(Daemon, "g", NewName("y")); err == nil {
		t.Error("a counter took a gauge's name")
	}
	if _, err := r.Counter(Daemon, "", NewName("z")); err == nil {
		t.Error("a group without a name")
	}
	if _, err := r.Counter(Daemon, "g", NewName(strings.Repeat("z", maxKey))); err == nil {
		t.Error("a name without end")
	}
	for i := range maxGroups + 10 {
		_, _ = r.Counter(Daemon, fmt.Sprint("group", i), NewName("z"))
	}
	if n := len(r.Groups()); n != maxGroups {
		t.Errorf("%d groups", n)
	}
}

func TestCounter(t *testing.T) {
	var c Counter
	c.Inc(5)
	c.Dec(2)
	c.Inc(math.NaN())
	c.Inc(math.Inf(1))
	if c.Count() != 3 {
		t.Errorf("5 - 2 = %v", c.Count())
	}
	c.Dec(10)
	if c.Count() != 0 {
		t.Errorf("below zero: %v", c.Count())
	}
}

func TestRegistryConcurrently(t *testing.T) {
	r := NewRegistry()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for n := range 50 {
				owner := r.NewOwner()
				c, err := r.Counter(owner, "g", NewName(fmt.Sprint("c", n%5)))
				if err != nil {
					t.Error(err)
					return
				}
				c.Inc(1)
				_ = r.AddGauge(owner, "g", NewName(fmt.Sprint("g", n%5)), constant(i))
				r.Snapshot(t.Context(), "")
				r.List("", "")
				r.Remove(owner)
			}
		})
	}
	wg.Wait()
}
