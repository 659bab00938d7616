'use strict';

// The name of a metric: a dotted key, tags and a level; and the words for types and levels.

const MetricType = {
  METRICSET: 'METRICSET',
  GAUGE: 'GAUGE',
  COUNTER: 'COUNTER',
  HISTOGRAM: 'HISTOGRAM',
  METER: 'METER',
  TIMER: 'TIMER',
  FASTCOMPASS: 'FASTCOMPASS',
};

/** How important a metric is; also how wide its buckets of time are. */
const MetricLevel = { TRIVIAL: 'TRIVIAL', MINOR: 'MINOR', NORMAL: 'NORMAL', MAJOR: 'MAJOR', CRITICAL: 'CRITICAL' };

const SEPARATOR = '.';

/**
 * @typedef {Record<string, any>} Tags
 */

class MetricName {
  /**
   * @param {string} [key]
   * @param {Tags} [tags]
   * @param {string} [level]
   */
  constructor(key = '', tags = {}, level = MetricLevel.NORMAL) {
    this.key = key;
    this.tags = tags;
    this.level = level;
  }

  getKey() {
    return this.key;
  }

  getTags() {
    return this.tags;
  }

  getMetricLevel() {
    return this.level;
  }

  /** @param {string} level */
  setLevel(level) {
    this.level = level;
    return this;
  }

  /** @param {string[]} parts */
  static build(...parts) {
    // A new one each time, also for no parts: a name can be changed.
    return new MetricName(parts.length === 1 ? parts[0] : MetricName.buildName(parts));
  }

  /**
   * @param {MetricName[]} parts
   * @returns {MetricName} keys joined, tags merged (of two the later), the level of the first that has a key
   */
  static join(...parts) {
    const named = parts.filter((part) => part.getKey());
    const level = named.length > 0 ? named[0].getMetricLevel() : undefined;
    const tags = Object.assign({}, ...parts.map((part) => part.getTags()));
    return new MetricName(MetricName.buildName(named.map((part) => part.getKey())), tags, levelOf(level));
  }

  /** @param {string[]} names */
  static buildName(names) {
    return names.join(SEPARATOR);
  }

  /**
   * @param {string} [suffix]
   * @param {boolean} [inheritTags]
   * @returns {MetricName} with the suffix behind the key
   */
  resolve(suffix, inheritTags = true) {
    const key = [this.key, suffix].filter(Boolean).join(SEPARATOR);
    return new MetricName(key, inheritTags ? { ...this.tags } : {}, this.level);
  }

  /**
   * @param {any[]} pairs name and value in turn, or one object
   * @returns {MetricName} with these tags too; a tag that is there already keeps its value
   */
  tagged(...pairs) {
    if (pairs.length === 1 && typeof pairs[0] === 'object') {
      return new MetricName(this.key, { ...pairs[0], ...this.tags }, this.level);
    }
    if (pairs.length % 2 !== 0) throw new Error('Argument count must be even');
    /** @type {Tags} */
    const add = {};
    for (let i = 0; i < pairs.length; i += 2) add[pairs[i]] = pairs[i + 1];
    return this.tagged(add);
  }

  /** @returns {string} all of the name in one string */
  getNameKey() {
    const tags = Object.entries(this.tags ?? {}).map(([tag, value]) => tag + MetricName.TAGS_CONCAT + value).sort();
    return [this.key, tags.join(MetricName.TAGS_JOIN), this.level].join(MetricName.NAME_JOIN);
  }

  toString() {
    return this.getNameKey();
  }

  /**
   * @param {string} nameKey what getNameKey gave, or its first one or two parts
   * @returns {MetricName}
   */
  static parseKey(nameKey) {
    const parts = nameKey.split(MetricName.NAME_JOIN);
    if (parts.length > 3) return new MetricName();
    const [key, tags = '', level] = parts;
    return new MetricName(key, parseTags(tags), levelOf(level));
  }
}

MetricName.EMPTY = new MetricName();
MetricName.EMPTY_TAGS = {};
MetricName.TAGS_SPLIT = '^&*';
MetricName.NAME_JOIN = '@%^';
MetricName.TAGS_JOIN = '!*&';
MetricName.TAGS_CONCAT = '%^&';

/**
 * @param {string} text
 * @returns {Tags}
 */
function parseTags(text) {
  /** @type {Tags} */
  const tags = {};
  for (const pair of text.split(MetricName.TAGS_JOIN)) {
    if (pair === '') continue;
    const [tag, value] = pair.split(MetricName.TAGS_CONCAT);
    tags[tag] = value;
  }
  return tags;
}

/**
 * @param {string | undefined} level
 * @returns {string | undefined} undefined for one there is none of: then NORMAL is taken
 */
function levelOf(level) {
  return level !== undefined && Object.hasOwn(MetricLevel, level) ? level : undefined;
}

/**
 * @param {any} name a string, or a MetricName of whatever copy of the package
 * @returns {MetricName} one of ours
 */
function nameOf(name) {
  if (name instanceof MetricName) return name;
  if (typeof name === 'string') return MetricName.build(name);
  if (typeof name?.getKey !== 'function') {
    throw Object.assign(new TypeError(`The name of a metric is a string or a MetricName, not ${typeof name}`), { code: 'PANDORA_METRIC_NAME' });
  }
  return new MetricName(name.getKey(), { ...name.getTags?.() }, levelOf(name.getMetricLevel?.()));
}

module.exports = { MetricName, MetricLevel, MetricType, nameOf };
