'use strict';

// Makes the client of this process known where older code and the application's own copy of pandora-metrics look for it.

const GLOBAL = 'GLOBAL_METRICS_CLIENT';

/** @returns {any} */
const client = () => require('./client').MetricsClientUtil.getMetricsClient();

/**
 * Nothing is made before someone asks.
 * @param {any} target
 * @param {string} name
 */
function offer(target, name) {
  if (target[name] !== undefined) return;
  Object.defineProperty(target, name, {
    get: client,
    set: (value) => Object.defineProperty(target, name, { value, writable: true, configurable: true }),
    configurable: true,
  });
}

/** As a global: where MetricsManagerClient looks. */
function offerGlobally() {
  if (!Object.hasOwn(globalThis, GLOBAL)) offer(globalThis, GLOBAL);
}

/**
 * @param {any} copy what the application's own copy of pandora-metrics exports
 */
function adopt(copy) {
  offerGlobally();
  if (typeof copy?.MetricsClientUtil === 'function') offer(copy.MetricsClientUtil, 'client');
}

module.exports = { adopt, offerGlobally };
