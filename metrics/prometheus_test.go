package metrics

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// parseText writes and parses the text of everything, and fails on duplicates.
func parseText(t *testing.T, r *Registry, text *bytes.Buffer) map[string]*dto.MetricFamily {
	t.Helper()
	if err := r.WritePrometheus(t.Context(), text, expfmt.NewFormat(expfmt.TypeTextPlain), ""); err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text.Bytes()))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(text.String()) {
		series := line[:strings.LastIndexByte(line, ' ')+1]
		if strings.HasPrefix(line, "# TYPE") {
			series = strings.Join(strings.Fields(line)[:3], " ")
		}
		if seen[series] && !strings.HasPrefix(line, "# HELP") {
			t.Fatalf("twice: %s\n%s", series, text)
		}
		seen[series] = true
	}
	return families
}

func text(t *testing.T, r *Registry, format expfmt.FormatType, app string) string {
	t.Helper()
	var out bytes.Buffer
	if err := r.WritePrometheus(t.Context(), &out, expfmt.NewFormat(format), app); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// contains checks that the text has the lines.
func contains(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

// v8 is a worker's gauge.
func v8(key, pid string) Name {
	return NewName("node.v8." + key).Tagged(map[string]string{"appName": "shop", "process": "web", "worker": "1", "pid": pid})
}

func gauge(t *testing.T, r *Registry, owner Owner, group string, name Name, v any) {
	t.Helper()
	if err := r.AddGauge(owner, group, name, constant(v)); err != nil {
		t.Fatal(err)
	}
}

func TestPrometheusWorkers(t *testing.T) {
	r := NewRegistry()
	gauge(t, r, 1, GroupNode, v8("total_heap_size", "10"), 100)
	gauge(t, r, 2, GroupNode, v8("total_heap_size", "11"), 200) // its successor
	gauge(t, r, 3, GroupNode, NewName("node.v8.total_heap_size").Tagged(map[string]string{"appName": "old", "pid": "5"}), 7)
	gauge(t, r, 1, GroupNode, v8("string", "10"), "text")
	var out bytes.Buffer
	families := parseText(t, r, &out)
	contains(t, out.String(),
		"# HELP pandora_node_v8_total_heap_size Gauge node.v8.total_heap_size of group node.",
		"# TYPE pandora_node_v8_total_heap_size gauge",
		`pandora_node_v8_total_heap_size{app="shop",process="web",worker="1"} 200`,
		`pandora_node_v8_total_heap_size{app="old",pid="5"} 7`,
		`pandora_worker_info{app="shop",pid="10",process="web",worker="1"} 1`,
		`pandora_worker_info{app="shop",pid="11",process="web",worker="1"} 1`,
	)
	if len(families) != 2 {
		t.Errorf("%d families", len(families))
	}
	if got := text(t, r, expfmt.TypeTextPlain, "old"); strings.Contains(got, "shop") || !strings.Contains(got, `app="old"`) {
		t.Errorf("for one application:\n%s", got)
	}
}

func TestPrometheusNames(t *testing.T) {
	r := NewRegistry()
	must[*Counter](t)(r.Counter(1, "test", NewName("test.qps.counter").Tagged(app("my-app /x")))).Inc(2)
	must[*Counter](t)(r.Counter(1, "test", NewName("already.total"))).Inc(1)
	must[*Counter](t)(r.Counter(1, "test", NewName("both"))).Inc(3)
	gauge(t, r, 1, "other", NewName("both"), 1)
	gauge(t, r, 1, "test", NewName("queue.count"), 4)
	gauge(t, r, 1, "test", NewName("中"), 5)
	gauge(t, r, 1, "test", NewName("tags").Tagged(map[string]string{
		"le": "1", "__name__": "x", "a b": "q\"\\\n", "empty": "", "group": "mine", "9": "n", "app": "second", "appName": "first", "bad": "\xff",
	}), 6)
	gauge(t, r, 1, "test", NewName("level").WithLevel(Major), 1)
	gauge(t, r, 1, "test", NewName("level"), 2)
	var out bytes.Buffer
	parseText(t, r, &out)
	contains(t, out.String(),
		`pandora_test_qps_counter_total{app="my-app /x",group="test"} 2`,
		"# TYPE pandora_test_qps_counter_total counter",
		`pandora_already_total{group="test"} 1`,
		`pandora_both{group="other"} 1`,
		`pandora_both_counter_total{group="test"} 3`,
		`pandora_queue_count_value{group="test"} 4`,
		`pandora__{group="test"} 5`,
		`pandora_tags{a_b="q\"\\\n",app="first",bad="`+"\uFFFD"+`",group="test",tag_9="n",tag_app="second",tag_group="mine",tag_le="1",tag_name__="x"} 6`,
		`pandora_level{group="test"} 2`,
	)
	open := text(t, r, expfmt.TypeOpenMetrics, "")
	contains(t, open, "# TYPE pandora_both gauge", "# TYPE pandora_both_counter counter", `pandora_both_counter_total{group="test"} 3.0`)
	if !strings.HasSuffix(open, "# EOF\n") {
		t.Errorf("no end:\n%s", open)
	}
}

func TestPrometheusSystem(t *testing.T) {
	r := NewRegistry()
	if err := r.AddSet(GroupSystem, testSet(os.DirFS("testdata"), testDisk)); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	parseText(t, r, &out)
	contains(t, out.String(),
		`pandora_system_net_in_bytes_total{interface="eth0"} 5000`,
		`pandora_system_net_out_carrier_errs_total{interface="lo"} 11`,
		"# TYPE pandora_system_net_in_bytes_total counter",
		"pandora_system_mem_used_bytes 3.442569216e+09",
		"pandora_system_load_1min 0.37",
		"pandora_system_tcp_established 11",
		"pandora_system_context_switches_total 77123",
		`pandora_system_disk_total_bytes{partition="/"} 1.024e+06`,
		"pandora_system_process_running 3",
	)
	for _, unwanted := range []string{"rate", "NaN"} {
		if strings.Contains(out.String(), unwanted) {
			t.Errorf("%s in\n%s", unwanted, &out)
		}
	}
}

func FuzzPrometheus(f *testing.F) {
	f.Add("test", "a.b@%^b%^&2!*&z%^&1@%^CRITICAL", "a_b@%^appName%^&x!*&app%^&y@%^MAJOR")
	f.Add("node", "a_total@%^process%^&w!*&worker%^&1!*&pid%^&5@%^NORMAL", "a@%^@%^NORMAL")
	f.Add("g", "worker.info", "worker_info_value")
	f.Fuzz(func(t *testing.T, group, one, two string) {
		r := NewRegistry()
		category, _ := json.Marshal(one)
		args := []json.RawMessage{json.RawMessage("5"), category}
		_ = r.AddGauge(1, group, ParseName(one), constant(1))
		_ = r.AddGauge(1, group, ParseName(two), constant(2))
		for i, name := range []string{two, one} {
			if c, err := r.Counter(1, group+strings.Repeat("x", i), ParseName(name)); err == nil {
				c.Inc(1)
			}
			for k, kind := range []string{typeMeter, typeHistogram, typeTimer, typeCompass} {
				m, err := r.targetOf(1, kind, group+strings.Repeat("y", k*i), ParseName(name))
				if err != nil {
					continue
				}
				_ = m.call(map[string]string{typeMeter: "mark", typeCompass: "record"}[kind], args)
				_ = m.call("update", args)
			}
			if h, err := r.histogram(group+"h", ParseName(name), DefaultBuckets()); err == nil {
				h.observe(1, 1)
			}
		}
		parseText(t, r, &bytes.Buffer{})
		var open bytes.Buffer
		if err := r.WritePrometheus(context.Background(), &open, expfmt.NewFormat(expfmt.TypeOpenMetrics), ""); err != nil {
			t.Fatal(err)
		}
	})
}
