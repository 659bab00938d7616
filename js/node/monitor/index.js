'use strict';

// Connects this process to the daemon: application, node and process rows, V8 gauges. Nothing here waits for the daemon.

const { connection, newClientId } = require('./connection');
const { registerGauges } = require('./metrics-client');
const { v8Gauges } = require('./v8-gauges');
const indicators = require('./indicators');

/**
 * @param {{appName: string, appDir: string, processName: string, worker: number, child?: boolean}} facts worker: the slot
 *   number; child: this process is one that the worker has started
 * @returns {import('../wire/messenger').Messenger}
 */
function startMonitor({ appName, appDir, processName, worker, child }) {
  const messenger = connection();
  const tags = { pid: process.pid, process: processName, ...(child ? {} : { worker }) };
  registerGauges(messenger, { appName, clientId: newClientId(), group: 'node', tags }, v8Gauges());
  const own = { appName, newClientId };
  tellSeries(messenger, { appName, processName, worker, child });
  indicators.register(messenger, own, indicators.applicationIndicator({ appName, appDir }));
  indicators.register(messenger, own, indicators.nodeIndicator());
  indicators.register(messenger, own, indicators.processIndicator(processName));
  return messenger;
}

/**
 * Answers for the series process_* and nodejs_* and those of prom-client, all at once, and for what health checks ask.
 * @param {import('../wire/messenger').Messenger} messenger
 * @param {{appName: string, processName: string, worker: number, child?: boolean}} facts
 */
function tellSeries(messenger, { appName, processName, worker, child }) {
  const clientId = newClientId();
  messenger.handle(`MESSENGER_DOWNLINK_${appName}_series_${clientId}`, () => require('./series').read());
  messenger.handle(`MESSENGER_DOWNLINK_${appName}_vitals_${clientId}`, (asked) => require('./vitals').read(asked ?? {}));
  messenger.onConnect(() => {
    messenger.send('METRIC_DISCOVER_KEY_PANDORA_SERIES', { appName, clientId, process: processName, worker, ...(child && { child }) });
  });
}

/**
 * Tells the daemon of an error; may be called at any time.
 * @param {Parameters<typeof import('./errors').reportError>[0]} payload
 */
function reportError(payload) {
  require('./errors').reportError(payload);
}

module.exports = { startMonitor, reportError };
