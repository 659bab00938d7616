'use strict';

// Tells the daemon which files are to be rotated, and that they still are: without a heartbeat it forgets them. It answers
// by 'logger-reload' after it has renamed some. A daemon that is missing is waited for; nothing waits for it.

const { Messenger, daemonSocket } = require('../wire/messenger');

const ACTION = 'LOGGER_INTERNAL';
/** The first strategy is told after this time, so that it costs the start nothing: a rotation is never that urgent. */
const CONNECT_MS = 1000;

/**
 * @typedef {object} Strategy
 * @property {string} uuid
 * @property {string} file
 * @property {'date' | 'size'} type
 * @property {number} rotateDuration
 * @property {number} maxFileSize
 * @property {number} maxFiles
 */

/**
 * @param {object} options
 * @param {number} options.heartbeatTime milliseconds
 * @param {(uuid?: string) => void} options.reload called when files were renamed
 * @param {number} [options.connectAfter] milliseconds
 */
function createRotation({ heartbeatTime, reload, connectAfter = CONNECT_MS }) {
  /** @type {Strategy[]} */
  const strategies = [];
  /** @type {Messenger | undefined} */
  let messenger;
  let connected = false;
  /** Those the daemon did not want, such as when it has too many. @type {Set<Strategy>} */
  const refused = new Set();

  /** @param {Strategy} strategy */
  function tell(strategy) {
    refused.delete(strategy);
    messenger?.request(ACTION, { type: 'logger-send-strategy', payload: { strategy } }).then((answer) => {
      const error = answer?.error;
      // A daemon that knows a strategy already says so, and goes on as before.
      if (error && !/ already has$/.test(error.message)) refused.add(strategy);
    }, () => {}); // without an answer all is told again at the next connection
  }

  function connect() {
    messenger = new Messenger(daemonSocket('pandora_logger'));
    messenger.handle(ACTION, (message) => {
      if (message?.type === 'logger-reload') reload(message.payload?.uuid);
    });
    messenger.onConnect(() => {
      connected = true;
      for (const strategy of strategies) tell(strategy);
    });
    messenger.onDisconnect(() => { connected = false; });
    setInterval(() => {
      // All is told again at the next connection: heartbeats need not wait for it.
      if (!connected) return;
      for (const strategy of strategies) {
        if (refused.has(strategy)) tell(strategy);
        else messenger?.send(ACTION, { type: 'logger-heartbeat', payload: { uuid: strategy.uuid } });
      }
    }, heartbeatTime).unref();
  }

  setTimeout(connect, connectAfter).unref();
  return {
    /** @param {Strategy} strategy */
    add(strategy) {
      strategies.push(strategy);
      if (connected) tell(strategy);
    },
  };
}

module.exports = { createRotation };
