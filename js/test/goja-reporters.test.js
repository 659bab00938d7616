'use strict';

// The reporters of the global configuration that are classes, without the daemon that calls them.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const FILE = require.resolve('../goja/reporters');
const moments = JSON.parse(fs.readFileSync(path.join(__dirname, '../../metrics/testdata/views.json'), 'utf8'));

/** A world of its own: the module keeps what it has started. */
function fresh() {
  delete require.cache[FILE];
  return require(FILE);
}

const server = { getEndPointService: () => 'endpoints' };

/** Metrics of all types, by kind, as a reporter gets them. */
function reported(views) {
  const { CLASSES: { ScheduledMetricsReporter, MetricsManager } } = fresh();
  const manager = new MetricsManager();
  manager.take(views);
  let data;
  const reporter = new (class extends ScheduledMetricsReporter { report(given) { data = given; } })(null);
  reporter.setMetricsManager(manager);
  reporter.reportNow();
  return data;
}

/** What a collector makes of the group g, in the order of the daemon's rows. */
async function collected(Collector, { views, at, sinceSeconds }) {
  const { CLASSES } = fresh();
  const collector = new CLASSES[Collector]({ reportInterval: sinceSeconds });
  const { gauges, counters, histograms, meters, timers, fastCompasses } = reported(views.filter(({ group }) => group === 'g'));
  const name = (key) => CLASSES.MetricName.parseKey(key);
  for (const [key, gauge] of gauges) collector.collectGauge(name(key), await gauge.getValue(), at);
  for (const [key, counter] of counters) collector.collectCounter(name(key), counter, at);
  for (const [key, histogram] of histograms) collector.collectHistogram(name(key), histogram, at);
  for (const [key, meter] of meters) collector.collectMeter(name(key), meter, at);
  for (const [key, timer] of timers) collector.collectTimer(name(key), timer, at);
  for (const [key, compass] of fastCompasses) collector.collectFastCompass(name(key), compass, at);
  return JSON.parse(JSON.stringify(collector.build()));
}

for (const [number, moment] of moments.entries()) {
  test(`collectors make the rows that the daemon makes, moment ${number}`, async () => {
    assert.deepEqual(await collected('NormalMetricsCollector', moment), moment.normal);
    assert.deepEqual(await collected('CompactMetricsCollector', moment), moment.compact);
  });
}

test('metrics have what the original has', async () => {
  const { gauges, counters, histograms, meters, timers, fastCompasses } = reported(moments[0].views);
  const only = (map, key) => map.get([...map.keys()].find((full) => full.startsWith(`${key}@`)));
  assert.deepEqual([...counters.keys()], ['test.counter@%^appName%^&demo!*&tag%^&v w@%^NORMAL', 'my.count@%^appName%^&demo!*&tag%^&v w@%^CRITICAL']);
  assert.equal(await only(gauges, 'test.gauge').getValue(), 1.5);
  const counter = only(counters, 'my.count');
  assert.deepEqual([counter.type, counter.getCount(), counter.getBucketInterval()], ['COUNTER', 2, 5]);
  assert.deepEqual([...counter.getBucketCounts()], [[946684800000, 2]]);
  assert.deepEqual([...counter.getBucketCounts(946684800001)], []);
  const snapshot = only(histograms, 'test.histogram').getSnapshot();
  assert.deepEqual(
    [snapshot.size(), snapshot.getMin(), snapshot.getMax(), snapshot.getMean(), snapshot.getMedian(), snapshot.get75thPercentile(), snapshot.get999thPercentile()],
    [5, 10, 50, 30, 30, 45, 50],
  );
  assert.deepEqual([0, 0.375, 1].map((part) => snapshot.getValue(part)), [10, 22.5, 50]);
  for (const wrong of [-0.1, 1.1, NaN]) assert.throws(() => snapshot.getValue(wrong), { message: `${wrong} is not in [0..1]` });
  assert.deepEqual(only(histograms, 'test.buckets').getSnapshot().getMedian(), -10001);
  const meter = only(meters, 'test.meter');
  assert.deepEqual([meter.getCount(), meter.getMeanRate(), meter.getInstantCountInterval(), [...meter.getInstantCount()]], [3, 3, 5, [[946684800000, 3]]]);
  assert.equal(only(timers, 'test.timer').getSnapshot().getMean(), 30);
  const compass = only(fastCompasses, 'test.compass');
  assert.deepEqual([...compass.getMethodRtPerCategory().get('miss')], [[946684800000, 9]]);
  assert.deepEqual([...compass.getMethodCountPerCategory().keys()], ['hit', 'success', 'miss']);
});

