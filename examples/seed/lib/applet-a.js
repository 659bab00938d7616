'use strict';

module.exports = class AppletA {
  constructor(options) {
    this.name = options.appletName;
  }

  async start() {
    console.log(`${this.name} started`);
  }

  async stop() {
    console.log(`${this.name} stopped`);
  }
};
