'use strict';

// What makes rows of metrics, for reporters that send rows: the collectors of the original, with rates and durations as
// they are where no factor is given.

const { BucketCounter } = require('./metricviews');

const CollectMetricType = { COUNTER: 'COUNTER', GAUGE: 'GAUGE', DELTA: 'DELTA' };

/** How many buckets a metric keeps. */
const BUCKETS_KEPT = 10;

/** Tags have ASCII letters, digits and - _ . / \ { } and nothing else. */
const plainTag = (value) => (value ? String(value).replace(/[^a-zA-Z0-9\-_./\\{}]/g, '_') : '');

class MetricObject {
  constructor(fields) {
    Object.assign(this, { tags: {}, interval: -1 }, fields);
  }
  getMetric() { return this.metric; }
  toJSON() {
    const { metric, timestamp, value, metricType: type, metricLevel: level, tags, interval } = this;
    return { metric, timestamp, value, type, level, tags, interval };
  }
}
MetricObject.MetricType = CollectMetricType;

class MetricsCollector {
  constructor({ globalTags = {}, rateFactor = 1, durationFactor = 1, filter, reportInterval = -1 } = {}) {
    Object.assign(this, { metrics: [], globalTags, rateFactor, durationFactor, filter, reportInterval });
  }
  addMetricWithSuffix(name, suffix, value, timestamp, type, interval) {
    return this.addMetric(name.resolve(suffix), value, timestamp, type, interval);
  }
  addMetric(name, value, timestamp, metricType = CollectMetricType.GAUGE, interval = -1) {
    if (value === undefined || value === null || (this.filter && !this.filter.matches(name, null))) return this;
    const tags = Object.entries({ ...this.globalTags, ...name.getTags() }).map(([tag, text]) => [tag, plainTag(text)]);
    this.metrics.push(new MetricObject({
      metric: name.getKey(), metricType, timestamp, value, tags: Object.fromEntries(tags), metricLevel: name.getMetricLevel(), interval,
    }));
    return this;
  }
  build() { return this.metrics; }
  convertRate(rate) { return rate * this.rateFactor; }
  convertDuration(duration) { return duration * this.durationFactor; }
  rate(data, interval) { return interval === 0 ? 0 : data / interval; }
  ratio(data, total) { return data > total ? 1 : this.rate(data, total); }
  /** When the last bucket began that is over. */
  getNormalizedStartTime(current, interval) {
    return Math.floor((Math.floor(current / 1000) - interval) / interval) * interval * 1000;
  }
  addInstantCountMetric(counts, name, interval, timestamp) {
    const start = this.getNormalizedStartTime(timestamp, interval);
    const count = counts.get(start) || 0;
    this.addMetricWithSuffix(name, 'bucket_count', count, start, CollectMetricType.DELTA, interval);
    this.addMetricWithSuffix(name, 'qps', this.rate(count, interval), start, CollectMetricType.GAUGE, interval);
  }
  collectGauge(name, value, timestamp) { this.addMetric(name, value, timestamp); }
  /** A name that says count already gets no suffix. */
  addCount(name, counter, timestamp) {
    this.addMetric(name.getKey().endsWith('count') ? name : name.resolve('count'), counter.getCount(), timestamp, CollectMetricType.COUNTER);
  }
  collectFastCompass(name, compass, timestamp) {
    this.addCompass(name, compass, this.getNormalizedStartTime(timestamp, compass.getBucketInterval()));
  }
  /** One bucket of all categories. */
  addCompass(name, compass, start) {
    const width = compass.getBucketInterval();
    const add = (suffix, value, type) => this.addMetricWithSuffix(name, suffix, value, start, type, width);
    const counts = new Map([...compass.getMethodCountPerCategory(start)].map(([category, buckets]) => [category, buckets.get(start) || 0]));
    const sum = (values) => [...values].reduce((all, one) => all + one, 0);
    for (const [category, count] of counts) add(`${category}_bucket_count`, count, CollectMetricType.DELTA);
    const total = sum(counts.values());
    const milliseconds = sum([...compass.getMethodRtPerCategory(start).values()].map((buckets) => buckets.get(start) || 0));
    const hits = counts.get('hit');
    const success = (counts.get('success') || 0) + (hits || 0);
    add('bucket_count', total, CollectMetricType.DELTA);
    add('bucket_sum', milliseconds, CollectMetricType.DELTA);
    add('qps', this.rate(total, width));
    add('rt', this.rate(milliseconds, total));
    add('success_rate', this.ratio(success, total));
    if (hits !== undefined) add('hit_rate', this.ratio(hits, success));
  }
}

