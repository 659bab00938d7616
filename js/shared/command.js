'use strict';

// The entry that is a command: pandora.fork('web', 'pandora:command').args(['npm', 'start']).

/** No file has this name as an entry: a module is not called so. */
const COMMAND = 'pandora:command';

module.exports = { COMMAND };
