package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// hubProvider is a process that publishes with npm's pandora-hub, which has to be as it is.
const hubProvider = `'use strict';
const { Facade } = require('pandora-hub');
class Plain {
  constructor() { this.level = 7; this.who = process.pid; }
  add(a, b) { return a + b; }
  pid() { return process.pid; }
  slow(ms) { return new Promise((resolve) => setTimeout(resolve, ms, process.pid)); }
  fail() { throw Object.assign(new TypeError('no such thing'), { code: 'E_THING' }); }
  subscribe(topic, fn) { this.told = fn; }
  unsubscribe() { this.told = null; }
  tell(value) { return this.told ? this.told(value).then(() => 'told') : 'nobody'; }
}
class Tagged { which() { return 'tagged'; } }
// npm's client refuses a second object of the same name, whatever its tag is: so each is of another client.
const publish = async (object, description) => {
  const facade = new Facade();
  facade.setup({ location: { appName: 'one', processName: description.tag ? 'tagged' : 'provider', pid: String(process.pid) } });
  await facade.start();
  await facade.publish(object, description);
  return facade;
};
(async () => {
  await publish(Tagged, { name: 'thing', tag: 'x' });
  await publish({ which: () => 'other' }, { name: 'thing', tag: 'y' });
  const facade = await publish(Plain, { name: 'thing' });
  if (process.env.NODE_APP_INSTANCE === '0') await facade.publish(new Plain(), { name: 'single' });
})();
`

// hubConsumer answers what the code that it is sent returns. once() calls again while nobody has published.
const hubConsumer = `'use strict';
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { Facade } = require('pandora-hub');
const { MessengerClient } = require('pandora-messenger');
const facade = new Facade();
facade.setup({ location: { appName: 'two', processName: 'consumer', pid: String(process.pid) } });
const client = facade.getHubClient();
const remember = {};
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ask = async (remote, action, message) => {
  const { success, data, error } = await client.invoke(remote, action, message);
  return success ? data : { name: error.name, message: error.message, code: error.code };
};
const until = async (holds) => { while (!await Promise.resolve(holds()).catch(() => false)) await sleep(10); return true; };
const hub = path.join(process.env.PANDORA_TMP_DIR, 'pandorajs_pandora_msg_hub.sock');
const raw = (bytes) => new Promise((resolve) => {
  const socket = net.connect(hub, () => socket.write(bytes));
  socket.on('error', () => {}).on('close', () => resolve('cut')).resume();
});
const server = http.createServer(async (request, response) => {
  let code = '';
  for await (const chunk of request) code += chunk;
  try {
    await facade.start();
    response.end(JSON.stringify({ said: await eval('(async () => {' + code + '})()') }));
  } catch (error) {
    response.end(JSON.stringify({ thrown: error.message, code: error.code, name: error.name }));
  }
});
server.listen(0, '127.0.0.1', () => fs.writeFileSync('port', String(server.address().port)));
`

// hubApps starts two applications, two processes that publish and one that calls, and returns who asks the latter.
func (b *bench) hubApps() func(code string) string {
	b.t.Helper()
	modules := installed(b.t, "clients", false)
	for name, files := range map[string][2]string{
		"one": {"provider.js", `module.exports = (pandora) => { pandora.fork('provider', './provider.js').scale(2).nodeArgs(['--no-deprecation']); };`},
		"two": {"consumer.js", `module.exports = (pandora) => { pandora.fork('consumer', './consumer.js').nodeArgs(['--no-deprecation']); };`},
	} {
		dir := filepath.Join(b.dir, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.t.Fatal(err)
		}
		if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
			b.t.Fatal(err)
		}
		b.write(filepath.Join(dir, files[0]), map[string]string{"one": hubProvider, "two": hubConsumer}[name])
		b.write(filepath.Join(dir, "procfile.js"), files[1])
		b.run("start", dir)
	}
	var port []byte
	within(b.t, 10*time.Second, "the process that calls listens", func() bool {
		port, _ = os.ReadFile(filepath.Join(b.dir, "two", "port"))
		return len(port) > 0
	})
	client := http.Client{Timeout: 15 * time.Second}
	return func(code string) string {
		b.t.Helper()
		response, err := client.Post("http://127.0.0.1:"+string(port), "text/plain", strings.NewReader(code))
		if err != nil {
			b.t.Fatalf("%s: %v", code, err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			b.t.Fatalf("%s: %v", code, err)
		}
		return string(body)
	}
}

