'use strict';

// The private lane of the IPC channel: messages {cmd: 'NODE_PANDORA', act, …} between a worker and its guard. Node
// delivers a message whose cmd starts with NODE_ as 'internalMessage', so the application's process.on('message') never
// sees it.

const CMD = 'NODE_PANDORA';

/**
 * @typedef {object} Lane
 * @property {(act: string, fields?: object, done?: () => void) => void} send done is called when the message has been
 *   written, or cannot be
 * @property {(act: string, handler: (message: any) => void) => void} on one handler per act
 */

/** More of a text than this is not sent, so that it is written at once. */
const MAX_TEXT = 4000;

/** @param {any} text */
const cut = (text) => String(text).slice(0, MAX_TEXT);

/**
 * An error as it travels to the guard.
 * @param {any} error anything that was thrown
 * @returns {{name: string, message: string, stack: string, code?: string, syscall?: string, address?: string, port?: number}}
 */
function describeError(error) {
  if (error instanceof Error || (error && typeof error.message === 'string')) {
    const { name, message, stack, code, syscall, address, port } = error;
    return {
      name: cut(name ?? 'Error'),
      message: cut(message),
      stack: cut(stack ?? message),
      ...(typeof code === 'string' ? { code: cut(code) } : {}),
      ...(typeof syscall === 'string' ? { syscall: cut(syscall) } : {}),
      ...(typeof address === 'string' ? { address: cut(address) } : {}),
      ...(Number.isInteger(port) ? { port } : {}),
    };
  }
  const text = cut(require('node:util').inspect(error));
  return { name: 'Error', message: `thrown: ${text}`, stack: `thrown: ${text}` };
}

/**
 * Opens the lane. process.send is taken now, so that an application that wraps it does not see our messages.
 * @returns {Lane}
 */
function createLane() {
  const send = process.send;
  /** @type {Map<string, (message: any) => void>} */
  const handlers = new Map();
  process.on(/** @type {any} */ ('internalMessage'), (/** @type {any} */ message) => {
    if (!message || message.cmd !== CMD) return;
    const handler = handlers.get(message.act);
    if (handler) handler(message);
  });
  return {
    send(act, fields, done = () => {}) {
      if (!send || !process.connected) {
        process.nextTick(done);
        return;
      }
      // With a callback a closed channel is told there, instead of as an 'error' event that would end the process.
      Reflect.apply(send, process, [{ cmd: CMD, act, ...fields }, undefined, undefined, () => done()]);
    },
    on(act, handler) {
      handlers.set(act, handler);
    },
  };
}

module.exports = { createLane, describeError };
