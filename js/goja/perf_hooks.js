'use strict';

const native = require('pandora:binding');
const { inert } = require('pandora:loader');

const origin = native.now();

module.exports = {
  performance: { timeOrigin: origin, now: () => native.now() - origin, mark() {}, measure() {}, clearMarks() {}, clearMeasures() {}, toJSON: () => ({ timeOrigin: origin }) },
  PerformanceObserver: inert('perf_hooks.PerformanceObserver'),
  monitorEventLoopDelay: inert('perf_hooks.monitorEventLoopDelay'),
  constants: {},
};
