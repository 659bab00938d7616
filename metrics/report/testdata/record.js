'use strict';

// Has the file reporter of npm's pandora-metrics write two reports of the events that TestFileAsTheOriginal makes, at the
// same times, with its own logger. How metrics.log was made: node record.js <folder of pandora-metrics> <new folder>, which
// then holds pandorajs/metrics.log.

const path = require('node:path');

const root = path.resolve(process.argv[2]);
const logs = path.resolve(process.argv[3]);
const load = (name) => require(require.resolve(name, { paths: [root] }));
load('pandora-env').EnvironmentUtil.getInstance().setCurrentEnvironment({ get: (key) => (key === 'pandoraLogsDir' ? logs : 'demo') });
const metrics = require(root);
const { BaseHistogram } = require(path.join(root, 'dist/common/metrics/Histogram'));
const { BaseTimer } = require(path.join(root, 'dist/common/metrics/Timer'));
const { ReservoirType } = require(path.join(root, 'dist/common/Reservoir'));
const { MetricName, MetricsRegistry } = metrics;

const START = 946684800000;
let now = START;
Date.now = () => now;

const registry = new MetricsRegistry();
const named = (key, level) => MetricName.build(key).tagged({ appName: 'demo', tag: 'v w' }).setLevel(level);
for (const [key, value] of [['number', 1.5], ['text', 'a<b>&"c"'], ['object', { a: [1, null] }], ['nothing', null]]) {
  registry.register(named(`gauge.${key}`, 'NORMAL'), { type: 'GAUGE', getValue: () => value });
}
const counter = registry.counter(named('test.counter', 'CRITICAL'));
const counts = registry.counter(named('my.count', 'CRITICAL'));
const histogram = registry.register(named('test.histogram', 'MAJOR'), new BaseHistogram(ReservoirType.UNIFORM, 30));
const meter = registry.meter(named('test.meter', 'CRITICAL'));
const timer = registry.register(named('test.timer', 'CRITICAL'), new BaseTimer(5, ReservoirType.UNIFORM));
const compass = registry.fastCompass(named('test.compass', 'CRITICAL'));

function events() {
  counter.inc(5);
  counts.inc(2);
  meter.mark(3);
  for (const value of [30, 10, 50, 20, 40]) {
    histogram.update(value);
    timer.update(value);
  }
  for (const [duration, category] of [[5, 'hit'], [7, 'success'], [9, 'miss']]) compass.record(duration, category);
}

async function main() {
  const reporter = new metrics.FileMetricsManagerReporter(null, { globalTags: { zone: 'a' } });
  reporter.interval = 10;
  for (const second of [1, 6, 11, 16]) {
    now = START + second * 1000;
    events();
    if (second !== 6 && second !== 16) continue;
    now = START + (second + 4) * 1000;
    await reporter.report({
      gauges: registry.getGauges(), counters: registry.getCounters(), histograms: registry.getHistograms(),
      meters: registry.getMeters(), timers: registry.getTimers(), fastCompasses: registry.getFastCompasses(),
    });
  }
  setTimeout(() => process.exit(), 1500);
}
main();
