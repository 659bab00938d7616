'use strict';

// Drain: stop accepting connections, answer what is in flight, close the rest. It needs no change in the application.
// Loading costs a wrapper around net.Server's listen and close; the rest happens when a drain begins.

const net = require('node:net');

const DEFAULT_TIMEOUT_MS = 5000;
/** How often idle connections are looked for while draining. */
const SWEEP_MS = 50;

/**
 * @typedef {object} Tracked
 * @property {any} server
 * @property {boolean} http
 * @property {Set<any>} sockets the connections that speak the server's protocol (after TLS)
 * @property {boolean} closed the server emitted 'close' since it last listened
 */

/**
 * @typedef {object} Drain
 * @property {(timeoutMs: number | undefined, done: () => void) => void} begin done is called once every server has
 *   closed, or after timeoutMs (5,000 if not a positive number). A second call while draining only adds its done.
 * @property {() => boolean} active
 */

/**
 * Remembers every server that listens from now on, also https and plain net servers.
 * @returns {Drain}
 */
function installDrain() {
  /** @type {Map<any, Tracked>} */
  const servers = new Map();
  /** Servers that a drain stopped; closing them again is no error for the application. @type {WeakMap<any, Tracked>} */
  const drained = new WeakMap();
  let draining = false;
  /** @type {(() => void)[]} */
  let waiting = [];

  wrapListen(servers);
  wrapClose(drained);

  /** @param {number} timeoutMs */
  function run(timeoutMs) {
    const diagnostics = require('node:diagnostics_channel');
    // Later requests on connections that are still busy are answered with `Connection: close`, so that Node ends the
    // connection after the answer and no client can lose a race.
    diagnostics.subscribe('http.server.request.start', (/** @type {any} */ event) => {
      event.response.shouldKeepAlive = false;
    });
    const open = new Set(servers.values());
    for (const tracked of open) {
      drained.set(tracked.server, tracked);
      stopAccepting(tracked);
      closeAfterAnswer(tracked);
    }
    const deadline = Date.now() + timeoutMs;
    let sweeps = 0;
    const sweep = () => {
      for (const tracked of open) {
        if (tracked.closed) open.delete(tracked);
        else closeIdle(tracked, sweeps > 0);
      }
      sweeps += 1;
      if (open.size > 0 && Date.now() < deadline) return;
      clearInterval(timer);
      const done = waiting;
      waiting = [];
      for (const each of done) each();
    };
    const timer = setInterval(sweep, SWEEP_MS);
    sweep();
    // A server without connections closes in the next ticks: do not wait for the second sweep then.
    setImmediate(() => { if (waiting.length > 0) sweep(); });
  }

  return {
    active: () => draining,
    begin(timeoutMs, done) {
      const first = waiting.length === 0;
      waiting.push(done);
      draining = true;
      if (first) run(typeof timeoutMs === 'number' && timeoutMs > 0 ? timeoutMs : DEFAULT_TIMEOUT_MS);
    },
  };
}

/**
 * @param {Map<any, Tracked>} servers
 */
function wrapListen(servers) {
  const listen = net.Server.prototype.listen;
  /** @type {WeakSet<any>} */
  const watched = new WeakSet();
  /** @this {any} */
  function onListening() {
    if (!servers.has(this)) track(this, servers);
  }
  net.Server.prototype.listen = /** @type {any} */ (/** @this {any} @param {any[]} args */ function (...args) {
    if (!watched.has(this)) {
      watched.add(this);
      this.on('listening', onListening);
    }
    return Reflect.apply(listen, this, args);
  });
}

/**
 * @param {any} server
 * @param {Map<any, Tracked>} servers
 */
function track(server, servers) {
  /** @type {Set<any>} */
  const sockets = new Set();
  /** @type {Tracked} */
  const tracked = { server, http: typeof server.closeIdleConnections === 'function', sockets, closed: false };
  servers.set(server, tracked);
  /** @this {any} */
  function forget() {
    sockets.delete(this);
  }
  const onConnection = (/** @type {any} */ socket) => {
    sockets.add(socket);
    socket.once('close', forget);
  };
  // A TLS server gives the http parser its own socket, not the one of 'connection'.
  const event = typeof server.setSecureContext === 'function' ? 'secureConnection' : 'connection';
  if (tracked.http) server.on(event, onConnection);
  server.once('close', () => {
    tracked.closed = true;
    servers.delete(server);
    server.removeListener(event, onConnection);
  });
}

/**
 * An application that closes its server while stopping must not be told that it is not running: it was, until the drain.
 * http's and https' close call this one.
 * @param {WeakMap<any, Tracked>} drained
 */
function wrapClose(drained) {
  const close = net.Server.prototype.close;
  net.Server.prototype.close = /** @type {any} */ (/** @this {any} @param {any} callback */ function (callback) {
    const tracked = drained.get(this);
    if (!tracked || this._handle) return Reflect.apply(close, this, [callback]);
    if (typeof callback === 'function') {
      if (tracked.closed) process.nextTick(callback);
      else this.once('close', () => callback());
    }
    return this;
  });
}

/**
 * net's close, not http's, which would destroy idle connections at a moment the client may be using them.
 * @param {Tracked} tracked
 */
function stopAccepting(tracked) {
  net.Server.prototype.close.call(tracked.server);
}

/**
 * Connections with a request in flight close after its answer, if its head has not been sent yet; the others become
 * idle and are closed then.
 * @param {Tracked} tracked
 */
function closeAfterAnswer(tracked) {
  for (const socket of tracked.sockets) {
    const response = socket._httpMessage;
    if (response && !response.headersSent) response.shouldKeepAlive = false;
  }
}

/**
 * @param {Tracked} tracked
 * @param {boolean} silentToo close connections that have sent nothing so far, too
 */
function closeIdle(tracked, silentToo) {
  if (!tracked.http) return;
  tracked.server.closeIdleConnections();
  if (!silentToo) return;
  for (const socket of tracked.sockets) {
    if (socket.bytesRead === 0 && !socket._httpMessage) socket.destroy();
  }
}

module.exports = { installDrain };
