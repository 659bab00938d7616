'use strict';

// Names and numbers of Pandora.js that mean the same here.

const os = require('node:os');
const { workerCount } = require('./current');

/** The states of an application, as `pandora list --json` has them. */
const State = Object.freeze({ 1: 'pending', 2: 'complete', 3: 'stopped', pending: 1, complete: 2, stopped: 3 });

/** @returns {number} what scale 'auto' means */
function workers() {
  const told = workerCount();
  if (told) return told;
  const given = process.env.DEFAULT_WORKER_COUNT ?? '';
  if (/^[1-9]\d*$/.test(given)) return Number(given);
  return typeof os.availableParallelism === 'function' ? os.availableParallelism() : os.cpus().length;
}

module.exports = {
  State,
  PANDORA_GLOBAL_CONFIG: 'PANDORA_CONFIG',
  PANDORA_CWD: 'PANDORA_CWD',
  PANDORA_HOME: 'PANDORA_HOME',
  PANDORA_PROCESS: 'PANDORA_PROCESS_REPRESENTATION',
  PROCFILE_NAMES: ['procfile.js', 'procfile.ts'],
  SERVICE_PREFIX_IN_HUB: '',
  SERVICE_RESERVE_NAME: ['all'],
  get defaultWorkerCount() { return workers(); },
};
