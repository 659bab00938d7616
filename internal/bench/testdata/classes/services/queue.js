'use strict';

module.exports = class Queue {
  static get dependencies() {
    return ['cache'];
  }

  async start() {
    this.started = true;
  }

  async stop() {
    this.started = false;
  }
};
