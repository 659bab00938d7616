'use strict';

// The global configuration in a worker. It is evaluated here, from the same modules as the daemon's: what it holds may be
// classes and functions, which no other process can give, and no daemon needs to be there.

const os = require('node:os');
const path = require('node:path');
const { createRequire } = require('node:module');
const { merge } = require('../configurator');
const { prepareRequest } = require('../languages');
const { resolve } = require('../../shared/config');
const { DefaultEnvironment } = require('../../shared/environment');

/** @returns {string} the folder that holds one folder of logs per application */
function logsDir() {
  return process.env.PANDORA_LOGS_DIR || path.join(os.homedir(), 'logs');
}

/** @returns {Record<string, any>} what is there without any configuration */
function defaults() {
  return {
    environment: DefaultEnvironment,
    logger: {
      logsDir: logsDir(),
      appLogger: { stdoutLevel: 'NONE', level: 'INFO' },
      serviceLogger: { stdoutLevel: 'NONE', level: 'INFO' },
      daemonLogger: { stdoutLevel: 'ERROR', level: 'INFO' },
      isolatedServiceLogger: false,
    },
    actuator: { http: { enabled: true, port: 7002 } },
    reporterInterval: 60,
  };
}

/** @type {GlobalConfigProcessor | undefined} */
let instance;

/** Reads the modules that PANDORA_CONFIG names, when first asked. */
class GlobalConfigProcessor {
  static GLOBAL_PACKAGE_SPLIT = ':';

  /** @returns {GlobalConfigProcessor} the only one of this process */
  static getInstance() {
    instance ??= new GlobalConfigProcessor();
    return instance;
  }

  constructor() {
    /** @type {Record<string, any>} */
    this.globalConfig = {};
    this.initialized = false;
    /** @type {Set<string>} */
    this.loadedConfigPath = new Set();
  }

  /**
   * @returns {Record<string, any>} the defaults and over them one module after the other; one that cannot be loaded is
   *   left out with a process warning
   */
  getAllProperties() {
    if (this.initialized) return this.globalConfig;
    this.initialized = true;
    this.mergeProperties(defaults());
    const base = process.env.PANDORA_CWD || process.cwd();
    for (const part of (process.env.PANDORA_CONFIG ?? '').split(GlobalConfigProcessor.GLOBAL_PACKAGE_SPLIT)) {
      const name = part.trim();
      if (name === '' || name === 'undefined' || this.loadedConfigPath.has(name)) continue;
      try {
        this.mergeProperties(load(base, name));
        this.loadedConfigPath.add(name);
      } catch (error) {
        process.emitWarning(`Can't find config from ${name} (${error?.stack ?? error})`, 'PandoraConfigWarning');
      }
    }
    return this.globalConfig;
  }

  /**
   * @param {Record<string, any>} properties laid over what is there
   */
  mergeProperties(properties) {
    this.globalConfig = merge(this.globalConfig, properties);
  }

  /** @returns {string[]} the modules that were loaded, as PANDORA_CONFIG names them */
  getloadedConfigPath() {
    return [...this.loadedConfigPath];
  }

  /** Forgets everything; what is asked next is read again. */
  clearProperties() {
    this.globalConfig = {};
    this.initialized = false;
    this.loadedConfigPath.clear();
  }
}

/**
 * @param {string} base
 * @param {string} name of a package, or a path relative to base
 * @returns {Record<string, any>}
 */
function load(base, name) {
  prepareRequest(base, name);
  const from = createRequire(path.resolve(base, 'pandora-config.js'));
  const value = from(resolve(from, base, name));
  const config = value?.default === undefined ? value : value.default;
  if (config === null || typeof config !== 'object' || Array.isArray(config)) throw new TypeError('it exports no object');
  return config;
}

module.exports = { GlobalConfigProcessor, logsDir };
