'use strict';

// The reporters of the global configuration that are classes: what they extend, and how they are started and called. The
// daemon keeps the time: it calls tick with all metrics, and a reporter that was started reports then.

const views = require('./metricviews');
const collectors = require('./collectors');

/** What keeps the time of reporters that nobody else does; a module of its own in a script host. */
const timers = { setInterval: (callback, after) => setInterval(callback, after), clearInterval: (timer) => clearInterval(timer) };

/** @type {Map<object, {seconds: number, started: boolean}>} the reporters that the configuration names, by their instances */
const driven = new Map();

/** Reports, and says what went wrong: the schedule goes on. */
async function attempt(reporter) {
  try {
    await reporter.reportNow();
  } catch (error) {
    console.error(error);
  }
}

/** What both classes have: a schedule. */
class Schedule {
  /** @param {number} interval seconds */
  start(interval) {
    this.interval = interval;
    if (this.intervalHandler) return;
    const own = driven.get(this);
    if (own) {
      Object.assign(own, { seconds: interval, started: true });
      this.intervalHandler = own;
    } else {
      this.intervalHandler = timers.setInterval(() => attempt(this), interval * 1000);
    }
  }
  stop() {
    const handler = this.intervalHandler;
    this.intervalHandler = undefined;
    if (!handler) return;
    if (handler === driven.get(this)) handler.started = false;
    else timers.clearInterval(handler);
  }
}

/** @param {Map<string, Map<string, any>>} categories */
const byKind = (categories) => ({
  gauges: categories.get('GAUGE'), counters: categories.get('COUNTER'), histograms: categories.get('HISTOGRAM'),
  meters: categories.get('METER'), timers: categories.get('TIMER'), fastCompasses: categories.get('FASTCOMPASS'),
});

class ScheduledMetricsReporter extends Schedule {
  constructor(actuatorServer, options = {}) {
    super();
    this.options = options;
    if (actuatorServer) this.metricsManager = actuatorServer.getMetricsManager();
  }
  setMetricsManager(metricsManager) { this.metricsManager = metricsManager; }
  reportNow() { return this.report(byKind(this.metricsManager.getAllCategoryMetrics())); }
}

class CustomReporter extends Schedule {
  constructor(actuatorServer, options = {}) {
    super();
    this.options = options;
    this.metricsManager = actuatorServer.getMetricsManager();
    this.endPointService = actuatorServer.getEndPointService();
  }
  getCategoryMetrics() {
    const { fastCompasses, ...others } = byKind(this.metricsManager.getAllCategoryMetrics());
    // The first is what the original calls it.
    return { ...others, fastCompassees: fastCompasses, fastCompasses };
  }
  reportNow() { return this.report(); }
}

/** What replaces the names in pandora-metrics, pandora and dorapan. */
const CLASSES = { ...views, ...collectors, ScheduledMetricsReporter, CustomReporter };

/** The metrics of all reporters. */
const manager = new views.MetricsManager();

/** @type {{name: string, instance: any}[]} those that were started */
let running = [];

/** Seconds between two reports, of a reporter's options or of all. */
function secondsOf(spec, usual) {
  const own = Number.isFinite(spec.intervalMs) ? spec.intervalMs / 1000 : spec.interval;
  return own > 0 ? own : usual;
}

/** The class that an entry of the configuration names; undefined for a reporter that is no class. */
function targetOf(spec) {
  if (typeof spec !== 'object' || spec === null) return undefined;
  // reporter is what the first Pandora.js called it.
  const target = spec.target === undefined ? spec.reporter : spec.target;
  return typeof target === 'function' ? target : undefined;
}

/** Those of the original: the daemon has reporters of its own for them. */
const BUILT_IN = ['FileMetricsManagerReporter', 'ConsoleReporter', 'TraceReporter'];

/** The names of the reporters of a configuration that are classes and not switched off. */
function classesOf(properties) {
  const all = { ...properties.reporters, ...properties.reporter };
  return Object.keys(all).filter((name) => {
    const target = targetOf(all[name]);
    return target && !BUILT_IN.includes(target.name) && (all[name].enabled === undefined || all[name].enabled);
  });
}

/**
 * Makes and starts the reporters of a configuration that are classes.
 * @param {any} properties
 * @param {{getEndPointService: () => any}} server what reporters get, but for its metrics
 * @returns {{name: string, intervalMs: number, problem?: string}[]}
 */
function start(properties, server) {
  const all = { ...properties.reporters, ...properties.reporter };
  const usual = properties.reporterInterval > 0 ? properties.reporterInterval : 60;
  const actuatorServer = Object.assign(Object.create(server), { getMetricsManager: () => manager });
  running = [];
  return classesOf(properties).map((name) => {
    const spec = all[name];
    const own = { seconds: secondsOf(spec, usual), started: false };
    const described = (problem) => ({ name, intervalMs: Math.round(own.seconds * 1000), ...(problem && { problem }) });
    try {
      const instance = new (targetOf(spec))(actuatorServer, spec.initConfig || {});
      driven.set(instance, own);
      running.push({ name, instance });
      if (typeof instance.start !== 'function') throw new TypeError('its class has no method start(interval); extend CustomReporter or ScheduledMetricsReporter');
      instance.start(own.seconds);
      if (own.started && typeof instance.report !== 'function') throw new TypeError('its class has no method report()');
      return described();
    } catch (error) {
      return described(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
    }
  });
}

/** Takes the metrics of now and has a reporter report them; rejects with what it throws. */
async function tick({ name, views: now }) {
  manager.take(now);
  const found = running.find((one) => one.name === name);
  if (!found) throw new Error(`there is no reporter "${name}"`);
  if (driven.get(found.instance).started) await found.instance.reportNow();
}

module.exports = { CLASSES, classesOf, start, tick };
