'use strict';

// Registers the gauges of this process with the daemon, which reads them when somebody asks.

const { nameKey } = require('./metric-name');

const DISCOVER = 'METRIC_DISCOVER_KEY_PANDORA_METRIC';

/**
 * @typedef {{getValue: () => any}} Gauge getValue may return a promise; undefined or null: no value
 */

/**
 * @param {import('../wire/messenger').Messenger} messenger
 * @param {{appName: string, clientId: string}} client
 */
function createMetricsClient(messenger, { appName, clientId }) {
  /** @type {Map<string, {group: string, gauge: Gauge}>} */
  const gauges = new Map();
  const uplink = `MESSENGER_UPLINK_${appName}_metrics_${clientId}`;

  /**
   * @param {string} name
   * @param {string} group
   */
  function announce(name, group) {
    messenger.send(uplink, { action: 'METRIC_CREATE', name, type: 'GAUGE', group, clientId });
  }

  /** @param {any} name */
  const valueOf = (name) => gauges.get(name)?.gauge.getValue();
  messenger.handle(`MESSENGER_DOWNLINK_${appName}_metrics_${clientId}`,
    (query) => (Array.isArray(query?.metricKeys) ? Promise.all(query.metricKeys.map(valueOf)) : valueOf(query?.metricKey)));

  let announced = false;
  messenger.onConnect(() => {
    announced = true;
    messenger.send(DISCOVER, { appName, clientId, together: true });
    for (const [name, { group }] of gauges) announce(name, group);
  });

  return {
    /**
     * @param {string} group
     * @param {string} key
     * @param {Record<string, string | number>} tags appName is added
     * @param {Gauge} gauge
     */
    registerGauge(group, key, tags, gauge) {
      const name = nameKey(key, { appName, ...tags });
      gauges.set(name, { group, gauge });
      // Before the first connection there is nobody to tell; later the connection's start tells everything again.
      if (announced) announce(name, group);
    },
  };
}

module.exports = { createMetricsClient };
