'use strict';

// The bus of messages inside a process: events of `process`, which also other packages send and hear.

const { MessageConstants } = require('./constants');

class MessageSender {
  constructor() {
    /** @type {NodeJS.EventEmitter} */
    this.client = process;
  }

  /**
   * @param {string} category as 'LOGGER'
   * @param {any} payload
   */
  send(category, payload) {
    this.client.emit(MessageSender.MESSAGE_KEY_PREFIX + category, payload);
  }

  /**
   * @param {string} category
   * @param {(payload: any) => void} reply
   */
  on(category, reply) {
    this.client.on(MessageSender.MESSAGE_KEY_PREFIX + category, reply);
  }
}
MessageSender.MESSAGE_KEY_PREFIX = 'PANDORA_PROCESS_MESSAGE_';

/** Hears what was logged, by method: 'error', 'warn'. */
class LoggerMessageCollector extends MessageSender {
  constructor() {
    super();
    /** @type {Map<string, (payload: any) => void>} */
    this.collectMap = new Map();
    this.on(MessageConstants.LOGGER, (payload) => this.collectMap.get(payload?.method)?.call(this, payload));
  }

  /**
   * @param {string} method
   * @param {(payload: any) => void} reply
   */
  collect(method, reply) {
    this.collectMap.set(method, reply);
  }

  /** @param {any} payload */
  report(payload) {
    this.send(MessageConstants.LOGGER, payload);
  }
}

module.exports = { MessageSender, LoggerMessageCollector };
