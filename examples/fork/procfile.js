'use strict';

// One plain Node process. `pandora start` runs it, `pandora log` shows what it prints.
module.exports = (pandora) => {
  pandora.fork('web', './app.js');
};
