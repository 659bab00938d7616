'use strict';

// Services of the first form of which an application has one instance: their classes have a static getProxy(). The service
// runs in the process `agent`; every other process has what getProxy() returns instead, whose core calls the agent.

const { createHash } = require('node:crypto');
const os = require('node:os');
const path = require('node:path');
const { ServiceCore } = require('./core');
const { AgentCore, serve } = require('./agent');
const { ProxyCore } = require('./proxy');
const { MessengerServer, MessengerClient } = require('./messenger');

/** A path of a socket must not be longer, with what a server adds to it. */
const MAX_PATH = 95;

/**
 * Where the agent of an application listens. Two applications never share it.
 * @param {string} appName
 * @param {string} [dir]
 * @returns {string}
 */
function socketPathOf(appName, dir = process.env.PANDORA_TMP_DIR || os.tmpdir()) {
  const hash = createHash('sha256').update(appName).digest('hex');
  const plain = appName.replace(/[^\w.-]/g, '_');
  const name = plain === appName ? plain : `${plain}-${hash.slice(0, 6)}`;
  const full = path.join(dir, `pandorajs_agent_${name}.sock`);
  return Buffer.byteLength(full) <= MAX_PATH ? full : path.join(dir, `pandorajs_agent_${hash.slice(0, 12)}.sock`);
}

/** So many may wait for a service that starts. */
const MAX_WAITING = 10000;

/** What a process has of the connection between the agent and the others. */
class Link {
  /** @type {MessengerServer | undefined} */
  #server;
  /** @type {MessengerClient | undefined} */
  #client;
  /** @type {Promise<void> | undefined} */
  #listening;
  /** @type {(() => Promise<void>) | undefined} */
  #leave;
  /** @type {Map<string, AgentCore>} services that have started */
  #cores = new Map();
  /** @type {Map<string, (() => void)[]>} */
  #waiting = new Map();

  /**
   * @param {object} options
   * @param {string} options.appName
   * @param {string} options.processName
   * @param {Set<string>} options.inAgent names of the services that the agent runs
   */
  constructor({ appName, processName, inAgent }) {
    this.processName = processName;
    this.inAgent = inAgent;
    this.socketPath = socketPathOf(appName);
  }

  /**
   * @param {import('./core').ServiceFacts} facts of a service whose class has getProxy()
   * @returns {ServiceCore}
   */
  core(facts) {
    return this.processName === 'agent' ? new AgentCore(facts, this) : new ProxyCore(facts, this);
  }

  /** @returns {MessengerServer} */
  server() {
    if (!this.#server) {
      const server = new MessengerServer(this.socketPath);
      this.#server = server;
      this.#leave = serve(server, this);
      this.#listening = server.listen();
      this.#listening.catch(() => {}); // told by listen()
    }
    return this.#server;
  }

  /** @returns {MessengerClient} */
  client() {
    this.#client ??= new MessengerClient(this.socketPath);
    return this.#client;
  }

  /** Resolves when the agent can be reached. */
  async listen() {
    this.server();
    await this.#listening;
  }

  /** @param {AgentCore} core that answers from now on */
  register(core) {
    this.#cores.set(core.serviceName, core);
    for (const call of this.#waiting.get(core.serviceName) ?? []) call();
    this.#waiting.delete(core.serviceName);
  }

  /**
   * @param {string} name
   * @returns {AgentCore | Promise<AgentCore> | null} null for a service that this agent does not have
   */
  find(name) {
    const core = this.#cores.get(name);
    if (core) return core;
    const list = this.#waiting.get(name) ?? [];
    if (!this.inAgent.has(name) || list.length >= MAX_WAITING) return null;
    return new Promise((resolve) => {
      list.push(() => resolve(/** @type {AgentCore} */ (this.#cores.get(name))));
      this.#waiting.set(name, list);
    });
  }

  /** The agent's place is free for the next one: what is being answered is, the rest goes there. */
  async leave() {
    await this.#leave?.();
  }

  close() {
    this.#client?.close();
  }
}

module.exports = { Link, socketPathOf };
