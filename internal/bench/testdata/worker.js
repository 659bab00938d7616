'use strict';

// Measures what a worker costs beside the same entry run by Node alone: node worker.js <installed js folder> <folder> <rounds>
// <express>. Prints one line of JSON: by entry and by way to run it, the milliseconds and CPU to the end of the entry, and the
// memory a while later. The worker has sockets of a daemon to connect to, and what an earlier worker has compiled.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');

const [, , js, dir, rounds, express] = process.argv;
/** How long a process has until its memory is looked at; what is done once it is ready has been done then. */
const SETTLE_MS = 1500;
/** Memory differs less from run to run than time does. */
const MEMORY_ROUNDS = 5;

const worker = {
  appName: 'app', appDir: dir, worker: 0, generation: 1, dev: false, defaultServiceCategory: 'worker',
  process: {
    appName: 'app', appDir: dir, processName: 'app', scale: 1, offset: 0, env: {}, args: [], execArgv: [], entryFile: './app.js',
    entryFileBaseDir: dir, kind: 'plain',
  },
};
const WAYS = {
  'node app.js': [['app.js'], {}, []],
  'with an IPC channel': [['app.js'], {}, ['ipc']],
  'as a worker': [[path.join(js, 'node', 'bootstrap.js')], { PANDORA_WORKER: JSON.stringify(worker), PANDORA_TMP_DIR: dir, PANDORA_LOGS_DIR: dir }, ['ipc']],
};

/** Runs the entry once; memory only if asked for. */
async function run([args, env, more], memory) {
  const child = spawn(process.execPath, args, { cwd: dir, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit', ...more] });
  const [line] = await require('node:events').once(child.stdout, 'data');
  const found = JSON.parse(line);
  if (memory) {
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const text = fs.readFileSync(`/proc/${child.pid}/smaps_rollup`, 'utf8');
    const kb = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]);
    Object.assign(found, { rss: kb('Rss') / 1024, private: (kb('Private_Clean') + kb('Private_Dirty')) / 1024 });
  }
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  return found;
}

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

/** What an application does until it is ready. */
const ENTRIES = {
  nothing: '',
  express: `require(${JSON.stringify(express)})().listen(0, '127.0.0.1');`,
};

/** @param {string} entry */
async function measure(entry) {
  fs.writeFileSync(path.join(dir, 'app.js'), `
    ${ENTRIES[entry]}
    const now = performance.now();
    const { user, system } = process.cpuUsage();
    console.log(JSON.stringify({ ms: now, cpu: (user + system) / 1000 }));
    setInterval(() => {}, 60000);`);
  await run(WAYS['as a worker'], true); // keeps what it has compiled
  const found = Object.fromEntries(Object.keys(WAYS).map((name) => [name, { ms: [], cpu: [], rss: [], private: [] }]));
  for (let round = 0; round < Number(rounds) + MEMORY_ROUNDS; round += 1) {
    for (const [name, way] of Object.entries(WAYS)) {
      const one = await run(way, round >= Number(rounds));
      for (const key of Object.keys(one)) found[name][key].push(one[key]);
    }
  }
  return Object.fromEntries(Object.entries(found).map(([name, lists]) => [
    name, Object.fromEntries(Object.entries(lists).map(([key, list]) => [key, median(list)])),
  ]));
}

(async () => {
  fs.writeFileSync(path.join(dir, 'procfile.js'), "module.exports = (pandora) => { pandora.fork('app', './app.js'); };\n");
  for (const name of ['pandora_metric', 'pandora_msg_hub']) {
    const server = net.createServer((socket) => socket.on('error', () => {}).resume());
    await new Promise((resolve) => { server.listen(path.join(dir, `pandorajs_${name}.sock`), resolve); });
    server.unref();
  }
  const found = {};
  for (const entry of Object.keys(ENTRIES)) found[entry] = await measure(entry);
  console.log(JSON.stringify(found));
  process.exit();
})();
