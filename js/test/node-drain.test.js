'use strict';

const assert = require('node:assert');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');
const { folder, launch, stop, until } = require('./node-helper');

const PROCFILE = 'module.exports = () => {};';

/** An application whose /slow answers 300 ms late and whose /stream sends its head at once. */
const APP = `
  const answer = (request, response) => {
    if (request.url === '/slow') {
      console.log('> slow request');
      setTimeout(() => response.end('slow'), 300);
    } else if (request.url === '/stream') {
      response.write('a');
      console.log('> stream request');
      setTimeout(() => response.end('b'), 300);
    } else response.end('fast');
  };
  const listen = (server) => server.listen(0, '127.0.0.1', () => console.log('> port ' + server.address().port));`;

async function serve(app, files = {}) {
  const worker = launch(folder({ 'procfile.js': PROCFILE, 'app.js': app, ...files }), { entryFile: './app.js' });
  await worker.next('ready');
  const line = await until(() => worker.lines().find((each) => each.startsWith('port ')), 'port');
  return { worker, port: Number(line.slice(5)) };
}

/** One request; resolves with {status, body, connection}. */
function get(module, options) {
  return new Promise((resolve, reject) => {
    module.get({ host: '127.0.0.1', ...options }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => { body += text; }).on('error', reject)
        .on('end', () => resolve({ status: response.statusCode, body, connection: response.headers.connection }));
    }).on('error', reject);
  });
}

/** A raw keep-alive connection that has had one answer. */
async function keepAlive(port) {
  const socket = net.connect(port, '127.0.0.1');
  const connection = { socket, text: '', closed: false };
  socket.on('data', (data) => { connection.text += data; }).on('error', () => {}).on('close', () => { connection.closed = true; });
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await until(() => connection.text.endsWith('fast'), 'first answer');
  connection.text = '';
  return connection;
}

function refused(port) {
  return new Promise((resolve) => {
    net.connect(port, '127.0.0.1').on('connect', function connected() { this.destroy(); resolve(false); }).on('error', () => resolve(true));
  });
}

test('a drain answers what is in flight, closes what is idle and refuses the rest', async () => {
  const { worker, port } = await serve(`${APP} listen(require('http').createServer(answer));`);
  const [idle, busy, streaming, silent] = [await keepAlive(port), await keepAlive(port), await keepAlive(port), net.connect(port, '127.0.0.1')];
  silent.on('error', () => {});
  const silentClosed = new Promise((resolve) => silent.once('close', resolve));
  busy.socket.write('GET /slow HTTP/1.1\r\nHost: a\r\n\r\n');
  streaming.socket.write('GET /stream HTTP/1.1\r\nHost: a\r\n\r\n');
  await worker.printed('slow request');
  await worker.printed('stream request');

  const started = Date.now();
  worker.send('drain', { timeoutMs: 5000 });
  await until(() => idle.closed, 'closed idle connection');
  assert.strictEqual(busy.closed, false);
  assert.ok(await refused(port));
  await worker.next('drained');
  assert.ok(Date.now() - started < 3000, 'it does not wait for the deadline');
  await until(() => busy.closed && streaming.closed, 'closed connections');
  await silentClosed;
  assert.match(busy.text, /^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n[^]*slow$/);
  assert.match(streaming.text, /^HTTP\/1.1 200 OK\r\n[^]*\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n$/);
  await stop(worker);
});

