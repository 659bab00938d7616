'use strict';

// The default environment class: a few variables and the name of the environment, from NODE_ENV.

/** @type {Record<string, string>} */
const NAMES = { production: 'production', prepub: 'prepub', test: 'test', unittest: 'test' };

/**
 * @typedef {object} Environment what an application may replace with `pandora.environment(Class)`
 * @property {(name: string) => any} get
 * @property {(name: string) => boolean} match
 */

/** Holds variables by name. */
class BaseEnvironment {
  /**
   * @param {Record<string, any>} [variables]
   */
  constructor(variables = {}) {
    /** @type {Record<string, any>} */
    this.variables = { ...variables };
  }

  /**
   * @param {string} name
   * @returns {any} undefined for an unknown name
   */
  get(name) {
    return this.variables[name];
  }

  /**
   * @param {string} name
   * @param {any} value
   */
  set(name, value) {
    this.variables[name] = value;
  }

  /**
   * @param {string} name of an environment, as 'production'
   * @returns {boolean}
   */
  match(name) {
    return this.get('env') === name;
  }
}

/** @returns {string} the folder that holds one folder of logs per application */
function logsDir() {
  return process.env.PANDORA_LOGS_DIR || require('path').join(require('os').homedir(), 'logs');
}

/** Variables env, appName, appDir, processName and pandoraLogsDir; env and pandoraLogsDir need not be given. */
class DefaultEnvironment extends BaseEnvironment {
  /**
   * @param {Record<string, any>} [variables]
   */
  constructor(variables = {}) {
    super(variables);
    const name = process.env.NODE_ENV ?? '';
    if (!variables.env) this.set('env', Object.hasOwn(NAMES, name) ? NAMES[name] : 'development');
    if (!variables.pandoraLogsDir) this.set('pandoraLogsDir', logsDir());
  }
}

module.exports = { BaseEnvironment, DefaultEnvironment };
