'use strict';

// The life of a worker: environment, configurator, services and applets of its process, the entry, ready; and its stop.

const path = require('node:path');
const { createReconciler } = require('../shared/reconciler');
const { createNodeHost } = require('./host');
const { COMMAND, unwrap } = require('../shared/entry');
const { loadFrom } = require('./entry');
const { useTransformer } = require('./languages');
const { drift } = require('./drift');
const { DefaultEnvironment } = require('../shared/environment');
const { setEnvironment, enter, known } = require('./facade/current');
const { Services } = require('./service/reconciler');
const { StartTime } = require('./service/time');
const { ProcessHub } = require('./service/hub');

/**
 * @typedef {object} Options what the guard says in PANDORA_WORKER
 * @property {string} appName
 * @property {string} appDir
 * @property {{processName: string, entryFile?: string, entryFileBaseDir: string | null,
 *   policy?: {startTimeoutMs?: number, stopTimeoutMs?: number}}} process
 * @property {number} worker the slot number
 * @property {boolean} [dev]
 * @property {{logger?: import('./logger/services').ServiceLoggerConfig, hook?: any}} [config] what the global configuration
 *   says that workers have to know
 * @property {import('./drift').Evaluation} [evaluation] the one that the application is run by
 * @property {import('./languages').Transformer} [transform]
 */

/**
 * @param {string} message
 */
function problem(message) {
  return Object.assign(new Error(message), { code: 'PANDORA_ENTRY' });
}

/**
 * A service's class that loads a module of the application when it starts.
 * @param {any} entry
 * @param {string} appDir
 */
function clusterClass(entry, appDir) {
  return class Cluster {
    async start() {
      await loadFrom(entry.baseDir ?? appDir, entry.path);
    }
  };
}

/**
 * @param {any} r
 * @param {any} entry
 * @param {string} label for errors
 * @returns {Promise<any>} the class
 */
async function classOf(r, entry, label) {
  let value;
  try {
    value = r.resolve(entry);
  } catch (error) {
    if (!['ERR_REQUIRE_ESM', 'ERR_REQUIRE_ASYNC_MODULE', 'PANDORA_TOP_LEVEL_AWAIT'].includes(error?.code) || entry.path === '') throw error;
    value = await loadFrom(entry.baseDir, entry.path);
  }
  value = unwrap(value);
  // A namespace of import() is no plain object, but has its default all the same.
  if (typeof value !== 'function' && typeof value?.default === 'function') value = value.default;
  if (typeof value === 'function') return value;
  if (entry.kind === 'none') throw problem(`${label} has no entry: give it a class or a module path`);
  throw problem(`The entry should export a function, during loading ${entry.path || label}`);
}

/**
 * @param {any} Class
 * @param {string} label for errors
 * @returns {string[]}
 */
function staticDependencies(Class, label) {
  const own = Class.dependencies;
  if (own === undefined || own === null) return [];
  if (Array.isArray(own) && own.every((name) => typeof name === 'string')) return own;
  throw problem(`${label}: its class's static dependencies expects an array of names of services, got ${require('node:util').inspect(own, { depth: 1 })}`);
}

/**
 * @param {any} representation
 * @param {'service' | 'applet'} unit
 * @param {any} r
 * @returns {Promise<import('./service/reconciler').Definition>}
 */
async function define(representation, unit, r) {
  const { serviceName: name, entry } = representation;
  let Class;
  if (entry.kind === 'builtin') Class = require('./logger/service').LoggerService;
  else if (entry.kind === 'cluster') Class = clusterClass(entry, r.appDir);
  else Class = await classOf(r, entry, `${unit} "${name}"`);
  const own = entry.kind === 'cluster' ? ['all'] : staticDependencies(Class, `${unit} "${name}"`);
  const dependencies = [...new Set([...own, ...representation.dependencies])];
  return { representation, name, Class, dependencies };
}

/** @returns {string} the folder that holds one folder of logs per application */
function logsDir() {
  return process.env.PANDORA_LOGS_DIR || path.join(require('node:os').homedir(), 'logs');
}

/**
 * Makes the loggers that services get, once one asks.
 * @param {Options} options
 * @returns {(serviceName: string, form?: string) => any}
 */
function serviceLoggers({ appName, process: { processName }, dev, config }) {
  /** @type {ReturnType<typeof import('./logger/services').serviceLoggers> | undefined} */
  let make;
  return (serviceName, form) => {
    make ??= require('./logger/services').serviceLoggers({ logsDir: logsDir(), appName, processName, dev, config: config?.logger });
    return make(serviceName, form);
  };
}

/**
 * @param {any} r
 * @returns {string[]} names of the services of the process agent; none if nothing makes it run
 */
function inAgent(r) {
  const units = [...r.definitions.services, ...r.definitions.applets];
  const runs = r.processOf('agent')?.entryFile !== undefined || units.some(({ category }) => ['agent', 'all'].includes(category));
  return runs ? r.servicesOf('agent').map((/** @type {any} */ { serviceName }) => serviceName) : [];
}

/**
 * @param {any} r
 * @param {string} processName
 * @returns {Promise<import('../shared/environment').Environment>}
 */
async function makeEnvironment(r, processName) {
  const Environment = r.environment() ? await classOf(r, r.environment(), 'environment') : DefaultEnvironment;
  return new Environment({ appName: r.appName, appDir: r.appDir, processName, pandoraLogsDir: logsDir() });
}

/**
 * Only an application of the first form has a configurator without asking for it.
 * @param {any} r
 * @param {any[]} representations of services and applets
 * @returns {Promise<any>} its class, or null
 */
