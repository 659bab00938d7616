'use strict';

// Base classes of applets: what procfiles of the first form start after their services.

/**
 * @typedef {object} AppletOptions
 * @property {string} appletName
 * @property {string} category
 * @property {any} config
 * @property {any} context the process context
 */

/** An applet that only remembers what it was made with. */
class Applet {
  /** @param {AppletOptions} [options] */
  constructor(options) {
    this.options = options;
  }

  async start() {}

  async stop() {}
}

/** An HTTP server: a class that extends it has a createServer(). */
class HTTPApplet extends Applet {
  /** @param {AppletOptions} [options] */
  constructor(options) {
    super(options);
    this.type = 'HTTP';
    /** @type {import('node:http').Server | undefined} */
    this.server = undefined;
  }

  /** @returns {import('node:http').Server} */
  createServer() {
    throw Object.assign(new Error(`${this.constructor.name} extends HTTPApplet: it expects a method createServer() that returns an http.Server`),
      { code: 'PANDORA_APPLET' });
  }

  /** @returns {number | string} */
  getPort() {
    return process.env.PORT || 6001;
  }

  /**
   * Resolves once the server listens.
   * @override
   */
  async start() {
    if (this.server) await this.stop();
    const server = this.createServer();
    this.server = server;
    await new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.getPort(), () => {
        server.removeListener('error', reject);
        resolve(undefined);
      });
    });
  }

  /**
   * Resolves once no connection is left.
   * @override
   */
  async stop() {
    const { server } = this;
    if (!server) return;
    this.server = undefined;
    await new Promise((resolve, reject) => {
      server.close((/** @type {any} */ error) => (error && error.code !== 'ERR_SERVER_NOT_RUNNING' ? reject(error) : resolve(undefined)));
      server.closeIdleConnections?.();
    });
  }
}

module.exports = { Applet, HTTPApplet };
