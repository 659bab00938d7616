'use strict';

// The one connection of this process for metrics, indicators and errors.

const { Messenger, daemonSocket } = require('../wire/messenger');

/** @type {Messenger | null} */
let messenger = null;

/** @returns {Messenger} made when first asked for */
function connection() {
  messenger ??= new Messenger(daemonSocket('pandora_metric'));
  return messenger;
}

/** @returns {string} up to ten letters and digits */
function newClientId() {
  return Math.random().toString(35).slice(2, 12);
}

module.exports = { connection, newClientId };
