'use strict';

module.exports = class A {
  async start() {
    console.log('A started');
  }

  async stop() {
    console.log('A stopped');
  }
};
