package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestNpmClientsOutliveTheDaemon: npm's pandora-metrics, in a process that nothing of ours runs in, registers once. When its
// connection is back at another daemon its gauge, its counter and its Indicator are there.
func TestNpmClientsOutliveTheDaemon(t *testing.T) {
	modules := installed(t, "clients", false)
	b := newBench(t)
	dir, _ := b.app(`module.exports = (pandora) => { pandora.fork('web', './app.js'); };`)
	b.run("start", dir)

	client := filepath.Join(b.dir, "client")
	if err := os.MkdirAll(client, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(client, "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.write(filepath.Join(client, "client.js"), `'use strict';
require('pandora-env').EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'app' });
const { HealthIndicator, MetricsClient } = require('pandora-metrics');
class Remote extends HealthIndicator {
  constructor() { super(); this.name = 'remote'; }
  async doCheck(builder) { builder.up(); }
}
new Remote().initialize();
const client = MetricsClient.getInstance();
client.register('foreign', 'age', { getValue() { return 42; } });
const counter = client.getCounter('foreign', 'calls');
counter.inc(3);
process.stdin.on('data', () => counter.inc(2)).on('end', () => process.exit());
`)
	node := exec.CommandContext(t.Context(), "node", "--no-deprecation", filepath.Join(client, "client.js"))
	node.Env = append(os.Environ(), "PANDORA_TMP_DIR="+filepath.Join(b.dir, "p", "run"))
	stdin, err := node.StdinPipe()
	if err == nil {
		err = node.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		_ = node.Wait()
	})
	there := func(calls float64) {
		t.Helper()
		within(t, 10*time.Second, "the metrics", func() bool {
			values := b.values("foreign")
			return values["age"] == 42.0 && values["calls.count"] == calls
		})
		b.shows("/health?appName=app", `"remote":{"status":"UP"}`)
	}
	there(3)
	file := filepath.Join(b.dir, "p", "state", "announced.json")
	within(t, 5*time.Second, "the file", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Mode() == 0o600
	})

	pid := b.daemonPID()
	b.revived(pid, killed(t, pid), 1, daemonLimit)
	there(0) // what it counts is kept by the daemon alone, as in the original
	if _, err := stdin.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	there(2)
}
