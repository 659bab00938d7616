'use strict';

// Errors of this process, told to the daemon's EndPoint error. The frames are described in docs/metrics-client.md.

const os = require('node:os');
const { connection, newClientId } = require('./connection');

const DISCOVER = 'METRIC_DISCOVER_KEY_';
const GROUP = 'error';
/** Bounds on what one error may hold. */
const MAX_TEXT = 16_384;

/** @type {((payload: any) => void) | null} */
let send = null;

/** @returns {{ip: string | undefined, host: string}} this machine as others see it */
function here() {
  const addresses = Object.values(os.networkInterfaces()).flat();
  const outward = addresses.find((address) => address && !address.internal && address.family === 'IPv4');
  return { ip: outward?.address, host: os.hostname() };
}

/** @returns {string | undefined} from the environment, where it is from the first line of the bootstrap on */
function ownAppName() {
  try {
    return JSON.parse(process.env.PANDORA_PROCESS_REPRESENTATION ?? '').appName;
  } catch {
    return undefined; // no worker
  }
}

/**
 * @param {string} appName
 * @returns {(payload: any) => void}
 */
function open(appName) {
  const clientId = newClientId();
  const own = { appName, ...here() };
  const messenger = connection();
  messenger.onConnect(() => {
    messenger.send(DISCOVER, { indicatorName: 'ErrorIndicator', appName, group: GROUP, clientId, duplex: true });
  });
  return (payload) => {
    messenger.send(`MESSENGER_UPLINK_${appName}_${GROUP}_${clientId}`,
      { timestamp: Date.now(), ...own, pid: process.pid, ...bounded(payload) });
  };
}

/**
 * @param {any} payload
 * @returns {Record<string, any>} its plain values, long texts cut
 */
function bounded(payload) {
  return Object.fromEntries(Object.entries(payload ?? {}).filter(([, value]) => value === null || ['string', 'number', 'boolean'].includes(typeof value))
    .map(([key, value]) => [key, typeof value === 'string' ? value.slice(0, MAX_TEXT) : value]));
}

/**
 * Reports an error. It may be called at any time and never throws.
 * @param {{method: string, timestamp?: number, errType?: string, message?: string, stack?: string, traceId?: string, path?: string}} payload
 */
function reportError(payload) {
  try {
    if (send === null) {
      const appName = ownAppName();
      if (!appName) return;
      send = open(appName);
    }
    send(payload);
  } catch {
    // The caller is busy with an error already.
  }
}

module.exports = { reportError, here };
