//go:build oracle

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
)

// askedApp is an application that tells its EndPoints something of each kind.
const askedApp = `'use strict';
const { HealthIndicator, Indicator, MetricsClientUtil } = require('dorapan');
const health = (name, doCheck) => {
  class Each extends HealthIndicator { constructor() { super(); this.name = name; } async doCheck(builder, config) { return doCheck(builder, config); } }
  new Each().initialize();
};
health('fine', (builder) => builder.up());
health('configured', (builder, config) => (config && config.limit === 7 ? builder.up() : builder.down()));
health('throws', () => { throw new Error('no'); });
health('neither', () => {});
if (process.env.BAD) health('bad', (builder) => builder.down());
class Rows extends Indicator {
  constructor() { super(); this.group = 'info'; }
  async invoke(args, builder) { builder.withDetail('rows', args).withDetail('rows', args).withDetail('other', [1], 'process'); }
}
new Rows().initialize();
const client = MetricsClientUtil.getMetricsClient();
client.getCounter('asked', 'asked.counter').inc(3);
client.register('asked', 'asked.gauge', { getValue() { return 'text'; } });
setInterval(() => {}, 60000);
`

// question is one request; each answer is reduced to what has to be the same.
type question struct {
	method, path string
	// reduce makes an answer comparable; nil compares status, type and the shape of the body.
	reduce func(status int, contentType string, body []byte) string
}

// shapeOf is a JSON value with its numbers taken out, which are others each time.
func shapeOf(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = shapeOf(value)
		}
	case []any:
		for i := range v {
			v[i] = shapeOf(v[i])
		}
	case float64:
		return "number"
	}
	return v
}

// keysOnly is the same with nothing but the names of the members of objects, without those that only ours has.
func keysOnly(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprintf("%T", v)
	}
	ours := []string{"problems", "generation", "nodeVersion", "restarts", "state", "worker"}
	var keys []string
	for key := range object {
		if !slices.Contains(ours, key) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// questions are asked of both. What is not the same on purpose is in docs/compatibility.md, and left out here by name.
func questions() []question {
	data := func(body []byte) any {
		var answer struct{ Data any }
		_ = json.Unmarshal(body, &answer) // no data is another answer
		return answer.Data
	}
	// rows are in the order of registration, which is not the same each time.
	rows := func(names ...string) func(int, string, []byte) string {
		return func(status int, _ string, body []byte) string {
			list, _ := data(body).([]any)
			var out []string
			for _, each := range list {
				row, _ := each.(map[string]any)
				kept := map[string]any{}
				for _, name := range names {
					kept[name] = row[name]
				}
				out = append(out, fmt.Sprint(kept))
			}
			slices.Sort(out)
			return fmt.Sprint(status, " ", out)
		}
	}
	statusOnly := func(status int, contentType string, body []byte) string {
		return fmt.Sprint(status, contentType, string(body))
	}
	firstKeys := func(status int, _ string, body []byte) string {
		v := data(body)
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		return fmt.Sprint(status, keysOnly(v))
	}
	return []question{
		{"GET", "/", statusOnly}, {"HEAD", "/", statusOnly}, {"POST", "/health", statusOnly}, {"OPTIONS", "/health", statusOnly},
		{"GET", "/nosuch", statusOnly}, {"GET", "/health", nil}, {"GET", "/HEALTH/", nil}, {"GET", "/health?appName=one", nil},
		{"GET", "/health?appName=two", nil}, {"GET", "/info?appName=none", nil}, {"GET", "/info?appName=gone", nil},
		{"GET", "/info?appName=one&q=1&q=2", rows("key", "scope")}, {"GET", "/process", nil}, {"GET", "/process?appName=none", nil},
		{"GET", "/process?appName=gone", nil}, {"GET", "/metrics/list/asked?appName=none", nil}, {"GET", "/metrics/asked?appName=one", rows("metric", "type", "level")},
		{"GET", "/metrics/none", nil}, {"GET", "/metrics/list/none", nil}, {"GET", "/metrics/asked?appName=none", nil},
		{"GET", "/error?appName=none", nil}, {"GET", "/daemon", firstKeys}, {"GET", "/process?appName=one", firstKeys},
		{"GET", "/metrics/asked?appName=one", firstKeys},
	}
}

// TestOriginalEndPoints asks the original and this daemon the same about two running applications, a stopped one and one
// that nobody knows.
func TestOriginalEndPoints(t *testing.T) {
	program := originalProgram(t)
	b := newBench(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	config, loopback := filepath.Join(b.dir, "config.js"), filepath.Join(b.dir, "loopback.js")
	b.write(config, fmt.Sprintf(`module.exports = { actuator: { http: { port: %s, legacyStatus: true },
  endPoint: { health: { initConfig: { disk_space: { enabled: false }, port: { enabled: false }, configured: { limit: 7 } } } } } };`, port))
	b.write(loopback, loopbackOnly)
	modules := filepath.Dir(filepath.Dir(program))
	dirs := map[string]string{}
	for _, name := range []string{"one", "two", "gone"} {
		dir := filepath.Join(b.dir, name)
		dirs[name] = dir
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		b.write(filepath.Join(dir, "app.js"), askedApp)
		env := "{}"
		if name == "two" {
			env = "{ BAD: 'yes' }"
		}
		b.write(filepath.Join(dir, "procfile.js"), `module.exports = (pandora) => { pandora.fork('web', './app.js').env(`+env+`); };`)
		if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
			t.Fatal(err)
		}
	}
	original := func(args ...string) {
		cmd := exec.Command(program, args...)
		cmd.Dir = b.dir
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "PANDORA_TMP_DIR=" + b.dir, "PANDORA_CONFIG=" + config, "NODE_OPTIONS=--no-deprecation --require " + loopback}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("original %v: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() { original("exit") })
	b.env = append(b.env, "PANDORA_CONFIG="+config)
	for _, name := range []string{"one", "two", "gone"} {
		original("start", "--name", name, dirs[name])
		b.run("start", "--name", name, dirs[name])
	}
	original("stop", "gone")
	b.run("stop", "gone")
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	info, err := d.Info(t.Context())
	d.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range questions() {
		var want, got string
		same := func() bool {
			want, got = askEndPoint(t, "127.0.0.1:"+port, q), askEndPoint(t, info.Actuator, q)
			return want == got
		}
		deadline := time.Now().Add(10 * time.Second)
		for !same() && time.Now().Before(deadline) {
			time.Sleep(100 * time.Millisecond) // Indicators register when they like
		}
		if want != got {
			t.Errorf("%s %s\nours     %s\noriginal %s", q.method, q.path, got, want)
		} else {
			t.Logf("%-8s%-32s %.160s", q.method, q.path, got)
		}
	}
}

// askEndPoint asks one question.
func askEndPoint(t *testing.T, address string, q question) string {
	t.Helper()
	request, err := http.NewRequest(q.method, "http://"+address+q.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	contentType := response.Header.Get("Content-Type") + " " + strings.ToUpper(response.Header.Get("Allow"))
	if q.reduce != nil {
		return q.reduce(response.StatusCode, contentType, body)
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return fmt.Sprint(response.StatusCode, " ", contentType, " ", string(body))
	}
	text, err := json.Marshal(shapeOf(v))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(response.StatusCode, " ", contentType, " ", string(text))
}