/** All of a metric, and its last bucket that is over. */
class NormalMetricsCollector extends MetricsCollector {
  collectCounter(name, counter, timestamp) {
    this.addCount(name, counter, timestamp);
    if (counter instanceof BucketCounter) this.addInstantCountMetric(counter.getBucketCounts(), name, counter.getBucketInterval(), timestamp);
  }
  addRates(name, metric, timestamp) {
    this.addMetricWithSuffix(name, 'count', metric.getCount(), timestamp, CollectMetricType.COUNTER)
      .addMetricWithSuffix(name, 'm1', this.convertRate(metric.getOneMinuteRate()), timestamp)
      .addMetricWithSuffix(name, 'm5', this.convertRate(metric.getFiveMinuteRate()), timestamp)
      .addMetricWithSuffix(name, 'm15', this.convertRate(metric.getFifteenMinuteRate()), timestamp);
  }
  addSnapshot(name, snapshot, timestamp, mean, convert) {
    const values = {
      max: snapshot.getMax(), min: snapshot.getMin(), ...Object.fromEntries(mean.map((key) => [key, snapshot.getMean()])), stddev: snapshot.getStdDev(),
      median: snapshot.getMedian(), p75: snapshot.get75thPercentile(), p95: snapshot.get95thPercentile(), p99: snapshot.get99thPercentile(),
    };
    for (const [suffix, value] of Object.entries(values)) this.addMetricWithSuffix(name, suffix, convert(value), timestamp);
  }
  collectMeter(name, meter, timestamp) {
    this.addRates(name, meter, timestamp);
    this.addInstantCountMetric(meter.getInstantCount(), name, meter.getInstantCountInterval(), timestamp);
  }
  collectHistogram(name, histogram, timestamp) {
    this.addMetricWithSuffix(name, 'count', histogram.getCount(), timestamp, CollectMetricType.COUNTER);
    this.addSnapshot(name, histogram.getSnapshot(), timestamp, ['mean'], (value) => value);
  }
  collectTimer(name, timer, timestamp) {
    this.addRates(name, timer, timestamp);
    this.addSnapshot(name, timer.getSnapshot(), timestamp, ['mean', 'rt'], (value) => this.convertDuration(value));
    this.addInstantCountMetric(timer.getInstantCount(), name, timer.getInstantCountInterval(), timestamp);
  }
}

/** What has happened since the report before, and little more. Buckets are told when they are over, each once. */
class CompactMetricsCollector extends MetricsCollector {
  /** When the buckets began that were not over at the report before and are now. */
  completed(starts, width, timestamp) {
    const before = this.getNormalizedStartTime(timestamp - this.reportInterval * 1000, width);
    const last = this.getNormalizedStartTime(timestamp, width);
    return starts.filter((start) => start > before && start <= last);
  }
  addCompleted(name, counts, width, timestamp) {
    for (const start of this.completed([...counts.keys()], width, timestamp)) {
      this.addMetricWithSuffix(name, 'bucket_count', counts.get(start), start, CollectMetricType.DELTA, width);
    }
  }
  collectFastCompass(name, compass, timestamp) {
    const starts = new Set([...compass.getMethodCountPerCategory().values()].flatMap((buckets) => [...buckets.keys()]));
    const width = compass.getBucketInterval();
    // Of those that lie too far back some categories may be forgotten.
    const oldest = this.getNormalizedStartTime(timestamp, width) - BUCKETS_KEPT * width * 1000;
    const newest = [...starts].filter((start) => start > oldest).sort((a, b) => b - a);
    for (const start of this.completed(newest, width, timestamp)) this.addCompass(name, compass, start);
  }
  collectCounter(name, counter, timestamp) {
    if (counter instanceof BucketCounter) this.addCompleted(name, counter.getBucketCounts(), counter.getBucketInterval(), timestamp);
    this.addCount(name, counter, timestamp);
  }
  collectMeter(name, meter, timestamp) {
    this.addCompleted(name, meter.getInstantCount(), meter.getInstantCountInterval(), timestamp);
    this.addMetricWithSuffix(name, 'count', meter.getCount(), timestamp, CollectMetricType.COUNTER)
      .addMetricWithSuffix(name, 'm1', this.convertRate(meter.getOneMinuteRate()), timestamp);
  }
  collectHistogram(name, histogram, timestamp) {
    this.addMetricWithSuffix(name, 'mean', histogram.getSnapshot().getMean(), timestamp);
  }
  collectTimer(name, timer, timestamp) {
    this.collectMeter(name, timer, timestamp);
    const mean = this.convertDuration(timer.getSnapshot().getMean());
    const width = timer.getInstantCountInterval();
    const last = this.getNormalizedStartTime(timestamp, width);
    this.addMetricWithSuffix(name, 'rt', mean, timestamp)
      .addMetricWithSuffix(name, 'mean', mean, timestamp)
      .addMetricWithSuffix(name, 'qps', this.rate(timer.getInstantCount().get(last) || 0, width), last, CollectMetricType.GAUGE, width);
  }
}

module.exports = { CollectMetricType, MetricObject, MetricsCollector, NormalMetricsCollector, CompactMetricsCollector };
