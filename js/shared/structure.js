'use strict';

// The one call that evaluates an application folder: Goja's engine and Node's probe both make it.

const { join } = require('path');
const { createRequire } = require('module');
const { binding } = require('./binding');
const { opaque } = require('./entry');
const { createHost } = require('./host');
const { DefaultEnvironment } = require('./environment');
const { places } = require('./places');
const { createReconciler } = require('./reconciler');

/** @typedef {import('./reconciler').Reconciler} Reconciler */

/**
 * @param {string} text of a module in CommonJS
 * @param {string} appDir where it requires from
 * @returns {(pandora: any) => void} what it exports
 */
function compile(text, appDir) {
  const module = { exports: {} };
  const run = new Function('module', 'require', text);
  run(module, createRequire(join(appDir, 'procfile.js')));
  return /** @type {any} */ (module.exports);
}

/**
 * @param {{appName: string, appDir: string, dev?: boolean, workerCount: number, globalEnv?: Record<string, string>,
 *   globalArgs?: string[], globalExecArgv?: string[], strict?: boolean, generated?: string}} options generated: the text of
 *   a procfile in place of those of the folder
 * @param {import('./host').Host} [host]
 * @returns {ReturnType<import('./reconciler').Reconciler['structure']> & {files: string[], binding: string,
 *   places: import('./places').PlaceRecord[], problems?: Reconciler['problems']}} files: what the graph depends on, the
 *   files of classes that Goja did not load included; binding: what workers bind; problems: what a strict evaluation noted
 */
function structure(options, host = createHost()) {
  const reconciler = createReconciler({
    appName: options.appName,
    appDir: options.appDir,
    dev: options.dev,
    workerCount: options.workerCount,
    host,
    environment: DefaultEnvironment,
    strict: options.strict,
  });
  if (options.generated === undefined) reconciler.discover();
  else reconciler.adopt(compile(options.generated, options.appDir));
  const record = reconciler.structure(options);
  const { services, applets, environment, configurator } = reconciler.definitions;
  const files = reconciler.procfiles.slice();
  for (const entry of [...services, ...applets].map((unit) => unit.entry).concat(environment || [], configurator || [])) {
    const mark = opaque(entry.value);
    if (mark && mark.file) files.push(mark.file);
  }
  return { ...record, files, binding: binding(reconciler, record), places: places(reconciler),
    ...(options.strict && { problems: reconciler.problems }) };
}

module.exports = { structure };
