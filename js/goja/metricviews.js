'use strict';

// The daemon's metrics as a reporter sees them: objects with the methods that those of the original's daemon have, made of
// what they were at one moment. They do not change, and their methods change nothing.

const { MetricLevel, MetricName, MetricType } = require('../shared/metric-name');

/**
 * @typedef {object} View a metric as the daemon tells it
 * @property {string} type
 * @property {string} group
 * @property {string} name
 * @property {Record<string, string>} [tags]
 * @property {string} level
 * @property {any} [value] of a gauge
 * @property {number} [count]
 * @property {{m1: number, m5: number, m15: number, mean: number}} [rates]
 * @property {{size: number, min: number, max: number, mean: number, stdDev: number, quantiles: [number, number][]}} [values]
 * @property {number} [intervalSeconds]
 * @property {[number, number][]} [buckets] first millisecond and count, the newest first
 * @property {{name: string, buckets: [number, number, number][]}[]} [categories] of a compass: calls and their milliseconds
 */

/** @param {[number, number][] | undefined} buckets @param {number} startTime */
const bucketsSince = (buckets, startTime) => new Map((buckets || []).filter(([start]) => start >= startTime));

class BaseGauge {
  /** @param {View} view */
  constructor(view) {
    this.type = MetricType.GAUGE;
    this.value = view.value;
  }
  async getValue() { return this.value; }
}

class BaseCounter {
  /** @param {View} view */
  constructor(view) {
    this.type = MetricType.COUNTER;
    this.count = view.count || 0;
  }
  getCount() { return this.count; }
}

class BucketCounter extends BaseCounter {
  /** @param {View} view */
  constructor(view) {
    super(view);
    this.interval = view.intervalSeconds;
    this.buckets = view.buckets;
  }
  getBucketCounts(startTime = 0) { return bucketsSince(this.buckets, startTime); }
  getBucketInterval() { return this.interval; }
}

/** A distribution of which some quantiles are known; between two of them it interpolates. */
class Snapshot {
  /** @param {NonNullable<View['values']>} values */
  constructor({ size, min, max, mean, stdDev, quantiles }) {
    Object.assign(this, { count: size, min, max, mean, stdDev, quantiles: [[0, min], ...quantiles, [1, max]] });
  }
  getValue(quantile) {
    if (!(quantile >= 0 && quantile <= 1)) throw new Error(`${quantile} is not in [0..1]`);
    const above = this.quantiles.findIndex(([part]) => part >= quantile);
    const [part, value] = this.quantiles[above];
    if (part === quantile) return value;
    const [before, lower] = this.quantiles[above - 1];
    return lower + ((quantile - before) / (part - before)) * (value - lower);
  }
  /** The values themselves stay in the daemon. */
  getValues() { return []; }
  size() { return this.count; }
  getMin() { return this.min; }
  getMax() { return this.max; }
  getMean() { return this.mean; }
  getStdDev() { return this.stdDev; }
  getMedian() { return this.getValue(0.5); }
  get75thPercentile() { return this.getValue(0.75); }
  get95thPercentile() { return this.getValue(0.95); }
  get98thPercentile() { return this.getValue(0.98); }
  get99thPercentile() { return this.getValue(0.99); }
  get999thPercentile() { return this.getValue(0.999); }
}

class BaseHistogram {
  /** @param {View} view */
  constructor(view) {
    this.type = MetricType.HISTOGRAM;
    this.count = view.count || 0;
    this.snapshot = new Snapshot(/** @type {any} */ (view.values));
  }
  getCount() { return this.count; }
  getSnapshot() { return this.snapshot; }
}

class BaseMeter {
  /** @param {View} view */
  constructor(view) {
    this.type = MetricType.METER;
    this.count = view.count || 0;
    this.rates = /** @type {any} */ (view.rates);
    this.interval = view.intervalSeconds;
    this.buckets = view.buckets;
  }
  getCount() { return this.count; }
  getInstantCount(startTime = 0) { return bucketsSince(this.buckets, startTime); }
  getInstantCountInterval() { return this.interval; }
  getOneMinuteRate() { return this.rates.m1; }
  getFiveMinuteRate() { return this.rates.m5; }
  getFifteenMinuteRate() { return this.rates.m15; }
  getMeanRate() { return this.rates.mean; }
}

class BaseTimer extends BaseMeter {
  /** @param {View} view */
  constructor(view) {
    super(view);
    this.type = MetricType.TIMER;
    this.snapshot = new Snapshot(/** @type {any} */ (view.values));
  }
  getSnapshot() { return this.snapshot; }
}

