'use strict';
// As midway's own documentation has it: the entry is the package's, found by require.resolve.
module.exports = (pandora) => {
  pandora.fork('web', require.resolve('midway/server')).env({ NODE_ENV: 'production' });
};
