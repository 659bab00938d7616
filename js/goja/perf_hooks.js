'use strict';

const native = require('pandora:binding');
const build = require('./shape');

const origin = native.now();
const quiet = () => {};
const entry = (name, entryType, startTime, duration, detail = null) => ({ name, entryType, startTime, duration, detail });

const performance = {
  timeOrigin: origin,
  now: () => native.now() - origin,
  mark: (name, options = {}) => entry(String(name), 'mark', options.startTime === undefined ? native.now() - origin : options.startTime, 0, options.detail),
  measure: (name) => entry(String(name), 'measure', 0, native.now() - origin),
  clearMarks: quiet, clearMeasures: quiet, clearResourceTimings: quiet, setResourceTimingBufferSize: quiet,
  // Entries reach their readers after the evaluation.
  getEntries: () => [], getEntriesByName: () => [], getEntriesByType: () => [],
  timerify: (f) => f,
  eventLoopUtilization: () => ({ idle: 0, active: 0, utilization: 0 }),
  toJSON: () => ({ timeOrigin: origin }),
};

/** Of a histogram nothing can be read before the event loop has turned. */
const histogram = () => ({
  min: 9223372036854776000, max: 0, mean: NaN, stddev: NaN, exceeds: 0, count: 0, percentiles: new Map(),
  percentile: () => 0, enable: () => true, disable: () => true, reset: quiet,
});

module.exports = build('perf_hooks', {
  exports: { performance, monitorEventLoopDelay: histogram },
  constructible: ['PerformanceObserver'],
  methods: { PerformanceObserver: { observe: quiet, disconnect: quiet, takeRecords: () => [] } },
});
