'use strict';

// What a process has counted, per name, until it is sent. The frames are described in docs/metrics-client.md.

const { MetricType } = require('./constants');

/** Samples of one metric in one frame. */
const MAX_SAMPLES = 8192;
/** Samples of all metrics while they wait: 2 MB. */
const MAX_HELD = 262144;
const MAX_CATEGORIES = 20;
/** Longer names of categories are cut. */
const MAX_CATEGORY = 256;

/** How many samples wait in this process. */
const held = { count: 0 };

/**
 * @param {any} n as the original: 0 and nothing count as 1
 * @returns {number} 0 for what is no number
 */
function amount(n) {
  if (!n) return Number.isNaN(n) ? 0 : 1;
  if (typeof n === 'number') return Number.isFinite(n) ? n : 0;
  const number = Number(n);
  return Number.isFinite(number) ? number : 0;
}

/** Counters and meters. */
class Sum {
  /** @param {(total: Total) => void} changed called when there is something new to send */
  constructor(changed) {
    this.changed = changed;
    this.dirty = false;
    this.sum = 0;
    this.sent = 0;
  }

  /** @param {number} n */
  add(n) {
    const sum = this.sum + n;
    if (!Number.isFinite(sum)) return;
    this.sum = sum;
    if (!this.dirty) this.changed(this);
  }

  /** @returns {any} the state to send */
  take() {
    this.sent = this.sum;
    return this.sum;
  }

  /** What take gave last was not sent after all. */
  lost() {}

  /** @returns {any} what take gave last, without what is only told once */
  told() {
    return this.sent;
  }
}

/** Histograms and timers. */
class Samples {
  /** @param {(total: Total) => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.dirty = false;
    this.count = 0;
    this.sum = 0;
    this.sent = { count: 0, sum: 0 };
    /** @type {number[]} */
    this.samples = [];
  }

  /** @param {number} value finite */
  add(value) {
    const sum = this.sum + value;
    if (!Number.isFinite(sum)) return;
    this.sum = sum;
    this.count += 1;
    if (this.samples.length < MAX_SAMPLES && held.count < MAX_HELD) {
      this.samples.push(value);
      held.count += 1;
    } else {
      const place = Math.floor(Math.random() * (this.count - this.sent.count));
      if (place < this.samples.length) this.samples[place] = value;
    }
    if (!this.dirty) this.changed(this);
  }

  take() {
    const { count, sum, samples } = this;
    const seq = this.sent.count;
    held.count -= samples.length;
    this.samples = [];
    this.sent = { count, sum };
    return { seq, count, sum, samples };
  }

  lost() {}

  told() {
    const { count, sum } = this.sent;
    return { seq: count, count, sum };
  }
}

/** Compasses. */
class Categories {
  /** @param {(total: Total) => void} changed */
  constructor(changed) {
    this.changed = changed;
    this.dirty = false;
    /** @type {Map<string, {count: number, sum: number, sent: [number, number]}>} */
    this.byName = new Map();
    /** Whether the next state has all categories, not only those that have changed. */
    this.whole = false;
  }

  /**
   * @param {number} duration finite, not negative
   * @param {string} name
   */
  add(duration, name) {
    let one = this.byName.get(name);
    if (one === undefined) {
      if (this.byName.size >= MAX_CATEGORIES) return;
      one = { count: 0, sum: 0, sent: [0, 0] };
      this.byName.set(name, one);
    }
    const sum = one.sum + duration;
    if (!Number.isFinite(sum)) return;
    one.sum = sum;
    one.count += 1;
    if (!this.dirty) this.changed(this);
  }

  take() {
    /** @type {[string, [number, number]][]} */
    const totals = [];
    for (const [name, one] of this.byName) {
      if (one.count === one.sent[0] && !this.whole) continue;
      one.sent = [one.count, one.sum];
      totals.push([name, one.sent]);
    }
    this.whole = false;
    return { totals: Object.fromEntries(totals) };
  }

  lost() {
    this.whole = true;
  }

  told() {
    return { totals: Object.fromEntries([...this.byName].filter(([, { sent }]) => sent[0] > 0).map(([name, { sent }]) => [name, sent])) };
  }
}

/** @typedef {Sum | Samples | Categories} Total */

/** @type {Record<string, (changed: (total: Total) => void) => Total>} */
const TOTALS = {
  [MetricType.COUNTER]: (changed) => new Sum(changed),
  [MetricType.METER]: (changed) => new Sum(changed),
  [MetricType.HISTOGRAM]: (changed) => new Samples(changed),
  [MetricType.TIMER]: (changed) => new Samples(changed),
  [MetricType.FASTCOMPASS]: (changed) => new Categories(changed),
};

/**
 * The methods of a type that count.
 * @type {Record<string, (total: any) => Record<string, (...args: any[]) => void>>}
 */
const METHODS = {
  [MetricType.COUNTER]: (/** @type {Sum} */ total) => {
    const inc = (/** @type {any} */ n) => total.add(amount(n));
    const dec = (/** @type {any} */ n) => total.add(-amount(n));
    return { inc, dec, desc: dec, update: inc };
  },
  [MetricType.METER]: (/** @type {Sum} */ total) => ({ mark: (n) => total.add(amount(n)) }),
  [MetricType.HISTOGRAM]: (/** @type {Samples} */ total) => ({
    update(value) {
      const number = typeof value === 'number' ? value : Number(value ?? NaN);
      if (Number.isFinite(number)) total.add(number);
    },
  }),
  [MetricType.TIMER]: (/** @type {Samples} */ total) => ({
    update(duration) {
      const number = typeof duration === 'number' ? duration : Number(duration ?? NaN);
      if (number >= 0 && number < Infinity) total.add(number);
    },
  }),
  [MetricType.FASTCOMPASS]: (/** @type {Categories} */ total) => ({
    record(duration, category) {
      const number = typeof duration === 'number' ? duration : Number(duration ?? NaN);
      if (number >= 0 && number < Infinity && category !== undefined && category !== null) total.add(number, String(category).slice(0, MAX_CATEGORY));
    },
  }),
};

module.exports = { TOTALS, METHODS, held, MAX_SAMPLES, MAX_HELD };