test('a manager knows groups', () => {
  const { CLASSES: { MetricsManager, MetricName } } = fresh();
  const manager = new MetricsManager();
  manager.take(moments[0].views);
  assert.deepEqual(manager.listMetricGroups().sort(), ['g', 'other']);
  assert.equal(manager.getGauges('other').size, 1);
  assert.equal(manager.getGauges('g').size, 0);
  assert.equal(manager.getGauges('none').size, 0);
  assert.equal(manager.getCategoryMetrics('g').get('COUNTER').size, 2);
  assert.equal(manager.getMetrics('g').size, 7);
  assert.equal(manager.getMetric(new MetricName('test.gauge', { appName: 'demo' })).type, 'GAUGE');
  assert.equal(manager.getMetric(new MetricName('test.gauge')), null);
  assert.deepEqual(manager.listMetricNamesByGroup().get('other').map((name) => name.getKey()), ['test.gauge']);
  assert.equal(manager.getCounters('g', { matches: (name) => name.getKey() === 'my.count' }).size, 1);
});

test('classes are started with the interval and their initConfig, and report when the daemon says so', async () => {
  const { CLASSES: { ScheduledMetricsReporter, CustomReporter }, start, tick } = fresh();
  const log = [];
  class Scheduled extends ScheduledMetricsReporter {
    constructor(actuatorServer, options) {
      super(actuatorServer);
      this.url = options.url;
    }
    async report({ gauges, fastCompasses }) {
      await null;
      log.push(['scheduled', this.interval, this.url, gauges.size, fastCompasses.size]);
    }
  }
  class Custom extends CustomReporter {
    report() {
      const { counters, fastCompassees } = this.getCategoryMetrics();
      log.push(['custom', this.interval, this.options, counters.size, fastCompassees.size, this.endPointService]);
    }
  }
  class Own {
    constructor(actuatorServer) { this.server = actuatorServer; }
    start(interval) { log.push(['own', interval, this.server.getMetricsManager().isEnabled()]); }
  }
  class Sooner extends Custom { start() { super.start(5); } }
  const config = {
    reporterInterval: 30,
    reporters: { first: { reporter: Scheduled, interval: 7, initConfig: { url: 'a' } } },
    reporter: {
      scheduled: { enabled: true, target: Scheduled, initConfig: { url: 'b' } },
      custom: { target: Custom }, own: { target: Own }, sooner: { target: Sooner, intervalMs: 1500 },
      off: { enabled: false, target: Scheduled }, file: { enabled: true }, gone: null, odd: false,
    },
  };
  assert.deepEqual(start(config, server), [
    { name: 'first', intervalMs: 7000 }, { name: 'scheduled', intervalMs: 30000 }, { name: 'custom', intervalMs: 30000 },
    { name: 'own', intervalMs: 30000 }, { name: 'sooner', intervalMs: 5000 },
  ]);
  const { views } = moments[0];
  for (const name of ['first', 'scheduled', 'custom', 'own', 'sooner']) await tick({ name, views });
  assert.deepEqual(log, [
    ['own', 30, true], ['scheduled', 7, 'a', 1, 1], ['scheduled', 30, 'b', 1, 1], ['custom', 30, {}, 2, 1, 'endpoints'], ['custom', 5, {}, 2, 1, 'endpoints'],
  ]);
  await assert.rejects(tick({ name: 'off', views }), /no reporter "off"/);
});

test('what goes wrong in a class is told, and costs no other', async () => {
  const { CLASSES: { ScheduledMetricsReporter }, start, tick } = fresh();
  let reports = 0;
  class Throws extends ScheduledMetricsReporter { report() { reports += 1; throw new RangeError('too far'); } }
  class Breaks { constructor() { throw new TypeError('no agent'); } }
  class Stops extends ScheduledMetricsReporter { report() { reports += 1; this.stop(); } }
  const told = start({ reporter: { throws: { target: Throws }, breaks: { target: Breaks }, bare: { target: class {} }, empty: { target: class extends ScheduledMetricsReporter {} }, stops: { target: Stops } } }, server);
  assert.deepEqual(told.map(({ problem }) => problem), [
    undefined, 'TypeError: no agent', 'TypeError: its class has no method start(interval); extend CustomReporter or ScheduledMetricsReporter',
    'TypeError: its class has no method report()', undefined,
  ]);
  await assert.rejects(tick({ name: 'throws', views: [] }), /too far/);
  await assert.rejects(tick({ name: 'throws', views: [] }), /too far/);
  await tick({ name: 'stops', views: [] });
  await tick({ name: 'stops', views: [] });
  assert.equal(reports, 3);
});

test('a reporter that another one starts keeps its own time', async () => {
  const { CLASSES: { ScheduledMetricsReporter }, start } = fresh();
  const printed = [];
  const { error } = console;
  console.error = (problem) => printed.push(problem.message);
  try {
    await new Promise((resolve) => {
      let reports = 0;
      class Inner extends ScheduledMetricsReporter {
        report() {
          reports += 1;
          if (reports === 2) {
            this.stop();
            setImmediate(resolve);
          }
          throw new Error(`no ${reports}`);
        }
      }
      class Outer {
        constructor(actuatorServer) { this.inner = new Inner(actuatorServer); }
        start() { this.inner.start(0.001); }
      }
      assert.deepEqual(start({ reporter: { outer: { target: Outer } } }, server), [{ name: 'outer', intervalMs: 60000 }]);
    });
  } finally {
    console.error = error;
  }
  assert.deepEqual(printed, ['no 1', 'no 2']);
});
