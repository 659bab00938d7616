'use strict';

// Two clustered workers share one port; a background process runs a service beside them.
/** @type {import('pandora').Procfile} */
module.exports = (pandora) => {
  pandora.process('worker').scale(2);
  pandora.cluster('./app.js');

  pandora.service('ticker', './ticker.js')
    .process('background')
    .config({ intervalMs: 1000 });
};