// TestHub calls objects of processes of another application with npm's packages.
func TestHub(t *testing.T) {
	b := newBench(t)
	ask := b.hubApps()
	ask(`await until(async () => (await client.multipleInvoke({ objectName: 'thing' }, 'OBJECT_ACTION_INTROSPECT')).length === 2);
	     await until(async () => (await facade.getProxy({ name: 'single' })));
	     remember.thing = await facade.getProxy({ name: 'thing' });`)
	for _, c := range []struct{ name, code, want string }{
		{"a call", `return remember.thing.add(2, 3);`, `{"said":5}`},
		{"a property", `return remember.thing.getProperty('level');`, `{"said":7}`},
		{"what it throws", `return remember.thing.fail();`, `{"thrown":"no such thing","code":"E_THING"`},
		{"calls are spread", `const pids = new Set(); for (let i = 0; i < 4; i++) pids.add(await remember.thing.pid()); return pids.size;`, `{"said":2}`},
		{"a busy one is spared", `const slow = remember.thing.slow(300); await sleep(20); const pids = new Set();
			for (let i = 0; i < 6; i++) pids.add(await remember.thing.pid()); return [pids.size, pids.has(await slow)];`, `{"said":[1,false]}`},
		{"tags", `const of = async (tag) => (await facade.getProxy({ name: 'thing', tag })).which(); return [await of('x'), await of('y')];`, `{"said":["tagged","other"]}`},
		{"an unknown tag", `return facade.getProxy({ name: 'thing', tag: 'z' });`,
			`{"thrown":"Cannot found any clients by selector: {\"objectName\":\"thing\",\"objectTag\":\"z\"}","code":"PANDORA_HUB_NOT_FOUND"`},
		{"an unknown name", `return facade.getProxy({ name: 'nothing' });`,
			`{"thrown":"Cannot found any clients by selector: {\"objectName\":\"nothing\"}","code":"PANDORA_HUB_NOT_FOUND"`},
		{"to all", `const all = await client.multipleInvoke({ objectName: 'thing' }, 'OBJECT_ACTION_INVOKE', { propertyName: 'pid', data: [] });
			return [all.every((reply) => reply.success), new Set(all.map((reply) => reply.data)).size];`, `{"said":[true,2]}`},
		{"by location", `const replies = await client.multipleInvoke({ appName: 'one', processName: 'provider' }, 'echo');
			return [replies.length, new Set(replies.map(({ host }) => host.pid)).size];`, `{"said":[4,2]}`}, // each worker by itself, too
		{"a timeout", `return (await facade.getConsumer({ name: 'single' }, {})).hubClient.invoke({ objectName: 'single' },
			'OBJECT_ACTION_INVOKE', { propertyName: 'slow', data: [60000], timeout: 50 });`, `target no response in 50ms`},
		{"events", `const single = await facade.getProxy({ name: 'single' }); const heard = []; const fn = (value) => heard.push(value);
			await single.subscribe('news', fn); heard.push(await single.tell(1)); await single.unsubscribe('news', fn);
			heard.push(await single.tell(2)); return heard;`, `{"said":[1,"told","nobody"]}`},
		{"config", `await facade.initConfigClient(); const heard = [];
			await facade.getConfigClient().subscribe('topic', (value) => heard.push(value === undefined ? 'none' : value));
			const manager = await facade.getProxy({ name: '__PANDORA_HUB_CONFIG_MANAGER' });
			await manager.publish('topic', { a: 1 }); await until(() => heard.length === 2);
			return [heard, await facade.getConfigClient().getConfig('topic'), await manager.getAllTopics(), await manager.getAllSubscribedTopics()];`,
			`{"said":[["none",{"a":1}],{"a":1},["topic"],["topic"]]}`},
		{"nobody's action of a plain messenger", `const messenger = new MessengerClient({ name: 'pandora_msg_hub' });
			await new Promise((resolve) => messenger.ready(resolve));
			return new Promise((resolve, reject) => messenger.send('PANDORA_HUB_ACTION_PUBLISH_UP', {}, (error, reply) =>
				error ? reject(error) : resolve([reply.success, reply.error.message, reply.error.code])));`,
			`{"said":[false,"Selector is required, but got undefined","PANDORA_HUB_SELECTOR"]}`},
		{"garbage", `return raw('GET / HTTP/1.1\r\nHost: a\r\n\r\n');`, `{"said":"cut"}`},
		{"a huge frame", `const header = Buffer.alloc(9); header.writeUInt32BE(1, 1); header.writeUInt32BE(0xfffffff0, 5); return raw(header);`, `{"said":"cut"}`},
		{"no JSON", `const header = Buffer.alloc(9 + 64, 0x7b); header.writeUInt8(0, 0); header.writeUInt32BE(1, 1); header.writeUInt32BE(64, 5); return raw(header);`, `{"said":"cut"}`},
		{"others live on", `return remember.thing.add(20, 22);`, `{"said":42}`},
	} {
		if got := ask(c.code); !strings.Contains(got, c.want) {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestHubKills: the routes of a process that was killed end with it, and its calls are answered at once; another daemon
// hears again what there is.
func TestHubKills(t *testing.T) {
	b := newBench(t)
	ask := b.hubApps()
	ask(`await until(async () => (await client.multipleInvoke({ objectName: 'thing' }, 'OBJECT_ACTION_INTROSPECT')).length === 2);
	     await until(async () => (remember.single = await facade.getProxy({ name: 'single' })));`)
	var killedCall struct {
		Said struct {
			Name, Code, Message string
			PID                 int
			TookMS              float64
			Back                bool
		}
	}
	got := ask(`
	  const pid = await remember.single.pid();
	  const call = ask({ objectName: 'single' }, 'OBJECT_ACTION_INVOKE', { propertyName: 'slow', data: [60000], timeout: 30000 });
	  await ask({ objectName: 'single' }, 'OBJECT_ACTION_INVOKE', { propertyName: 'add', data: [1, 1] }); // after it on the same connection
	  const began = Date.now();
	  process.kill(pid, 'SIGKILL');
	  const answer = await call;
	  const tookMS = Date.now() - began;
	  const left = await ask({ objectName: 'single' }, 'OBJECT_ACTION_INVOKE', { propertyName: 'pid', data: [] });
	  const others = await ask({ objectName: 'thing' }, 'OBJECT_ACTION_INVOKE', { propertyName: 'add', data: [1, 1] });
	  await until(async () => await remember.single.pid() !== pid);
	  return { ...answer, pid, tookMS, back: left.code === 'PANDORA_HUB_NOT_FOUND' && others === 2 };`)
	if err := json.Unmarshal([]byte(got), &killedCall); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if said := killedCall.Said; said.Code != "PANDORA_HUB_CLOSED" || !strings.Contains(said.Message, "ended, or closed its connection, before it answered") ||
		said.TookMS > 1000 || !said.Back {
		t.Errorf("a call of a process that was killed: %s", got)
	}

	pid := b.daemonPID()
	dead := killed(t, pid)
	b.revived(pid, dead, 2, daemonLimit)
	got = ask(`
	  await until(async () => (await client.multipleInvoke({ objectName: 'thing' }, 'OBJECT_ACTION_INTROSPECT', { timeout: 500 })).length === 2);
	  await until(() => remember.single.add(20, 22));
	  return [await remember.single.add(20, 22), await (await facade.getProxy({ name: 'thing', tag: 'x' })).which()];`)
	if got != `{"said":[42,"tagged"]}` {
		t.Errorf("after another daemon: %s", got)
	}
	logged, err := os.ReadFile(filepath.Join(b.dir, "p", "logs", "pandorajs", "daemon.log"))
	if err != nil || bytes.Contains(logged, []byte("panicked")) {
		t.Errorf("the daemon's log: %v\n%s", err, logged)
	}
}
