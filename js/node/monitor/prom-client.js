'use strict';

// What the application keeps in npm's prom-client, read from its registries.

/** Bounds on what is remembered. */
const MAX_REGISTRIES = 64;
const MAX_PACKAGES = 16;

/** The package, wherever it is installed. @type {Set<string>} */
const known = new Set();
/** @type {Set<any>} the registries that metrics were put into after the package was loaded; those of all packages */
const others = new Set();
/** @type {Set<any>} the registries that metrics are in unless the application says otherwise */
const globals = new Set();

/**
 * Loads the package a moment before the application does. One that cannot be loaded is left alone.
 * @param {string} file of the package
 */
function watch(file) {
  if (known.has(file) || known.size >= MAX_PACKAGES) return;
  known.add(file);
  try {
    adopt(require(file));
  } catch {
    // The application is about to see why.
  }
}

/** @param {any} client what the package exports */
function adopt(client) {
  if (client?.register) globals.add(client.register);
  const prototype = client?.Registry?.prototype;
  const original = prototype?.registerMetric;
  if (typeof original !== 'function') return;
  /**
   * @this {any}
   * @param {any} metric
   * @param {any[]} rest
   */
  prototype.registerMetric = function registerMetric(metric, ...rest) {
    // The sums that a primary makes of what its workers told it are plain objects in a registry of a moment.
    if (!globals.has(this) && metric?.constructor !== Object) remember(this);
    return original.call(this, metric, ...rest);
  };
}

/** @param {any} registry */
function remember(registry) {
  for (const each of others) {
    const there = each.deref();
    if (there === registry) return;
    if (there === undefined) others.delete(each);
  }
  if (others.size < MAX_REGISTRIES) others.add(new WeakRef(registry));
}

/** An application that imports the package has it in the cache of what is required, too. */
function findImported() {
  for (const file of Object.keys(require.cache)) {
    if (/[\\/]prom-client[\\/]index\.js$/.test(file) && require.cache[file]?.loaded) watch(file);
  }
}

/**
 * @param {number} max how many samples at most
 * @returns {Promise<{families: import('./series').Family[], complete: boolean}>} complete: nothing is left out
 */
async function readRegistries(max) {
  findImported();
  const registries = [...globals, ...[...others].map((each) => each.deref()).filter(Boolean)];
  const read = await Promise.allSettled(registries.map(async (registry) => registry.getMetricsAsJSON()));
  let left = max;
  let complete = true;
  const families = [];
  for (const result of read) {
    if (result.status === 'rejected') {
      complete = false; // a collector of the application's fails
      continue;
    }
    for (const { name, type, help, values } of result.value ?? []) {
      left -= values?.length ?? 0;
      if (left < 0) {
        complete = false;
        break;
      }
      families.push({ name, type, help, values: (values ?? []).map(sample) });
    }
  }
  return { families, complete };
}

/**
 * @param {any} value as prom-client has it
 * @returns {import('./series').Sample}
 */
function sample({ labels, value, metricName }) {
  return metricName === undefined ? { labels, value } : { labels, value, metricName };
}

module.exports = { watch, readRegistries };
