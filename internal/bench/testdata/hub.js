'use strict';

// Measures calls between two processes: node hub.js <ping|ours|npm|original> <module of the hub's client> <calls>. The process
// calls, a child of it answers. Prints one line of JSON: the microseconds of a call when one follows the other, and the calls
// per second with many under way.

const { fork } = require('node:child_process');
const net = require('node:net');
const path = require('node:path');

const [, , way, module_, calls, role] = process.argv;
const TOGETHER = 32;
const ROUNDS = 5;
/** What is sent and comes back. */
const PAYLOAD = { id: 1, text: 'a text of a common length' };

/** How a process joins the hub. */
async function join(processName) {
  const location = { appName: 'bench', processName, pid: String(process.pid) };
  if (way === 'ours') return require(module_).createHub(location);
  const hub = new (require(module_).Facade)();
  hub.setup({ location });
  await hub.start();
  return hub;
}

const pingPath = () => path.join(process.env.PANDORA_TMP_DIR, 'ping.sock');

/** The other process. */
const ROLES = {
  server: async () => { await new (require(module_).Hub)().start(); },
  provider: async () => {
    const hub = await join('provider');
    await hub.publish({ echo: (value) => value }, { name: 'echo' });
  },
  ping: () => new Promise((resolve) => {
    net.createServer((socket) => lines(socket, (value) => socket.write(`${JSON.stringify(value)}\n`))).listen(pingPath(), resolve);
  }),
};

/** Tells of each line of JSON. */
function lines(socket, tell) {
  let rest = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    const all = (rest + chunk).split('\n');
    rest = all.pop();
    for (const line of all) tell(JSON.parse(line));
  });
}

/** Starts a child and resolves when it is ready. */
function start(what) {
  const child = fork(__filename, [way, module_, calls, what], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.once('message', () => resolve(child));
    child.once('exit', () => reject(new Error(`${what} has ended`)));
  });
}

/** A function that calls and resolves with the answer. */
async function caller() {
  if (way !== 'ping') {
    const proxy = await (await join('caller')).getProxy({ name: 'echo' });
    return () => proxy.echo(PAYLOAD);
  }
  const socket = net.connect(pingPath());
  await new Promise((resolve) => socket.once('connect', resolve));
  const waiting = [];
  lines(socket, (value) => waiting.shift()(value));
  return () => new Promise((resolve) => {
    waiting.push(resolve);
    socket.write(`${JSON.stringify(PAYLOAD)}\n`);
  });
}

/** Calls one after the other, in as many rows as told. */
async function run(call, count, rows) {
  const began = process.hrtime.bigint();
  let left = count;
  await Promise.all(Array.from({ length: rows }, async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  }));
  return Number(process.hrtime.bigint() - began) / 1000; // microseconds
}

async function measure() {
  const count = Number(calls);
  const children = [];
  if (way === 'original') children.push(await start('server'));
  children.push(await start(way === 'ping' ? 'ping' : 'provider'));
  const call = await caller();
  await run(call, count, 1);
  const best = { call: Infinity, rate: 0 };
  for (let i = 0; i < ROUNDS; i += 1) best.call = Math.min(best.call, await run(call, count, 1) / count);
  for (let i = 0; i < ROUNDS; i += 1) {
    best.rate = Math.max(best.rate, count * 4 / (await run(call, count * 4, TOGETHER)) * 1e6);
  }
  for (const child of children) child.removeAllListeners('exit').kill('SIGKILL');
  console.log(JSON.stringify(best));
}

if (role) {
  process.on('disconnect', () => process.exit());
  ROLES[role]().then(() => process.send('ready'));
} else {
  setInterval(() => {}, 1000); // no client of a hub keeps its process
  measure().then(() => process.exit(), (error) => { console.error(error); process.exit(1); });
}
