'use strict';

// The agent's end: what other processes ask of its services.

const { ServiceCore } = require('./core');

const ACTION = 'SERVICE_INTERNAL';
/** What is being answered has this long once the agent stops. */
const LEAVE_MS = 1000;
/** How long clients may take to go. */
const FAREWELL_MS = 1000;
/** The agent tells its clients that it gives its place to another. */
const LEAVES = 'service-agent-leaves';
/** Of one process. */
const MAX_LISTENERS = 10000;

/** The core of a service that other processes share. */
class AgentCore extends ServiceCore {
  /**
   * @param {import('./core').ServiceFacts} facts
   * @param {import('./link').Link} link
   */
  constructor(facts, link) {
    super(facts);
    this.link = link;
  }

  /** @override */
  async start() {
    await this.link.listen();
    await super.start();
    this.link.register(this);
  }
}

/**
 * An error as it travels to the process that asked.
 * @param {any} error
 * @returns {Record<string, any>}
 */
function told(error) {
  if (typeof error !== 'object' || error === null) return { message: String(error) };
  const { name, message, stack, code } = error;
  /** @type {Record<string, any>} */
  const own = {};
  for (const key of Object.keys(error)) {
    if (['string', 'number', 'boolean'].includes(typeof error[key])) own[key] = error[key];
  }
  return { ...own, name, message, stack, code };
}

/**
 * @param {any} topic a string, or an object, which means the same whatever the order of its keys
 * @returns {string}
 */
function flatten(topic) {
  if (typeof topic === 'string') return topic;
  const members = Object.keys(topic).sort().map((key) => `${JSON.stringify(key)}:${JSON.stringify(topic[key])}`);
  return `{${members.join(',')}}`;
}

/** What one process subscribed to. */
class Subscriptions {
  /** @type {Map<string, {core: AgentCore, reg: any, listener: (event: any) => void}>} by the name of the remote listener */
  #all = new Map();

  /** @param {any} client */
  constructor(client) {
    this.client = client;
  }

  /**
   * @param {AgentCore} core
   * @param {any} reg
   * @param {string} remote
   */
  async add(core, reg, remote) {
    if (this.#all.has(remote)) return undefined; // said again after it was unsure whether it arrived
    if (this.#all.size >= MAX_LISTENERS) throw new Error(`a process may have ${MAX_LISTENERS} listeners at the agent`);
    const listener = (/** @type {any} */ event) => {
      this.client.send(ACTION, {
        type: 'service-dispatch-event', serviceId: core.serviceName, payload: { name: reg, listener: remote, event },
      });
    };
    this.#all.set(remote, { core, reg, listener });
    try {
      return await core.subscribe(reg, listener);
    } catch (error) {
      this.#all.delete(remote);
      throw error;
    }
  }

  /**
   * @param {AgentCore} core
   * @param {any} reg
   * @param {string | undefined} remote without it all listeners of that process to reg
   */
  async remove(core, reg, remote) {
    const wanted = flatten(reg);
    let result;
    for (const [name, each] of [...this.#all]) {
      if (each.core !== core || (remote === undefined ? flatten(each.reg) !== wanted : name !== remote)) continue;
      this.#all.delete(name);
      result = await core.unsubscribe(each.reg, each.listener);
    }
    return result;
  }

  /** The process is gone. */
  async clear() {
    for (const [name, { core, reg, listener }] of [...this.#all]) {
      this.#all.delete(name);
      if (typeof core.impl.handleUnsubscribe !== 'function') continue;
      try {
        await core.unsubscribe(reg, listener);
      } catch (error) {
        core.logger.error(error);
      }
    }
  }
}

/**
 * @param {AgentCore} core
 * @param {Subscriptions} subscriptions
 * @param {string} type
 * @param {any} payload
 * @returns {Promise<any>}
 */
async function answer(core, subscriptions, type, payload = {}) {
  switch (type) {
    case 'service-invoke-method': {
      if (typeof core.impl[payload.name] !== 'function') {
        throw new TypeError(`service "${core.serviceName}" has no method ${payload.name}()`);
      }
      return core.invoke(payload.name, Array.isArray(payload.args) ? payload.args : []);
    }
    case 'service-subscribe-event': return subscriptions.add(core, payload.name, payload.listener);
    case 'service-unsubscribe-event': return subscriptions.remove(core, payload.name, payload.listener);
    default: throw new Error(`the agent does not know messages of type ${type}`);
  }
}

/**
 * Answers from now on.
 * @param {import('./messenger').MessengerServer} server
 * @param {import('./link').Link} link
 * @returns {() => Promise<void>} ends it: what is being answered is answered, and whoever asks more is sent to the next agent
 */
function serve(server, link) {
  /** @type {WeakMap<any, Subscriptions>} */
  const bySocket = new WeakMap();
  let leaving = false;
  let busy = 0;
  /** @type {() => void} */
  let idle = () => {};

  server.on('disconnected', (client) => { bySocket.get(client)?.clear(); });
  server.on(ACTION, async (message, reply, client) => {
    const { type, serviceId, payload } = message ?? {};
    if (leaving) {
      reply({ moved: true });
      return;
    }
    if (!bySocket.has(client)) bySocket.set(client, new Subscriptions(client));
    busy += 1;
    let result;
    try {
      const core = await link.find(serviceId);
      if (!core) throw new Error(`the process agent has no service "${serviceId}"`);
      result = type === 'service-ping-remote' ? 'done'
        : { error: null, result: await answer(core, /** @type {Subscriptions} */ (bySocket.get(client)), type, payload) };
    } catch (error) {
      result = { error: told(error) };
    }
    try {
      reply(result);
    } catch (error) { // it has no JSON
      reply({ error: told(error) });
    }
    busy -= 1;
    if (busy === 0) idle();
  });

  return async () => {
    leaving = true;
    if (busy > 0) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, LEAVE_MS);
        idle = () => { clearTimeout(timer); resolve(undefined); };
      });
    }
    // Each client reads its last answers, and says when it has sent its last message: that is answered, too.
    server.stopListening();
    server.broadcast(ACTION, { type: LEAVES });
    await emptied(server);
    server.close();
  };
}

/**
 * @param {import('./messenger').MessengerServer} server
 * @returns {Promise<void>} resolves when its clients have gone, or it has waited enough for them
 */
function emptied(server) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, FAREWELL_MS);
    const check = () => {
      if (server.clients.size > 0) return;
      clearTimeout(timer);
      resolve();
    };
    server.on('disconnected', check);
    check();
  });
}

module.exports = { AgentCore, serve, flatten, ACTION, LEAVES };
