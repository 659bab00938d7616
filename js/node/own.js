'use strict';

/**
 * Marks a server that listens for pandora itself, and not for the application: nobody draining or replacing the worker
 * looks at it. The name is the same for whatever loads this file twice.
 */
const OWN = Symbol.for('pandora.own');

module.exports = { OWN };
