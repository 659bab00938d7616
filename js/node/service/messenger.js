'use strict';

// Both ends of the socket between a process and the agent of its application, as services of the first form may use them
// for messages of their own: send(action, data, callback) and on(action, (data, reply, client) => …).

const { EventEmitter } = require('node:events');
const net = require('node:net');
const { encode, nextId, problem, timedOut, REPLY, FrameParser } = require('../wire/frames');
const { listen, unlink } = require('../wire/listen');

const TIMEOUT_MS = 20000;
const RETRY_MS = 200;
/** More than this waits for no one who does not read. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;
const MAX_WAITING = 10000;
/** Events of our own, which no message may cause. */
const RESERVED = new Set(['error', 'connect', 'connected', 'disconnected', 'close', 'newListener', 'removeListener']);

/** @typedef {(error: Error | null, data?: any) => void} Callback */

/** One connection. */
class Peer extends EventEmitter {
  #lastId = 0;
  /** @type {Map<string, {callback: Callback, timer: NodeJS.Timeout}>} */
  #calls = new Map();

  /**
   * @param {net.Socket} socket
   * @param {(action: string, data: any, reply: (data: any) => void) => void} receive
   */
  constructor(socket, receive) {
    super();
    this.socket = socket;
    const parser = new FrameParser();
    socket.unref();
    socket.on('data', (chunk) => {
      try {
        parser.push(/** @type {Buffer} */ (chunk), ({ id, action, data }) => {
          // Each by itself: what a listener throws is no fault of the connection, and keeps no other message.
          process.nextTick(() => this.#receive(id, action, data, receive));
        });
      } catch (error) {
        socket.destroy(error);
      }
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      const calls = [...this.#calls.values()];
      this.#calls.clear();
      for (const { callback, timer } of calls) {
        clearTimeout(timer);
        callback(problem('PANDORA_LINK_LOST', 'the connection ended before the answer came'));
      }
      this.emit('close');
    });
  }

  /**
   * @param {number} id
   * @param {string} action
   * @param {any} data
   * @param {(action: string, data: any, reply: (data: any) => void) => void} receive
   */
  #receive(id, action, data, receive) {
    const call = this.#calls.get(action);
    if (call) {
      this.#calls.delete(action);
      clearTimeout(call.timer);
      call.callback(null, data);
    } else if (!action.startsWith(REPLY)) {
      receive(action, data, (answer) => this.send(REPLY + id, answer));
    }
  }

  /**
   * @param {string} action
   * @param {any} data
   * @param {Callback} [callback] of the answer
   * @param {number} [timeout] for it, in milliseconds
   */
  send(action, data, callback, timeout = TIMEOUT_MS) {
    this.#lastId = nextId(this.#lastId);
    const frame = encode(this.#lastId, action, data); // may throw: what was given has no JSON
    if (this.socket.destroyed || this.socket.writableLength > MAX_UNSENT_BYTES || this.#calls.size >= MAX_WAITING) {
      if (callback) setImmediate(callback, problem('PANDORA_LINK_FULL', 'nobody reads at the other end'));
      return;
    }
    if (callback) {
      const key = REPLY + this.#lastId;
      const timer = setTimeout(() => {
        this.#calls.delete(key);
        callback(timedOut(timeout));
      }, timeout).unref();
      this.#calls.set(key, { callback, timer });
    }
    this.socket.write(frame);
  }

  close() {
    this.socket.destroy();
  }
}

/** Listens. Events: the actions received, connected(client), disconnected(client). */
class MessengerServer extends EventEmitter {
  /** @type {Set<Peer>} */
  clients = new Set();
  #inode = 0;

  /** @param {string} socketPath */
  constructor(socketPath) {
    super();
    this.socketPath = socketPath;
    this.server = net.createServer((socket) => this.#connect(socket));
  }

  /** @param {net.Socket} socket */
  #connect(socket) {
    /** @type {Peer} */
    const client = new Peer(socket, (action, data, reply) => this.received(client, action, data, reply));
    this.clients.add(client);
    client.once('close', () => {
      this.clients.delete(client);
      this.emit('disconnected', client);
    });
    this.emit('connected', client);
  }

  /**
   * @param {Peer} client
   * @param {string} action
   * @param {any} data
   * @param {(data: any) => void} reply
   */
  received(client, action, data, reply) {
    if (!RESERVED.has(action)) this.emit(action, data, reply, client);
  }

  /**
   * Listens beside the server that may still be there, which a reload replaces, and takes its place.
   * @returns {Promise<void>}
   */
  async listen() {
    const { inode, listening } = listen(this.server, this.socketPath);
    this.#inode = inode;
    await listening;
  }

  /**
   * @param {string} action
   * @param {any} data
   */
  broadcast(action, data) {
    for (const client of this.clients) client.send(action, data);
  }

  /** Nobody connects any more; who is connected stays. */
  stopListening() {
    unlink(this.socketPath, this.#inode);
    this.server.close();
  }

  close() {
    this.stopListening();
    for (const client of this.clients) client.close();
  }
}

/** Connects, again and again. Events: the actions received, connect, close. */
class MessengerClient extends EventEmitter {
  /** @type {Peer | null} */
  #peer = null;
  #closed = false;
  /** How often it has connected. */
  connects = 0;
  /** Those whose answers are still taken. @type {WeakSet<Peer>} */
  #left = new WeakSet();
  /** What waits for a connection. @type {Set<{action: string, data: any, callback?: Callback, until: number, timer?: NodeJS.Timeout}>} */
  #queue = new Set();

  /** @param {string} socketPath */
  constructor(socketPath) {
    super();
    this.socketPath = socketPath;
    this.#open();
  }

  #open() {
    if (this.#closed) return;
    const socket = net.connect(this.socketPath);
    const peer = new Peer(socket, (action, data, reply) => {
      if (!RESERVED.has(action)) this.emit(action, data, reply, this);
    });
    socket.on('connect', () => {
      this.#peer = peer;
      this.connects += 1;
      const waiting = [...this.#queue];
      this.#queue.clear();
      this.emit('connect');
      for (const { action, data, callback, until, timer } of waiting) {
        clearTimeout(timer);
        peer.send(action, data, callback, until - Date.now());
      }
    });
    peer.once('close', () => {
      if (this.#left.has(peer)) return; // another has its place
      const connected = this.#peer === peer;
      this.#peer = null;
      if (connected) this.emit('close');
      if (!this.#closed) setTimeout(() => this.#open(), RETRY_MS).unref();
    });
    this.socket = socket;
  }

  get connected() {
    return this.#peer !== null;
  }

  /** Connects anew. What was asked is still answered by the other end, which is told that nothing more comes. */
  moveOn() {
    const peer = this.#peer;
    if (!peer) return;
    this.#peer = null;
    this.#left.add(peer);
    peer.socket.end();
    this.emit('close');
    this.#open();
  }

  /**
   * What is sent while there is no connection waits for one, within its own time.
   * @param {string} action
   * @param {any} data
   * @param {Callback} [callback] of the answer
   * @param {number} [timeout] for it, in milliseconds
   */
  send(action, data, callback, timeout = TIMEOUT_MS) {
    if (this.#peer) {
      this.#peer.send(action, data, callback, timeout);
      return;
    }
    /** @type {{action: string, data: any, callback?: Callback, until: number, timer?: NodeJS.Timeout}} */
    const entry = { action, data, callback, until: Date.now() + timeout };
    if (this.#closed || this.#queue.size >= MAX_WAITING) {
      if (callback) setImmediate(callback, problem('PANDORA_LINK_FULL', 'there is no connection'));
      return;
    }
    this.#queue.add(entry);
    entry.timer = setTimeout(() => {
      this.#queue.delete(entry);
      callback?.(timedOut(timeout));
    }, timeout).unref();
  }

  close() {
    this.#closed = true;
    this.socket?.destroy();
  }
}

module.exports = { MessengerServer, MessengerClient, Peer, RESERVED };
