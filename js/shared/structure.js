'use strict';

// The one call that evaluates an application folder: Goja's engine and Node's probe both make it.

const { createHost } = require('./host');
const { DefaultEnvironment } = require('./environment');
const { createReconciler } = require('./reconciler');

/**
 * @param {{appName: string, appDir: string, dev?: boolean, workerCount: number, globalEnv?: Record<string, string>,
 *   globalArgs?: string[], globalExecArgv?: string[]}} options
 * @returns {ReturnType<import('./reconciler').Reconciler['structure']> & {procfiles: string[]}}
 */
function structure(options) {
  const reconciler = createReconciler({
    appName: options.appName,
    appDir: options.appDir,
    dev: options.dev,
    workerCount: options.workerCount,
    host: createHost(),
    environment: DefaultEnvironment,
  });
  reconciler.discover();
  return { ...reconciler.structure(options), procfiles: reconciler.procfiles };
}

module.exports = { structure };
