'use strict';

// Three kinds of processes in one application: a plain one, a cluster, and a service that runs in the background.
/** @type {import('pandora').Procfile} */
module.exports = (pandora) => {
  pandora.process('worker').nodeArgs(['--expose-gc']).scale(2);
  pandora.process('background').nodeArgs(['--expose-gc']);

  pandora.fork('admin', './admin.js').nodeArgs(['--expose-gc']);
  pandora.cluster('./api.js');
  pandora.service('sweeper', './sweeper').process('background').config({ everyMs: 500 });
};
