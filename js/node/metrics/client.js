'use strict';

// The metrics client of a process. It counts here and tells the daemon of what has changed ten times a second, so that a
// call costs nanoseconds, and whatever is lost on the way is made up for by the next frame. It never keeps the process alive.

const { connection, newClientId } = require('../monitor/connection');
const { MetricsConstants, MetricType } = require('./constants');
const { currentEnvironment } = require('./environment');
const { withDeadline } = require('./deadline');
const { nameOf } = require('../../shared/metric-name');
const { MetricsRegistry, isSet, membersOf } = require('./registry');
const { TOTALS, METHODS } = require('./totals');
const { Counter, FastCompass, Histogram, Meter, Timer } = require('./types');

const DISCOVER = 'METRIC_DISCOVER_KEY_PANDORA_METRIC';
const FLUSH_MS = 100;
/** Sending takes no more than a part of the time. */
const FLUSH_SHARE = 20;
/** As many as the daemon keeps of one client; with more the application still runs, and only the first are seen. */
const MAX_METRICS = 10_000;
/** Of ours alone, and so none of the constants of npm's package. */
const REFUSED = 'METRIC_REFUSED';

/** @type {Record<string, new () => any>} */
const PROXIES = {
  [MetricType.COUNTER]: Counter,
  [MetricType.METER]: Meter,
  [MetricType.TIMER]: Timer,
  [MetricType.HISTOGRAM]: Histogram,
  [MetricType.FASTCOMPASS]: FastCompass,
};

/**
 * @typedef {object} Entry one name
 * @property {string} type
 * @property {string[]} groups
 * @property {import('./totals').Total | null} total null for gauges
 * @property {Record<string, (...args: any[]) => void>} methods that count
 */

class MetricsClient {
  /** @type {MetricsClient | undefined} */
  static instance;
  /** @type {Map<string, Entry>} by serialised name */
  #entries = new Map();
  /** @type {Map<import('./totals').Total, string>} what is to be sent */
  #dirty = new Map();
  /** @type {NodeJS.Timeout | null} */
  #timer = null;
  #connected = false;
  #refused = 0;
  /** How many of them the daemon knows. */
  #toldRefused = 0;
  #messenger;

  static getInstance() {
    MetricsClient.instance ??= new MetricsClient();
    return MetricsClient.instance;
  }

