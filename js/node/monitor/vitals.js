'use strict';

// What the daemon's health checks ask of this process: its memory, and how late its event loop was. Loaded when one asks
// for the first time. Each check that asks for the loop has a watch of its own, so that nobody else's question shortens
// the time that it hears of.

const { createHistogram } = require('node:perf_hooks');
const v8 = require('node:v8');

/**
 * How often the loop is asked: twenty times a second take about a five-hundredth of a core. (perf_hooks' own
 * monitorEventLoopDelay misses what happens in its first pause after each reset.)
 */
const RESOLUTION_MS = 50;
/** Nobody watches any more when nobody has asked for this long, unless the check asks less often. */
const IDLE_MS = 60_000;
const MAX_IDLE_MS = 3_600_000;
const MAX_WATCHES = 16;
const PERCENTILES = [50, 90, 99];

/**
 * Lags in microseconds, since the watch was asked before.
 * @typedef {{lags: import('node:perf_hooks').RecordableHistogram, ticks: NodeJS.Timeout, idle: NodeJS.Timeout}} Watch
 */

/** @type {Map<string, Watch>} */
const watches = new Map();

/** @param {string} name */
function end(name) {
  const watch = watches.get(name);
  if (!watch) return;
  clearInterval(watch.ticks);
  clearTimeout(watch.idle);
  watches.delete(name);
}

/** @returns {Pick<Watch, 'lags' | 'ticks'>} */
function begin() {
  const lags = createHistogram();
  let last = process.hrtime.bigint();
  const ticks = setInterval(() => {
    const now = process.hrtime.bigint();
    // What is measured is how long the pause of a timer was, so what it should have been is not lag.
    lags.record(Math.max(1, Math.round(Number(now - last) / 1e3) - RESOLUTION_MS * 1e3));
    last = now;
  }, RESOLUTION_MS).unref();
  return { lags, ticks };
}

/**
 * @param {string} name of the check
 * @param {number} idleMs
 * @returns {Watch}
 */
function watchOf(name, idleMs) {
  const known = watches.get(name);
  if (known) clearTimeout(known.idle);
  else if (watches.size >= MAX_WATCHES) end(/** @type {string} */ (watches.keys().next().value));
  const watch = { ...(known ?? begin()), idle: setTimeout(end, idleMs, name).unref() };
  watches.set(name, watch);
  return watch;
}

/**
 * Milliseconds that the loop was late since this check asked before; what it is late now, the first time.
 * @param {string} name
 * @param {number} idleMs
 * @returns {Promise<Record<string, number>>}
 */
async function lag(name, idleMs) {
  const asked = process.hrtime.bigint();
  await new Promise((resolve) => setImmediate(resolve));
  /** @type {Record<string, number>} */
  const told = { now: Number(process.hrtime.bigint() - asked) / 1e6 };
  const { lags } = watchOf(name, idleMs);
  if (Number(lags.max) > 0) {
    told.max = lags.max / 1e3;
    told.mean = lags.mean / 1e3;
    for (const percent of PERCENTILES) told[`p${percent}`] = lags.percentile(percent) / 1e3;
    lags.reset();
  }
  return told;
}

/**
 * @param {{watch?: unknown, intervalMs?: unknown}} asked watch: the name of the check that asks for the loop; none without
 * @returns {Promise<{rssBytes: number, heapUsedBytes: number, heapLimitBytes: number, lagMs?: Record<string, number>}>}
 */
async function read({ watch, intervalMs }) {
  const idleMs = Math.min(MAX_IDLE_MS, Math.max(IDLE_MS, 3 * (Number(intervalMs) || 0)));
  const lagMs = typeof watch === 'string' && watch !== '' ? await lag(watch, idleMs) : undefined;
  const memory = process.memoryUsage();
  return {
    rssBytes: memory.rss,
    heapUsedBytes: memory.heapUsed,
    heapLimitBytes: v8.getHeapStatistics().heap_size_limit,
    ...(lagMs && { lagMs }),
  };
}

module.exports = { read };
