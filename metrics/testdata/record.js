'use strict';

// Prints what the collectors of npm's pandora-metrics emit for the same events as original_test.go makes, at the same
// times. How original.json was made: node record.js <folder of pandora-metrics> > original.json

const path = require('node:path');

const root = path.resolve(process.argv[2]);
const metrics = require(root);
const { BaseHistogram } = require(path.join(root, 'dist/common/metrics/Histogram'));
const { BaseTimer } = require(path.join(root, 'dist/common/metrics/Timer'));
const { EWMA } = require(path.join(root, 'dist/common/util/EWMA'));
const { ReservoirType } = require(path.join(root, 'dist/common/Reservoir'));
const { MetricName, MetricsRegistry } = metrics;

const START = 946684800000;
let now = START;
Date.now = () => now;

const registry = new MetricsRegistry();
const named = (key, level) => MetricName.build(key).tagged({ appName: 'demo', tag: 'v w' }).setLevel(level);
const counter = registry.counter(named('test.counter', 'NORMAL'));
const counts = registry.counter(named('my.count', 'CRITICAL'));
const meter = registry.meter(named('test.meter', 'CRITICAL'));
const histogram = registry.register(named('test.histogram', 'MAJOR'), new BaseHistogram(ReservoirType.UNIFORM, 30));
const buckets = registry.register(named('test.buckets', 'CRITICAL'), new BaseHistogram(ReservoirType.BUCKET, 5));
const timer = registry.register(named('test.timer', 'CRITICAL'), new BaseTimer(5, ReservoirType.UNIFORM));
const compass = registry.fastCompass(named('test.compass', 'CRITICAL'));

function events() {
  counter.inc(5);
  counts.inc(2);
  meter.mark(3);
  for (const value of [30, 10, 50, 20, 40]) {
    histogram.update(value);
    buckets.update(value);
    timer.update(value);
  }
  for (const [duration, category] of [[5, 'hit'], [7, 'success'], [9, 'miss']]) compass.record(duration, category);
}

function collect(Collector, reportInterval) {
  const collector = new Collector({ globalTags: {}, rateFactor: 1, durationFactor: 1, reportInterval });
  const each = (map, method) => {
    for (const [key, metric] of map) collector[method](MetricName.parseKey(key), metric, now);
  };
  each(registry.getCounters(), 'collectCounter');
  each(registry.getHistograms(), 'collectHistogram');
  each(registry.getMeters(), 'collectMeter');
  each(registry.getTimers(), 'collectTimer');
  each(registry.getFastCompasses(), 'collectFastCompass');
  return collector.build().map((row) => row.toJSON());
}

const out = { normal: {}, compact: {}, ewma: {} };
for (const at of [1, 7, 62]) {
  now = START + at * 1000;
  if (at > 1) out.normal[at] = collect(metrics.NormalMetricsCollector, -1);
  if (at > 1) out.compact[at] = collect(metrics.CompactMetricsCollector, 10);
  if (at < 60) events();
}

for (const [name, average] of Object.entries({ m1: EWMA.oneMinuteEWMA(), m5: EWMA.fiveMinuteEWMA(), m15: EWMA.fifteenMinuteEWMA() })) {
  average.update(3);
  average.tick();
  out.ewma[name] = [average.getRate()];
  for (let minute = 0; minute < 15; minute++) {
    for (let i = 0; i < 12; i++) average.tick();
    out.ewma[name].push(average.getRate());
  }
}
process.stdout.write(`${JSON.stringify(out, null, 1)}\n`);