  constructor() {
    this.type = 'singleton';
    this.transferType = 'normal';
    this.environment = currentEnvironment();
    this.appName = this.getAppName();
    this.allMetricsRegistry = this.getNewMetricRegistry();
    this.clientId = newClientId();
    this.group = 'metrics';
    this.#messenger = connection();
    this.#messenger.onDisconnect(() => {
      this.#connected = false;
    });
    this.registerDownlink();
    this.registerClient();
    // What was counted last is sent even so: writing to a socket that has room needs no further turn of the loop.
    process.once('exit', () => this.#flush());
  }

  /** Announces this client and all that it has, now or with the first connection, and with each one after it. */
  registerClient() {
    this.#messenger.onConnect(() => {
      this.#connected = true;
      this.#messenger.send(DISCOVER, { appName: this.appName, clientId: this.clientId });
      for (const [nameKey, { type, groups, total }] of this.#entries) {
        for (const group of groups) this.#announce(nameKey, type, group, total);
      }
      this.#toldRefused = 0;
      if (this.#dirty.size > 0 || this.#refused > 0) this.#schedule();
    });
  }

  registerDownlink() {
    this.#messenger.handle(this.getClientDownlinkKey(), (query) => this.invoke(query));
  }

  /**
   * @param {string} group
   * @param {any} name a string or a MetricName; gets the tag appName unless it has one
   * @param {any} metric an object, or the type of one to be made: then the same name gives the same object
   * @returns {any} the metric
   */
  register(group, name, metric) {
    const fullName = this.buildName(name).tagged('appName', this.getAppName());
    if (typeof metric === 'string') {
      const known = this.allMetricsRegistry.getMetric(fullName);
      if (known) return known;
      metric = this.createMetricProxy(metric);
    }
    if (isSet(metric)) {
      for (const member of membersOf(fullName, metric)) this.#add(group, member.name, member.metric);
    } else {
      this.#add(group, fullName, metric);
    }
    return metric;
  }

  /**
   * @param {string} group
   * @param {import('../../shared/metric-name').MetricName} name
   * @param {any} metric
   */
  #add(group, name, metric) {
    const nameKey = name.getNameKey();
    if (!this.#entries.has(nameKey) && this.#entries.size >= MAX_METRICS) {
      this.#refuse(nameKey);
      return;
    }
    this.allMetricsRegistry.register(name, metric);
    const known = this.#entries.get(nameKey);
    const entry = known && known.type === metric.type ? known : this.#newEntry(nameKey, metric.type);
    this.#bind(nameKey, entry, metric);
    this.#entries.set(nameKey, entry);
    if (!entry.groups.includes(group)) entry.groups.push(group);
    this.reportMetric(name, metric, group);
  }

  /** @param {string} nameKey */
  #refuse(nameKey) {
    this.#refused += 1;
    this.#schedule();
    if (this.#refused > 1) return;
    process.emitWarning(`pandora: metric ${nameKey} is not shown: this process has registered ${MAX_METRICS} metrics, and no more are kept. `
      + 'Names and tags should come from a small set of values.', { code: 'PANDORA_METRICS' });
  }

  /**
   * @param {string} nameKey
   * @param {string} type
   * @returns {Entry}
   */
  #newEntry(nameKey, type) {
    const total = TOTALS[type]?.((changed) => this.#changed(changed, nameKey)) ?? null;
    return { type, groups: [], total, methods: total ? METHODS[type](total) : {} };
  }

  /**
   * Makes the methods of a metric count here.
   * @param {string} nameKey
   * @param {Entry} entry
   * @param {any} metric
   */
  #bind(nameKey, { type, methods }, metric) {
    const declared = Array.isArray(metric.proxyMethod) ? metric.proxyMethod : null;
    for (const method of declared ?? []) {
      metric[method] = methods[method] ?? ((/** @type {any[]} */ ...args) => this.report({
        action: MetricsConstants.EVT_METRIC_UPDATE, name: nameKey, method, value: args, type, clientId: this.clientId,
      }));
    }
    // The proxies of the original leave dec out, by a slip.
    if (declared?.includes('desc') && methods.dec) metric.dec = methods.dec;
    if (declared) return;
    // One that counts for itself goes on doing so. Its methods may call each other.
    let inside = false;
    for (const [method, count] of Object.entries(methods)) {
      const own = metric[method];
      if (typeof own !== 'function') continue;
      metric[method] = (/** @type {any[]} */ ...args) => {
        if (inside) return own.apply(metric, args);
        inside = true;
        try {
          count(...args);
          return own.apply(metric, args);
        } finally {
          inside = false;
        }
      };
    }
  }

  /**
   * @param {import('../../shared/metric-name').MetricName} name
   * @param {any} metric
   * @param {string} group
   */
  reportMetric(name, metric, group) {
    const nameKey = name.getNameKey();
    // Before the first connection there is nobody to tell; later the connection's start tells everything again.
    if (this.#connected) this.#announce(nameKey, metric.type, group, this.#entries.get(nameKey)?.total ?? null);
  }

  /**
   * @param {string} nameKey
   * @param {string} type
   * @param {string} group
   * @param {import('./totals').Total | null} total
   */
  #announce(nameKey, type, group, total) {
    const told = total && { value: [total.told()] };
    this.report({ action: MetricsConstants.EVT_METRIC_CREATE, name: nameKey, type, group, clientId: this.clientId, ...told });
  }

  /**
   * @param {import('./totals').Total} total
   * @param {string} nameKey
   */
  #changed(total, nameKey) {
    total.dirty = true;
    this.#dirty.set(total, nameKey);
    this.#schedule();
  }

  /** @param {number} [ms] */
  #schedule(ms = FLUSH_MS) {
    if (this.#timer !== null || !this.#connected) return;
    this.#timer = setTimeout(() => this.#flush(), ms).unref();
  }

  #flush() {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (!this.#connected) return;
    if (this.#refused > this.#toldRefused) {
      this.#toldRefused = this.#refused;
      this.report({ action: REFUSED, clientId: this.clientId, value: [this.#refused] });
    }
    if (this.#dirty.size === 0) return;
    const began = process.uptime();
    const totals = this.#dirty;
    this.#dirty = new Map();
    const action = this.getClientUplinkKey();
    for (const [total, name] of totals) {
      total.dirty = false;
      const { dropped } = this.#messenger;
      this.#messenger.send(action, {
        action: MetricsConstants.EVT_METRIC_UPDATE, name, type: this.#entries.get(name)?.type, clientId: this.clientId,
        method: 'merge', value: [total.take()],
      });
      // The daemon does not read: the totals are told once more, when it may.
      if (this.#messenger.dropped !== dropped) {
        total.lost();
        total.dirty = true;
        this.#dirty.set(total, name);
      }
    }
    const spent = (process.uptime() - began) * 1000;
    if (this.#dirty.size > 0 || spent * FLUSH_SHARE > FLUSH_MS) this.#schedule(Math.max(FLUSH_MS, spent * FLUSH_SHARE));
  }

  /** @param {any} data */
  report(data) {
    this.#messenger.send(this.getClientUplinkKey(), data);
  }

  /**
   * @param {any} query {metricKey, type}
   * @returns {Promise<any>} the value, undefined for none
   */
  async invoke(query) {
    if (typeof query?.metricKey !== 'string') return undefined;
    // By the name as it was sent: what separators a tag may hold does not matter then.
    const metric = this.allMetricsRegistry.metricsSet.get(query.metricKey)?.metric;
    if (!metric || metric.type !== query.type) return undefined;
    return withDeadline(metric, () => metric.getValue());
  }

  getAppName() {
    return this.environment.get('appName');
  }

  /**
   * @param {string} group
   * @param {any} name
   * @returns {Counter}
   */
  getCounter(group, name) {
    return this.register(group, name, MetricType.COUNTER);
  }

  /**
   * @param {string} group
   * @param {any} name
   * @returns {Timer}
   */
  getTimer(group, name) {
    return this.register(group, name, MetricType.TIMER);
  }

  /**
   * @param {string} group
   * @param {any} name
   * @returns {Meter}
   */
  getMeter(group, name) {
    return this.register(group, name, MetricType.METER);
  }

  /**
   * @param {string} group
   * @param {any} name
   * @returns {Histogram}
   */
  getHistogram(group, name) {
    return this.register(group, name, MetricType.HISTOGRAM);
  }

  /**
   * @param {string} group
   * @param {any} name
   * @returns {FastCompass}
   */
  getFastCompass(group, name) {
    return this.register(group, name, MetricType.FASTCOMPASS);
  }

  /**
   * @param {any} name
   * @returns {import('../../shared/metric-name').MetricName}
   */
  buildName(name) {
    return nameOf(name);
  }

  getNewMetricRegistry() {
    return new MetricsRegistry();
  }

  /** @param {string} type */
  createMetricProxy(type) {
    const Proxy = PROXIES[type];
    if (!Proxy) {
      throw Object.assign(new TypeError(`No metric is made of type ${JSON.stringify(type)}, expected one of ${Object.keys(PROXIES).join(' ')}`),
        { code: 'PANDORA_METRIC_TYPE' });
    }
    return new Proxy();
  }

  /**
   * @param {string} [appName]
   * @param {string} [clientId]
   */
  getClientDownlinkKey(appName, clientId) {
    return [MetricsConstants.MESSENGER_DOWNLINK_KEY, appName || this.appName, this.group, clientId || this.clientId].join('_');
  }

  /**
   * @param {string} [appName]
   * @param {string} [clientId]
   */
  getClientUplinkKey(appName, clientId) {
    return [MetricsConstants.MESSENGER_UPLINK_KEY, appName || this.appName, this.group, clientId || this.clientId].join('_');
  }

  isSingleton() {
    return this.type === 'singleton';
  }

  destory() {}
}

/** Where application code finds the client of its process. */
class MetricsClientUtil {
  /** @type {any} */
  static client;

  /** @returns {any} what was set, else the client of this process: of the class that the global configuration names, if any */
  static getMetricsClient() {
    if (!MetricsClientUtil.client) {
      const { metricsClient } = require('../facade/config').GlobalConfigProcessor.getInstance().getAllProperties();
      MetricsClientUtil.client = (typeof metricsClient?.getInstance === 'function' ? metricsClient : MetricsClient).getInstance();
    }
    return MetricsClientUtil.client;
  }

  /** @param {any} client */
  static setMetricsClient(client) {
    MetricsClientUtil.client = client;
  }
}

/** The client as older code calls it. Each call makes a metric of its own; those of one name count together. */
class MetricsManagerClient {
  /**
   * @param {string} group
   * @param {any} name
   * @param {any} metric
   */
  static register(group, name, metric) {
    MetricsClientUtil.getMetricsClient().register(group, name, metric);
  }

  /**
   * @param {string} group
   * @param {any} name
   */
  static getCounter(group, name) {
    return made(group, name, new Counter());
  }

  /**
   * @param {string} group
   * @param {any} name
   */
  static getTimer(group, name) {
    return made(group, name, new Timer());
  }

  /**
   * @param {string} group
   * @param {any} name
   */
  static getMeter(group, name) {
    return made(group, name, new Meter());
  }

  /**
   * @param {string} group
   * @param {any} name
   */
  static getHistogram(group, name) {
    return made(group, name, new Histogram());
  }

  /**
   * @param {string} group
   * @param {any} name
   */
  static getFastCompass(group, name) {
    return made(group, name, new FastCompass());
  }
}

/**
 * @template T
 * @param {string} group
 * @param {any} name
 * @param {T} metric
 * @returns {T}
 */
function made(group, name, metric) {
  MetricsManagerClient.register(group, name, metric);
  return metric;
}

module.exports = { MetricsClient, MetricsClientUtil, MetricsManagerClient };
