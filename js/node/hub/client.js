'use strict';

// A client of the hub: it is known by its location and by what it publishes, sends messages to others and answers theirs.

const { EventEmitter } = require('node:events');
const os = require('node:os');
const path = require('node:path');
const { format } = require('node:util');
const { Messenger, NO_REPLY, daemonSocket } = require('../wire/messenger');
const names = require('./names');
const { flatten, revive } = require('./errors');
const { match, idOf } = require('./selector');
const { newClientId } = require('./presence');

/**
 * @typedef {import('./selector').Selector} Selector
 *
 * @typedef {object} HubMessage
 * @property {string} action
 * @property {Selector} [host] who says it
 * @property {Selector} [remote] to whom
 * @property {boolean} [broadcast] to all of these, not to one
 * @property {boolean} [needReply]
 * @property {number} [timeout] milliseconds
 * @property {any} [data]
 * @property {string} [propertyName]
 * @property {string} [register]
 *
 * @typedef {{success: boolean, host?: Selector, remote?: Selector, data?: any, error?: any, batchReply?: Reply[]}} Reply
 *
 * @typedef {{dispatch(message: HubMessage): any}} DispatchHandler what it returns, or its promise resolves to, is the
 *   answer; undefined leaves the message to the next handler
 */

/**
 * @param {string} message
 * @returns {Error}
 */
const problem = (message) => Object.assign(new Error(message), { code: 'PANDORA_HUB' });

const IDLE = Symbol('idle');

/**
 * @param {Selector} selector
 * @returns {string} the id of its object, '' if it names none
 */
const objectOf = ({ objectName, objectTag }) => (objectName ? idOf({ name: objectName, tag: objectTag }) : '');

/** One client. What it publishes is published again at each connection. */
class HubClient extends EventEmitter {
  /** @type {Messenger | null} */
  #messenger = null;
  /** @type {Selector[]} */
  #published = [];
  /** @type {DispatchHandler[]} */
  #handlers = [];
  #answering = 0;
  /** @type {Map<string, (message: HubMessage) => any>} those whose every answer counts */
  #actions = new Map();
  /** @type {(() => void)[]} */
  #listeners = [];
  /** @type {(() => void)[]} */
  #farewells = [];
  /** @type {((objectName: string) => void)[]} */
  #watchers = [];
  /** @type {(() => void)[]} */
  #retreats = [];
  /** @type {Set<string>} the objects that are published, by id */
  #provided = new Set();
  /** @type {import('./ways').Ways | null} */
  #ways = null;

  /**
   * @param {{location: Selector, socketPath?: string, messenger?: Messenger}} options messenger: a connection that is
   *   there already, and has said the location
   */
  constructor(options) {
    super();
    this.socketPath = options.socketPath ?? daemonSocket(names.SOCKET);
    this.given = options.messenger ?? null;
    this.location = { ...options.location, clientId: options.location.clientId ?? newClientId() };
    this.#actions.set('echo', (message) => ({ echo: message }));
  }

  /** @param {DispatchHandler} handler */
  pushDispatchHandler(handler) {
    this.#handlers.push(handler);
  }

  /**
   * Answers all messages of an action; undefined is an answer, too.
   * @param {string} action
   * @param {(message: HubMessage) => any} handler
   */
  answer(action, handler) {
    this.#actions.set(action, handler);
  }

  isReady() {
    return this.#messenger !== null;
  }

