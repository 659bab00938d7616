package endpoints

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// npmWorker is a process with the unmodified pandora-metrics of npm and one Indicator of each sort. It prints a line when
// all have registered.
const npmWorker = `'use strict';
const { EnvironmentUtil, DefaultEnvironment } = require('pandora-env');
EnvironmentUtil.getInstance().setCurrentEnvironment(new DefaultEnvironment({ appName: 'demo', appDir: '/srv/demo', processName: process.argv[2] }));
const { HealthIndicator, Indicator, DuplexIndicator, MessengerClient } = require('pandora-metrics');
const who = process.argv[2];

const health = (name, doCheck) => {
  class Each extends HealthIndicator { constructor() { super(); this.name = name; } doCheck(b, config) { return doCheck(b, config); } }
  return new Each();
};
const rows = (group, type, name, invoke) => {
  class Each extends Indicator { constructor() { super(); this.group = group; this.type = type; this.name = name; } async invoke(args, b) { return invoke(args, b); } }
  return new Each();
};
class Field extends HealthIndicator { name = 'field'; async doCheck(b) { b.up(); } }
class Errors extends DuplexIndicator {
  constructor() { super(); this.group = 'error'; this.type = 'multiton'; }
  registerUplink() {}
  async invoke() {}
}
const cycle = {}; cycle.self = cycle;
const all = [
  health('async_up', async (b) => { await null; b.up(); }),
  health('sync_down', (b) => { b.down(); }),
  health('neither', async () => {}),
  health('throws', async () => { throw new Error('no'); }),
  health('hangs', () => new Promise(() => {})),
  health('late', (b) => new Promise((done) => setTimeout(() => { b.up(); done(); }, 1500))),
  health('configured', async (b, config) => { if (config && config.limit === 7) b.up(); else b.down(); }),
  health('disabled', async (b) => { b.up(); }),
  health('big', async (b) => { b.withDetail('big', 'x'.repeat(3 << 20)); }),
  health('cyclic', async (b) => { b.withDetail('cyclic', cycle); }),
  health('who', async (b) => { b.withDetail('who', who); }),
  new Field(),
  rows('info', 'singleton', 'One', (args, b) => { b.withDetail('one', { who, q: args.q }, 'system').withDetail('one', { who, q: args.q }, 'SYSTEM').withDetail('two', 2, 'odd'); }),
  rows('info', 'multiton', 'Many', (args, b) => { b.withDetail('many', who, 'PROCESS'); }),
  rows('process', 'multiton', 'Pretty', (args, b) => { b.withDetail(who, { who, cpu: b.pretty('%s%%', 5) }); }),
  rows('nobody', 'singleton', 'Nobody', () => {}),
  new Errors(),
];
for (const each of all) each.initialize();
const wait = () => {
  // What has a configuration has been answered; that is the last of each group.
  if (all[10].config && all[10].config.configured) console.log('registered');
  else setTimeout(wait, 10);
};
wait();
process.stdin.on('end', () => process.exit()).resume();
setInterval(() => {}, 60000);
`

// startNPM starts a worker and waits until its Indicators are there, or for none of their answers.
func startNPM(t *testing.T, modules, dir, script, name string, answered bool) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("node", "--no-deprecation", script, name)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules, "PANDORA_TMP_DIR="+dir, "HOME="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if answered {
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "registered\n" {
			t.Fatalf("worker %s said %q, %v", name, line, err)
		}
	}
	return cmd
}

// TestIndicatorsOfNPM: what the unmodified package of npm registers is asked all at once, within one limit, and what fails
// costs only itself; of a singleton one process answers, and another as soon as that has gone.
func TestIndicatorsOfNPM(t *testing.T) {
	modules, err := filepath.Abs("../.cache/clients/node_modules")
	if err == nil {
		_, err = os.Stat(filepath.Join(modules, "pandora-metrics"))
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: run make .cache/clients/.installed", err)
		}
		t.Skip("the packages of the test are not installed: run make .cache/clients/.installed")
	}
	t.Parallel()
	b, path := newWireBed(t, `{"actuator":{"endPoint":{"health":{"initConfig":{"disk_space":{"enabled":false},"configured":{"limit":7},"disabled":{"enabled":false}}}}}}`)
	b.source.set(demo())
	script := filepath.Join(t.TempDir(), "worker.js")
	if err := os.WriteFile(script, []byte(npmWorker), 0o600); err != nil {
		t.Fatal(err)
	}
	first := startNPM(t, modules, filepath.Dir(path), script, "first", true)
	startNPM(t, modules, filepath.Dir(path), script, "second", true)

	began := time.Now()
	want := envelope(`{"status":"DOWN","async_up":{"status":"UP"},"sync_down":{"status":"DOWN"},"late":{"status":"UP"},` +
		`"configured":{"status":"UP"},"disabled":{"status":"UP"},"who":{"status":"first"},"field":{"status":"UP"}}`)
	b.want(t, "/health?appName=demo", 503, want)
	const limit = 2900 * time.Millisecond // an Indicator's, less what timers may be early
	if took := time.Since(began); took < limit {
		t.Errorf("one that hangs held the first request for %v", took)
	}
	for _, s := range b.groups.list(nameHealth, "demo") {
		s.reply.mu.Lock()
		s.reply.at = s.reply.at.Add(-healthTTL) // old, without waiting
		s.reply.mu.Unlock()
	}
	began = time.Now()
	b.want(t, "/health?appName=demo", 503, want)
	if took := time.Since(began); took >= limit { // it is much less, on a machine that has time
		t.Errorf("one that hangs held the second request for %v", took)
	}
	for _, c := range []struct {
		target string
		rows   []string
	}{
		{"/info?appName=demo&q=a&q=b", []string{`{"key":"one","data":{"who":"first","q":["a","b"]},"scope":"SYSTEM"}`, `{"key":"two","data":2}`,
			`{"key":"many","data":"first","scope":"PROCESS"}`, `{"key":"many","data":"second","scope":"PROCESS"}`}},
		{"/process?appName=demo", []string{`{"who":"first","cpu":5}`, `{"who":"second","cpu":5}`}},
		{"/process?appName=demo&pretty=1", []string{`{"who":"first","cpu":"5%"}`, `{"who":"second","cpu":"5%"}`}},
	} {
		status, body := b.get(t, c.target)
		var answer struct{ Data []json.RawMessage }
		if err := json.Unmarshal([]byte(strings.Replace(body, `:T,`, `:0,`, 1)), &answer); err != nil || status != 200 {
			t.Fatalf("%s: %d %s", c.target, status, body)
		}
		var got []string
		for _, row := range answer.Data {
			if !strings.Contains(string(row), "introspection") {
				got = append(got, string(row))
			}
		}
		slices.Sort(got)
		slices.Sort(c.rows)
		if fmt.Sprint(got) != fmt.Sprint(c.rows) {
			t.Errorf("%s\n got %s\nwant %s", c.target, got, c.rows)
		}
	}

	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait() // it was killed
	deadline := time.Now().Add(5 * time.Second)
	for {
		_, body := b.get(t, "/health/who?appName=demo")
		if body == envelope(`{"status":"UP","who":{"status":"second"}}`) {
			break
		}
		if !strings.Contains(body, `"who":{"status":"first"}`) || time.Now().After(deadline) {
			t.Fatalf("after the owner has died: %s", body)
		}
	}
}
