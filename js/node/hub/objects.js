'use strict';

// The objects that this process publishes: others look at their members, call their methods and subscribe to their events.

const { format } = require('node:util');
const names = require('./names');
const { idOf, selectorOf, describe } = require('./selector');

/**
 * @typedef {import('./selector').ObjectDescription} ObjectDescription
 * @typedef {import('./client').HubMessage} HubMessage
 * @typedef {{clients: Set<string>, callback: (...params: any[]) => Promise<void>}} Subscription
 * @typedef {{description: ObjectDescription, object: any, subscriptions: Map<string, Subscription>}} Published
 */

/** How many events of one object are told. */
const MAX_SUBSCRIPTIONS = 10_000;

/** Every object has them, so they are nobody's interface. */
const COMMON = new Set(Object.getOwnPropertyNames(Object.prototype));
/** Events have messages of their own; and whoever awaits a proxy with a then() waits for ever. */
const HIDDEN = new Set(['subscribe', 'unsubscribe', 'then']);

/**
 * @param {any} object
 * @returns {Set<string>} its own and inherited names but for those that every object has
 */
function namesOf(object) {
  const all = new Set();
  for (let level = object; level && level !== Object.prototype; level = Object.getPrototypeOf(level)) {
    for (const name of Object.getOwnPropertyNames(level)) {
      if (!COMMON.has(name)) all.add(name);
    }
  }
  return all;
}

/**
 * @param {any} object
 * @param {string} name
 * @returns {any} undefined also where a getter throws: whoever reads it hears of that
 */
function peek(object, name) {
  try {
    return object[name];
  } catch {
    return undefined;
  }
}

/**
 * @param {any} object
 * @returns {{properties: {name: string, type: string}[], methods: {name: string, length: number, type: string}[]}}
 */
function introspect(object) {
  /** @type {ReturnType<typeof introspect>} */
  const found = { properties: [], methods: [] };
  for (const name of namesOf(object)) {
    if (HIDDEN.has(name)) continue;
    const value = peek(object, name);
    if (typeof value === 'function') {
      const type = value.constructor?.name === 'GeneratorFunction' ? 'generator' : 'function';
      found.methods.push({ name, length: value.length, type });
    } else {
      found.properties.push({ name, type: typeof value });
    }
  }
  return found;
}

/**
 * @param {ObjectDescription} description
 * @returns {never}
 */
function notFound(description) {
  throw Object.assign(new Error(format('Cannot found object %j in process %d', description, process.pid)), { code: 'PANDORA_HUB_NOT_FOUND' });
}

/**
 * @param {Published} published
 * @param {string} method
 * @param {any} params
 * @returns {any}
 */
function invoke({ object, description }, method, params) {
  if (COMMON.has(method) || typeof object[method] !== 'function') {
    throw Object.assign(new Error(format('Cannot found method called %s within object %j', method, description)), { code: 'PANDORA_HUB_NO_METHOD' });
  }
  return object[method](...(Array.isArray(params) ? params : []));
}

/** The published objects of one process. */
class Objects {
  /** @type {Map<string, Published>} */
  #published = new Map();
  /** @type {import('./door').Door | null} */
  #door = null;

