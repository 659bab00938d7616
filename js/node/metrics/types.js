'use strict';

// Metrics as application code makes them. They keep nothing: registered with a client, their methods count there.

const { MetricType } = require('./constants');
const { MetricName } = require('../../shared/metric-name');
const { MetricSet } = require('./registry');

/** What a process tells when asked; subclasses have getValue(), which may be async. */
class Gauge {
  constructor() {
    this.type = MetricType.GAUGE;
    /** @type {string[]} */
    this.proxyMethod = [];
  }
}

class BaseGauge {
  constructor() {
    this.type = MetricType.GAUGE;
  }
}

class Counter {
  constructor() {
    this.type = MetricType.COUNTER;
    this.proxyMethod = ['inc', 'dec', 'desc'];
  }

  /** @param {number} [_n] */
  inc(_n) {}

  /** @param {number} [_n] */
  dec(_n) {}

  /**
   * The same as dec: what the original calls it.
   * @param {number} [_n]
   */
  desc(_n) {}
}

class Timer {
  constructor() {
    this.type = MetricType.TIMER;
    this.proxyMethod = ['update'];
  }

  /**
   * @param {number} _duration milliseconds
   * @param {any} [_unit] not used
   */
  update(_duration, _unit) {}
}

class Histogram {
  constructor() {
    this.type = MetricType.HISTOGRAM;
    this.proxyMethod = ['update'];
  }

  /** @param {number} _value */
  update(_value) {}
}

class Meter {
  constructor() {
    this.type = MetricType.METER;
    this.proxyMethod = ['mark'];
  }

  /** @param {number} [_n] */
  mark(_n) {}
}

class FastCompass {
  constructor() {
    this.type = MetricType.FASTCOMPASS;
    this.proxyMethod = ['record'];
  }

  /**
   * @param {number} _duration milliseconds
   * @param {string} _subCategory
   */
  record(_duration, _subCategory) {}
}

/** A counter that also keeps its count here, where its code can read it. */
class BaseCounter {
  constructor() {
    this.count = 0;
    this.type = MetricType.COUNTER;
  }

  /** @param {number} [n] 0 and nothing count as 1 */
  inc(n) {
    this.count += n || 1;
  }

  /** @param {number} [n] */
  dec(n) {
    this.count = Math.max(0, this.count - (n || 1));
  }

  clear() {
    this.count = 0;
  }

  getCount() {
    return this.count;
  }
}

/** Counts in buckets of time too, where its code can read them; a second wide, and the last ten, unless told otherwise. */
class BucketCounter extends BaseCounter {
  /**
   * @param {number} [interval] seconds
   * @param {number} [numberOfBucket]
   * @param {boolean} [updateTotalCount]
   */
  constructor(interval = 1, numberOfBucket = 10, updateTotalCount = true) {
    super();
    this.interval = interval;
    this.numberOfBucket = numberOfBucket;
    this.updateTotalCount = updateTotalCount;
    /** @type {Map<number, number>} count by the bucket's first second, the oldest first */
    this.buckets = new Map();
  }

  /** @param {number} [n] */
  update(n = 1) {
    if (this.updateTotalCount) this.count += n;
    const bucket = this.calculateCurrentTimestamp(Date.now());
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + n);
    for (const oldest of this.buckets.keys()) {
      if (this.buckets.size <= this.numberOfBucket) break;
      this.buckets.delete(oldest);
    }
  }

  /**
   * @override
   * @param {number} [n]
   */
  inc(n) {
    this.update(n || 1);
  }

  /**
   * @override
   * @param {number} [n]
   */
  dec(n) {
    this.update(-(n || 1));
  }

  /**
   * @param {number} [startTime] milliseconds since 1970
   * @returns {Map<number, number>} count by the bucket's first millisecond, the newest first
   */
  getBucketCounts(startTime = 0) {
    const now = this.calculateCurrentTimestamp(Date.now());
    const wanted = [...this.buckets].filter(([start]) => start * 1000 >= startTime && start <= now);
    return new Map(wanted.reverse().map(([start, count]) => [start * 1000, count]));
  }

  /** @param {number} timestamp */
  calculateCurrentTimestamp(timestamp) {
    return Math.floor(Math.floor(timestamp / 1000) / this.interval) * this.interval;
  }

  getBucketInterval() {
    return this.interval;
  }
}

