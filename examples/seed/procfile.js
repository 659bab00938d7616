'use strict';

// The first form of a procfile (Pandora.js 0.1): a configurator, services and applets, placed by category.
const MyConfigurator = require('./lib/my-configurator');
const A = require('./lib/a');
const AppletA = require('./lib/applet-a');
const AppletB = require('./lib/applet-b');

class B {
  async start() {
    console.log('B started');
  }

  async stop() {
    console.log('B stopped');
  }
}

/** @type {import('pandora').Procfile} */
module.exports = function (pandora) {
  pandora.configurator(MyConfigurator);
  pandora.service(A).category('background');
  pandora.service(B).category('background');
  pandora.applet(AppletA).name('XXX').category('background');
  pandora.applet(AppletB).config((context) => { return context.config; });
};