test('requests that lie unread in the kernel when a drain begins are answered', async () => {
  const gate = path.join(folder(), 'open');
  const { worker, port } = await serve(`${APP}
    const fs = require('fs');
    listen(require('http').createServer((request, response) => {
      answer(request, response);
      if (request.url !== '/block') return;
      console.log('> blocked');
      setImmediate(() => { while (!fs.existsSync(${JSON.stringify(gate)})); });
    }));`);
  const [idle, fresh] = [await keepAlive(port), net.connect(port, '127.0.0.1')];
  await new Promise((resolve) => fresh.once('connect', resolve));
  let text = '';
  const ended = new Promise((resolve) => fresh.on('data', (data) => { text += data; }).on('error', () => {}).once('close', resolve));
  await get(http, { port, path: '/block' });
  await worker.printed('blocked');
  worker.send('drain', { timeoutMs: 5000 });
  for (const socket of [idle.socket, fresh]) await new Promise((resolve) => socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n', resolve));
  fs.writeFileSync(gate, '');
  await worker.next('drained');
  await ended;
  for (const each of [idle.text, text]) assert.match(each, /^HTTP\/1.1 200 OK\r\n[^]*fast$/);
  await stop(worker);
});

test('no request fails that was sent before the drain, with and without keep-alive', async () => {
  for (const keep of [true, false]) {
    const { worker, port } = await serve(`${APP} listen(require('http').createServer(answer));`);
    const agent = new http.Agent({ keepAlive: keep, maxSockets: 8 });
    await get(http, { port, agent });
    const answers = Array.from({ length: 8 }, () => get(http, { port, agent, path: '/slow' }));
    await until(() => worker.lines().filter((line) => line === 'slow request').length === 8, 'eight requests');
    worker.send('drain', { timeoutMs: 5000 });
    for (const { status, body, connection } of await Promise.all(answers)) {
      assert.deepStrictEqual({ status, body, connection }, { status: 200, body: 'slow', connection: 'close' });
    }
    await worker.next('drained');
    agent.destroy();
    await stop(worker);
  }
});

test('an application that closes its server while stopping gets no error', async () => {
  const { worker, port } = await serve(`${APP}
    const server = listen(require('http').createServer(answer));
    process.on('SIGTERM', () => {
      server.close((error) => console.log('> closed ' + error));
      require('util').promisify(server.close.bind(server))().then(() => console.log('> closed twice'));
    });`);
  const busy = get(http, { port, path: '/slow' });
  await worker.printed('slow request');
  worker.send('drain', { timeoutMs: 5000 });
  worker.child.kill('SIGTERM');
  assert.strictEqual((await busy).body, 'slow');
  await worker.next('drained');
  await worker.printed('closed undefined');
  await worker.printed('closed twice');
  assert.deepStrictEqual(await worker.end(), { code: 0, signal: null });
});

test('a drain ends at its deadline, and one without servers at once', async () => {
  const { worker, port } = await serve(`${APP} listen(require('net').createServer((socket) => socket.on('error', () => {})));`);
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  await new Promise((resolve) => socket.once('connect', resolve));
  const started = Date.now();
  worker.send('drain', { timeoutMs: 600 });
  assert.strictEqual((await worker.next('draining')).connections, 1);
  await worker.next('drained');
  assert.ok(Date.now() - started >= 550, 'a plain connection is waited for');
  assert.ok(await refused(port));
  socket.destroy();
  await stop(worker);

  const none = launch(folder({ 'procfile.js': PROCFILE }));
  await none.next('ready');
  none.send('drain', {});
  await none.next('drained');
  await stop(none);
});

test('https servers drain likewise', async (t) => {
  const dir = folder();
  const made = spawnSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
    '-keyout', 'key.pem', '-out', 'cert.pem', '-days', '2', '-subj', '/CN=localhost'], { cwd: dir });
  if (made.status !== 0) {
    assert.notStrictEqual(process.env.CI, 'true', 'openssl is missing');
    t.skip('needs openssl');
    return;
  }
  const read = (name) => fs.readFileSync(path.join(dir, name), 'utf8');
  const { worker, port } = await serve(`${APP}
    const fs = require('fs');
    listen(require('https').createServer({ key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem') }, answer));`,
  { 'key.pem': read('key.pem'), 'cert.pem': read('cert.pem') });
  const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  const idle = new https.Agent({ keepAlive: true, rejectUnauthorized: false });
  await get(https, { port, agent });
  await get(https, { port, agent: idle });
  const busy = get(https, { port, agent, path: '/slow' });
  await worker.printed('slow request');
  worker.send('drain', { timeoutMs: 5000 });
  const { body, connection } = await busy;
  assert.deepStrictEqual({ body, connection }, { body: 'slow', connection: 'close' });
  await worker.next('drained');
  agent.destroy();
  idle.destroy();
  await stop(worker);
});
