'use strict';

// Drain: stop accepting connections, answer what is in flight, close the rest. It needs no change in the application.
// Loading costs a wrapper around net.Server's listen and close; the rest happens when a drain begins.

const net = require('node:net');
const { OWN } = require('./own');

const DEFAULT_TIMEOUT_MS = 5000;
/** How often idle connections are looked for while draining. */
const SWEEP_MS = 50;
/** A WebSocket's close frame with the code 1001, going away. */
const GOING_AWAY = Buffer.from([0x88, 2, 0x03, 0xe9]);
/**
 * A gentle drain ends an http2 connection once it has been without a request for so long, and after the longer time in any
 * case: what the server refuses after its GOAWAY not every client sends again, but a busy one is never quiet.
 */
const QUIET_MS = 200;
const BUSY_MS = 1000;
/**
 * A drain that is not gentle leaves idle connections alone for so long, too: a request that is on its way to one of them, or
 * lies in the kernel while the loop is busy, would be answered with a reset. Whoever asks in this time is told to close.
 */
const LAST_CALL_MS = 100;
/** How many connections are left is told no more often than this. */
const TELL_MS = 300;
/** How long answers to datagrams that were read before the drain may take: nothing tells which of them are still to come. */
const DATAGRAM_MS = 100;

/**
 * @typedef {object} Tracked
 * @property {any} server
 * @property {boolean} http
 * @property {Set<any>} sockets the connections that speak the server's protocol (after TLS)
 * @property {Map<any, {streams: number, since: number}>} sessions those of them that speak http2: how many requests are open,
 *   and since when that many
 * @property {WeakSet<any>} webSockets those of them that were upgraded to WebSockets
 * @property {boolean} closed the server emitted 'close' since it last listened
 * @property {any} handle what it listens with
 */

/**
 * @typedef {object} Leave how to drain
 * @property {number} [timeoutMs] bounds the drain; 5,000 if not a positive number
 * @property {number} [graceMs] how long upgraded and streaming connections may go on; as long as the drain if not positive
 * @property {boolean} [gently] idle connections stay until the client, or the server's keep-alive time, ends them: a
 *   request that is on its way meanwhile is answered
 */

/**
 * @typedef {object} Drain
 * @property {(leave: Leave, done: () => void, tell?: (connections: number) => void) => void} begin done is called once every
 *   server has closed, or the time is over. A second call while draining adds its done; when it is not gentle, the drain is
 *   not from then on. tell is told how many connections are left, whenever that is another number; of the first call only.
 * @property {() => boolean} active
 */

/**
 * Remembers every server that listens from now on, also https, http2 and plain net servers.
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
  let deadline = 0;
  let graceEnd = 0;
  let gently = false;

  wrapListen(servers);
  wrapClose(drained);

  /** @param {(connections: number) => void} [tell] */
  function run(tell) {
    const diagnostics = require('node:diagnostics_channel');
    // Later requests on connections that are still busy are answered with `Connection: close`, so that Node ends the
    // connection after the answer and no client can lose a race.
    diagnostics.subscribe('http.server.request.start', (/** @type {any} */ event) => {
      event.response.shouldKeepAlive = false;
    });
    const began = Date.now();
    const open = new Set(servers.values());
    for (const tracked of open) {
      drained.set(tracked.server, tracked);
      stopAccepting(tracked);
      closeAfterAnswer(tracked);
    }
    const datagramsUntil = stopReceiving() > 0 ? began + DATAGRAM_MS : began;
    let told = { connections: 0, at: began };
    const sweep = () => {
      const now = Date.now();
      /** @type {Tracked[]} */
      const idle = [];
      for (const tracked of open) {
        if (tracked.closed) {
          open.delete(tracked);
          continue;
        }
        for (const [session, use] of tracked.sessions) {
          const quiet = use.streams === 0 && now >= use.since + QUIET_MS;
          if (quiet || now >= began + (gently ? BUSY_MS : LAST_CALL_MS)) session.close();
        }
        if (now >= began + (gently ? idleTime(tracked.server) : LAST_CALL_MS)) idle.push(tracked);
        if (now >= graceEnd) endStreams(tracked);
      }
      if (tell && now >= told.at + TELL_MS) {
        const connections = [...open].reduce((sum, { server }) => sum + (server._connections ?? 0), 0);
        if (connections !== told.connections) tell(connections);
        told = { connections, at: now };
      }
      // Right after the loop has read what there is, so that no request waits unread on what is closed.
      if (idle.length > 0) setImmediate(() => idle.forEach(closeIdle));
      if ((open.size > 0 || now < datagramsUntil) && now < deadline) return;
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
    begin(leave, done, tell) {
      const first = waiting.length === 0;
      const timeoutMs = positive(leave.timeoutMs) ?? DEFAULT_TIMEOUT_MS;
      if (first || !leave.gently) {
        deadline = Date.now() + timeoutMs;
        graceEnd = Date.now() + (positive(leave.graceMs) ?? timeoutMs);
        gently = Boolean(leave.gently);
      }
      waiting.push(done);
      draining = true;
      if (first) run(tell);
    },
  };
}

