'use strict';

// The hub of a process, which is made when something of the application, or another process, asks for it.

/** @typedef {ReturnType<typeof import('../hub').createHub>} Hub */

/** How long a stop waits for a daemon: it is not needed for anything else. */
const WAIT_MS = 500;

/**
 * @param {Promise<any>} promise whose failure means nothing here
 * @param {number} [ms]
 * @returns {Promise<void>}
 */
function briefly(promise, ms = WAIT_MS) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    promise.catch(() => {}).then(() => { clearTimeout(timer); resolve(); });
  });
}

/** Made at most once. */
class ProcessHub {
  /** @type {Hub | undefined} */
  #hub;
  /** @type {ReturnType<typeof import('../hub/presence').appear> | undefined} */
  #presence;
  /** @type {Promise<void> | undefined} */
  #leaving;

  /** @param {{appName: string, processName: string}} facts */
  constructor(facts) {
    this.facts = facts;
    /** @returns {Hub} that goes online by itself, as the one of every process of Pandora.js */
    this.get = () => {
      if (!this.#hub) {
        this.#hub = require('../hub').createHub(this.facts, this.#presence);
        if (!process.env.SKIP_IPC_HUB) this.#hub.start().catch(() => {}); // it tries again
      }
      return this.#hub;
    };
  }

  /** Other processes find this one from now on, also if it never asks for the hub. */
  appear() {
    if (this.#hub || this.#presence) return;
    this.#presence = require('../hub/presence').appear(this.facts, () => this.get().getHubClient());
  }

  /**
   * Before services stop: no call comes to what they have published any more, but goes to another process that has it; what
   * is being answered is. They go on to call others.
   * @param {number} ms how long it may take
   */
  async leave(ms) {
    const client = this.#hub?.getHubClient();
    if (!client?.isReady()) return;
    this.#leaving ??= briefly(client.unpublish({})).then(() => client.idle());
    await briefly(this.#leaving, ms);
  }

  /** After services have stopped. */
  async stop() {
    if (this.#hub) await briefly(this.#hub.stop());
    else this.#presence?.messenger.close();
  }
}

module.exports = { ProcessHub };
