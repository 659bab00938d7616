'use strict';

// The one connection of this process for metrics, indicators and errors.

const os = require('node:os');
const path = require('node:path');
const { Messenger } = require('../wire/messenger');

/** @type {Messenger | null} */
let messenger = null;

/** @returns {Messenger} made when first asked for */
function connection() {
  messenger ??= new Messenger(path.join(process.env.PANDORA_TMP_DIR || os.tmpdir(), 'pandorajs_pandora_metric.sock'));
  return messenger;
}

/** @returns {string} up to ten letters and digits */
function newClientId() {
  return Math.random().toString(35).slice(2, 12);
}

module.exports = { connection, newClientId };
