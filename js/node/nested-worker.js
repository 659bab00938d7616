'use strict';

// Loaded before the main script of a worker that a plain process forks with a cluster of its own (nested.js): it drains
// when that process does. Whatever this worker forks is not to load it.

const at = process.execArgv.indexOf(__filename);
if (at > 0) process.execArgv.splice(at - 1, 2);

const { send } = process;
if (send) {
  const CMD = 'NODE_PANDORA';
  /** @param {string} act */
  const say = (act) => {
    if (process.connected) Reflect.apply(send, process, [{ cmd: CMD, act }, undefined, undefined, () => {}]);
  };
  const drain = require('./drain').installDrain();
  process.on(/** @type {any} */ ('internalMessage'), (/** @type {any} */ message) => {
    if (message?.cmd === CMD && message.act === 'drain') drain.begin(message, () => say('drained'));
  });
  say('nested');
}
