'use strict';

const assert = require('node:assert');
const cluster = require('node:cluster');
const http = require('node:http');
const { test } = require('node:test');
const { BOOTSTRAP, Guarded, environment, folder, until } = require('./node-helper');

/** A worker under Node's own cluster primary. */
function fork(dir, options) {
  cluster.setupPrimary({ exec: BOOTSTRAP, silent: true, cwd: dir });
  // A primary hands its environment on: only what differs has to be said, and NODE_TEST_CONTEXT must not reach a worker.
  const env = environment(dir, options);
  const forked = cluster.fork({ ...env, NODE_TEST_CONTEXT: '' });
  const worker = new Guarded(forked.process);
  worker.forked = forked;
  return worker;
}

function get(port) {
  return new Promise((resolve, reject) => {
    http.get({ port, host: '127.0.0.1', agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text) => { body += text; }).on('end', () => resolve(body));
    }).on('error', reject);
  });
}

test('clustered workers share a port, drain and leave one after the other', async () => {
  const dir = folder({
    'procfile.js': "module.exports = (pandora) => { pandora.cluster('./app.js'); };",
    'app.js': `
      const cluster = require('cluster');
      const server = require('http').createServer((request, response) => {
        response.end(String(process.env.NODE_APP_INSTANCE) + cluster.isWorker + (cluster.worker.id > 0));
      });
      server.listen(0, '127.0.0.1', () => console.log('> port ' + server.address().port));`,
  });
  const workers = [fork(dir, { worker: 0 }), fork(dir, { worker: 1 })];
  for (const worker of workers) assert.strictEqual((await worker.next('ready')).services, 0);
  const lines = await Promise.all(workers.map((worker) => until(() => worker.lines()[0], 'port')));
  assert.strictEqual(lines[0], lines[1]);
  const port = Number(lines[0].slice(5));
  const answers = new Set();
  await until(async () => answers.add(await get(port)).size === 2, 'answers of both workers');
  assert.deepStrictEqual([...answers].sort(), ['0truetrue', '1truetrue']);

  // One leaves: the other answers everything.
  workers[0].send('drain', { timeoutMs: 5000 });
  await workers[0].next('drained');
  for (let i = 0; i < 10; i += 1) assert.strictEqual(await get(port), '1truetrue');
  workers[0].forked.disconnect();
  assert.deepStrictEqual(await workers[0].end(), { code: 0, signal: null });

  // Its guard gone, the other ends at once.
  workers[1].child.disconnect();
  assert.deepStrictEqual(await workers[1].end(), { code: 0, signal: null });
});

test('a clustered worker with services stops them before it disconnects', async () => {
  const dir = folder({
    'procfile.js': `
      class A { stop() { console.log('> stop a'); } }
      module.exports = (pandora) => { pandora.service('a', A); pandora.process('worker').scale(2); };`,
  });
  const worker = fork(dir, { worker: 0 });
  assert.strictEqual((await worker.next('ready')).services, 1);
  worker.send('drain', { timeoutMs: 5000 });
  await worker.next('drained');
  worker.send('shutdown');
  await worker.next('finish_shutdown');
  worker.forked.disconnect();
  assert.deepStrictEqual(await worker.end(), { code: 0, signal: null });
  assert.deepStrictEqual(worker.lines(), ['stop a']);
});
