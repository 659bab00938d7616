'use strict';

module.exports = class Cache {
  async start() {
    this.started = true;
  }

  async stop() {
    this.started = false;
  }
};
