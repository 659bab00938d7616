'use strict';

// How late the event loop is, and how long the collection of garbage takes: watched while somebody asks, since watching
// costs something.

const { PerformanceObserver, constants, monitorEventLoopDelay } = require('node:perf_hooks');

/** Nobody watches any more when nobody has asked for this long. */
const IDLE_MS = 150_000;
/** How often the loop is asked: twenty times a second take about a thousandth of a core. What holds it up longer is seen. */
const RESOLUTION_MS = 50;
const BUCKETS = [0.001, 0.01, 0.1, 1, 2, 5];
const COLLECTIONS = new Map([
  [constants.NODE_PERFORMANCE_GC_MAJOR, 'major'], [constants.NODE_PERFORMANCE_GC_MINOR, 'minor'],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, 'incremental'], [constants.NODE_PERFORMANCE_GC_WEAKCB, 'weakcb'],
]);

/** @type {import('node:perf_hooks').IntervalHistogram | null} */
let delays = null;
/** @type {PerformanceObserver | null} */
let observer = null;
/** @type {NodeJS.Timeout | null} */
let idle = null;
/** What was collected since the first question, by kind. @type {Map<string, {counts: number[], sum: number}>} */
const collected = new Map();

/** @param {any} entry of a collection */
function count(entry) {
  const kind = COLLECTIONS.get(entry.detail?.kind ?? entry.kind);
  if (kind === undefined) return;
  let known = collected.get(kind);
  if (!known) {
    known = { counts: new Array(BUCKETS.length + 1).fill(0), sum: 0 };
    collected.set(kind, known);
  }
  const seconds = entry.duration / 1000;
  const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
  known.counts[bucket < 0 ? BUCKETS.length : bucket] += 1;
  known.sum += seconds;
}

function stop() {
  delays?.disable();
  observer?.disconnect();
  delays = null;
  observer = null;
  idle = null;
}

function start() {
  if (idle) idle.refresh();
  else idle = setTimeout(stop, IDLE_MS).unref();
  if (!delays) {
    delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delays.enable();
  }
  if (!observer) {
    observer = new PerformanceObserver((list) => list.getEntries().forEach(count));
    observer.observe({ entryTypes: ['gc'] });
  }
}

/**
 * The lag of now, and what it was since the question before; of the first question there is only the former.
 * @returns {Promise<import('./series').Family[]>}
 */
async function loop() {
  const asked = process.hrtime.bigint();
  await new Promise((resolve) => setImmediate(resolve));
  /** @type {[string, string, number][]} */
  const all = [['', 'Lag of event loop in seconds.', Number(process.hrtime.bigint() - asked) / 1e9]];
  start();
  if (delays && Number(delays.max) > 0) {
    // What is measured is how long the pause of a timer was, so what it should have been is not lag.
    /** @param {number} nanoseconds */
    const lag = (nanoseconds) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
    all.push(['_min', 'The minimum recorded event loop delay.', lag(delays.min)],
      ['_max', 'The maximum recorded event loop delay.', lag(delays.max)],
      ['_mean', 'The mean of the recorded event loop delays.', lag(delays.mean)],
      ['_stddev', 'The standard deviation of the recorded event loop delays.', delays.stddev / 1e9]);
    for (const percent of [50, 90, 99]) {
      all.push([`_p${percent}`, `The ${percent}th percentile of the recorded event loop delays.`, lag(delays.percentile(percent))]);
    }
    delays.reset();
  }
  return all.filter(([, , value]) => Number.isFinite(value)).map(([part, help, value]) => (
    { name: `nodejs_eventloop_lag${part}_seconds`, type: 'gauge', help, values: [{ labels: {}, value }] }));
}

/** @returns {import('./series').Family} */
function garbage() {
  const name = 'nodejs_gc_duration_seconds';
  /** @type {import('./series').Sample[]} */
  const values = [];
  for (const [kind, { counts, sum }] of collected) {
    let count = 0;
    for (const [i, bound] of [...BUCKETS, '+Inf'].entries()) {
      count += counts[i];
      values.push({ labels: { kind, le: bound }, value: count, metricName: `${name}_bucket` });
    }
    values.push({ labels: { kind }, value: sum, metricName: `${name}_sum` }, { labels: { kind }, value: count, metricName: `${name}_count` });
  }
  return { name, type: 'histogram', help: 'Garbage collection duration by kind, one of major, minor, incremental or weakcb.', values };
}

module.exports = { loop, garbage };
