package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pandora-go/pandora/internal/control"
	"github.com/pandora-go/pandora/internal/state"
)

// failingApp fails in every way there is: its first process throws, its second rejects, its third goes on.
const failingApp = `'use strict';
const fs = require('node:fs');
const seen = (name) => { try { fs.mkdirSync(name); return false; } catch { return true; } };
for (let i = 0; i < 3; i++) console.error(new TypeError('boom'));
if (!seen('thrown')) setTimeout(() => { throw new Error('thrown'); }, 20);
else if (!seen('rejected')) setTimeout(() => Promise.reject(new RangeError('rejected')), 20);
else console.error('plain %s', 'text');
setInterval(() => {}, 60000);
`

// npmErrors tells errors with npm's own Indicator, and in process both with ours as well.
const npmErrors = `'use strict';
const { ErrorIndicator, HealthIndicator } = require('pandora-metrics');
new ErrorIndicator().initialize();
class Ill extends HealthIndicator {
  constructor() { super(); this.name = 'ill'; }
  async doCheck(builder) { builder.down(); }
}
new Ill().initialize();
const tell = () => {
  if (process.env.PANDORA_ERROR_HOOK !== 'off') return console.error(new Error('both'));
  const payload = { method: 'error', timestamp: Date.now(), errType: 'Error', message: 'npm', stack: 's', traceId: 't', path: 'console' };
  process.emit('PANDORA_PROCESS_MESSAGE_LOGGER', { ...payload, method: 'warn' });
  process.emit('PANDORA_PROCESS_MESSAGE_LOGGER', payload);
};
setTimeout(tell, 200);
setInterval(() => {}, 60000);
`

// errors are the items of /error by message.
func (b *bench) errors(query string) map[string]map[string]any {
	var answer struct {
		Data struct{ Items []map[string]any }
	}
	if json.Unmarshal([]byte(b.get("/error?"+query)), &answer) != nil {
		return nil
	}
	all := map[string]map[string]any{}
	for _, item := range answer.Data.Items {
		message, _ := item["message"].(string)
		all[message] = item
	}
	return all
}

// events reads a stream until it ends, or done says so.
func (b *bench) events(query, after string, done func(state.Event) bool) (all []state.Event) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.actuator()+"/events?"+query, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Last-Event-ID", after)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var e state.Event
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			b.t.Fatal(err, data)
		}
		if all = append(all, e); done(e) {
			return all
		}
	}
	b.t.Errorf("events %v: %v", all, lines.Err())
	return all
}

// TestJournal: what goes wrong in workers, and what happens to them, is told over HTTP, by another daemon as well.
func TestJournal(t *testing.T) {
	modules := installed(t, "clients", false)
	b := newBench(t)
	dir := filepath.Join(b.dir, "app")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(dir, "app.js"), failingApp)
	b.write(filepath.Join(dir, "npm.js"), npmErrors)
	b.write(filepath.Join(dir, "procfile.js"), `module.exports = (pandora) => {
  pandora.fork('failing', './app.js');
  for (const hook of ['on', 'off']) pandora.fork('npm-' + hook, './npm.js').env({ PANDORA_ERROR_HOOK: hook }).nodeArgs(['--no-deprecation']);
};`)
	b.run("start", dir)

	want := map[string][3]any{
		"boom": {"error", "TypeError", 9.0}, "thrown": {"uncaughtException", "Error", 1.0}, "rejected": {"unhandledRejection", "RangeError", 1.0},
		"plain text": {"error", "Error", 1.0}, "both": {"error", "Error", 1.0}, "npm": {"error", "Error", 1.0},
	}
	var found map[string]map[string]any
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("errors: %v", found)
		}
	})
	holds := func() bool {
		found = b.errors("appName=app")
		for message, fields := range want {
			item := found[message]
			if item["method"] != fields[0] || item["errType"] != fields[1] || item["count"] != fields[2] || item["appName"] != "app" ||
				item["host"] == nil || item["pid"] == nil || item["path"] == nil || item["stack"] == nil || item["traceId"] == nil {
				return false
			}
		}
		return len(found) == len(want)
	}
	within(t, 10*time.Second, "all errors, each counted once", holds)
	if got := b.errors("by=count&value=2"); len(got) != 1 || got["boom"] == nil {
		t.Errorf("of the only application, what happened twice: %v", got)
	}
	within(t, 5*time.Second, "error.all", func() bool { return b.values("error")["error.all.count"] == 14.0 })

	// The third process is ready by now, or soon.
	readies := 0
	seen := b.events("last=1000&appName=app&kind=ready,exited", "", func(e state.Event) bool {
		if e.Process == "failing" && e.Kind == "ready" {
			readies++
		}
		return readies == 3
	})
	exits := []string{}
	for _, e := range seen {
		if e.Kind == "exited" {
			exits = append(exits, e.Message)
		}
	}
	if len(exits) != 2 || !strings.Contains(exits[0], "thrown") || !strings.Contains(exits[1], "rejected") {
		t.Errorf("exits %q", exits)
	}

	within(t, 5*time.Second, "the Indicator is asked", func() bool { return strings.Contains(b.get("/health?appName=app"), `"ill":{"status":"DOWN"`) })
	down := b.events("last=1000&appName=app&kind=down", "", func(e state.Event) bool { return e.Indicator == "ill" })
	if e := down[len(down)-1]; e.Message != "ill is DOWN" || e.App != "app" {
		t.Errorf("got %+v", e)
	}
	if got := b.run("events", "app"); !strings.Contains(got, "down  ill is DOWN") {
		t.Errorf("the verb does not print it:\n%s", got)
	}

	before := found
	pid := b.daemonPID()
	b.revived(pid, killed(t, pid), 1, daemonLimit)
	if found = b.errors("appName=app"); len(found) != len(before) || !holds() || found["boom"]["firstTimestamp"] != before["boom"]["firstTimestamp"] {
		t.Errorf("the next daemon knows %v, the one before knew %v", found, before)
	}
	kinds := []string{}
	for _, e := range b.events("", idText(seen[len(seen)-1].ID), func(e state.Event) bool { return e.Kind == "adopted" }) {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds[len(kinds)-2:], []string{"daemonStarted", "adopted"}) || slices.Contains(kinds, "missed") || slices.Contains(kinds, "exited") {
		t.Errorf("the stream goes on with %q", kinds)
	}
	b.run("delete", "app")
	within(t, 5*time.Second, "errors of an application that was deleted are forgotten", func() bool {
		kept, err := os.ReadFile(filepath.Join(b.dir, "p", "state", "errors.ndjson"))
		return err == nil && len(kept) == 0
	})
}

func idText(id uint64) string { return strconv.FormatUint(id, 10) }

// actuator is the address of the daemon's HTTP server.
func (b *bench) actuator() string {
	b.t.Helper()
	d := control.DialDaemon(filepath.Join(b.dir, "p", "run", "control.sock"), "dev")
	defer d.Close()
	address := ""
	within(b.t, 5*time.Second, "the actuator", func() bool {
		info, err := d.Info(b.t.Context())
		address = info.Actuator
		return err == nil && address != ""
	})
	return "http://" + address
}