async function configuratorClass(r, representations) {
  const entry = r.configurator();
  if (entry) return classOf(r, entry, 'configurator');
  if (!representations.some(({ form }) => form === 'single')) return null;
  return require('./configurator').DefaultConfigurator;
}

/**
 * Prepares a worker; nothing of the application but its procfile runs yet.
 * @param {Options} options
 * @param {{onStoppable: () => void, onDrift: (found: object) => void, onExit?: (error: Error) => void, onDoing?: (what: string) => void}}
 *   hooks onDrift: this evaluation of the procfile differs from the one that the application is run by; onExit: something ends
 *   the process while it starts; onDoing: what of the application runs from now on
 */
function createWorker(options, { onStoppable, onDrift, onExit = () => {}, onDoing = () => {} }) {
  const { appName, appDir, evaluation } = options;
  useTransformer(options.transform);
  const { processName, policy } = options.process;
  const hub = new ProcessHub({ appName, processName });
  const time = new StartTime(policy?.startTimeoutMs);
  const files = require('./logger/files').logFiles();
  /** @type {Services | null} */
  let services = null;
  let stopping = false;
  let loading = false;

  async function bind() {
    const r = createReconciler({
      appName,
      appDir,
      dev: options.dev,
      host: createNodeHost({ places: false }),
      workerCount: evaluation?.workerCount ?? 1,
      environment: DefaultEnvironment,
    });
    // Where there is no procfile, nothing is to be bound: what was made of its source defines processes only.
    if (evaluation?.source) r.adopt(() => {});
    else r.discover();
    const found = evaluation && !evaluation.source && drift(r, evaluation);
    if (found) onDrift(found);
    const serviceList = r.servicesOf(processName);
    const appletList = r.appletsOf(processName);

    // Code of the procfile may have set one.
    const environment = known().environment ?? await makeEnvironment(r, processName);
    setEnvironment(environment);
    /** @type {import('./service/context').ProcessFacts} */
    const facts = { appName, appDir, processName, environment, getHub: hub.get };
    const Configurator = await configuratorClass(r, [...serviceList, ...appletList]);
    if (Configurator) {
      const env = typeof environment.get === 'function' ? environment.get('env') : undefined;
      facts.configurator = new Configurator({ appName, appDir, processName, env, environment });
      facts.config = await time.wait('the configurator has not given its properties', () => facts.configurator.getAllProperties());
      require('./monitor/runtime').showConfig({ appName, configurator: facts.configurator });
    }
    const made = new Services({
      services: await Promise.all(serviceList.map((each) => define(each, 'service', r))),
      applets: await Promise.all(appletList.map((each) => define(each, 'applet', r))),
      facts,
      makeLogger: serviceLoggers(options),
      onStoppable,
      onDoing,
      inAgent: () => inAgent(r),
      policy,
    });
    enter({ context: made.context, environment, hub: hub.get });
    return made;
  }

  /** @param {number} code */
  function exitedEarly(code) {
    if (stopping) return;
    const { entryFile } = options.process;
    const what = loading ? `the entry ${entryFile}` : services?.doing || 'the procfile, or what it is made of,';
    onExit(Object.assign(new Error(`${what} called process.exit(${code}) before the worker was ready`), { code: 'PANDORA_EXIT' }));
  }

  /** The folder that the process runs in, if it is not that of the application. */
  function enterFolder() {
    const { cwd } = /** @type {{cwd?: string}} */ (options.process);
    if (cwd === undefined) return;
    try {
      process.chdir(cwd);
    } catch (error) {
      throw Object.assign(new Error(`the folder ${cwd} of process "${processName}" cannot be entered: ${error.message}`), { code: 'PANDORA_ENTRY' });
    }
    process.env.PWD = cwd;
  }

  return {
    /**
     * Starts everything and loads the entry; rejects with whatever was thrown on the way.
     * @returns {Promise<boolean>} false if a stop came between
     */
    async start() {
      process.on('exit', exitedEarly);
      enterFolder();
      services = await bind();
      if (!stopping) await services.start();
      if (stopping) return false;
      const { entryFile, entryFileBaseDir } = options.process;
      loading = Boolean(entryFile);
      if (entryFile) onDoing(`the entry ${entryFile}`);
      if (entryFile === COMMAND) await require('./command').runCommand(process.argv.slice(2));
      else if (entryFile) await time.wait(`the entry ${entryFile} has not been loaded`, () => loadFrom(entryFileBaseDir ?? appDir, entryFile, { main: Boolean(evaluation?.source) }));
      process.removeListener('exit', exitedEarly);
      return !stopping;
    },

    /** Others find this process in the hub, also if nothing of it has asked for that. */
    goOnline() {
      if (!stopping && !process.env.SKIP_IPC_HUB) hub.appear();
    },

    /** How many services and applets need a stop. */
    stoppable: () => services?.stoppable ?? 0,

    /** Before a stop: others do not call what this process has published any more. @param {number} [ms] that it may take */
    leave: (ms = 5000) => hub.leave(ms),

    /** Writes log lines at once from now on: the end may come by a signal. */
    flushLogs() {
      files.writeThrough();
    },

    /**
     * Stops applets and services.
     * @returns {Promise<Error | null>} the first error thrown by a stop()
     */
    async stop() {
      stopping = true;
      files.writeThrough();
      await hub.leave(1000);
      const error = services ? await services.stop() : null;
      await hub.stop();
      return error;
    },
  };
}

module.exports = { createWorker };
