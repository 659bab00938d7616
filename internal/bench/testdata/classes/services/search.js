'use strict';

module.exports = class Search {
  async start() {
    this.started = true;
  }

  async stop() {
    this.started = false;
  }
};
