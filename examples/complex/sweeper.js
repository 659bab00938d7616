'use strict';

/** Does something again and again, until it is stopped. */
module.exports = class Sweeper {
  constructor({ config }) {
    this.everyMs = config.everyMs;
  }

  start() {
    this.timer = setInterval(() => console.log('sweeps'), this.everyMs);
    console.log(`sweeper starts, every ${this.everyMs} ms, gc is a ${typeof gc}`);
  }

  stop() {
    clearInterval(this.timer);
    console.log('sweeper has stopped');
  }
};
