'use strict';

// Computes the structure of an application folder with the original's own classes, and answers with the part of it that
// a graph of ours has too. `node structure.js <folder of pandora@1.11.0>`, run in the application's folder; the options
// come on stdin as JSON, the answer goes to file descriptor 3 as JSON: { value } or { error: { name, message } }.

const fs = require('node:fs');
const path = require('node:path');
const { describe } = require('./describe');

/**
 * The procfile sees the environment of the case and nothing else.
 * @param {Record<string, string>} env
 */
function setEnvironment(env) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
}

/**
 * @param {any} Reconciler the original's
 * @param {object} representation
 * @param {Record<string, string>} env
 */
function compute(Reconciler, representation, env) {
  setEnvironment(env);
  const reconciler = new Reconciler(representation);
  setEnvironment(env); // its default procfile loads modules that set variables
  const builtins = reconciler.services.slice();
  reconciler.discover();
  return describe(reconciler, builtins);
}

const { representation, env, workerCount } = JSON.parse(fs.readFileSync(0, 'utf8'));
// The original reads it once, when it is loaded.
if (workerCount) process.env.DEFAULT_WORKER_COUNT = String(workerCount);
const { ProcfileReconciler } = require(path.join(process.argv[2], 'dist/application/ProcfileReconciler.js'));
process.argv.length = 1;

let answer;
try {
  answer = { value: compute(ProcfileReconciler, representation, env) };
} catch (error) {
  const { name = '', message = String(error) } = error instanceof Error ? error : {};
  answer = { error: { name, message } };
}
fs.writeSync(3, JSON.stringify(answer));
process.exit(0);
