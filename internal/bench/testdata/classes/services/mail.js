'use strict';

module.exports = class Mail {
  static get dependencies() {
    return [];
  }

  async start() {
    this.started = true;
  }

  async stop() {
    this.started = false;
  }
};