  /**
   * Connects. It does not wait for a daemon that is not there: what is said until it is back is queued.
   * @returns {Promise<void>}
   */
  async start() {
    if (this.#messenger) throw problem('HubClient already started');
    const messenger = this.given ?? new Messenger(this.socketPath);
    this.given = null; // it ends with the first stop
    this.#messenger = messenger;
    messenger.handle(names.DELIVER, (message) => this.deliver(message), (error, message) => this.failure(message, error));
    messenger.handle(names.CHANGED, (data) => {
      for (const watcher of this.#watchers) watcher(data?.objectName);
      return NO_REPLY;
    });
    messenger.onConnect(() => this.#introduce(messenger));
    await messenger.settled();
  }

  /** Ends the connection, and with it all routes to this client. Idle replies are lost. */
  async stop() {
    const messenger = this.#messenger;
    if (!messenger) throw problem('HubClient has not started yet');
    this.#messenger = null;
    if (messenger.connected) {
      await messenger.request(names.OFFLINE, { host: this.location, needReply: true }, names.TIMEOUT_MS).catch(() => {});
    }
    for (const farewell of this.#farewells) farewell();
    messenger.close();
  }

  /**
   * Says to a new connection who this is and what it has published.
   * @param {Messenger} messenger
   */
  #introduce(messenger) {
    messenger.send(names.ONLINE, { host: this.location });
    for (const selector of this.#published) messenger.send(names.PUBLISH, { host: this.location, data: { selector } });
    for (const listener of this.#listeners) listener();
  }

  /**
   * @param {() => void} listener called at each connection, when all that is published has been said
   */
  onConnect(listener) {
    this.#listeners.push(listener);
  }

  /**
   * @param {() => void} farewell called when the client stops, and others have been told
   */
  onStop(farewell) {
    this.#farewells.push(farewell);
  }

  /**
   * @param {() => void} retreat called when nothing is published any more
   */
  onRetreat(retreat) {
    this.#retreats.push(retreat);
  }

  /**
   * @param {(objectName: string) => void} watcher called when those who have published an object that is watched are others
   */
  onChange(watcher) {
    this.#watchers.push(watcher);
  }

  /**
   * Watches an object until its next change.
   * @param {string} objectName
   */
  watch(objectName) {
    if (this.#messenger?.connected) this.#messenger.send(names.WATCH, { data: { objectName } });
  }

  /** Ways to objects, which need not lead through the daemon. */
  ways() {
    this.#ways ??= new (require('./ways').Ways)(this);
    return this.#ways;
  }

  /**
   * @param {string} id
   * @returns {boolean} whether this client is still one of those that have published the object
   */
  provides(id) {
    return this.#provided.has(id);
  }

  /** Something is being answered from now on. */
  begin() {
    this.#answering += 1;
  }

  /** It has been answered. */
  end() {
    this.#answering -= 1;
    if (this.#answering === 0) this.emit(IDLE);
  }

  /**
   * Answers a message.
   * @param {HubMessage} message
   * @returns {Promise<any>} a reply, where one is wanted
   */
  async deliver(message) {
    /** @type {Reply} */
    let reply;
    this.begin();
    try {
      reply = { host: this.location, remote: message.host, success: true, data: await this.#dispatch(message) };
    } catch (error) {
      reply = this.failure(message, error);
    }
    this.end();
    return message.needReply ? reply : NO_REPLY;
  }

  /**
   * @param {HubMessage} message
   * @param {any} error also of a result that cannot be written as JSON
   * @returns {Reply}
   */
  failure(message, error) {
    return { host: this.location, remote: message?.host, success: false, error: flatten(error) };
  }

  /** Resolves when nothing is being answered. */
  async idle() {
    if (this.#answering > 0) await new Promise((resolve) => { this.once(IDLE, resolve); });
    await new Promise((resolve) => { setImmediate(resolve); }); // the last answer is written
  }

  /** @param {HubMessage} message */
  async #dispatch(message) {
    const action = this.#actions.get(message.action);
    if (action) return action(message);
    for (const handler of this.#handlers) {
      const result = await handler.dispatch(message);
      if (result !== undefined) return result;
    }
    if (this.listenerCount(message.action) > 0) this.emit(message.action, message); // one called error would throw without
    return undefined;
  }

  /**
   * Makes this client known by a selector, now and after each reconnection.
   * @param {Selector} selector
   * @returns {Promise<Reply>}
   */
  async publish(selector) {
    if (this.#published.some((published) => match(selector, published))) {
      throw problem(format('Selector %j already exist', selector));
    }
    this.#published.push(selector);
    this.#provided.add(objectOf(selector));
    try {
      // What is not connected says it when it is.
      if (!this.#messenger || !await this.#messenger.settled()) return { success: true };
      const reply = await this.#request(names.PUBLISH, { host: this.location, needReply: true, data: { selector } });
      if (!reply.success) throw problem(format('Publish selector %j went wrong, cause from Hub: %s', selector, reply.error?.message));
      return reply;
    } catch (error) {
      if (error.code === 'PANDORA_MESSENGER_LOST') return { success: true }; // likewise
      this.#setPublished(this.#published.filter((published) => published !== selector));
      throw error;
    }
  }

  /** @param {Selector[]} selectors */
  #setPublished(selectors) {
    this.#published = selectors;
    this.#provided = new Set(selectors.map(objectOf));
    if (selectors.length === 0) for (const retreat of this.#retreats) retreat();
  }

  /**
   * @param {Selector} selector
   * @returns {Promise<Reply>}
   */
  async unpublish(selector) {
    const gone = this.#published.filter((published) => match(selector, published));
    this.#published = this.#published.filter((published) => !gone.includes(published));
    const batchReply = [];
    try {
      for (const published of gone) {
        if (!this.#messenger?.connected) continue; // the next connection does not hear of it
        const reply = await this.#request(names.UNPUBLISH, { host: this.location, needReply: true, data: { selector: published } });
        if (!reply.success) throw problem(format('Unpublish selector %j went wrong, cause from Hub: %s', selector, reply.error?.message));
        batchReply.push(reply);
      }
    } finally {
      this.#setPublished(this.#published); // who is sent elsewhere from now on does not come back by the hub
    }
    return { success: true, batchReply };
  }

  /**
   * Asks one of the clients that remote names.
   * @param {Selector} remote
   * @param {string} action
   * @param {Partial<HubMessage> | null} [message]
   * @returns {Promise<Reply>}
   */
  invoke(remote, action, message) {
    return this.#request(names.MESSAGE, { ...message, remote, action, broadcast: false, host: this.location, needReply: true });
  }

  /**
   * Asks all clients that remote names.
   * @param {Selector} remote
   * @param {string} action
   * @param {Partial<HubMessage> | null} [message]
   * @returns {Promise<Reply[] | undefined>} undefined when there is none
   */
  async multipleInvoke(remote, action, message) {
    // When the hub gives up those that do not answer, it still tells of those that have.
    return (await this.#request(names.MESSAGE, { ...message, remote, action, broadcast: true, host: this.location, needReply: true }, names.GRACE_MS)).batchReply;
  }

  /**
   * Tells one of the clients that remote names.
   * @param {Selector} remote
   * @param {string} action
   * @param {Partial<HubMessage> | null} [message]
   */
  send(remote, action, message) {
    this.#connection().send(names.MESSAGE, { ...message, remote, action, broadcast: false, host: this.location });
  }

  /**
   * Tells all clients that remote names.
   * @param {Selector} remote
   * @param {string} action
   * @param {Partial<HubMessage> | null} [message]
   */
  multipleSend(remote, action, message) {
    this.#connection().send(names.MESSAGE, { ...message, remote, action, broadcast: true, host: this.location });
  }

  getLocation() {
    return this.location;
  }

  /** @returns {Messenger} */
  #connection() {
    if (!this.#messenger) throw problem('HubClient has not started yet');
    return this.#messenger;
  }

  /**
   * @param {string} action
   * @param {any} message
   * @param {number} [grace] on top of its timeout
   * @returns {Promise<Reply>}
   */
  async #request(action, message, grace = 0) {
    const reply = await this.#connection().request(action, message, names.timeout(message.timeout) + grace);
    return reply?.error === undefined ? reply : { ...reply, error: revive(reply.error) };
  }
}

module.exports = { HubClient };
