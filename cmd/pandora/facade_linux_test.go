package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// facadeAsked is what application code asks of npm's packages, in a worker: two forms of the same questions.
const facadeAsked = `
const answers = [
  pandora === dorapan, pandora.version === undefined, appName, processName, typeof getProxy,
  EnvironmentUtil.getInstance().getCurrentEnvironment() === environment, environment.get('processName'),
  typeof Indicator.prototype.getBuilder, new (class extends Indicator {})().appName,
  MetricsClientUtil.getMetricsClient() === pandora.MetricsClientUtil.getMetricsClient(),
  GlobalConfigProcessor.getInstance().getAllProperties().mine.name, template('{{a}}', { a: 1 }), said,
];
require('node:fs').writeFileSync(processName + '.json', JSON.stringify(answers));
setInterval(() => {}, 60000);
`

// TestFacade runs code that depends on npm's packages, unmodified, in an application that also has another pandora
// installed: dorapan finds the facade, pandora-metrics, whose own pandora-env is npm's, the worker's environment, and one
// process the object of another.
func TestFacade(t *testing.T) {
	modules := installed(t, "clients", false)
	b := newBench(t)
	dir := filepath.Join(b.dir, "app")
	if err := os.MkdirAll(filepath.Join(dir, "node_modules", "pandora"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dorapan", "pandora-env", "pandora-metrics", "pandora-dollar"} {
		if err := os.Symlink(filepath.Join(modules, name), filepath.Join(dir, "node_modules", name)); err != nil {
			t.Fatal(err)
		}
	}
	b.write(filepath.Join(dir, "node_modules", "pandora", "index.js"), "exports.version = 'of npm';")
	b.write(filepath.Join(dir, "procfile.js"), `module.exports = (pandora) => {
  pandora.fork('required', './required.js');
  pandora.fork('imported', './imported.mjs');
};`)
	b.write(filepath.Join(dir, "required.js"), `'use strict';
const pandora = require('pandora');
const dorapan = require('dorapan');
const { appName, processName, environment, getProxy, GlobalConfigProcessor } = dorapan;
const { EnvironmentUtil } = require('pandora-env');
const { Indicator, MetricsClientUtil } = require('pandora-metrics');
const { template } = require('pandora-dollar');
dorapan.publishObject('greeter', { hi: (who) => 'hi ' + who });
const said = 'nothing';
`+facadeAsked)
	b.write(filepath.Join(dir, "imported.mjs"), `
import { createRequire } from 'node:module';
import pandora, { GlobalConfigProcessor } from 'pandora';
import dorapan, { appName, processName, environment, getProxy } from 'dorapan';
import { EnvironmentUtil } from 'pandora-env';
import metrics from 'pandora-metrics';
import { template } from 'pandora-dollar';
const require = createRequire(import.meta.url);
const { Indicator, MetricsClientUtil } = metrics;
let said;
while (said === undefined) {
  // The other process is ready, but may not have published yet.
  said = await getProxy('greeter').then((greeter) => greeter.hi('you')).catch(() => new Promise((resolve) => setTimeout(resolve, 20)));
}
`+facadeAsked)
	b.write(filepath.Join(b.dir, "config.js"), "module.exports = { mine: class Mine {} };")
	b.env = append(b.env, "PANDORA_CONFIG="+filepath.Join(b.dir, "config.js"))
	b.run("start", dir)
	for process, said := range map[string]string{"required": "nothing", "imported": "hi you"} {
		want := `[true,true,"app","` + process + `","function",true,"` + process + `","function","app",true,"Mine","1","` + said + `"]`
		var got []byte
		within(t, 10*time.Second, process+" answers", func() bool {
			got, _ = os.ReadFile(filepath.Join(dir, process+".json"))
			return len(got) > 0
		})
		if string(got) != want {
			t.Errorf("%s: got %s, want %s", process, got, want)
		}
	}

	// Outside of a worker there is only what npm has installed.
	script := `console.log(require('pandora').version); require('dorapan');`
	cmd := exec.Command("node", "-e", script)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.HasPrefix(string(out), "of npm\n") || !strings.Contains(string(out), "Should require('dorapan') under Pandora.js environment!") {
		t.Errorf("a script by itself: %v, %s", err, out)
	}
}
