'use strict';

// The graph of an application as plain JSON: which processes exist, in which order, with what.

const check = require('./check');
const entries = require('./entry');
const { at } = require('./places');
const { sortByOrder } = require('./order');

/** @typedef {import('./reconciler').Reconciler} Reconciler */
/** @typedef {import('./reconciler').ProcessDefinition} ProcessDefinition */
/** @typedef {import('./reconciler').ServiceDefinition} ServiceDefinition */
/** @typedef {{globalEnv?: Record<string, any>, globalEnvFiles?: import('./env-file').EnvFile[], globalArgs?: string[], globalExecArgv?: string[]}} Globals */

/**
 * A value as JSON would carry it; what JSON cannot carry is left out, with a warning.
 * @param {any} value
 * @param {string} label
 * @param {(warning: string) => void} warn
 * @returns {any}
 */
function plain(value, label, warn) {
  try {
    const text = JSON.stringify(value);
    return text === undefined ? {} : JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error && /circular|cyclic/i.test(error.message) ? 'it refers to itself' : 'it is not JSON';
    warn(`${label}: its config is not shown, because ${why}; it is used as it is`);
    return {};
  }
}

/**
 * Checks that every service and applet has a process to run in.
 * @param {Reconciler} r
 * @param {(ServiceDefinition & {serviceName: string})[]} units
 * @returns {(ServiceDefinition & {serviceName: string})[]} those that have one
 */
function checkPlacement(r, units) {
  return units.filter(({ unit, serviceName, category, places }) => at(r, places.get('process') || places.get(''), () => {
    if (category === 'all' || category === 'weak-all' || r.processOf(category)) return true;
    throw check.problem('PANDORA_PLACEMENT',
      `Can't allocate ${unit} ${serviceName} at category ${category} to any process.`);
  }, () => false));
}

/**
 * The kind by the rule: cluster(…), more than one worker, or a declared 'auto' makes cluster workers.
 * @param {ProcessDefinition} process
 * @param {number} scale resolved
 * @param {(ServiceDefinition & {serviceName: string})[]} units
 * @returns {'plain' | 'worker'}
 */
function kindOf(process, scale, units) {
  if (process.entryFile === entries.COMMAND) return 'plain';
  if (process.kind) return process.kind;
  const hosts = units.some(({ entry, category }) => entry.kind === 'cluster'
    && (category === process.processName || category === 'all'));
  const auto = process.scale === 'auto' || process.autoInProduction;
  return process.clustered || hosts || auto || scale > 1 ? 'worker' : 'plain';
}

/**
 * @param {(import('./env-file').EnvFile[] | undefined)[]} lists what a later one says counts more
 * @returns {{envFiles?: import('./env-file').EnvFile[]}} without envFiles when there are none
 */
function envFiles(...lists) {
  const all = lists.flatMap((list) => list || []);
  return all.length > 0 ? { envFiles: all } : {};
}

/**
 * @param {Reconciler} r
 * @param {ProcessDefinition} process
 * @returns {{secrets?: import('./secrets').Secret[]}} without secrets when there are none
 */
function secretsOf(r, process) {
  const { secrets, processName, places, env } = process;
  if (r.secrets.length === 0 && !secrets) return {};
  for (const { name } of secrets || []) {
    if (Object.hasOwn(Object(env), name)) {
      r.warn(`process "${processName}": env and secrets both give ${name}; what env says counts`, places.get(`secrets.${name}`));
    }
  }
  return at(r, places.get(''), () => require('./secrets').record(r.secrets, secrets, processName), () => ({}));
}

/**
 * @param {Reconciler} r
 * @param {ProcessDefinition} process
 * @param {string[]} args
 * @returns {string[]} the same
 */
function checkCommand(r, process, args) {
  const { entryFile, processName, clustered, kind, places } = process;
  if (entryFile !== entries.COMMAND) return args;
  if (clustered || kind === 'worker') {
    r.warn(`process "${processName}": a command is no worker of a cluster; it runs as a plain process`, places.get(''));
  }
  at(r, places.get('args') || places.get(''), () => {
    if (args.length > 0) return;
    throw check.problem('PANDORA_ARGS', `process "${processName}": the entry '${entries.COMMAND}' expects a command in args, like .args(['npm', 'start'])`);
  }, () => {});
  return args;
}

/**
 * What a process asks of its supervision. Nobody can hold the sockets of a command: the old one leaves before the new one.
 * @param {ProcessDefinition} process
 */
function policyOf({ entryFile, policy }) {
  const whole = /** @type {ProcessDefinition['policy']} */ (entryFile === entries.COMMAND ? { reload: 'stop-first', ...policy } : policy);
  // Parsed only for the few procfiles that set something of it.
  return Object.keys(whole).length > 0 ? require('./policy').record(whole) : {};
}

