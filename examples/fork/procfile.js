'use strict';

// One plain Node process. `pandora start` runs it, `pandora log` shows what it prints.
/** @type {import('pandora').Procfile} */
module.exports = (pandora) => {
  pandora.fork('web', './app.js');
};
