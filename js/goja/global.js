'use strict';

// What the script host calls that runs the classes of the global configuration.

const { ask } = require('./session');
const reporters = require('./reporters');

/** Puts the classes into the packages that the configuration requires them from. */
function classes() {
  require('./indicators').classes();
  const packages = require('./packages');
  for (const name of ['pandora-metrics', 'dorapan', 'pandora']) {
    const exports = packages.load(name);
    for (const [member, value] of Object.entries(reporters.CLASSES)) {
      Object.defineProperty(exports, member, { value, configurable: true, writable: true, enumerable: true });
    }
  }
}

/** The EndPoints of the daemon, by the first part of their paths. */
const GROUPS = ['daemon', 'error', 'health', 'info', 'metrics', 'process', 'runtime'];

/** @param {string} path @param {Record<string, any>} [query] */
function askEndPoint(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  return ask('endpoint', { path, query: Object.fromEntries(given.map(([name, value]) => [name, String(value)])), timeoutMs: 10000 });
}

/** An EndPoint that is asked over there: the data of what it answers to a client. */
class EndPoint {
  constructor(group) { this.group = group; }
  /** @param {Record<string, any>} [args] as in a query */
  invoke(args) { return askEndPoint(this.group, args); }
}

class MetricsEndPoint extends EndPoint {
  invoke(args) { return this.listMetrics(undefined, args && args.appName); }
  /** @param {string} [group] @param {string} [appName] */
  listMetrics(group, appName) { return askEndPoint(`metrics/list${group ? `/${group}` : ''}`, { appName }); }
  getMetricsByGroup(group, appName) { return askEndPoint(`metrics/${group}`, { appName }); }
}

const points = new Map(GROUPS.map((group) => [group, new (group === 'metrics' ? MetricsEndPoint : EndPoint)(group)]));
const endPointService = {
  getEndPoint: (group) => points.get(group),
  getEndPointNames: () => [...points.keys()],
  getEndPoints: () => points,
};

/**
 * Evaluates the configuration with its classes, and starts its reporters.
 * @param {{base: string, modules: string[]}} request
 */
function load(request) {
  classes();
  const { config, warnings } = require('../shared/config').loadWhole(request);
  for (const warning of warnings) console.warn(warning);
  return { reporters: reporters.start(config, { getEndPointService: () => endPointService }) };
}

/** Has a reporter report the metrics of now. */
const report = ({ name, views }) => reporters.tick({ name, views });

module.exports = { load, report };
