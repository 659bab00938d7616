'use strict';

// What a worker takes from its own evaluation of the procfile, as text: the same text from two evaluations says that
// they bind the same. The environment of processes is not part of it, because a procfile may build on process.env, which
// in a worker already holds what the process was given.

/** @typedef {import('./reconciler').Reconciler} Reconciler */
/** @typedef {import('./entry').Entry} Entry */

/**
 * @param {ReturnType<Reconciler['structure']>['services'][number]} service
 */
function bound(service) {
  const { name, path } = service.entry;
  return {
    serviceName: service.serviceName,
    category: service.category,
    dependencies: service.dependencies,
    publishToHub: service.publishToHub,
    config: service.config,
    hasConfigResolver: service.hasConfigResolver,
    entry: { name, path },
  };
}

/**
 * @param {Entry | null} entry of a standard: environment or configurator
 * @returns {string} '' when none is set; a class is not loaded for its name
 */
function standard(entry) {
  if (entry === null) return '';
  return entry.path === '' ? 'a class' : entry.path;
}

/**
 * @param {Reconciler} r after discover()
 * @param {ReturnType<Reconciler['structure']>} record its structure
 * @returns {string} JSON; equal objects give equal text, as both engines keep the order of members
 */
function binding(r, record) {
  return JSON.stringify({
    process: record.process.map((process) => ({
      processName: process.processName,
      scale: process.scale,
      args: process.args,
      execArgv: process.execArgv,
      order: process.order,
      entryFile: process.entryFile,
      entryFileBaseDir: process.entryFileBaseDir,
      kind: process.kind,
    })),
    definedProcesses: record.definedProcesses,
    defaultServiceCategory: record.defaultServiceCategory,
    services: record.services.map(bound),
    applets: record.applets.map(bound),
    environment: standard(r.definitions.environment),
    configurator: standard(r.definitions.configurator),
  });
}

module.exports = { binding };
