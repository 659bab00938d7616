'use strict';

// The package pandora-messenger, for an application that does not have it installed: messages between processes of one
// machine that meet at a name.

const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { EventEmitter } = require('node:events');
const { MessengerServer: BaseServer, Peer, RESERVED } = require('../service/messenger');
const { problem, timedOut } = require('../wire/frames');

/** The event of every message: { action, data }, reply. */
const eventName = Symbol('message');

const CLIENT_DEFAULTS = { noDelay: true, responseTimeout: 20_000, reConnectTimes: 0, reConnectInterval: 1000 };
/** What is kept for whoever connects. */
const MAX_WAITING = 1000;

/**
 * @typedef {object} Options
 * @property {string} name where both ends meet
 * @property {boolean} [noDelay]
 * @property {boolean} [unref] the connection keeps no process alive
 * @property {number} [responseTimeout] milliseconds
 * @property {number} [reConnectTimes] how often a lost connection is tried again before it is given up
 * @property {number} [reConnectInterval] milliseconds
 * @property {boolean} [reConnectAtFirstTime] also the first connection is tried again
 *
 * @typedef {import('../service/messenger').Callback} Callback
 * @typedef {{action: string, data: any, callback?: Callback, timeout: number, until: number, timer?: NodeJS.Timeout}} Waiting
 */

/**
 * @param {Options} options
 * @returns {string}
 */
function socketPath(options) {
  if (typeof options?.name !== 'string' || options.name === '') {
    throw Object.assign(new Error('options.name is required!'), { code: 'PANDORA_MESSENGER_NAME' });
  }
  return path.join(process.env.PANDORA_TMP_DIR || os.tmpdir(), `pandorajs_${options.name.replace(/[^\w]/g, '')}.sock`);
}

/** Whether something is ready, and who waits for it. */
class Ready {
  #ready = false;
  /** @type {(() => void)[]} */
  #waiting = [];

  /**
   * @param {boolean | (() => void)} [given] whether it is, or who is to be called once it is
   * @returns {Promise<void> | undefined} a promise for who gives nothing
   */
  call(given) {
    if (given === undefined) return new Promise((resolve) => void this.call(resolve));
    if (typeof given === 'function') this.#waiting.push(given);
    else this.#ready = given;
    if (this.#ready) for (const each of this.#waiting.splice(0)) process.nextTick(each);
    return undefined;
  }

  get is() {
    return this.#ready;
  }
}

/** Connects to the server of its name. Events: the actions received, connect, error, and close at the end of all attempts. */
class MessengerClient extends EventEmitter {
  #ready = new Ready();
  /** @type {Peer | null} */
  #peer = null;
  #closed = false;
  #left = 0;
  /** What waits for a connection. @type {Set<Waiting>} */
  #queue = new Set();

  /** @param {Options} options */
  constructor(options) {
    super();
    this.sockPath = socketPath(options);
    this.options = { ...CLIENT_DEFAULTS, ...options };
    this.#left = this.options.reConnectTimes;
    this.on('error', () => {}); // nobody has to listen
    this.#open();
  }

  /** @param {boolean | (() => void)} [given] */
  ready(given) {
    return this.#ready.call(given);
  }

  /** @returns {boolean} whether there is a connection */
  get isOK() {
    return this.#peer !== null;
  }

