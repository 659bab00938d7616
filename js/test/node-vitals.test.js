'use strict';

// What a worker tells health checks of itself.

const assert = require('node:assert');
const path = require('node:path');
const { test } = require('node:test');
const { Daemon } = require('./node-daemon');
const { folder, launch, stop, until } = require('./node-helper');

/** A worker with that code as its entry, and what asks it how it is. */
async function worker(code) {
  const dir = folder({ 'procfile.js': 'module.exports = () => {};', 'app.js': code });
  const daemon = new Daemon(dir);
  await daemon.listen();
  const run = launch(dir, { name: 'web', worker: 0, entryFile: path.join(dir, 'app.js') });
  await run.next('ready');
  const { data } = await daemon.next(({ action }) => action === 'METRIC_DISCOVER_KEY_PANDORA_SERIES', 'announcement');
  return {
    /** @param {any} [asked] */
    ask: async (asked) => (await daemon.ask(`MESSENGER_DOWNLINK_demo_vitals_${data.clientId}`, asked)).data,
    async end() {
      await stop(run);
      await daemon.close();
      assert.doesNotMatch(run.output, /Error|Warning/);
    },
  };
}

test('each check hears of the time since it asked itself', async () => {
  const app = await worker('setInterval(() => { const until = Date.now() + 150; while (Date.now() < until); }, 300);');
  const first = await app.ask({ watch: 'a', intervalMs: 1000 });
  assert.deepStrictEqual(Object.keys(first), ['rssBytes', 'heapUsedBytes', 'heapLimitBytes', 'lagMs']);
  assert.deepStrictEqual(Object.keys(first.lagMs), ['now']); // it has only begun to watch
  await app.ask({ watch: 'b' });
  const late = (/** @type {any} */ { lagMs }) => lagMs.max > 100 && lagMs.p99 > 100;
  await until(async () => late(await app.ask({ watch: 'a' })), 'lag that a hears of');
  // That a has heard takes nothing from what b hears.
  const seen = await app.ask({ watch: 'b' });
  assert.ok(late(seen) && seen.lagMs.mean >= 0 && seen.lagMs.p90 >= 0, JSON.stringify(seen));
  await app.end();
});

test('memory is told without a watch, and whatever is asked', async () => {
  const app = await worker('setInterval(() => {}, 1e6);');
  for (const asked of [undefined, {}, { watch: '' }, { watch: 7, intervalMs: 'x' }, []]) {
    const told = await app.ask(asked);
    assert.deepStrictEqual(Object.keys(told), ['rssBytes', 'heapUsedBytes', 'heapLimitBytes']);
    assert.ok(told.rssBytes > told.heapUsedBytes && told.heapUsedBytes > 1e6 && told.heapLimitBytes > told.heapUsedBytes);
  }
  for (let i = 0; i < 40; i += 1) assert.ok((await app.ask({ watch: `check ${i}` })).lagMs.now >= 0); // more than are watched at a time
  await app.end();
});
