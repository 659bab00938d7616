'use strict';

// Entries and services in all languages, loaded by pandora, by Node, and by what an application brings along.

const NEEDS = { tsnode: ['-r', 'ts-node/register'], fast: ['-r', 'ts-node/register/transpile-only'], tsx: ['--import', 'tsx'] };

module.exports = (pandora) => {
  pandora.fork('plain', './app.ts');
  pandora.fork('module', './app.mjs');
  // With and without extension.
  pandora.fork('tsnode', './app').nodeArgs(NEEDS.tsnode);
  pandora.fork('fast', './app.ts').nodeArgs(NEEDS.fast);
  pandora.fork('tsx', './app.ts').nodeArgs(NEEDS.tsx);
  pandora.fork('tsx-module', './waits.mts').nodeArgs(NEEDS.tsx);
  for (const [name, nodeArgs] of Object.entries({ none: [], ...NEEDS })) {
    if (name === 'fast') continue;
    pandora.process(`services-${name}`).nodeArgs(nodeArgs);
    pandora.service(`typescript-${name}`, './service.ts').process(`services-${name}`);
    pandora.service(`module-${name}`, './service.mjs').process(`services-${name}`);
  }
  pandora.service('waits', './waiting.mts').process('services-tsx');
};