  #open() {
    const socket = net.connect(this.sockPath);
    const peer = new Peer(socket, (action, data, reply) => {
      this.emit(eventName, { action, data }, reply);
      if (!RESERVED.has(action)) this.emit(action, data, reply);
    });
    this.socket = socket;
    socket.setNoDelay(this.options.noDelay);
    if (!(this.options.unref && this.#ready.is)) socket.ref();
    socket.on('error', (error) => this.emit('error', error));
    socket.on('connect', () => this.#connect(peer));
    peer.once('close', () => this.#lost());
  }

  /** @param {Peer} peer */
  #connect(peer) {
    this.#peer = peer;
    this.#left = this.options.reConnectTimes;
    this.#ready.call(true);
    if (this.options.unref) peer.socket.unref();
    for (const { action, data, callback, until, timer } of this.#queue) {
      clearTimeout(timer);
      peer.send(action, data, callback, until - Date.now());
    }
    this.#queue.clear();
    this.emit('connect');
  }

  #lost() {
    this.#peer = null;
    if (!this.#closed && this.#left > 0 && (this.#ready.is || this.options.reConnectAtFirstTime)) {
      this.#left -= 1;
      const timer = setTimeout(() => { if (!this.#closed) this.#open(); }, this.options.reConnectInterval);
      if (this.options.unref && this.#ready.is) timer.unref();
      return;
    }
    this.#end();
  }

  #end() {
    this.#closed = true;
    pools.client.delete(this.options.name, this);
    for (const { callback, timer } of this.#queue) {
      clearTimeout(timer);
      callback?.(problem('PANDORA_LINK_LOST', 'the connection ended before the answer came'));
    }
    this.#queue.clear();
    this.emit('close');
    this.removeAllListeners();
  }

  /**
   * What is sent while there is no connection waits for one, within its own time.
   * @param {string} action
   * @param {any} [data]
   * @param {Callback} [callback] of the answer
   * @param {number} [timeout] for it, in milliseconds
   */
  send(action, data, callback, timeout) {
    const limit = timeout || this.options.responseTimeout;
    if (this.#peer) {
      this.#peer.send(action, data, callback, limit);
      return;
    }
    if (this.#closed || this.#queue.size >= MAX_WAITING) {
      if (callback) setImmediate(callback, problem('PANDORA_LINK_FULL', 'there is no connection'));
      return;
    }
    /** @type {Waiting} */
    const entry = { action, data, callback, timeout: limit, until: Date.now() + limit };
    this.#queue.add(entry);
    entry.timer = setTimeout(() => {
      this.#queue.delete(entry);
      callback?.(timedOut(limit));
    }, limit).unref();
  }

  close() {
    if (this.#closed) return;
    this.#closed = true;
    if (this.socket && !this.socket.destroyed) this.socket.destroy(); // #lost follows
    else this.#end(); // between two attempts
  }
}

/** Takes the place of its name, also from a server that is there. Events: the actions received, connected, disconnected, error. */
class MessengerServer extends BaseServer {
  #ready = new Ready();
  /** What was said while nobody was there. @type {{action: string, data: any}[]} */
  #unheard = [];

  /** @param {Options} options */
  constructor(options) {
    super(socketPath(options));
    this.sockPath = this.socketPath;
    this.options = options;
    this.server.ref();
    this.on('error', () => {}); // nobody has to listen
    this.on('connected', (client) => { for (const { action, data } of this.#unheard) client.send(action, data); });
    this.listening = this.listen().then(() => this.#ready.call(true), (error) => this.emit('error', error));
  }

  /** @param {boolean | (() => void)} [given] */
  ready(given) {
    return this.#ready.call(given);
  }

  /**
   * @override
   * @param {Peer} client
   * @param {string} action
   * @param {any} data
   * @param {(data?: any) => void} reply
   */
  received(client, action, data, reply) {
    client.emit(eventName, { action, data }, reply);
    this.emit(eventName, { action, data }, reply, client);
    if (RESERVED.has(action)) return;
    client.emit(action, data, reply);
    this.emit(action, data, reply, client);
  }

  /**
   * Said to all; what nobody hears is said to each who connects.
   * @override
   * @param {string} action
   * @param {any} [data]
   */
  broadcast(action, data) {
    if (this.clients.size > 0) super.broadcast(action, data);
    else if (this.#unheard.push({ action, data }) > MAX_WAITING) this.#unheard.shift();
    return this;
  }

  /**
   * @override
   * @param {() => void} [callback]
   */
  close(callback) {
    pools.server.delete(this.options.name, this);
    this.listening.then(() => {
      if (callback && !this.server.listening) callback();
      else if (callback) this.server.once('close', callback);
      super.close();
    });
    return this;
  }
}

/**
 * One of each name, for as long as it is not closed.
 * @template T
 */
class Pool {
  /** @type {Map<string, T>} */
  #all = new Map();

  /** @param {new (options: Options) => T} Class */
  constructor(Class) {
    this.Class = Class;
  }

  /**
   * @param {Options} options
   * @returns {T}
   */
  get(options) {
    let found = this.#all.get(options?.name);
    if (!found) {
      found = new this.Class(options);
      this.#all.set(options.name, found);
    }
    return found;
  }

  /** @param {string} name @param {T} which */
  delete(name, which) {
    if (this.#all.get(name) === which) this.#all.delete(name);
  }
}

const pools = { client: new Pool(MessengerClient), server: new Pool(MessengerServer) };

const messenger = {
  eventName,
  Client: MessengerClient,
  Server: MessengerServer,
  /** @param {Options} options */
  getClient: (options) => pools.client.get({ reConnectTimes: 10, ...options }),
  /** @param {Options} options */
  getServer: (options) => pools.server.get(options),
};

Object.defineProperty(exports, '__esModule', { value: true });
exports.MessengerClient = MessengerClient;
exports.MessengerServer = MessengerServer;
exports.default = messenger;
