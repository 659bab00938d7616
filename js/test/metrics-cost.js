'use strict';

// What counting costs a worker: `node js/test/metrics-cost.js`. A process counts 1,000,000 times and takes 50,000 samples
// each second, in portions of 10 ms, and tells a daemon that reads and parses its frames in another process; and for
// comparison runs the same portions doing nothing.

const { spawn, fork } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const INCREMENTS = 1_000_000;
const SAMPLES = 50_000;
const PORTION_MS = 10;
const SECONDS = Number(process.argv[3] ?? 5);

/** Runs portions for some seconds. Gives percent of a core. */
async function percent(portion) {
  let done = 0;
  const before = process.cpuUsage();
  const began = process.hrtime.bigint();
  await new Promise((resolve) => {
    const timer = setInterval(() => {
      const due = Math.floor(Number(process.hrtime.bigint() - began) / 1e6 / PORTION_MS);
      for (; done < due; done += 1) portion(done);
      if (done >= (SECONDS * 1000) / PORTION_MS) resolve(clearInterval(timer));
    }, PORTION_MS);
  });
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e4 / (Number(process.hrtime.bigint() - began) / 1e9);
}

/** Nanoseconds of one call, the frames included. */
async function nanoseconds(call, calls) {
  for (let i = 0; i < calls / 10; i += 1) call(i);
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  const began = process.hrtime.bigint();
  for (let i = 0; i < calls; i += 1) call(i);
  return Number(process.hrtime.bigint() - began) / calls;
}

async function worker() {
  require('../node/facade/env').EnvironmentUtil.getInstance().setCurrentEnvironment({ get: () => 'cost' });
  const values = Array.from({ length: 4096 }, () => Math.random() * 100);
  const idle = await percent(() => {});
  const client = require('../node/metrics').MetricsClientUtil.getMetricsClient();
  const counters = Array.from({ length: 10 }, (_, i) => client.getCounter('cost', `counter.${i}`));
  const timers = Array.from({ length: 4 }, (_, i) => client.getTimer('cost', `timer.${i}`));
  const compass = client.getFastCompass('cost', 'compass');
  await new Promise((resolve) => { require('../node/monitor/connection').connection().onConnect(() => resolve()); });
  const counting = await percent(() => {
    for (let i = 0; i < (INCREMENTS * PORTION_MS) / 1000; i += 1) counters[i % 10].inc();
  });
  const sampling = await percent((n) => {
    for (let i = 0; i < (SAMPLES * PORTION_MS) / 1000; i += 1) timers[i % 4].update(values[(n * 500 + i) % 4096]);
  });
  const compassing = await percent((n) => {
    for (let i = 0; i < (SAMPLES * PORTION_MS) / 1000; i += 1) compass.record(values[(n * 500 + i) % 4096], i % 10 ? 'success' : 'error');
  });
  const times = [await nanoseconds(() => counters[0].inc(), 1e7), await nanoseconds((i) => timers[0].update(values[i % 4096]), 1e6),
    await nanoseconds((i) => compass.record(values[i % 4096], 'success'), 1e6)];
  const row = (what, share, ns) => console.log(`${what.padEnd(44)} ${share.toFixed(1).padStart(5)} % of a core${ns === undefined ? '' : `, ${ns.toFixed(0)} ns a call`}`);
  row('nothing, the same timer', idle);
  row(`${INCREMENTS} inc() a second, 10 counters`, counting, times[0]);
  row(`${SAMPLES} samples a second, 4 timers`, sampling, times[1]);
  row(`${SAMPLES} samples a second, 1 compass`, compassing, times[2]);
  process.disconnect?.();
}

/** Reads and parses what comes, as a daemon must. */
async function daemon() {
  const { FrameParser } = require('../node/wire/frames');
  const server = require('node:net').createServer((socket) => {
    const parser = new FrameParser();
    socket.on('data', (chunk) => parser.push(chunk, () => {})).on('error', () => {});
  });
  server.listen(path.join(process.env.PANDORA_TMP_DIR, 'pandorajs_pandora_metric.sock'), () => process.send('ready'));
  process.once('disconnect', () => process.exit());
}

async function main() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'pandora-cost-'));
  const env = { ...process.env, PANDORA_TMP_DIR: dir };
  const other = fork(__filename, ['daemon'], { env });
  await new Promise((resolve) => { other.once('message', resolve); });
  const child = spawn(process.execPath, [__filename, 'worker', ...process.argv.slice(3)], { env, stdio: 'inherit' });
  process.exitCode = await new Promise((resolve) => { child.once('exit', resolve); });
  other.disconnect();
  fs.rmSync(dir, { recursive: true, force: true });
}

void ({ worker, daemon }[process.argv[2]] ?? main)();
