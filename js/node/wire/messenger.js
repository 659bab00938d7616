'use strict';

// A client of the daemon's message socket. It reconnects for ever, never keeps the process alive and never makes it
// wait: what cannot be sent is queued within bounds, then dropped, the oldest first.

const net = require('node:net');
const { encode, FrameParser } = require('./frames');

const RETRY_MS = 1000;
const MAX_QUEUE = 1000;
/** A daemon that reads nothing costs no more memory than this. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
const MAX_ID = 2 ** 30;
const REPLY = 'response_callback_';
const REQUEST_MS = 20_000;

/**
 * @typedef {object} Message
 * @property {string} action
 * @property {any} data
 * @property {string | undefined} [reply] the action of its reply, once it is sent
 * @property {(data: any) => void} [resolve] takes the reply
 * @property {(error: any) => void} [reject] takes the reason why there is none
 */

/** One connection to the daemon, made anew whenever it ends. */
class Messenger {
  /** @type {net.Socket | null} */
  #socket = null;
  #connected = false;
  #closed = false;
  #lastId = 0;
  /** @type {Message[]} */
  #queue = [];
  /** @type {Map<string, (data: any) => any>} */
  #handlers = new Map();
  /** @type {(() => void)[]} */
  #listeners = [];
  /** @type {(() => void)[]} */
  #farewells = [];
  /** @type {Map<string, (data: any) => void>} who waits for a reply, by its action */
  #waiting = new Map();
  /** How many messages were dropped so far. */
  dropped = 0;

  /** @param {string} socketPath */
  constructor(socketPath) {
    this.socketPath = socketPath;
    this.#open();
  }

  /**
   * Sends a message that expects no reply; queues it while there is no connection. It is an error to send what cannot be
   * written as JSON.
   * @param {string} action
   * @param {any} data
   */
  send(action, data) {
    this.#post({ action, data });
  }

  /** @param {Message} message */
  #post(message) {
    if (this.#connected) {
      this.#write(message);
      return;
    }
    if (this.#queue.length >= MAX_QUEUE) {
      this.#queue.shift();
      this.dropped += 1;
    }
    this.#queue.push(message);
  }

  /**
   * Sends a message and waits for its reply. While there is no connection it is queued, under its own timeout; a
   * connection that ends takes the reply with it.
   * @param {string} action
   * @param {any} data
   * @param {number} [timeoutMs]
   * @returns {Promise<any>} rejects with a MessengerRequestTimeoutError
   */
  request(action, data, timeoutMs = REQUEST_MS) {
    return new Promise((resolve, reject) => {
      /** @type {Message} */
      const message = {
        action,
        data,
        resolve: (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        if (message.reply) this.#waiting.delete(message.reply);
        const queued = this.#queue.indexOf(message);
        if (queued >= 0) this.#queue.splice(queued, 1);
        reject(Object.assign(new Error(`target no response in ${timeoutMs}ms`), { name: 'MessengerRequestTimeoutError', code: 'PANDORA_TIMEOUT' }));
      }, timeoutMs).unref();
      try {
        this.#post(message);
      } catch (error) {
        message.reject?.(error);
      }
    });
  }

  /** @returns {boolean} whether there is a connection now */
  get connected() {
    return this.#connected;
  }

  /**
   * Answers the requests of that action.
   * @param {string} action
   * @param {(data: any) => any} handler what it returns, or its promise resolves to, is the reply; when it throws the
   *   reply has no data
   */
  handle(action, handler) {
    this.#handlers.set(action, handler);
  }

  /**
   * @param {() => void} listener called at each connection, before anything queued is sent; at once if there is one
   */
  onConnect(listener) {
    this.#listeners.push(listener);
    if (this.#connected) listener();
  }

  /**
   * @param {() => void} listener called when a connection has ended
   */
  onDisconnect(listener) {
    this.#farewells.push(listener);
  }

  close() {
    this.#closed = true;
    this.#socket?.destroy();
  }

  #open() {
    if (this.#closed) return;
    const socket = net.connect(this.socketPath);
    const parser = new FrameParser();
    this.#socket = socket;
    socket.unref();
    socket.on('connect', () => this.#connect(socket));
    socket.on('data', (chunk) => {
      // The answers to one batch of questions leave together.
      socket.cork();
      setImmediate(() => socket.uncork());
      try {
        parser.push(/** @type {Buffer} */ (chunk), (packet) => void this.#receive(socket, packet));
      } catch (error) {
        socket.destroy(error);
      }
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      const ended = this.#connected;
      this.#connected = false;
      this.#socket = null;
      this.#waiting.clear(); // the next connection counts its packets anew
      if (ended) for (const listener of this.#farewells) listener();
      if (!this.#closed) setTimeout(() => this.#open(), RETRY_MS).unref();
    });
  }

  /** @param {net.Socket} socket */
  #connect(socket) {
    this.#connected = true;
    this.#lastId = 0;
    socket.cork();
    for (const listener of this.#listeners) listener();
    const unsent = this.#queue;
    this.#queue = [];
    for (const message of unsent) {
      try {
        this.#write(message);
      } catch (error) {
        // Who sent it has long gone on.
        if (message.reject) message.reject(error);
        else process.emitWarning(`pandora: a message was not sent, ${message.action}: ${error?.message ?? error}`, { code: 'PANDORA_MESSAGE' });
      }
    }
    socket.uncork();
  }

  /** @param {Message} message */
  #write(message) {
    if (!this.#socket || this.#socket.writableLength > MAX_UNSENT_BYTES) {
      this.dropped += 1;
      return;
    }
    this.#lastId = this.#lastId >= MAX_ID ? 1 : this.#lastId + 1;
    const frame = encode(this.#lastId, message.action, message.data);
    if (message.resolve) {
      message.reply = REPLY + this.#lastId;
      this.#waiting.set(message.reply, message.resolve);
    }
    this.#socket.write(frame);
  }

  /**
   * @param {net.Socket} socket
   * @param {import('./frames').Packet} packet
   */
  async #receive(socket, { id, action, data }) {
    const resolve = this.#waiting.get(action);
    if (resolve) {
      this.#waiting.delete(action);
      resolve(data);
      return;
    }
    const handler = this.#handlers.get(action);
    if (!handler) return;
    /** @param {any} result */
    const answer = (result) => {
      if (socket === this.#socket && this.#connected) this.#write({ action: REPLY + id, data: result });
    };
    try {
      answer(await handler(data));
    } catch {
      answer(undefined); // the daemon leaves the row out; also where the result cannot be written as JSON
    }
  }
}

module.exports = { Messenger };