/** @param {any} value @returns {number | undefined} */
const positive = (value) => (typeof value === 'number' && value > 0 ? value : undefined);

/**
 * How long idle connections stay in a gentle drain: by then Node itself has ended those that are idle.
 * @param {any} server
 * @returns {number} milliseconds
 */
function idleTime(server) {
  const { keepAliveTimeout } = server;
  if (typeof keepAliveTimeout !== 'number') return 0;
  return keepAliveTimeout > 0 ? keepAliveTimeout + 1000 : Infinity;
}

/**
 * The grace of connections that would not end by themselves is over: upgraded ones, and answers that go on for ever.
 * @param {Tracked} tracked
 */
function endStreams(tracked) {
  for (const socket of tracked.sockets) {
    const response = socket._httpMessage;
    if (tracked.webSockets.delete(socket) && socket.writable) socket.write(GOING_AWAY);
    if (response?.headersSent && !response.writableEnded || tracked.http && !socket.parser) socket.destroySoon();
  }
}

/**
 * Notes WebSockets. Node looks at whether there is an 'upgrade' listener, and so ours comes with the application's first.
 * @param {Tracked} tracked
 */
function noteUpgrades({ server, webSockets }) {
  const onUpgrade = (/** @type {any} */ request, /** @type {any} */ socket) => {
    if (/^websocket$/i.test(request.headers.upgrade)) webSockets.add(socket);
  };
  if (server.listenerCount('upgrade') > 0) {
    server.prependListener('upgrade', onUpgrade);
    return;
  }
  const onListener = (/** @type {string} */ event) => {
    if (event !== 'upgrade') return;
    server.removeListener('newListener', onListener);
    server.prependListener('upgrade', onUpgrade);
  };
  server.on('newListener', onListener);
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
    if (!watched.has(this) && !this[OWN]) {
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
  const tracked = { server, http: typeof server.closeIdleConnections === 'function', sockets, sessions: new Map(), webSockets: new WeakSet(), closed: false, handle: server._handle };
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
  if (tracked.http) {
    server.on(event, onConnection);
    noteUpgrades(tracked);
  }
  const onSession = (/** @type {any} */ session) => {
    const use = { streams: 0, since: Date.now() };
    /** @param {number} by */
    const count = (by) => {
      use.streams += by;
      use.since = Date.now();
    };
    tracked.sessions.set(session, use);
    session.on('stream', (/** @type {any} */ stream) => {
      count(1);
      stream.once('close', () => count(-1));
    });
    session.once('close', () => tracked.sessions.delete(session));
  };
  server.on('session', onSession);
  server.once('close', () => {
    tracked.closed = true;
    servers.delete(server);
    server.removeListener(event, onConnection);
    server.removeListener('session', onSession);
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
  const { server, handle } = tracked;
  if (server._handle) {
    net.Server.prototype.close.call(server);
  } else if (handle?.fd >= 0) {
    // The cluster of this process has taken the handle from the server, to hand connections to its own workers.
    tracked.closed = true;
    handle.close();
  }
}

/**
 * Leaves the datagrams that come from now on to the other workers, which read the same socket. Only what the cluster shares is
 * meant: on a socket of its own this process may wait for answers. Node marks a shared handle by a close of its own.
 * @returns {number} how many sockets do not receive any more
 */
function stopReceiving() {
  if (!/** @type {any} */ (require('node:cluster')).isWorker) return 0;
  const { Socket } = require('node:dgram');
  let count = 0;
  for (const socket of /** @type {any} */ (process)._getActiveHandles()) {
    if (!(socket instanceof Socket)) continue;
    const state = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === 'state symbol');
    const handle = state && /** @type {any} */ (socket)[state]?.handle;
    if (!handle || !Object.hasOwn(handle, 'close') || typeof handle.recvStop !== 'function') continue;
    handle.recvStop();
    count += 1;
  }
  return count;
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
 * Closes connections without a request, also those that have sent nothing so far.
 * @param {Tracked} tracked
 */
function closeIdle(tracked) {
  if (!tracked.http) return;
  tracked.server.closeIdleConnections();
  for (const socket of tracked.sockets) {
    if (socket.bytesRead === 0 && !socket._httpMessage) socket.destroy();
  }
}

module.exports = { installDrain };
