'use strict';

// EndPoints and resources of the global configuration that are classes: what they extend, and how their routes are called.

const { ask } = require('./session');
const { Router, Context, finish, failure } = require('./router');

/** What an Indicator's application has answered. */
class IndicatorResult {
  constructor(group, { app, rows }) { Object.assign(this, { group, appName: app, results: rows }); }
  isSuccess() { return true; }
  getAppName() { return this.appName; }
  getIndicatorGroup() { return this.group; }
  getResults() { return this.results; }
  getErrorMessage() { return ''; }
}

/** An EndPoint whose Indicators the daemon keeps, by its group. */
class EndPoint {
  constructor() {
    this.config = {};
    this.indicators = [];
    this.logger = console;
    this.debug = () => {};
  }

  /** @param {Record<string, any>} [args] given to the Indicators; with appName those of that application are asked */
  async invoke(args = {}) {
    const { appName } = args;
    const apps = await ask('indicators', { group: this.group, appName: appName || '', args });
    return this.processQueryResults(apps.map((one) => new IndicatorResult(this.group, one)), appName, args);
  }

  processQueryResults(results, appName) {
    const all = {};
    for (const result of results) {
      if (result.isSuccess()) all[result.getAppName()] = (all[result.getAppName()] || []).concat(result.getResults());
    }
    return appName ? all[appName] : all;
  }

  initialize() {
    if (!this.group) throw new Error('EndPoint name property is required');
  }

  setConfig(config) { this.config = Object.assign(this.config, config); }
  setLogger(logger) { this.logger = logger; }
  destory() {}
}

/** @param {string} path of an EndPoint of the daemon @param {Record<string, any>} [query] */
function askEndPoint(path, query = {}) {
  const given = Object.entries(query || {}).filter(([, value]) => value !== undefined && value !== null);
  return ask('endpoint', { path, query: Object.fromEntries(given.map(([name, value]) => [name, String(value)])), timeoutMs: 10000 });
}

/** An EndPoint that the daemon serves itself: the data of what it answers to a client. */
const served = (group, name) => ({
  [name]: class extends EndPoint {
    get group() { return group; }
    invoke(args) { return askEndPoint(group, args); }
  },
})[name];

const DaemonEndPoint = served('daemon', 'DaemonEndPoint');
const ErrorEndPoint = served('error', 'ErrorEndPoint');
const HealthEndPoint = served('health', 'HealthEndPoint');
const InfoEndPoint = served('info', 'InfoEndPoint');
const ProcessEndPoint = served('process', 'ProcessEndPoint');
const RuntimeEndPoint = served('runtime', 'RuntimeEndPoint');

class MetricsEndPoint extends EndPoint {
  get group() { return 'metrics'; }
  invoke(args) { return this.listMetrics(undefined, args && args.appName); }
  /** @param {string|null} [group] @param {string} [appName] */
  listMetrics(group, appName) { return askEndPoint(`metrics/list${group ? `/${group}` : ''}`, { appName }); }
  getMetricsByGroup(group, appName) { return askEndPoint(`metrics/${group}`, { appName }); }
}

const CLASSES = { EndPoint, DaemonEndPoint, ErrorEndPoint, HealthEndPoint, InfoEndPoint, ProcessEndPoint, MetricsEndPoint };

/** The EndPoints by their groups. */
const points = new Map([DaemonEndPoint, ErrorEndPoint, HealthEndPoint, InfoEndPoint, MetricsEndPoint, ProcessEndPoint, RuntimeEndPoint]
  .map((Class) => new Class()).map((point) => [point.group, point]));
const BUILT_IN = [...points.keys(), 'trace'];

const service = {
  getEndPoint: (group) => points.get(group),
  getEndPointNames: () => [...points.keys()],
  getEndPoints: () => points,
  register(point) { points.set(point.group, point); },
};

/** @type {{name: string, prefixes: string[], aliases: string[], routers: Router[]}[]} */
let mounted = [];

const isClass = (value) => typeof value === 'function';

