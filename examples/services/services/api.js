'use strict';

const http = require('node:http');

/** Serves what the store holds. */
module.exports = class Api {
  constructor(context) {
    this.context = context;
  }

  async start() {
    const store = this.context.dependencies.store;
    const { port, greeting } = this.context.config;
    this.server = http.createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ greeting, numbers: store.numbers }));
    });
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, '127.0.0.1', () => resolve(undefined));
    });
    console.log(`api listens on http://127.0.0.1:${this.server.address().port}`);
    this.context.logger.info('started');
  }

  async stop() {
    await new Promise((resolve) => this.server.close(resolve));
    this.context.logger.info('stopped');
  }
};
