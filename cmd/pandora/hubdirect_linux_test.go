package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// directConsumer answers what the code that it is sent returns. start() calls the thing without a pause, stop() tells which
// processes have answered and what went wrong.
const directConsumer = `'use strict';
const fs = require('node:fs');
const http = require('node:http');
const { getHub } = require('pandora');
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const until = async (holds) => { while (!await Promise.resolve(holds()).catch(() => false)) await sleep(10); return true; };
const doors = () => fs.readdirSync(process.env.PANDORA_TMP_DIR).filter((name) => /^hub-.*\.sock$/.test(name)).length;
let thing, stopped, rows, pids, failed;
const start = () => {
  stopped = false; pids = {}; failed = [];
  rows = Promise.all(Array.from({ length: 4 }, async () => {
    while (!stopped) {
      await thing.pid().then((pid) => { pids[pid] = (pids[pid] ?? 0) + 1; }, (error) => failed.push(error.code + ' ' + error.message));
      await sleep(1);
    }
  }));
};
const stop = async () => { stopped = true; await rows; return { pids: Object.keys(pids).length, failed }; };
http.createServer(async (request, response) => {
  let code = '';
  for await (const chunk of request) code += chunk;
  try {
    response.end(JSON.stringify({ said: await eval('(async () => {' + code + '})()') }));
  } catch (error) {
    response.end(JSON.stringify({ thrown: error.message, code: error.code }));
  }
}).listen(0, '127.0.0.1', function () { fs.writeFileSync('port', String(this.address().port)); });
`

// TestHubDirect: calls between our clients go from process to process, and to all who provide the object, whoever comes or
// goes.
func TestHubDirect(t *testing.T) {
	b := newBench(t)
	for name, files := range map[string]map[string]string{
		"one": {
			"procfile.js": `module.exports = (pandora) => { pandora.service('thing', './thing').process('provider').publish(); pandora.process('provider').scale(2); };`,
			"thing.js":    `module.exports = class { async pid() { return process.pid; } };`,
		},
		"two": {
			"procfile.js": `module.exports = (pandora) => { pandora.fork('consumer', './consumer.js'); };`,
			"consumer.js": directConsumer,
		},
		"three": {
			"procfile.js": `module.exports = (pandora) => { pandora.fork('npm', './npm.js').nodeArgs(['--no-deprecation']); };`,
			"npm.js": `const facade = new (require('pandora-hub').Facade)();
				facade.setup({ location: { appName: 'three', processName: 'npm', pid: String(process.pid) } });
				facade.start().then(() => facade.publish({ pid: () => process.pid }, { name: 'thing' }));`,
		},
	} {
		if err := os.MkdirAll(filepath.Join(b.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		for file, text := range files {
			b.write(filepath.Join(b.dir, name, file), text)
		}
	}
	if err := os.Symlink(installed(t, "clients", false), filepath.Join(b.dir, "three", "node_modules")); err != nil {
		t.Fatal(err)
	}
	b.run("start", filepath.Join(b.dir, "one"))
	b.run("start", filepath.Join(b.dir, "two"))
	port, err := os.ReadFile(filepath.Join(b.dir, "two", "port"))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 15 * time.Second}
	ask := func(step, code, want string) {
		t.Helper()
		response, err := client.Post("http://127.0.0.1:"+string(port), "text/plain", strings.NewReader(code))
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		defer response.Body.Close()
		if got, err := io.ReadAll(response.Body); err != nil || string(got) != fmt.Sprintf(`{"said":%s}`, want) {
			t.Errorf("%s: %s, %v; want %s", step, got, err, want)
		}
	}
	ask("calls go to both, directly", `thing = await getHub().getProxy('thing'); start();
		await until(() => doors() === 2 && Object.keys(pids).length === 2); return stop();`, `{"pids":2,"failed":[]}`)
	ask("calls without a pause", `start(); return doors();`, `2`)
	b.run("reload", "one")
	ask("a reload loses none", `const t0 = Date.now(); await until(() => Object.keys(pids).length === 4 && doors() === 2 || Date.now() - t0 > 4000); const st = await stop(); if (Date.now() - t0 > 4000) return [pids, fs.readdirSync(process.env.PANDORA_TMP_DIR).filter((n) => /^hub-/.test(n)).map((n) => [n, parseInt(n.split('-')[1], 36)])]; return st;`, `{"pids":4,"failed":[]}`)
	ask("calls without a pause", `start(); return doors();`, `2`)
	b.run("scale", "one", "provider", "3")
	ask("one more is called", `await until(() => Object.keys(pids).length === 3); return stop();`, `{"pids":3,"failed":[]}`)
	b.run("start", filepath.Join(b.dir, "three"))
	ask("one with npm's client is called, too", `start(); await until(() => Object.keys(pids).length === 4); return stop();`, `{"pids":4,"failed":[]}`)
}
