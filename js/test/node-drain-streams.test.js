'use strict';

// Connections that do not end with one answer, in a drain: idle ones of a reload, WebSockets, events, http2, long polls,
// and the workers of a cluster inside a plain process.

const assert = require('node:assert');
const http = require('node:http');
const http2 = require('node:http2');
const net = require('node:net');
const { test } = require('node:test');
const { folder, launch, stop, until } = require('./node-helper');

const LISTEN = "server.listen(0, '127.0.0.1', () => console.log('> port ' + server.address().port));";

async function serve(app) {
  const worker = launch(folder({ 'procfile.js': 'module.exports = () => {};', 'app.js': app }), { entryFile: './app.js' });
  await worker.next('ready');
  const line = await until(() => worker.lines().find((each) => each.startsWith('port ')), 'port');
  return { worker, port: Number(line.slice(5)) };
}

/** A raw connection. */
function connect(port, text) {
  const socket = net.connect(port, '127.0.0.1');
  const connection = { socket, bytes: Buffer.alloc(0), closed: 0, get text() { return this.bytes.toString('latin1'); } };
  socket.on('data', (data) => { connection.bytes = Buffer.concat([connection.bytes, data]); })
    .on('error', () => {}).on('close', () => { connection.closed = Date.now(); });
  socket.write(text);
  return connection;
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';

/** A WebSocket server without a library: it echoes frames as they come, masked. */
const WEB_SOCKET = `
  const server = require('http').createServer((request, response) => response.end('plain'));
  server.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n');
    socket.on('data', (data) => socket.write(data)).on('end', () => socket.end()).on('error', () => {});
  });
  ${LISTEN}`;
const UPGRADE = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n';

test('a gentle drain answers on idle connections until the keep-alive time is over', async () => {
  const { worker, port } = await serve(`
    const server = require('http').createServer((request, response) => response.end('fast'));
    server.keepAliveTimeout = 700; ${LISTEN}`);
  const [used, idle] = [connect(port, GET), connect(port, GET)];
  await until(() => used.text.endsWith('fast') && idle.text.endsWith('fast'), 'first answers');
  const began = Date.now();
  worker.send('drain', { timeoutMs: 20000, gently: true });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(!used.closed && !idle.closed, 'idle connections stay');
  used.bytes = Buffer.alloc(0);
  used.socket.write(GET);
  await until(() => used.closed, 'end after the answer');
  assert.match(used.text, /^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n[^]*fast$/);
  await worker.next('drained');
  assert.ok(idle.closed && idle.closed - began >= 400, `closed by Node's own keep-alive time, after ${idle.closed - began} ms`);
  await stop(worker);
});

test('a gentle drain becomes a quick one', async () => {
  const { worker, port } = await serve(`
    const server = require('http').createServer((request, response) => response.end('fast'));
    server.keepAliveTimeout = 60000; ${LISTEN}`);
  const idle = connect(port, GET);
  await until(() => idle.text.endsWith('fast'), 'first answer');
  worker.send('drain', { timeoutMs: 60000, gently: true });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.ok(!idle.closed);
  worker.send('drain', { timeoutMs: 5000 });
  await worker.next('drained');
  await until(() => idle.closed, 'closed idle connection');
  await stop(worker);
});

test('a WebSocket goes on for its grace and is closed as going away', async () => {
  const { worker, port } = await serve(WEB_SOCKET);
  const client = connect(port, UPGRADE);
  await until(() => client.text.endsWith('\r\n\r\n'), 'upgrade');
  client.bytes = Buffer.alloc(0);
  const began = Date.now();
  worker.send('drain', { timeoutMs: 20000, graceMs: 600, gently: true });
  await new Promise((resolve) => setTimeout(resolve, 200));
  client.socket.write('ping');
  await until(() => client.text === 'ping', 'echo while draining');
  await worker.next('drained');
  await until(() => client.closed, 'end');
  assert.ok(client.closed - began >= 500, `closed after ${client.closed - began} ms`);
  assert.deepStrictEqual([...client.bytes.subarray(4)], [0x88, 2, 0x03, 0xe9]);
  await stop(worker);
});

test('a WebSocket that ends by itself is not waited for', async () => {
  const { worker, port } = await serve(WEB_SOCKET);
  const client = connect(port, UPGRADE);
  await until(() => client.text.endsWith('\r\n\r\n'), 'upgrade');
  const began = Date.now();
  worker.send('drain', { timeoutMs: 30000, gently: true });
  client.socket.end();
  await worker.next('drained');
  assert.ok(Date.now() - began < 10000);
  await stop(worker);
});

test('events go on for the grace and then end without a last chunk, so that the browser connects again', async () => {
  const { worker, port } = await serve(`
    const server = require('http').createServer((request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      setInterval(() => response.write('data: 1\\n\\n'), 50);
    }); ${LISTEN}`);
  const client = connect(port, GET);
  await until(() => client.text.includes('data: 1'), 'event');
  const began = Date.now();
  worker.send('drain', { timeoutMs: 20000, graceMs: 600, gently: true });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const before = client.bytes.length;
  await until(() => client.bytes.length > before, 'events while draining');
  await worker.next('drained');
  await until(() => client.closed, 'end');
  assert.ok(client.closed - began >= 500);
  assert.doesNotMatch(client.text, /\r\n0\r\n\r\n$/);
  await stop(worker);
});

test('http2: streams in flight and on their way are answered, then the session ends', async () => {
  const { worker, port } = await serve(`
    const server = require('http2').createServer((request, response) => {
      setTimeout(() => response.end('late'), Number(request.url.slice(1)));
    }); ${LISTEN}`);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  let goaways = 0;
  session.on('goaway', () => { goaways += 1; });
  const ended = new Promise((resolve) => session.once('close', resolve));
  const ask = (delay) => new Promise((resolve, reject) => {
    let body = '';
    session.request({ ':path': `/${delay}` }).setEncoding('utf8').on('data', (text) => { body += text; })
      .on('end', () => resolve(body)).on('error', reject).end();
  });
  assert.strictEqual(await ask(1), 'late');
  const inFlight = [ask(300), ask(2000)];
  // What the client sends before it knows of the drain.
  worker.send('drain', { timeoutMs: 20000, gently: true });
  const onItsWay = ask(100);
  for (const answer of await Promise.all([...inFlight, onItsWay])) assert.strictEqual(answer, 'late');
  await worker.next('drained');
  await ended;
  assert.ok(goaways >= 1, 'the client was told');
  await stop(worker);
});

test('a long poll that outlasts the drain does not keep it from its end', async () => {
  const { worker, port } = await serve(`
    const server = require('http').createServer((request, response) => console.log('> poll')); ${LISTEN}`);
  const client = connect(port, GET);
  await worker.printed('poll');
  const began = Date.now();
  worker.send('drain', { timeoutMs: 500, gently: true });
  await worker.next('drained');
  assert.ok(Date.now() - began >= 400);
  assert.ok(!client.closed, 'it may still be answered until the process ends');
  await stop(worker);
  await until(() => client.closed, 'end');
});

test('an application that closes its server before the drain is waited for', async () => {
  const { worker, port } = await serve(`
    const server = require('http').createServer((request, response) => {
      console.log('> slow'); server.close(); setTimeout(() => response.end('slow'), 500);
    }); ${LISTEN}`);
  const client = connect(port, GET);
  await worker.printed('slow');
  worker.send('drain', { timeoutMs: 20000, gently: true });
  await worker.next('drained');
  assert.match(client.text, /slow$/);
  await stop(worker);
});

test('the workers of a cluster inside a plain process drain with it', async () => {
  const { worker, port } = await serve(`
    const cluster = require('cluster');
    if (cluster.isPrimary) {
      cluster.fork().on('listening', ({ port }) => console.log('> port ' + port));
    } else {
      console.log('> execArgv ' + JSON.stringify(process.execArgv));
      const server = require('http').createServer((request, response) => {
        console.log('> slow'); setTimeout(() => response.end('slow'), 500);
      });
      server.listen(0, '127.0.0.1');
    }`);
  assert.ok(worker.lines().includes('execArgv []'), worker.output);
  const agent = new http.Agent({ keepAlive: true });
  const answer = new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', agent }, (response) => {
      response.resume().on('end', () => resolve(response.headers.connection));
    }).on('error', reject);
  });
  await worker.printed('slow');
  worker.send('drain', { timeoutMs: 20000, gently: true });
  assert.strictEqual(await answer, 'close');
  await worker.next('drained');
  await assert.rejects(new Promise((resolve, reject) => {
    net.connect(port, '127.0.0.1').on('connect', resolve).on('error', reject);
  }), { code: 'ECONNREFUSED' });
  agent.destroy();
  worker.send('shutdown');
  await worker.next('finish_shutdown');
  worker.child.kill();
  await worker.end();
});
