'use strict';

// Connects this process to the daemon: application, node and process rows, V8 gauges. Nothing here waits for the daemon.

const os = require('node:os');
const path = require('node:path');
const { Messenger } = require('../wire/messenger');
const { createMetricsClient } = require('./metrics-client');
const { registerV8Gauges } = require('./v8-gauges');
const indicators = require('./indicators');

/** @returns {string} up to ten letters and digits */
function newClientId() {
  return Math.random().toString(35).slice(2, 12);
}

/** @returns {string} the socket for metrics and indicators */
function socketPath() {
  return path.join(process.env.PANDORA_TMP_DIR || os.tmpdir(), 'pandorajs_pandora_metric.sock');
}

/**
 * @param {{appName: string, appDir: string, processName: string, worker: number}} facts worker: the slot number
 * @returns {Messenger}
 */
function startMonitor({ appName, appDir, processName, worker }) {
  const messenger = new Messenger(socketPath());
  const client = createMetricsClient(messenger, { appName, clientId: newClientId() });
  registerV8Gauges(client, { pid: process.pid, process: processName, worker });
  const own = { appName, newClientId };
  indicators.register(messenger, own, indicators.applicationIndicator({ appName, appDir }));
  indicators.register(messenger, own, indicators.nodeIndicator());
  indicators.register(messenger, own, indicators.processIndicator(processName));
  return messenger;
}

module.exports = { startMonitor };
