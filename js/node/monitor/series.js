'use strict';

// The series process_* and nodejs_* of this process, named as npm's prom-client names its default metrics, and what the
// application keeps in prom-client itself. Loaded when the daemon asks for the first time. What has to be watched, the
// event loop and the collection of garbage, is watched from then on, for as long as somebody asks.

const fs = require('node:fs');
const v8 = require('node:v8');
const { readRegistries } = require('./prom-client');
const watch = require('./watch');

/** The daemon waits for a second. */
const PROM_CLIENT_MS = 700;
/** How many samples one answer has at most. */
const MAX_SAMPLES = 20_000;
/** How many kinds of handles are told apart. */
const MAX_KINDS = 64;
const STARTED = Math.round(Date.now() / 1000 - process.uptime());

/**
 * As prom-client's getMetricsAsJSON has them.
 * @typedef {{labels: Record<string, string | number>, value: number, metricName?: string}} Sample
 * @typedef {{name: string, type: string, help: string, values: Sample[]}} Family
 */

/**
 * @param {string} type
 * @param {string} name
 * @param {string} help
 * @param {number | undefined} value undefined: there is none
 * @returns {Family}
 */
const single = (type, name, help, value) => ({ name, type, help, values: value === undefined ? [] : [{ labels: {}, value }] });

/** @returns {Family[]} */
function cpu() {
  const { user, system } = process.cpuUsage();
  return [
    single('counter', 'process_cpu_user_seconds_total', 'Total user CPU time spent in seconds.', user / 1e6),
    single('counter', 'process_cpu_system_seconds_total', 'Total system CPU time spent in seconds.', system / 1e6),
    single('counter', 'process_cpu_seconds_total', 'Total user and system CPU time spent in seconds.', (user + system) / 1e6),
    single('gauge', 'process_start_time_seconds', 'Start time of the process since unix epoch in seconds.', STARTED),
  ];
}

/**
 * @param {string} text of a file in /proc
 * @param {RegExp} pattern
 * @param {number} unit
 * @returns {number | undefined}
 */
function figure(text, pattern, unit) {
  const found = pattern.exec(text);
  return found ? Number(found[1]) * unit : undefined;
}

/**
 * @param {() => T} look
 * @returns {T | undefined} undefined where it cannot be seen
 * @template T
 */
function seen(look) {
  try {
    return look();
  } catch {
    return undefined;
  }
}

/**
 * What the system knows of this process; outside Linux its memory only. These files are no more than some words of the
 * system's: reading them takes less than asking a thread to, and fs.promises alone would be 90 KB of the heap.
 * @returns {Family[]}
 */
function system() {
  const resident = single('gauge', 'process_resident_memory_bytes', 'Resident memory size in bytes.', process.memoryUsage.rss());
  if (process.platform !== 'linux') return [resident];
  const status = seen(() => fs.readFileSync('/proc/self/status', 'utf8')) ?? '';
  const limits = seen(() => fs.readFileSync('/proc/self/limits', 'utf8')) ?? '';
  const open = seen(() => fs.readdirSync('/proc/self/fd').length - 1); // one is that of the reading
  return [
    resident,
    single('gauge', 'process_virtual_memory_bytes', 'Virtual memory size in bytes.', figure(status, /^VmSize:\s+(\d+) kB/m, 1024)),
    single('gauge', 'process_heap_bytes', 'Process heap size in bytes.', figure(status, /^VmData:\s+(\d+) kB/m, 1024)),
    single('gauge', 'process_open_fds', 'Number of open file descriptors.', open),
    single('gauge', 'process_max_fds', 'Maximum number of open file descriptors.', figure(limits, /^Max open files\s+(\d+)/m, 1)),
  ];
}

