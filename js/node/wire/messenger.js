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

/** One connection to the daemon, made anew whenever it ends. */
class Messenger {
  /** @type {net.Socket | null} */
  #socket = null;
  #connected = false;
  #closed = false;
  #lastId = 0;
  /** @type {{action: string, data: any}[]} */
  #queue = [];
  /** @type {Map<string, (data: any) => any>} */
  #handlers = new Map();
  /** @type {(() => void)[]} */
  #listeners = [];
  /** How many messages were dropped so far. */
  dropped = 0;

  /** @param {string} socketPath */
  constructor(socketPath) {
    this.socketPath = socketPath;
    this.#open();
  }

  /**
   * Sends a message that expects no reply; queues it while there is no connection.
   * @param {string} action
   * @param {any} data
   */
  send(action, data) {
    if (this.#connected) {
      this.#write(action, data);
      return;
    }
    if (this.#queue.length >= MAX_QUEUE) {
      this.#queue.shift();
      this.dropped += 1;
    }
    this.#queue.push({ action, data });
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
      this.#connected = false;
      this.#socket = null;
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
    for (const { action, data } of unsent) this.#write(action, data);
    socket.uncork();
  }

  /**
   * @param {string} action
   * @param {any} data
   */
  #write(action, data) {
    if (!this.#socket || this.#socket.writableLength > MAX_UNSENT_BYTES) {
      this.dropped += 1;
      return;
    }
    this.#lastId = this.#lastId >= MAX_ID ? 1 : this.#lastId + 1;
    this.#socket.write(encode(this.#lastId, action, data));
  }

  /**
   * @param {net.Socket} socket
   * @param {import('./frames').Packet} packet
   */
  async #receive(socket, { id, action, data }) {
    const handler = this.#handlers.get(action);
    if (!handler) return;
    let result;
    try {
      result = await handler(data);
    } catch {
      result = undefined; // the daemon leaves the row out
    }
    if (socket === this.#socket && this.#connected) this.#write(REPLY + id, result);
  }
}

module.exports = { Messenger };
