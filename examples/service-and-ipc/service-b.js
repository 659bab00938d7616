'use strict';

module.exports = class ServiceB {
  constructor(context) {
    this.context = context;
  }

  async start() {
    // Also: require('pandora').getProxy('serviceA')
    const serviceA = await this.context.getProxy('serviceA');
    console.log('pid from serviceA', await serviceA.getPid());
    console.log('pid from self', process.pid);
  }

  async stop() {
    console.log('serviceB stops');
  }
};
