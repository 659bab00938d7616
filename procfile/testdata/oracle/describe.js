'use strict';

// What a graph of ours has too, of the structure that the original computes with its own classes.

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
    execArgv: process.execArgv.map(String), order, offset, entryFile: entryFile || undefined, entryFileBaseDir,
  };
}

/**
 * @param {any} reconciler the original's, after its procfiles
 * @param {any[]} builtins the services it had before them
 * @returns {object}
 */
function describe(reconciler, builtins) {
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
    services: reconciler.uniqServices
      .filter((/** @type {any} */ service) => !builtins.includes(service))
      .map(describeService),
  };
}

module.exports = { describe };
