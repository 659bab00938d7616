'use strict';

// Loaded by --require before the main script of a worker that a plain process forks with a cluster of its own (children.js):
// it drains when that process does, and has what every child has.

const { isMainThread } = require('node:worker_threads');
const { forget } = require('./child');

forget(__filename);

const { send } = process;
if (send && isMainThread) {
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
