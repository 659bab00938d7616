'use strict';

/** Holds a few numbers; `api` depends on it. */
module.exports = class Store {
  constructor(context) {
    this.context = context;
    this.numbers = [];
  }

  start() {
    this.numbers = Array.from({ length: this.context.config.size }, (_, index) => index + 1);
    this.context.logger.info(`started with ${this.numbers.length} numbers`);
  }

  async stop() {
    await new Promise((resolve) => setTimeout(resolve, 50));
    this.context.logger.info('stopped');
  }
};