/** @returns {Family[]} */
function heap() {
  const memory = process.memoryUsage();
  /** @type {Sample[][]} */
  const [total, used, available] = [[], [], []];
  for (const space of v8.getHeapSpaceStatistics()) {
    const labels = { space: space.space_name.replace(/_space$/, '') };
    total.push({ labels, value: space.space_size });
    used.push({ labels, value: space.space_used_size });
    available.push({ labels, value: space.space_available_size });
  }
  return [
    single('gauge', 'nodejs_heap_size_total_bytes', 'Process heap size from Node.js in bytes.', memory.heapTotal),
    single('gauge', 'nodejs_heap_size_used_bytes', 'Process heap size used from Node.js in bytes.', memory.heapUsed),
    single('gauge', 'nodejs_external_memory_bytes', 'Node.js external memory size in bytes.', memory.external),
    { name: 'nodejs_heap_space_size_total_bytes', type: 'gauge', help: 'Process heap space size total from Node.js in bytes.', values: total },
    { name: 'nodejs_heap_space_size_used_bytes', type: 'gauge', help: 'Process heap space size used from Node.js in bytes.', values: used },
    { name: 'nodejs_heap_space_size_available_bytes', type: 'gauge', help: 'Process heap space size available from Node.js in bytes.', values: available },
  ];
}

/**
 * @param {string} what as in the name
 * @param {string} words as in the help
 * @param {string[] | undefined} kinds one for each; undefined: this Node does not tell
 * @returns {Family[]}
 */
function active(what, words, kinds) {
  if (!kinds) return [];
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const kind of kinds) {
    const known = counts.has(kind) || counts.size < MAX_KINDS ? kind : 'other';
    counts.set(known, (counts.get(known) ?? 0) + 1);
  }
  const values = [...counts].map(([type, value]) => ({ labels: { type }, value }));
  return [
    { name: `nodejs_active_${what}`, type: 'gauge', help: `Number of active ${words} grouped by type.`, values },
    single('gauge', `nodejs_active_${what}_total`, `Total number of active ${words}.`, kinds.length),
  ];
}

/** @returns {Family[]} */
function activities() {
  const node = /** @type {any} */ (process);
  /** @param {any[] | undefined} list */
  const names = (list) => list?.filter(Boolean).map((each) => each.constructor?.name || 'Object');
  return [
    ...active('resources', 'resources that are currently keeping the event loop alive,', node.getActiveResourcesInfo?.()),
    ...active('handles', 'libuv handles', names(node._getActiveHandles?.())),
    ...active('requests', 'libuv requests', names(node._getActiveRequests?.())),
  ];
}

/** @returns {Family} */
function version() {
  const [major, minor, patch] = process.versions.node.split('.').map(Number);
  return {
    name: 'nodejs_version_info', type: 'gauge', help: 'Node.js version info.',
    values: [{ labels: { version: process.version, major, minor, patch }, value: 1 }],
  };
}

/** @type {Promise<any> | null} a reading of the application's that has not ended */
let reading = null;

/** @returns {Promise<{families: Family[], complete: boolean}>} what prom-client has, nothing where that takes too long */
async function registries() {
  const nothing = { families: [], complete: false };
  if (reading) return nothing; // the application's collectors have never answered
  const mine = readRegistries(MAX_SAMPLES).catch(() => nothing);
  reading = mine;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const late = new Promise((resolve) => { timer = setTimeout(resolve, PROM_CLIENT_MS, nothing).unref(); });
  const done = mine.finally(() => {
    clearTimeout(timer);
    reading = null;
  });
  return Promise.race([done, late]);
}

/**
 * Everything, as the daemon asks for it.
 * @returns {Promise<{families: Family[], complete: boolean}>} complete: nothing is left out
 */
async function read() {
  const theirs = registries();
  const own = [...cpu(), ...system(), ...await watch.loop(), ...heap(), ...activities(), version(), watch.garbage()];
  const { families, complete } = await theirs;
  // What the application has itself it knows best, prom-client's own default metrics among it.
  const taken = new Set(families.map(({ name }) => name));
  return { families: [...own.filter(({ name }) => !taken.has(name)), ...families], complete };
}

module.exports = { read };
