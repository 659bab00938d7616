'use strict';

// What a process has registered, by name; and how wide the buckets of a level are.

const { MetricLevel, MetricType } = require('./constants');
const { MetricName, nameOf } = require('../../shared/metric-name');

/** Lets every metric through. */
class AllFilter {
  /**
   * @param {MetricName} _name
   * @param {any} _metric
   */
  matches(_name, _metric) {
    return true;
  }
}

class MetricFilter {}
MetricFilter.ALL = new AllFilter();

/** Several metrics that belong together; getMetrics() lists them as {name, metric}. */
class MetricSet {
  constructor() {
    this.type = MetricType.METRICSET;
  }
}

/**
 * Also of another copy of this package.
 * @param {any} metric
 * @returns {boolean}
 */
function isSet(metric) {
  return metric instanceof MetricSet || (metric?.type === MetricType.METRICSET && typeof metric.getMetrics === 'function');
}

class MetricsRegistry {
  constructor() {
    /** @type {Map<string, {name: MetricName, metric: any}>} */
    this.metricsSet = new Map();
  }

  /**
   * @param {MetricName} name
   * @param {any} metric without a type it is a gauge
   */
  register(name, metric) {
    if (isSet(metric)) {
      this.registerAll(name, metric);
      return metric;
    }
    if (!metric.type) metric.type = MetricType.GAUGE;
    this.metricsSet.set(name.getNameKey(), { name, metric });
    return metric;
  }

  /**
   * @param {any} prefix a name; or the set, which then has none
   * @param {any} [set]
   */
  registerAll(prefix, set) {
    if (!set) {
      this.registerAll(MetricName.EMPTY, prefix);
      return;
    }
    for (const { name, metric } of membersOf(prefix, set)) this.register(name, metric);
  }

  getKeys() {
    return [...this.metricsSet.keys()];
  }

  /** @param {MetricName} name */
  getMetric(name) {
    return this.metricsSet.get(name.getNameKey())?.metric ?? null;
  }

  /**
   * @param {string} [type] all without one
   * @param {{matches: (name: MetricName, metric: any) => boolean}} [filter]
   * @returns {Map<string, any>} metrics by serialised name
   */
  getMetrics(type, filter = MetricFilter.ALL) {
    const found = new Map();
    for (const [key, { name, metric }] of this.metricsSet) {
      if (!type || (metric.type === type && filter.matches(name, metric))) found.set(key, metric);
    }
    return found;
  }

  /** @param {AllFilter} [filter] */
  getGauges(filter) {
    return this.getMetrics(MetricType.GAUGE, filter);
  }

  /** @param {AllFilter} [filter] */
  getCounters(filter) {
    return this.getMetrics(MetricType.COUNTER, filter);
  }

  /** @param {AllFilter} [filter] */
  getHistograms(filter) {
    return this.getMetrics(MetricType.HISTOGRAM, filter);
  }

  /** @param {AllFilter} [filter] */
  getMeters(filter) {
    return this.getMetrics(MetricType.METER, filter);
  }

  /** @param {AllFilter} [filter] */
  getTimers(filter) {
    return this.getMetrics(MetricType.TIMER, filter);
  }

  /** @param {AllFilter} [filter] */
  getFastCompasses(filter) {
    return this.getMetrics(MetricType.FASTCOMPASS, filter);
  }

  getMetricNames() {
    return [...this.metricsSet.values()].map(({ name }) => name);
  }

  /** @param {string} nameKey */
  remove(nameKey) {
    this.metricsSet.delete(nameKey);
  }
}

/**
 * @param {MetricName} prefix
 * @param {any} set
 * @param {Set<any>} [seen] the sets that this one is inside of
 * @returns {{name: MetricName, metric: any}[]} all members, also those of sets inside, with their full names
 */
function membersOf(prefix, set, seen = new Set()) {
  if (seen.has(set)) return [];
  const within = new Set(seen).add(set);
  const members = [];
  for (const { name, metric } of set.getMetrics()) {
    const full = MetricName.join(prefix, typeof name === 'string' ? MetricName.parseKey(name) : nameOf(name));
    if (isSet(metric)) members.push(...membersOf(full, metric, within));
    else members.push({ name: full, metric });
  }
  return members;
}

/** Seconds that a bucket of each level is wide. */
const PERIODS = {
  [MetricLevel.CRITICAL]: 5, [MetricLevel.MAJOR]: 30, [MetricLevel.NORMAL]: 60, [MetricLevel.MINOR]: 90, [MetricLevel.TRIVIAL]: 120,
};

class MetricsCollectPeriodConfig {
  /** @type {MetricsCollectPeriodConfig | undefined} */
  static instance;

  constructor() {
    /** @type {Map<string, number>} */
    this.levelPeriodMap = new Map();
    this.globalPeriod = 60;
    this.fillLevelPeriodMap();
  }

  /** @returns {MetricsCollectPeriodConfig} with the interval of the reporters as in the global configuration */
  static getInstance() {
    if (!MetricsCollectPeriodConfig.instance) {
      MetricsCollectPeriodConfig.instance = new MetricsCollectPeriodConfig();
      const { reporterInterval } = require('../facade/config').GlobalConfigProcessor.getInstance().getAllProperties();
      if (Number.isFinite(reporterInterval)) MetricsCollectPeriodConfig.instance.configGlobalPeriod(reporterInterval);
    }
    return MetricsCollectPeriodConfig.instance;
  }

  fillLevelPeriodMap() {
    for (const [level, seconds] of Object.entries(PERIODS)) this.levelPeriodMap.set(level, seconds);
  }

  /** @param {string} level */
  period(level) {
    return Math.min(this.levelPeriodMap.get(level) ?? PERIODS.NORMAL, this.globalPeriod);
  }

  /** @param {number} seconds negative: 60 */
  configGlobalPeriod(seconds) {
    this.globalPeriod = seconds < 0 ? 60 : seconds;
    return this;
  }

  /** @param {string} level */
  getCachedTimeForLevel(level) {
    return PERIODS[level] ?? PERIODS.NORMAL;
  }
}

module.exports = { AllFilter, MetricFilter, MetricSet, MetricsRegistry, MetricsCollectPeriodConfig, isSet, membersOf };