class BaseFastCompass {
  /** @param {View} view */
  constructor(view) {
    this.type = MetricType.FASTCOMPASS;
    this.bucketInterval = view.intervalSeconds;
    this.categories = view.categories || [];
  }
  getBucketInterval() { return this.bucketInterval; }
  getMethodCountPerCategory(startTime = 0) { return this.perCategory(startTime, ([, calls]) => calls); }
  getMethodRtPerCategory(startTime = 0) { return this.perCategory(startTime, ([, , milliseconds]) => milliseconds); }
  /** @param {number} startTime @param {(bucket: [number, number, number]) => number} what */
  perCategory(startTime, what) {
    const since = (buckets) => buckets.filter(([start]) => start >= startTime);
    return new Map(this.categories.map(({ name, buckets }) => [name, new Map(since(buckets).map((bucket) => [bucket[0], what(bucket)]))]));
  }
}

const CLASSES = {
  GAUGE: BaseGauge, COUNTER: BaseCounter, HISTOGRAM: BaseHistogram, METER: BaseMeter, TIMER: BaseTimer, FASTCOMPASS: BaseFastCompass,
};

/** @param {View} view */
const metricOf = (view) => new (view.type === 'COUNTER' && view.intervalSeconds ? BucketCounter : CLASSES[view.type])(view);

/** Lets every metric through. */
class AllFilter {
  matches() { return true; }
}

class MetricFilter {}
MetricFilter.ALL = new AllFilter();

/** The metrics of one group, or all there are. */
class MetricsRegistry {
  constructor() {
    /** @type {Map<string, {name: MetricName, metric: any}>} */
    this.metricsSet = new Map();
  }
  getKeys() { return [...this.metricsSet.keys()]; }
  getMetricNames() { return [...this.metricsSet.values()].map(({ name }) => name); }
  /** @param {MetricName} name */
  getMetric(name) { return this.metricsSet.get(name.getNameKey())?.metric ?? null; }
  getMetrics(type, filter = MetricFilter.ALL) {
    const found = new Map();
    for (const [key, { name, metric }] of this.metricsSet) {
      if (!type || (metric.type === type && filter.matches(name, metric))) found.set(key, metric);
    }
    return found;
  }
  getCategories(filter) {
    const found = new Map(Object.keys(CLASSES).map((type) => [type, new Map()]));
    const all = !filter || filter === MetricFilter.ALL;
    for (const [key, { name, metric }] of this.metricsSet) {
      if (all || filter.matches(name, metric)) found.get(metric.type).set(key, metric);
    }
    return found;
  }
}
const getters = {
  getGauges: 'GAUGE', getCounters: 'COUNTER', getHistograms: 'HISTOGRAM', getMeters: 'METER', getTimers: 'TIMER', getFastCompasses: 'FASTCOMPASS',
};
for (const [name, type] of Object.entries(getters)) {
  Object.defineProperty(MetricsRegistry.prototype, name, { value(filter) { return this.getMetrics(type, filter); }, writable: true, configurable: true });
}

/** What a reporter calls its metricsManager. */
class MetricsManager {
  constructor() {
    this.take([]);
  }
  /** Makes the metrics what they are now. @param {View[]} views */
  take(views) {
    this.views = views;
    this.made = null;
  }
  /** All, and by group; made when they are first asked for. */
  registries() {
    if (this.made) return this.made;
    const all = new MetricsRegistry();
    const groups = new Map();
    for (const view of this.views) {
      const name = new MetricName(view.name, view.tags || {}, view.level);
      const one = { name, metric: metricOf(view) };
      const key = name.getNameKey();
      let group = groups.get(view.group);
      if (!group) groups.set(view.group, group = new MetricsRegistry());
      all.metricsSet.set(key, one);
      group.metricsSet.set(key, one);
    }
    this.made = { all, groups };
    return this.made;
  }
  isEnabled() { return true; }
  getAllMetricsRegistry() { return this.registries().all; }
  getAllCategoryMetrics(filter) { return this.getAllMetricsRegistry().getCategories(filter); }
  getMetric(name) { return this.getAllMetricsRegistry().getMetric(name); }
  listMetricGroups() { return [...this.registries().groups.keys()]; }
  hasMetricRegistryByGroup(group) { return this.registries().groups.has(group); }
  getMetricRegistryByGroup(group) { return this.registries().groups.get(group) || new MetricsRegistry(); }
  getMetrics(group) { return this.getMetricRegistryByGroup(group).getMetrics(); }
  getCategoryMetrics(group, filter) { return this.getMetricRegistryByGroup(group).getCategories(filter); }
  listMetricNamesByGroup() { return new Map([...this.registries().groups].map(([group, registry]) => [group, registry.getMetricNames()])); }
}
for (const name of Object.keys(getters)) {
  Object.defineProperty(MetricsManager.prototype, name, {
    value(group, filter) { return this.getMetricRegistryByGroup(group)[name](filter); }, writable: true, configurable: true,
  });
}

module.exports = {
  AllFilter, BaseCounter, BaseFastCompass, BaseGauge, BaseHistogram, BaseMeter, BaseTimer, BucketCounter, MetricFilter, MetricLevel,
  MetricName, MetricType, MetricsManager, MetricsRegistry,
};
