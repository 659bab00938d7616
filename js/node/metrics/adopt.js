'use strict';

// Makes the client of this process known where older code and the application's own copy of pandora-metrics look for it,
// and lets that copy get over the loss of a daemon: alone it tries ten times to connect, and registers nothing again.

const GLOBAL = 'GLOBAL_METRICS_CLIENT';
/** What may wait in a copy for a daemon; later messages are lost. */
const MAX_WAITING = 10_000;

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
 * What is to be told to each new daemon, by the copy's connection.
 * @type {WeakMap<object, Set<() => void>>}
 */
const tended = new WeakMap();

/**
 * Makes a connection of pandora-messenger go on for ever, within bounds, without keeping the process alive.
 * @param {any} connection
 * @returns {Set<() => void>} what is called first at each connection after the first; nothing of it for another version
 */
function tend(connection) {
  const known = connection ? tended.get(connection) : undefined;
  if (known) return known;
  /** @type {Set<() => void>} */
  const again = new Set();
  const { options, _connect: connect, _send: send, ready } = connection ?? {};
  if (!options || ![connect, send, ready].every((method) => typeof method === 'function')) return again;
  tended.set(connection, again);
  options.reConnectTimes = Infinity;
  options.reConnectAtFirstTime = true;
  connection._reConnectTimes = Infinity;
  Object.defineProperty(connection, 'shouldUnref', { value: true });
  let telling = false;
  connection._connect = (/** @type {any} */ done) => {
    const first = !connection._ready;
    connect.call(connection, () => {
      done?.();
      if (first) return; // all of it is waiting
      // Each message that is sent takes waiting ones with it; these come after.
      const waiting = connection._queue;
      connection._queue = [];
      telling = true;
      for (const tell of again) tell();
      telling = false;
      connection._queue = waiting;
    });
    connection._socket?.unref();
  };
  connection._send = (/** @type {any[]} */ ...args) => {
    const { _socket: socket, _queue: queue } = connection;
    if (connection._writable && !socket.connecting) send.apply(connection, args);
    else if (queue.length < MAX_WAITING) queue.push(args);
  };
  connection.ready = (/** @type {any[]} */ ...args) => {
    if (telling && typeof args[0] === 'function') return args[0]();
    const full = typeof args[0] === 'function' && !connection._ready && connection._readyCallbacks?.length >= MAX_WAITING;
    return full ? undefined : ready.apply(connection, args);
  };
  return again;
}

/**
 * @param {any} copy
 */
function keepRegistered({ Indicator, MetricsClient }) {
  const { initialize } = Indicator?.prototype ?? {};
  const { registerClient, reportMetric } = MetricsClient?.prototype ?? {};
  if (![initialize, registerClient, reportMetric].every((method) => typeof method === 'function')) return;
  Indicator.prototype.initialize = function initializeForGood(/** @type {any[]} */ ...args) {
    tend(this.messengerClient?.client).add(() => this.registerIndicator());
    return initialize.apply(this, args);
  };
  /** @type {WeakMap<object, Map<string, any[]>>} */
  const reported = new WeakMap();
  MetricsClient.prototype.registerClient = function registerClientForGood() {
    const own = new Map();
    reported.set(this, own);
    tend(this.messengerClient?.client).add(() => {
      registerClient.call(this);
      for (const args of own.values()) reportMetric.apply(this, args);
    });
    return registerClient.call(this);
  };
  MetricsClient.prototype.reportMetric = function reportMetricForGood(/** @type {any[]} */ ...args) {
    const own = reported.get(this);
    const [name, , group] = args;
    if (own && own.size < MAX_WAITING) own.set(`${group} ${name}`, args);
    return reportMetric.apply(this, args);
  };
}

/** @type {WeakSet<object>} */
const adopted = new WeakSet();

/**
 * @param {any} copy what the application's own copy of pandora-metrics exports
 */
function adopt(copy) {
  offerGlobally();
  if (typeof copy !== 'object' || copy === null || adopted.has(copy)) return;
  adopted.add(copy);
  if (typeof copy.MetricsClientUtil === 'function') offer(copy.MetricsClientUtil, 'client');
  keepRegistered(copy);
}

module.exports = { adopt, offerGlobally };
