'use strict';

// A client of the daemon's message socket. It reconnects for ever, never keeps the process alive and never makes it
// wait: what cannot be sent is queued within bounds, then dropped, the oldest first.

const net = require('node:net');
const { Deadlines } = require('./deadlines');
const { encode, number, nextId, problem, timedOut, REPLY, FrameParser } = require('./frames');

const RETRY_MS = 1000;
const MAX_QUEUE = 1000;
/** A daemon that reads nothing costs no more memory than this. */
const MAX_UNSENT_BYTES = 8 * 1024 * 1024;
const REQUEST_MS = 20_000;
/** What a handler returns whose message wants no reply. */
const NO_REPLY = Symbol('no reply');

/**
 * @typedef {object} Message
 * @property {Buffer} frame as it was when it was said, but for its number
 * @property {string | undefined} [reply] the action of its reply, once it is sent
 * @property {(data: any) => void} [resolve] takes the reply
 * @property {(error: Error) => void} [reject] is told that there will be none
 * @property {number} [ms] how long it may wait
 * @property {number} [due]
 * @property {import('./deadlines').List} [list]
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
  #queuedBytes = 0;
  /** @type {Deadlines<Message>} of requests */
  #deadlines = new Deadlines((message) => this.#expire(message));
  /** @type {((connected: boolean) => void)[]} who waits for the end of an attempt to connect */
  #settling = [];
  /** @type {Buffer[] | null} what waits for the end of this turn of the loop */
  #gathered = null;
  #gatheredBytes = 0;
  /** @type {Map<string, {handler: (data: any) => any, failed: (error: any, data: any) => any}>} */
  #handlers = new Map();
  /** @type {(() => void)[]} */
  #listeners = [];
  /** @type {(() => void)[]} */
  #farewells = [];
  /** @type {Map<string, Message>} what waits for a reply, by its action */
  #waiting = new Map();
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
   * @throws {Error} if data has no JSON
   */
  send(action, data) {
    this.#post({ frame: encode(0, action, data) });
  }

  /** @param {Message} message */
  #post(message) {
    if (this.#connected) {
      this.#write(message);
      return;
    }
    this.#queue.push(message);
    this.#queuedBytes += message.frame.length;
    while (this.#queue.length > 1 && (this.#queue.length > MAX_QUEUE || this.#queuedBytes > MAX_UNSENT_BYTES)) {
      this.#drop(this.#unqueue(0), `more than ${MAX_QUEUE} messages or ${MAX_UNSENT_BYTES} bytes wait for a connection`);
    }
  }

  /**
   * @param {number} at
   * @returns {Message} that is in the queue no longer
   */
  #unqueue(at) {
    const [message] = this.#queue.splice(at, 1);
    this.#queuedBytes -= message.frame.length;
    return message;
  }

  /**
   * @param {Message} message
   * @param {string} why
   */
  #drop(message, why) {
    this.dropped += 1;
    this.#fail(message, problem('PANDORA_MESSENGER_FULL', `message dropped: ${why}`));
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
      const message = { frame: encode(0, action, data), reply: undefined, resolve, reject, ms: timeoutMs, due: 0, list: undefined };
      this.#deadlines.add(message, timeoutMs);
      this.#post(message);
    });
  }

  /** @param {Message} message that has waited long enough */
  #expire(message) {
    if (message.reply) this.#waiting.delete(message.reply);
    const queued = this.#queue.indexOf(message);
    if (queued >= 0) this.#unqueue(queued);
    message.reject?.(timedOut(Number(message.ms)));
  }

  /**
   * @param {Message} message that waits for nothing more
   * @param {Error} error
   */
  #fail(message, error) {
    this.#deadlines.remove(message);
    message.reject?.(error);
  }

  /**
   * @returns {Promise<boolean>} whether there is a connection, once the attempt is over that is being made
   */
  settled() {
    if (this.#connected || !this.#socket) return Promise.resolve(this.#connected);
    return new Promise((resolve) => this.#settling.push(resolve));
  }

  /** @returns {boolean} whether there is a connection now */
  get connected() {
    return this.#connected;
  }

  /**
   * Answers the requests of that action.
   * @param {string} action
   * @param {(data: any) => any} handler what it returns, or its promise resolves to, is the reply; NO_REPLY: there is
   *   none
   * @param {(error: any, data: any) => any} [failed] gives the reply where handler throws, or where its reply cannot be
   *   written as JSON; a reply without data if it is left out
   */
  handle(action, handler, failed = () => undefined) {
    this.#handlers.set(action, { handler, failed });
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

  /** Ends it for good. What waits for a connection or a reply is told so. */
  close() {
    this.#closed = true;
    this.#socket?.destroy();
    for (const message of this.#queue.splice(0)) this.#fail(message, problem('PANDORA_MESSENGER_CLOSED', 'the messenger was closed'));
    this.#queuedBytes = 0;
  }

  #open() {
    if (this.#closed) return;
    const socket = net.connect(this.socketPath);
    const parser = new FrameParser();
    this.#socket = socket;
    socket.unref();
    socket.on('connect', () => this.#connect(socket));
    socket.on('data', (chunk) => {
      let packets = 0;
      try {
        parser.push(/** @type {Buffer} */ (chunk), (packet) => {
          packets += 1;
          void this.#receive(socket, packet);
        });
        if (packets > 1) this.#gather(socket); // nothing is answered before this has run
      } catch (error) {
        socket.destroy(error);
      }
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => {
      const ended = this.#connected;
      this.#connected = false;
      this.#socket = null;
      this.#gathered = null;
      this.#gatheredBytes = 0;
      const lost = [...this.#waiting.values()];
      this.#waiting.clear(); // the next connection counts its packets anew
      for (const message of lost) this.#fail(message, problem('PANDORA_MESSENGER_LOST', 'the connection ended before the reply came'));
      if (ended) for (const listener of this.#farewells) listener();
      this.#settle();
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
    this.#queuedBytes = 0;
    for (const message of unsent) this.#write(message);
    socket.uncork();
    this.#settle();
  }

  #settle() {
    for (const resolve of this.#settling.splice(0)) resolve(this.#connected);
  }

  /** @param {Message} message */
  #write(message) {
    if (!this.#socket || this.#socket.writableLength + this.#gatheredBytes > MAX_UNSENT_BYTES) {
      this.#drop(message, `the other end has not read ${MAX_UNSENT_BYTES} bytes yet`);
      return;
    }
    this.#lastId = nextId(this.#lastId);
    number(message.frame, this.#lastId);
    if (message.resolve) {
      message.reply = REPLY + this.#lastId;
      this.#waiting.set(message.reply, message);
    }
    if (this.#gathered) {
      this.#gathered.push(message.frame);
      this.#gatheredBytes += message.frame.length;
    } else {
      this.#socket.write(message.frame);
    }
  }

  /**
   * What is said in answer to what has just been read leaves together, before the loop waits again.
   * @param {net.Socket} socket
   */
  #gather(socket) {
    if (this.#gathered) return;
    /** @type {Buffer[]} */
    const frames = [];
    this.#gathered = frames;
    setImmediate(() => {
      if (this.#gathered === frames) {
        this.#gathered = null;
        this.#gatheredBytes = 0;
      }
      if (frames.length > 0 && !socket.destroyed) socket.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
    });
  }

  /**
   * @param {net.Socket} socket
   * @param {import('./frames').Packet} packet
   */
  async #receive(socket, { id, action, data }) {
    const asked = this.#waiting.get(action);
    if (asked) {
      this.#waiting.delete(action);
      this.#deadlines.remove(asked);
      asked.resolve?.(data);
      return;
    }
    const known = this.#handlers.get(action);
    if (!known) return;
    /** @param {any} result */
    const answer = (result) => {
      if (result !== NO_REPLY && socket === this.#socket && this.#connected) this.#write({ frame: encode(0, REPLY + id, result) });
    };
    try {
      answer(await known.handler(data));
    } catch (error) {
      try {
        answer(known.failed(error, data));
      } catch {
        answer(undefined); // not even this can be written
      }
    }
  }
}

/**
 * @param {string} name as pandora_metric
 * @returns {string} where the daemon listens for it
 */
function daemonSocket(name) {
  return `${process.env.PANDORA_TMP_DIR || require('node:os').tmpdir()}/pandorajs_${name}.sock`;
}

module.exports = { Messenger, NO_REPLY, daemonSocket };
