'use strict';

// Loaded by --require before the script of a Node process that a worker starts directly (children.js): it has a context,
// so that require('dorapan') answers there, and its row in /process. It has no services, and nothing here keeps it alive.

const { isMainThread } = require('node:worker_threads');

/** A child that ends before has not bothered the daemon. */
const MONITOR_MS = 1000;

/**
 * Takes away what made Node load a file of ours, so that nothing the process starts loads it too.
 * @param {string} file
 */
function forget(file) {
  const { execArgv } = process;
  const at = execArgv.indexOf(file);
  if (at > 0 && execArgv[at - 1] === '--require') execArgv.splice(at - 1, 2);
  const preloaded = /** @type {any} */ (process)._preload_modules;
  if (Array.isArray(preloaded) && preloaded.includes(file)) preloaded.splice(preloaded.indexOf(file), 1);
}

/** @returns {{appName: string, appDir: string, processName: string} | null} the process that has started this one */
function parent() {
  try {
    const { appName, appDir, processName } = JSON.parse(process.env.PANDORA_PROCESS_REPRESENTATION ?? '');
    return [appName, appDir, processName].every((each) => typeof each === 'string' && each !== '') ? { appName, appDir, processName } : null;
  } catch {
    return null;
  }
}

/** Makes this process one of the application, if it is not too deep below the worker. */
function join() {
  const { follows } = require('./spawning');
  const level = process.env.PANDORA_CURRENT_WRAP_LEVEL ?? '';
  const depth = process.env.PANDORA_WRAP_MAX_DEPTH;
  const facts = parent();
  if (facts === null || !follows(level, depth)) return;
  const own = String(Number(level) + 1);
  process.env.PANDORA_CURRENT_WRAP_LEVEL = own;
  require('./facade/hook').install(facts);
  give(facts);
  require('./errors').installErrors({ report: (payload) => require('./monitor').reportError(payload) });
  if (follows(own, depth)) require('./children').watchChildren({ nested: false });
  setTimeout(() => {
    require('./monitor').startMonitor({ ...facts, worker: Number(process.env.NODE_APP_INSTANCE) || 0, child: true });
  }, MONITOR_MS).unref();
}

/**
 * Gives the process its context, which is made once somebody asks.
 * @param {{appName: string, appDir: string, processName: string}} facts
 */
function give(facts) {
  const { DefaultEnvironment } = require('../shared/environment');
  const { enter, setEnvironment } = require('./facade/current');
  const logsDir = process.env.PANDORA_LOGS_DIR || require('node:path').join(require('node:os').homedir(), 'logs');
  const environment = new DefaultEnvironment({ ...facts, pandoraLogsDir: logsDir });
  setEnvironment(environment);
  /** @type {import('./service/hub').ProcessHub | undefined} */
  let own;
  const getHub = () => (own ??= new (require('./service/hub').ProcessHub)(facts)).get();
  /** @type {any} */
  let context;
  enter({
    get context() {
      context ??= require('./service/context').processContext(/** @type {any} */ ({ ...facts, environment, getHub }), /** @type {any} */ ({
        getService(/** @type {string} */ name) {
          throw Object.assign(new Error(`Could not found service id: ${name}`), { code: 'PANDORA_SERVICE' });
        },
        getServiceClass: () => null,
      }));
      return context;
    },
    environment,
    hub: getHub,
  });
}

forget(__filename);
if (isMainThread) join();

module.exports = { forget };
