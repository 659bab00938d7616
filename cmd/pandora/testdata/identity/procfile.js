'use strict';

// One process of each shape; all of them write down what they see of themselves.
module.exports = (pandora) => {
  pandora.fork('web', './dump.js').args(['own', '--flag']).nodeArgs(['--stack-trace-limit=7'])
    .env({ INHERITED: 'from the process', NUMBER: 1, PANDORA_HOME: '/not/here' });
  pandora.fork('pool', './dump').scale(2);
  pandora.fork('folder', './');
  class Dump {
    constructor({ processName }) { this.processName = processName; }

    start() { require('./dump').dump(`service-${this.processName}`, { paths: module.paths }); }
  }
  pandora.service('dump', Dump).process('background');
};
