'use strict';

const http = require('node:http');

/** Serves the greeting of the configurator. */
module.exports = class AppletB {
  constructor(options) {
    this.config = options.config;
    this.server = http.createServer((request, response) => response.end(`${this.config.greeting}\n`));
  }

  async start() {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.config.port, '127.0.0.1', () => resolve(undefined));
    });
    const { port } = /** @type {import('node:net').AddressInfo} */ (this.server.address());
    console.log(`appletB listens on http://127.0.0.1:${port}`);
  }

  async stop() {
    await new Promise((resolve) => this.server.close(resolve));
  }
};
