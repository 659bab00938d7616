'use strict';

// The core of a proxy: of a service that is in the process agent.

const assert = require('node:assert');
const { randomUUID } = require('node:crypto');
const { inspect } = require('node:util');
const { ServiceCore } = require('./core');
const { ACTION, LEAVES, flatten } = require('./agent');

const TIMEOUT_MS = 10000;

/**
 * @param {any[]} args
 * @returns {string} as they are shown in errors
 */
function list(args) {
  try {
    return String(args).slice(0, 1000);
  } catch {
    return inspect(args, { depth: 0 }).slice(0, 1000);
  }
}

/**
 * @param {string} what was done
 * @param {any} told by the agent
 * @returns {Error} with the service's own error as its cause
 */
function remoteError(what, told) {
  const cause = Object.assign(new Error(told.message), told);
  return Object.assign(new Error(`${what} error: ${told.message}`, { cause }), told.code === undefined ? {} : { code: told.code });
}

/** Calls the service in the agent. */
class ProxyCore extends ServiceCore {
  /** What is subscribed to: for each topic, the remote name of each listener. @type {Map<string, Map<any, {reg: any, remote: string}>>} */
  #topics = new Map();
  /** @type {Map<string, (event: any) => void>} */
  #listeners = new Map();

  /**
   * @param {import('./core').ServiceFacts} facts
   * @param {import('./link').Link} link
   */
  constructor(facts, link) {
    super(facts);
    this.link = link;
  }

  /** @override */
  getImplClass() {
    return super.getImplClass().getProxy();
  }

  /** @override */
  async start() {
    if (!this.link.inAgent.has(this.serviceName)) {
      throw Object.assign(new Error(`service "${this.serviceName}": its class has a getProxy(), so that it runs in the process agent alone, `
        + "but it is not there: give it .category('all'), and the agent an applet or a service of its own with .category('agent')"),
      { code: 'PANDORA_AGENT' });
    }
    const client = this.link.client();
    client.on(ACTION, (message) => this.#dispatch(message));
    client.on('connect', () => this.#replay());
    await super.start();
    await this.#ask('service-ping-remote');
  }

  /** @param {any} message */
  #dispatch(message) {
    if (message?.type === LEAVES) {
      this.link.client().moveOn();
      return;
    }
    if (message?.type !== 'service-dispatch-event' || message.serviceId !== this.serviceName) return;
    this.#listeners.get(message.payload?.listener)?.(message.payload.event);
  }

  /** A new agent knows nothing of what the last one was told. */
  #replay() {
    for (const topic of this.#topics.values()) {
      for (const { reg, remote } of topic.values()) {
        this.#ask('service-subscribe-event', { name: reg, listener: remote }).catch((error) => this.logger.error(error));
      }
    }
  }

  /**
   * @param {string} type
   * @param {any} [payload]
   * @param {number} [until] when to give up
   * @returns {Promise<any>} the agent's answer
   */
  async #ask(type, payload, until = Date.now() + TIMEOUT_MS) {
    const late = () => Object.assign(new Error('ServiceProxy sendRemote() timeout, '
      + `service: ${this.serviceName} remote: undefined type: ${type}`), { code: 'PANDORA_TIMEOUT' });
    for (;;) {
      const left = until - Date.now();
      if (left <= 0) throw late();
      /** @type {any} */
      let answer;
      const { connects } = this.link.client();
      try {
        answer = await new Promise((resolve, reject) => {
          this.link.client().send(ACTION, { type, serviceId: this.serviceName, payload },
            (error, data) => (error ? reject(error) : resolve(data)), left);
        });
      } catch (error) {
        if (error.code === 'PANDORA_TIMEOUT') throw late();
        // A method may have run: nobody but the caller knows whether it may run again.
        if (error.code === 'PANDORA_LINK_LOST' && type !== 'service-invoke-method') continue;
        throw Object.assign(new Error(`ServiceProxy sendRemote() Error, ${error.message}`, { cause: error }), { code: error.code });
      }
      if (!answer?.moved) return answer;
      await this.#moved(until, connects);
    }
  }

  /**
   * The agent is about to leave its place to another.
   * @param {number} until
   * @param {number} asked how often this process had connected when it asked
   * @returns {Promise<void>} resolves when it has a connection that it did not ask by
   */
  #moved(until, asked) {
    const client = this.link.client();
    if (client.connected && client.connects !== asked) return Promise.resolve();
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        client.removeListener('connect', go);
        resolve(undefined);
      };
      const timer = setTimeout(go, until - Date.now()).unref();
      client.on('connect', go);
    });
  }

  /**
   * @override
   * @param {string} name
   * @param {any[]} [args]
   * @returns {Promise<any>}
   */
  async invoke(name, args = []) {
    const { error, result } = await this.#ask('service-invoke-method', { name, args });
    if (error) throw remoteError(`ServiceProxy invokeMethodRemote(${name}, ${list(args)})`, error);
    return result;
  }

  /**
   * @override
   * @param {any} reg
   * @param {(event: any) => void} listener
   * @returns {Promise<any>}
   */
  async subscribe(reg, listener) {
    const topic = flatten(reg);
    const tags = this.#topics.get(topic) ?? new Map();
    assert(!tags.has(listener), 'duplicate keepState tag');
    const remote = randomUUID();
    this.#topics.set(topic, tags);
    tags.set(listener, { reg, remote });
    this.#listeners.set(remote, listener);
    try {
      const { error, result } = await this.#ask('service-subscribe-event', { name: reg, listener: remote });
      if (error) throw remoteError('subscribe', error);
      return result;
    } catch (error) {
      this.#listeners.delete(remote);
      if (tags.get(listener)?.remote === remote) tags.delete(listener);
      throw error;
    }
  }

  /**
   * @override
   * @param {any} reg
   * @param {(event: any) => void} [listener] without it all of this process
   * @returns {Promise<any>}
   */
  async unsubscribe(reg, listener) {
    const topic = flatten(reg);
    const tags = this.#topics.get(topic);
    assert(tags, 'abandon a unknown topic');
    assert(!listener || tags.has(listener), 'abandon a unknown tag');
    const gone = listener ? [/** @type {any} */ (tags.get(listener))] : [...tags.values()];
    if (listener) tags.delete(listener);
    else this.#topics.delete(topic);
    for (const { remote } of gone) this.#listeners.delete(remote);
    const { error, result } = await this.#ask('service-unsubscribe-event', { name: reg, listener: listener ? gone[0].remote : undefined });
    if (error) throw remoteError('unsubscribe', error);
    return result;
  }
}

module.exports = { ProxyCore };