/** A gauge whose loadValue() is called no more often than once in a while. */
class CachedGauge {
  /** @param {number} [timeout] milliseconds */
  constructor(timeout) {
    this.type = MetricType.GAUGE;
    /** @type {string[]} */
    this.proxyMethod = [];
    this.timeout = timeout || CachedGauge.DEFAULT_TIMEOUT;
    // The first question is answered too, not only those after the timeout.
    this.reloadAt = -Infinity;
    /** @type {any} */
    this.value = undefined;
  }

  getValue() {
    if (this.shouldLoad()) this.value = /** @type {any} */ (this).loadValue();
    return this.value;
  }

  shouldLoad() {
    const now = Date.now();
    if (now - this.reloadAt <= this.timeout) return false;
    this.reloadAt = now;
    return true;
  }
}
CachedGauge.DEFAULT_TIMEOUT = 5000;

/** A set whose getValueInternal() gathers the values of all members, no more often than once in a while. */
class CachedMetricSet extends MetricSet {
  /** @param {number} [dataTTL] seconds */
  constructor(dataTTL) {
    super();
    this.dataTTL = dataTTL || CachedMetricSet.DEFAULT_DATA_TTL;
    this.lastCollectTime = 0;
    /** @type {Promise<void> | null} */
    this.collecting = null;
  }

  /** Gathers, unless what was gathered is fresh enough. All who ask meanwhile wait for the same. */
  async refreshIfNecessary() {
    const now = Date.now();
    if (this.lastCollectTime && now - this.lastCollectTime <= this.dataTTL * 1000) return;
    if (!this.collecting) {
      const own = this.#collect(now);
      this.collecting = own;
      const forget = () => {
        clearTimeout(patience);
        if (this.collecting === own) this.collecting = null;
      };
      // One that hangs holds nobody up for ever: who asks later tries anew.
      const patience = setTimeout(forget, COLLECT_MS).unref();
      own.then(forget, forget);
    }
    await this.collecting;
  }

  /** @param {number} began */
  async #collect(began) {
    await /** @type {any} */ (this).getValueInternal();
    this.lastCollectTime = began;
  }
}
CachedMetricSet.DEFAULT_DATA_TTL = 60;

/** How long a gathering may take before another is tried. */
const COLLECT_MS = 3000;

/** Heap spaces and heap statistics of this process. */
class V8GaugeSet extends CachedMetricSet {
  /** @param {number} [dataTTL] seconds */
  constructor(dataTTL = 5) {
    super(dataTTL);
    /** @type {Record<string, number>} */
    this.heapSpaceStats = {};
    /** @type {Record<string, number>} */
    this.heapStats = {};
    void this.refreshIfNecessary();
  }

  getMetrics() {
    /** @param {'heapSpaceStats' | 'heapStats'} kind */
    const gauges = (kind) => Object.keys(this[kind]).map((key) => ({
      name: MetricName.build(key),
      metric: {
        getValue: () => {
          void this.refreshIfNecessary();
          return this[kind][key];
        },
      },
    }));
    return [...gauges('heapSpaceStats'), ...gauges('heapStats')];
  }

  getValueInternal() {
    const v8 = require('node:v8');
    for (const { space_name: space, ...fields } of v8.getHeapSpaceStatistics()) {
      for (const [field, value] of Object.entries(fields)) this.heapSpaceStats[`${space}.${field}`] = /** @type {number} */ (value);
    }
    Object.assign(this.heapStats, v8.getHeapStatistics());
  }
}

module.exports = {
  Gauge, BaseGauge, Counter, BaseCounter, BucketCounter, Timer, Histogram, Meter, FastCompass, CachedGauge, CachedMetricSet, V8GaugeSet,
};
