'use strict';

// Ways to listen, each run by one worker after the other, while the first still listens. As the main script it is a
// primary of Node's own that prints what its two workers report; as a worker, of whatever primary, it runs one shape when
// told {run: name} and closes it when told {close: name}.
//
//   node shapes.js '{"name": {"port": 1234, …}}'

const cluster = require('node:cluster');
const dgram = require('node:dgram');
const fs = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');

/** What one listen led to. Ports that the system chose are told apart by the parent. */
function listen(ctx, args, make = () => net.createServer((socket) => socket.on('error', () => {}).resume().end('hi'))) {
  const server = make();
  ctx.open.push(server);
  return new Promise((resolve) => {
    server.on('error', (error) => resolve({ error: error.code, syscall: error.syscall }));
    server.listen(...args, async () => {
      const address = server.address();
      resolve({ address, answers: await answers(address), server: undefined });
    });
  });
}

/** Whether somebody answers there. */
function answers(address) {
  return new Promise((resolve) => {
    const to = typeof address === 'string' ? { path: address } : { port: address.port, host: address.address };
    if (to.host === '::') to.host = '::1';
    const socket = net.connect(to).on('error', (error) => resolve(error.code)).on('data', () => { resolve(true); socket.destroy(); });
    socket.write('GET / HTTP/1.0\r\n\r\n');
  });
}

function bind(ctx, type, options) {
  const socket = dgram.createSocket(type);
  ctx.open.push(socket);
  return new Promise((resolve) => {
    socket.on('error', (error) => resolve({ error: error.code, syscall: error.syscall }));
    socket.bind(options, () => resolve({ address: socket.address() }));
  });
}

const closeAll = (ctx) => Promise.all(ctx.open.splice(0).map((each) => new Promise((resolve) => {
  try { each.close(() => resolve()); } catch { resolve(); }
})));

const mode = (file) => (fs.statSync(file).mode & 0o777).toString(8);

const shapes = {
  port: (c) => listen(c, [c.port]),
  'port and host': (c) => listen(c, [c.port, '127.0.0.1']),
  'http server': (c) => listen(c, [c.port, '127.0.0.1'], () => http.createServer((request, response) => response.end('hi'))),
  backlog: (c) => listen(c, [c.port, '127.0.0.1', 7]),
  'port 0': (c) => listen(c, [0]),
  'port 0 and host': (c) => listen(c, [0, '127.0.0.1']),
  'two times port 0': async (c) => [await listen(c, [0]), await listen(c, [0])],
  'unix path': (c) => listen(c, [path.join(c.dir, 'a.sock')]),
  'long unix path': (c) => {
    const dir = path.join(c.dir, 'x'.repeat(60));
    fs.mkdirSync(dir, { recursive: true });
    return listen(c, [path.join(dir, 's')]);
  },
  'readable unix path': async (c) => {
    const file = path.join(c.dir, 'r.sock');
    return [await listen(c, [{ path: file, readableAll: true, writableAll: true }]), mode(file)];
  },
  'unix path in no folder': (c) => listen(c, [path.join(c.dir, 'none', 'a.sock')]),
  'unix path of a file': (c) => {
    fs.writeFileSync(path.join(c.dir, 'file'), '');
    return listen(c, [path.join(c.dir, 'file')]);
  },
  'two hosts': async (c) => [await listen(c, [c.port, '127.0.0.1']), await listen(c, [c.port, '127.0.0.2'])],
  hostname: (c) => listen(c, [{ port: c.port, host: 'localhost' }]),
  'IPv6 host': (c) => listen(c, [c.port, '::1']),
  'all of IPv6': (c) => listen(c, [c.port, '::']),
  'all of IPv4': (c) => listen(c, [c.port, '0.0.0.0']),
  ipv6Only: async (c) => [await listen(c, [{ port: c.port, host: '::', ipv6Only: true }]),
    await answers({ address: '127.0.0.1', port: c.port })],
  exclusive: (c) => listen(c, [{ port: c.port, host: '127.0.0.1', exclusive: true }]),
  'exclusive port 0': (c) => listen(c, [{ port: 0, host: '127.0.0.1', exclusive: true }]),
  'twice, nested': async (c) => [await listen(c, [c.port]), await listen(c, [c.port])],
  'twice, at once': (c) => Promise.all([listen(c, [c.port]), listen(c, [c.port])]),
  'closed and opened again': async (c) => {
    const first = await listen(c, [c.port]);
    await closeAll(c);
    return [first, await listen(c, [c.port])];
  },
  'an address of others': (c) => listen(c, [c.port, '192.0.2.1']),
  'udp4': (c) => bind(c, 'udp4', { port: c.port }),
  'udp4 and host': (c) => bind(c, 'udp4', { port: c.port, address: '127.0.0.1' }),
  'udp4 port 0': (c) => bind(c, 'udp4', { port: 0 }),
  'udp4 exclusive': (c) => bind(c, 'udp4', { port: c.port, exclusive: true }),
  'udp4 reuseAddr': (c) => {
    const socket = dgram.createSocket({ type: 'udp4', reuseAddr: true });
    c.open.push(socket);
    return new Promise((resolve) => { socket.bind(c.port, () => resolve({ address: socket.address() })); });
  },
  'udp6': (c) => bind(c, 'udp6', { port: c.port }),
  'udp client': (c) => new Promise((resolve) => {
    const socket = dgram.createSocket('udp4');
    c.open.push(socket);
    socket.send('x', c.port, '127.0.0.1', (error) => resolve({ error: error?.code ?? null, bound: socket.address().port > 0 }));
  }),
  'worker thread': (c) => new Promise((resolve) => {
    const { Worker } = require('node:worker_threads');
    const code = `const { parentPort, workerData } = require('worker_threads'); const cluster = require('cluster');
      require('net').createServer().on('error', (e) => parentPort.postMessage(e.code))
        .listen(workerData, '127.0.0.1', () => parentPort.postMessage(cluster.isPrimary));`;
    const thread = new Worker(code, { eval: true, workerData: c.port });
    thread.once('message', (said) => { thread.terminate().then(() => resolve(said)); });
  }),
  'child process': (c) => new Promise((resolve) => {
    const child = require('node:child_process').fork(path.join(c.dir, 'child.js'), { execArgv: [] });
    child.once('message', resolve);
  }),
};

async function runWorker() {
  const contexts = {};
  process.on('message', async ({ run, close, ctx }) => {
    if (run) {
      contexts[run] = { ...ctx, open: [] };
      process.send({ report: await shapes[run](contexts[run]) });
    } else {
      await closeAll(contexts[close]);
      process.send({ report: null });
    }
  });
  process.send({ report: Object.keys(shapes) });
}

async function runPrimary() {
  const contexts = JSON.parse(process.argv[2]);
  const workers = [cluster.fork(), cluster.fork()];
  const report = (worker) => new Promise((resolve) => {
    worker.once('message', (message) => resolve(message.report));
  });
  await Promise.all(workers.map(report));
  const results = {};
  for (const [name, ctx] of Object.entries(contexts)) {
    results[name] = [];
    for (const worker of workers) {
      worker.send({ run: name, ctx });
      results[name].push(await report(worker));
    }
    for (const worker of workers) {
      worker.send({ close: name });
      await report(worker);
    }
  }
  console.log(JSON.stringify(results));
  process.exit(0);
}

if (cluster.isPrimary) runPrimary(); else runWorker();
