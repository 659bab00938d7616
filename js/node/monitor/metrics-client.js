'use strict';

// Registers the gauges of this process with the daemon, which reads them when somebody asks.

const { nameKey } = require('./metric-name');

const DISCOVER = 'METRIC_DISCOVER_KEY_PANDORA_METRIC';

/**
 * @typedef {object} Gauges gauges that are told together
 * @property {() => string[]} names
 * @property {(name: string) => any} value may be a promise; undefined or null: no value
 */

/**
 * Tells the daemon of gauges at each connection. What they are called there is put together then: one of few gauges is ever
 * asked for, and most of the time there is no daemon to tell.
 * @param {import('../wire/messenger').Messenger} messenger
 * @param {{appName: string, clientId: string, group: string, tags: Record<string, string | number>}} facts appName is added
 *   to the tags
 * @param {Gauges} gauges
 */
function registerGauges(messenger, { appName, clientId, group, tags }, gauges) {
  const uplink = `MESSENGER_UPLINK_${appName}_metrics_${clientId}`;
  /** What comes after the key in their serialised names. */
  const end = nameKey('', { appName, ...tags });

  /** @param {any} name as it was told */
  const valueOf = (name) => (typeof name === 'string' && name.endsWith(end) ? gauges.value(name.slice(0, -end.length)) : undefined);
  messenger.handle(`MESSENGER_DOWNLINK_${appName}_metrics_${clientId}`,
    (query) => (Array.isArray(query?.metricKeys) ? Promise.all(query.metricKeys.map(valueOf)) : valueOf(query?.metricKey)));
  messenger.onConnect(() => {
    messenger.send(DISCOVER, { appName, clientId, together: true });
    for (const name of gauges.names()) messenger.send(uplink, { action: 'METRIC_CREATE', name: name + end, type: 'GAUGE', group, clientId });
  });
}

module.exports = { registerGauges };