/**
 * Makes the EndPoints and resources that the configuration has as classes.
 * @param {any} properties the whole configuration
 */
function start(properties) {
  const actuator = properties.actuator || {};
  const all = { ...actuator.endPoints, ...actuator.endPoint };
  mounted = [];
  return Object.entries(all).filter(([, spec]) => spec && spec.enabled !== false && (spec.enabled === undefined || spec.enabled)
    && (isClass(spec.target) || isClass(spec.resource))).map(([name, spec]) => {
    const described = { name, group: '', prefixes: [], config: {} };
    try {
      if (BUILT_IN.includes(name)) throw new Error('the daemon serves this one itself; give yours another name');
      prepare(name, spec, described);
    } catch (error) {
      described.problem = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
    return described;
  });
}

/** Makes one. */
function prepare(name, spec, described) {
  if (isClass(spec.target)) {
    const point = new spec.target();
    if (typeof point.setLogger === 'function') point.setLogger(console);
    if (typeof point.setConfig === 'function') point.setConfig(spec.initConfig || {});
    if (typeof point.initialize === 'function') point.initialize();
    if (typeof point.group !== 'string' || point.group === '') throw new Error('its class has no group; set group = "…" in it');
    // The daemon keeps the Indicators of its own.
    if (!BUILT_IN.includes(point.group)) {
      described.group = point.group;
      described.config = point.config || {};
    }
    service.register(point);
  }
  if (!isClass(spec.resource)) return;
  const resource = new spec.resource(service);
  if (typeof resource.prefix !== 'string' || !resource.prefix.startsWith('/')) throw new Error('its resource has no prefix; set this.prefix = "/…" in the constructor');
  if (typeof resource.route !== 'function') throw new Error('its resource has no method route(router)');
  const aliases = [].concat(resource.aliasPrefix || []).map(String);
  const prefixes = [resource.prefix, ...aliases];
  mounted.push({ name, prefixes, aliases, routers: prefixes.map((prefix) => {
    const router = new Router({ prefix: prefix === '/' ? '' : prefix.replace(/\/$/, '') });
    resource.route(router);
    return router;
  }) });
  described.prefixes = prefixes;
}

/** Puts the original's answers on a context. */
function decorate(ctx, bare) {
  ctx.ok = (data) => {
    ctx.body = bare ? data : { data, timestamp: Date.now(), success: true, message: '' };
  };
  ctx.fail = (message, extra) => {
    ctx.body = { success: false, timestamp: Date.now(), message: message instanceof Error ? message.message : message, ...(extra && typeof extra === 'object' ? extra : {}) };
  };
  return ctx;
}

/**
 * Answers a request with the path of a resource.
 * @param {{endPoint: string, method: string, path: string, rawQuery: string, header: Record<string, string>, body: string}} request
 * @returns {Promise<{found: boolean, status?: number, contentType?: string, text?: string, base64?: string, headers?: Record<string, string>}>}
 */
async function answer(request) {
  const one = mounted.find(({ name }) => name === request.endPoint);
  if (!one) return { found: false };
  try {
    const path = request.path.toLowerCase();
    const bare = one.aliases.some((alias) => path === alias.toLowerCase() || path.startsWith(`${alias.toLowerCase().replace(/\/$/, '')}/`));
    const ctx = decorate(new Context({ ...request, body: Buffer.from(request.body || '', 'base64').toString() }), bare);
    let method = false;
    for (const router of one.routers) {
      const found = await router.handle(ctx);
      if (found === 'done') return { found: true, ...finish(ctx) };
      method = method || found === 'method';
    }
    if (!method) return { found: false };
    const Allow = [...new Set(ctx.allowed)].join(', ');
    if (request.method === 'OPTIONS') return { found: true, status: 200, contentType: '', text: '', headers: { Allow } };
    return { found: true, ...failure({ status: 405 }), headers: { Allow } };
  } catch (error) {
    const sent = failure(error);
    if (sent.status >= 500) console.error(error);
    return { found: true, ...sent };
  }
}

module.exports = { CLASSES, service, start, answer };
