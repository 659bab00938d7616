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

/**
 * @typedef {object} Messenger
 * @property {(action: string, data: any) => void} send a message that expects no reply
 * @property {(action: string, handler: (data: any) => any) => void} handle answers requests; what the handler returns,
 *   or what its promise resolves to, is the reply; none when it throws
 * @property {(listener: () => void) => void} onConnect called at each connection, before anything queued is sent; at
 *   once if there is one
 * @property {() => void} close
 * @property {() => number} dropped how many messages were dropped so far
 */

/**
 * @param {string} socketPath
 * @returns {Messenger}
 */
function connect(socketPath) {
  /** @type {net.Socket | null} */
  let socket = null;
  let connected = false;
  let closed = false;
  let lastId = 0;
  let dropped = 0;
  /** @type {{action: string, data: any}[]} */
  let queue = [];
  /** @type {Map<string, (data: any) => any>} */
  const handlers = new Map();
  /** @type {(() => void)[]} */
  const listeners = [];

  /**
   * @param {string} action
   * @param {any} data
   */
  function write(action, data) {
    if (!socket || !connected || socket.writableLength > MAX_UNSENT_BYTES) {
      dropped += 1;
      return;
    }
    lastId = lastId >= MAX_ID ? 1 : lastId + 1;
    socket.write(encode(lastId, action, data));
  }

  /** @param {import('./frames').Packet} packet */
  async function receive(packet) {
    const handler = handlers.get(packet.action);
    if (!handler) return;
    const from = socket;
    let data;
    try {
      data = await handler(packet.data);
    } catch {
      data = undefined; // the daemon leaves the row out
    }
    if (from === socket) write(REPLY + packet.id, data);
  }

  function open() {
    if (closed) return;
    const current = net.connect(socketPath);
    const parser = new FrameParser();
    socket = current;
    current.unref();
    current.setNoDelay(true);
    current.on('connect', () => {
      connected = true;
      lastId = 0;
      current.cork();
      for (const listener of listeners) listener();
      const unsent = queue;
      queue = [];
      for (const { action, data } of unsent) write(action, data);
      current.uncork();
    });
    current.on('data', (chunk) => {
      // The answers to one batch of questions leave together.
      current.cork();
      setImmediate(() => current.uncork());
      try {
        for (const packet of parser.push(/** @type {Buffer} */ (chunk))) void receive(packet);
      } catch (error) {
        current.destroy(error);
      }
    });
    current.on('error', () => {}); // 'close' follows
    current.on('close', () => {
      connected = false;
      socket = null;
      if (!closed) setTimeout(open, RETRY_MS).unref();
    });
  }

  open();
  return {
    send(action, data) {
      if (connected) {
        write(action, data);
        return;
      }
      if (queue.length >= MAX_QUEUE) {
        queue.shift();
        dropped += 1;
      }
      queue.push({ action, data });
    },
    handle(action, handler) {
      handlers.set(action, handler);
    },
    onConnect(listener) {
      listeners.push(listener);
      if (connected) listener();
    },
    close() {
      closed = true;
      socket?.destroy();
    },
    dropped: () => dropped,
  };
}

module.exports = { connect };