  /** @param {import('./client').HubClient} client */
  constructor(client) {
    this.client = client;
    client.answer(names.INVOKE, (message) => invoke(this.#of(message), String(message.propertyName), message.data));
    client.answer(names.GET_PROPERTY, (message) => this.#of(message).object[String(message.propertyName)]);
    client.answer(names.DIRECT, (message) => {
      const { description } = this.#of(message);
      return this.client.provides(idOf(description)) ? this.#openDoor() : notFound(description); // it is being taken back
    });
    client.answer(names.INTROSPECT, (message) => introspect(this.#of(message).object));
    client.answer(names.SUBSCRIBE, (message) => this.#subscribe(message));
    client.answer(names.UNSUBSCRIBE, (message) => this.#unsubscribe(message));
    // Who has come back to the hub before has not found these.
    client.onConnect(() => {
      for (const published of this.#published.values()) this.#announce(published);
    });
  }

  /**
   * @param {any} object a class is constructed, without arguments
   * @param {ObjectDescription | string} given
   */
  async publish(object, given) {
    const description = describe(given);
    const id = idOf(description);
    if (this.#published.has(id)) {
      throw Object.assign(new Error(format('object called %j already exist', id)), { code: 'PANDORA_HUB_PUBLISHED' });
    }
    const published = { description, object: typeof object === 'function' ? new object() : object, subscriptions: new Map() };
    this.#published.set(id, published);
    try {
      await this.client.publish({ ...this.client.getLocation(), ...selectorOf(description) });
    } catch (error) {
      this.#published.delete(id);
      throw error;
    }
    if (this.client.isReady()) this.#announce(published);
  }

  /**
   * Whoever has subscribed to another provider of an object subscribes to this one, too.
   * @param {Published} published
   */
  #announce({ description, object }) {
    if (typeof peek(object, 'subscribe') !== 'function') return;
    this.client.multipleSend(this.#subscribers(description), names.INVOKE,
      { propertyName: 'available', data: [this.client.getLocation().clientId] });
  }

  /** @param {ObjectDescription | string} given */
  async unpublish(given) {
    const description = describe(given);
    if (!this.#published.delete(idOf(description))) return;
    await this.client.unpublish({ ...this.client.getLocation(), ...selectorOf(description) });
  }

  /**
   * @param {HubMessage} message
   * @returns {Published}
   */
  #of(message) {
    const description = { name: String(message.remote?.objectName), tag: message.remote?.objectTag };
    return this.#published.get(idOf(description)) ?? notFound(description);
  }

  /** @returns {Promise<string>} where others reach what is published without the daemon, '' for nowhere */
  #openDoor() {
    if (!this.#door) {
      const door = new (require('./door').Door)(this.client, (id) => (this.client.provides(id) ? this.#published.get(id) : undefined),
        (published, member, params) => (params === undefined ? published.object[member] : invoke(published, member, params)));
      this.#door = door;
      this.client.onStop(() => door.close());
      this.client.onRetreat(() => door.retreat());
    }
    return this.#door.open();
  }

  /** @param {ObjectDescription} description */
  #subscribers({ name, tag }) {
    return selectorOf({ name: name + names.SUBSCRIBER, tag });
  }

  /** @param {HubMessage} message */
  async #subscribe(message) {
    const published = this.#of(message);
    const { object, subscriptions, description } = published;
    const register = String(message.register);
    const clientId = String(message.host?.clientId);
    const known = subscriptions.get(register);
    if (known) {
      known.clients.add(clientId); // may be said again after a reconnect
      return;
    }
    if (subscriptions.size >= MAX_SUBSCRIPTIONS) {
      throw Object.assign(new Error(format('object %j has subscriptions to %d events, which is all it can have', description, MAX_SUBSCRIPTIONS)), { code: 'PANDORA_HUB_FULL' });
    }
    if (typeof object.subscribe !== 'function') {
      throw Object.assign(new Error(format('Cannot found method called subscribe within object %j', description)), { code: 'PANDORA_HUB_NO_METHOD' });
    }
    /** @type {Subscription} */
    const subscription = { clients: new Set([clientId]), callback: (...params) => this.#tell(published, register, subscription, params) };
    subscriptions.set(register, subscription);
    try {
      await object.subscribe(message.register, subscription.callback);
    } catch (error) {
      subscriptions.delete(register);
      throw error;
    }
  }

  /** @param {HubMessage} message */
  async #unsubscribe(message) {
    const { object, subscriptions } = this.#of(message);
    const register = String(message.register);
    const known = subscriptions.get(register);
    if (!known || !known.clients.delete(String(message.host?.clientId)) || known.clients.size > 0) return;
    subscriptions.delete(register);
    await object.unsubscribe?.(message.register, known.callback);
  }

  /**
   * Tells the subscribers of an event, and waits until they have taken it.
   * @param {Published} published
   * @param {string} register
   * @param {Subscription} subscription
   * @param {any[]} params
   */
  async #tell({ object, description, subscriptions }, register, subscription, params) {
    let replies;
    try {
      replies = await this.client.multipleInvoke(this.#subscribers(description), names.INVOKE, { propertyName: 'callback', data: [register, params] });
    } catch (error) {
      if (!String(error?.code).startsWith('PANDORA_')) throw error; // the event cannot be written as JSON
      return; // the daemon is away: events are not kept
    }
    // Those who have subscribed are gone without a word.
    if (!replies && this.client.isReady() && subscriptions.get(register) === subscription) {
      subscriptions.delete(register);
      await object.unsubscribe?.(register, subscription.callback);
    }
  }
}

module.exports = { Objects, introspect };