/**
 * @param {Reconciler} r
 * @param {Globals} globals
 * @param {(ServiceDefinition & {serviceName: string})[]} units
 */
function describeProcesses(r, globals, units) {
  const everywhere = units.some(({ category }) => category === 'all');
  const active = r.definitions.processes.filter((process) => everywhere || process.entryFile !== undefined
    || units.some(({ category }) => category === process.processName));
  let offset = 0;
  const records = active.map((process) => {
    const { processName, places } = process;
    /**
     * @param {string} member @param {T} instead @param {(warn: (warning: string) => void) => T} value
     * @returns {T} @template T
     */
    const setting = (member, instead, value) => {
      const place = places.get(member) || places.get('');
      return at(r, place, () => value((warning) => r.warn(warning, place)), () => instead);
    };
    /** @param {'args' | 'nodeArgs'} member @param {any[]} value */
    const list = (member, value) => setting(member, /** @type {string[]} */ ([]),
      (warn) => check.listStrings(value, member, processName, warn));
    const declared = process.scale === undefined ? 1
      : setting('scale', /** @type {number | 'auto'} */ (1), (warn) => check.checkScale(process.scale, processName, warn));
    const scale = declared === 'auto' ? r.workerCount : declared;
    const env = { ...process.env, ...globals.globalEnv };
    const record = {
      appName: r.appName,
      appDir: r.appDir,
      processName,
      scale,
      env: setting('env', {}, (warn) => check.envStrings(env, processName, warn)),
      args: checkCommand(r, process, list('args', process.args.concat(globals.globalArgs || []))),
      execArgv: list('nodeArgs', process.execArgv.concat(globals.globalExecArgv || [])),
      order: process.order,
      offset,
      entryFile: process.entryFile,
      entryFileBaseDir: process.entryFileBaseDir,
      ...(process.cwd === undefined ? {} : { cwd: process.cwd }),
      kind: kindOf(process, scale, units),
      ...policyOf(process),
      ...envFiles(r.envFiles, process.envFiles, globals.globalEnvFiles),
      ...secretsOf(r, process),
    };
    offset += scale > 1 ? scale + 1 : 1;
    return record;
  });
  return sortByOrder(records);
}

/**
 * @param {Reconciler} r
 * @param {ServiceDefinition & {serviceName: string}} service
 */
function describeService(r, service) {
  const label = r.label(service);
  const { entry } = service;
  if (service.serviceName === '') {
    throw check.problem('PANDORA_NAME', `${label} has no name, because its class is anonymous; give it one with .name('…')`);
  }
  const kind = entry.kind === 'cluster' ? 'path' : entries.classify(entry, r.host, r.procfiles);
  const name = entry.path === '' ? entries.classNameOf(entry, r.host, label) : '';
  const own = entries.staticDependencies(entry, r.host, label);
  return {
    serviceName: service.serviceName,
    category: service.category,
    dependencies: [...new Set([...own, ...(service.dependencies || [])])],
    publishToHub: service.publishToHub,
    config: plain(service.config, label, (warning) => r.warn(warning, service.places.get('config'))),
    hasConfigResolver: service.configResolver !== null,
    entry: { kind, ...(name === '' ? {} : { name }), ...(entry.path === '' ? {} : { path: entry.path }) },
  };
}

/**
 * @param {Reconciler} r
 * @param {ServiceDefinition[]} list
 */
function warnOfDuplicates(r, list) {
  const seen = new Set();
  for (const service of list) {
    const name = r.nameOf(service);
    if (seen.has(name)) {
      r.warn(`${service.unit} "${name}" is defined more than once; the last definition counts`, service.places.get(''));
    }
    seen.add(name);
  }
}

/**
 * @param {Reconciler} r
 * @param {Globals} globals
 */
function describe(r, globals) {
  const allServices = r.unique(r.definitions.services);
  const allApplets = r.unique(r.definitions.applets);
  warnOfDuplicates(r, r.definitions.services);
  warnOfDuplicates(r, r.definitions.applets);
  const services = checkPlacement(r, allServices);
  const applets = checkPlacement(r, allApplets);
  const units = [...services, ...applets];
  /** @param {ServiceDefinition & {serviceName: string}} service */
  const placed = (service) => at(r, service.places.get(''), () => [describeService(r, service)], () => []);
  const record = {
    appName: r.appName,
    appDir: r.appDir,
    process: describeProcesses(r, globals, units),
    definedProcesses: r.definitions.processes.map((process) => process.processName),
    defaultServiceCategory: r.definitions.defaultServiceCategory,
    services: services.filter(({ entry }) => entry.kind !== 'builtin').flatMap(placed),
    applets: applets.flatMap(placed),
    ...(r.scripts ? require('./scripts').record(r.scripts) : {}),
    ...envFiles(r.envFiles, globals.globalEnvFiles),
  };
  return { ...record, warnings: r.warnings.slice() };
}

module.exports = { describe };
