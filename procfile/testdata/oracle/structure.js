'use strict';

// Computes the structure of an application folder with the original's own classes, and answers with the part of it that
// a graph of ours has too. `node structure.js <folder of pandora@1.11.0>`, run in the application's folder; the options
// come on stdin as JSON, the answer goes to file descriptor 3 as JSON: { value } or { error: { name, message } }.

const fs = require('node:fs');
const path = require('node:path');

/**
 * @param {any} service the original's record of a service
 * @returns {object} as procfile.Service has it
 */
function describeService(service) {
  const entry = service.serviceEntry;
  const isPath = typeof entry === 'function' && typeof entry.lazyEntryMadeBy === 'string';
  const own = typeof entry === 'function' && !isPath && Array.isArray(entry.dependencies) ? entry.dependencies : [];
  return {
    serviceName: service.serviceName,
    category: service.category,
    dependencies: [...new Set([...own, ...(service.dependencies || [])])],
    publishToHub: Boolean(service.publishToHub),
    config: plain(service.config),
    hasConfigResolver: typeof service.configResolver === 'function',
    entry: { cluster: typeof entry === 'function' && entry.name === 'ClusterService', path: isPath ? entry.lazyEntryMadeBy : '' },
  };
}

/** @param {any} config @returns {any} */
function plain(config) {
  try {
    return JSON.parse(JSON.stringify(config));
  } catch {
    return {}; // it refers to itself
  }
}

/**
 * @param {any} process the original's record of a process, from JSON
 * @returns {object} as procfile.Process has it, with the strings that the child is started with
 */
function describeProcess(process) {
  const { appName, appDir, processName, scale, order, offset, entryFile, entryFileBaseDir } = process;
  const env = Object.entries(process.env).map(([name, value]) => [name, String(value)]);
  return {
    appName, appDir, processName, scale, env: Object.fromEntries(env), args: process.args.map(String),
    execArgv: process.execArgv.map(String), order, offset, entryFile, entryFileBaseDir,
  };
}

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
  reconciler.discover();
  // Reading the unique services turns their list around, so each reading needs a list of its own.
  const services = reconciler.services.slice();
  const structure = JSON.parse(JSON.stringify(reconciler.getApplicationStructure()));
  reconciler.services = services;
  return {
    appName: structure.appName,
    appDir: structure.appDir,
    process: structure.process.map(describeProcess),
    definedProcesses: reconciler.processes.map((/** @type {any} */ process) => process.processName),
    defaultServiceCategory: reconciler.getDefaultServiceCategory(),
    services: reconciler.uniqServices.map(describeService)
      .filter((/** @type {any} */ { serviceName, entry }) => serviceName !== 'logger' || entry.path !== ''),
  };
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
