'use strict';

// The listening sockets of this worker: what it listens on is told to the guard, and a plain process gives the guard its
// sockets and takes those of the process before it, so that they outlive each of them. Every listen of a primary process
// goes through net's _listen2, on every Node from 18 to 24; binding stays synchronous.

const { errorMonitor } = require('node:events');
const net = require('node:net');
const { OWN } = require('./own');

/** Names the inherited descriptors, as JSON: {key: descriptor}. */
const VARIABLE = 'PANDORA_SOCKETS';

/**
 * @typedef {object} Listener one server that listens
 * @property {string} address as a person reads it, such as 'tcp 127.0.0.1:3000'
 * @property {boolean} exclusive no other process can listen there while this one does
 * @property {string} [key] the same in the next process
 */

/** @returns {Record<string, number>} */
function readInherited() {
  const raw = process.env[VARIABLE];
  delete process.env[VARIABLE];
  return raw ? JSON.parse(raw) : {};
}

/**
 * @param {any} server
 * @returns {string | undefined}
 */
function addressOf(server) {
  const address = server.address?.();
  if (typeof address === 'string') return `unix ${address}`;
  if (!address) return undefined;
  const host = address.family === 'IPv6' || address.family === 6 ? `[${address.address}]` : address.address;
  return `tcp ${host}:${address.port}`;
}

/** A worker that waits for longer than this to listen is ready all the same. */
const SETTLE_MS = 2000;

/**
 * Watches the servers that were told to listen and do not yet: a worker of a cluster asks its guard first, and a name has
 * to be looked up.
 * @returns {() => Promise<void>} waits until every one listens or has failed
 */
function watchPending() {
  /** @type {Set<any>} */
  const pending = new Set();
  let onSettled = () => {};
  const { listen } = net.Server.prototype;
  net.Server.prototype.listen = /** @type {any} */ (/** @this {any} @param {any[]} args */ function (...args) {
    const server = this;
    const done = () => {
      for (const event of ['listening', errorMonitor, 'close']) server.removeListener(event, done);
      pending.delete(server);
      if (pending.size === 0) onSettled();
    };
    const result = Reflect.apply(listen, server, args);
    if (!pending.has(server)) {
      pending.add(server);
      for (const event of ['listening', errorMonitor, 'close']) server.on(event, done);
    }
    return result;
  });
  return () => new Promise((resolve) => {
    const timer = setTimeout(resolve, SETTLE_MS);
    onSettled = () => {
      clearTimeout(timer);
      resolve();
    };
    if (pending.size === 0) onSettled();
  });
}

/**
 * Watches every socket that listens from now on.
 * @param {import('./lane').Lane} lane
 * @param {() => boolean} leaving what is closed from then on is kept for the next process
 * @param {boolean} plain the process is no worker of a cluster
 * @returns {() => Promise<void>} waits until every server that was told to listen does, or has failed
 */
function watchSockets(lane, leaving, plain) {
  const inherited = readInherited();
  /** @type {Map<any, Listener>} */
  const listeners = new Map();
  let randomPorts = 0;

  function tell() {
    const all = [...listeners.values()];
    lane.send('listening', {
      addresses: all.map((each) => each.address),
      exclusive: all.filter((each) => each.exclusive).map((each) => each.address),
    });
  }

  /** @param {any} server @param {boolean} exclusive @param {string} [key] */
  function note(server, exclusive, key) {
    const onListening = () => {
      const address = addressOf(server);
      if (!address || leaving()) return;
      listeners.set(server, { address, exclusive, key });
      if (key !== undefined) lane.send('socket', { key, fd: server._handle.fd, address });
      tell();
    };
    server.once('listening', onListening);
    server.once('close', () => {
      server.removeListener('listening', onListening);
      if (!listeners.delete(server) || leaving()) return;
      if (key !== undefined) lane.send('socketClosed', { key });
      tell();
    });
  }

  const prototype = /** @type {any} */ (net.Server.prototype);
  const listen2 = prototype._listen2;
  if (typeof listen2 !== 'function') return async () => {};
  /** @this {any} @param {any} address @param {any} port @param {any} addressType @param {any} backlog @param {any} fd @param {any} flags */
  prototype._listen2 = function (address, port, addressType, backlog, fd, flags) {
    // A worker of a cluster has its handle from the primary by now, unless it wants one for itself.
    const shared = Boolean(this._handle);
    const tcp = typeof port === 'number' && port >= 0 && (addressType === 4 || addressType === 6 || addressType === undefined || addressType === null);
    if (this[OWN] || (tcp && port === 0 && !plain && !shared)) {
      // A port of its own, another in each process: nobody waits for it, and nothing is exclusive about it.
      return Reflect.apply(listen2, this, [address, port, addressType, backlog, fd, flags]);
    }
    if (!plain || !tcp || typeof fd === 'number' && fd >= 0 || shared) {
      note(this, !shared);
      return Reflect.apply(listen2, this, [address, port, addressType, backlog, fd, flags]);
    }
    const key = `${addressType ?? ''}:${address ?? ''}:${port}${port === 0 ? `:${randomPorts++}` : ''}`;
    note(this, false, key);
    const known = inherited[key];
    delete inherited[key];
    if (known === undefined) return Reflect.apply(listen2, this, [address, port, addressType, backlog, fd, flags]);
    return Reflect.apply(listen2, this, [null, null, null, backlog, known, flags]);
  };
  watchDatagrams(listeners, tell, plain);
  return watchPending();
}

/**
 * Datagram sockets of a plain process cannot be held by the guard; those of a cluster's worker are the primary's. One
 * without a port of its own is a client's: Node binds it when it sends first. The next process has another.
 * @param {Map<any, Listener>} listeners
 * @param {() => void} tell
 * @param {boolean} plain
 */
function watchDatagrams(listeners, tell, plain) {
  const dgram = require('node:dgram');
  const bind = dgram.Socket.prototype.bind;
  dgram.Socket.prototype.bind = /** @type {any} */ (/** @this {any} @param {any[]} args */ function (...args) {
    const options = args[0];
    const port = options && typeof options === 'object' ? options.port : options;
    if (!port || typeof port === 'function' || Number(port) === 0) return Reflect.apply(bind, this, args);
    const exclusive = plain || Boolean(options && typeof options === 'object' && options.exclusive);
    this.once('listening', () => {
      const at = this.address();
      listeners.set(this, { address: `udp ${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`, exclusive });
      tell();
    });
    this.once('close', () => {
      if (listeners.delete(this)) tell();
    });
    return Reflect.apply(bind, this, args);
  });
}

module.exports = { watchSockets };
