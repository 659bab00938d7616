'use strict';

// What the daemon's health checks ask of this process: its memory, and how late its event loop was. Loaded when one asks
// for the first time. Each check that asks for the loop has a watch of its own, so that nobody else's question shortens
// the time that it hears of.

const { monitorEventLoopDelay } = require('node:perf_hooks');
const v8 = require('node:v8');

/** How often the loop is asked: forty times a second take about a five-hundredth of a core. */
const RESOLUTION_MS = 25;
/** Nobody watches any more when nobody has asked for this long, unless the check asks less often. */
const IDLE_MS = 60_000;
const MAX_IDLE_MS = 3_600_000;
const MAX_WATCHES = 16;
const PERCENTILES = [50, 90, 99];

/** @type {Map<string, {delays: import('node:perf_hooks').IntervalHistogram, idle: NodeJS.Timeout}>} */
const watches = new Map();

/** @param {string} name */
function end(name) {
  const watch = watches.get(name);
  watch?.delays.disable();
  if (watch) clearTimeout(watch.idle);
  watches.delete(name);
}

/**
 * @param {string} name of the check
 * @param {number} idleMs
 * @returns {import('node:perf_hooks').IntervalHistogram}
 */
function watchOf(name, idleMs) {
  const known = watches.get(name);
  if (known) {
    clearTimeout(known.idle);
    known.idle = setTimeout(end, idleMs, name).unref();
    return known.delays;
  }
  if (watches.size >= MAX_WATCHES) end(/** @type {string} */ (watches.keys().next().value));
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  watches.set(name, { delays, idle: setTimeout(end, idleMs, name).unref() });
  return delays;
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
  const now = Number(process.hrtime.bigint() - asked) / 1e6;
  const delays = watchOf(name, idleMs);
  /** @type {Record<string, number>} */
  const lags = { now };
  if (Number(delays.max) > 0) {
    // What is measured is how long the pause of a timer was, so what it should have been is not lag.
    /** @param {number} nanoseconds */
    const late = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
    lags.max = late(delays.max);
    lags.mean = late(delays.mean);
    for (const percent of PERCENTILES) lags[`p${percent}`] = late(delays.percentile(percent));
    delays.reset();
  }
  return lags;
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
