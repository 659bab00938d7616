'use strict';

/** A background service: it counts, and says so in the service log. */
module.exports = class Ticker {
  constructor(context) {
    this.context = context;
    this.ticks = 0;
  }

  start() {
    const { intervalMs } = this.context.config;
    this.timer = setInterval(() => { this.ticks += 1; }, intervalMs);
    this.context.logger.info(`ticks every ${intervalMs} ms`);
  }

  stop() {
    clearInterval(this.timer);
    this.context.logger.info(`stopped after ${this.ticks} ticks`);
  }
};
