'use strict';

// The built-in service `logger`: named loggers with files of their own.

const path = require('node:path');

/** @typedef {import('./logger').Logger} Logger */

/**
 * @param {boolean} condition
 * @param {string} message
 */
function check(condition, message) {
  if (!condition) throw Object.assign(new Error(message), { code: 'PANDORA_LOGGER' });
}

/**
 * @typedef {object} LoggerConfig
 * @property {string} dir the folder of the file; required
 * @property {string} [name] the file's name; default `<loggerName>.log`
 * @property {string} [level] default WARN
 * @property {string} [stdoutLevel] default ERROR
 * @property {string} [eol] default '\n'
 */

/**
 * Makes the class of the service.
 * @param {import('./files').LogFiles} files
 */
function loggerServiceClass(files) {
  return class LoggerService {
    /** @param {any} context */
    constructor(context) {
      this.context = context;
      /** @type {Map<string, Logger>} */
      this.loggers = new Map();
    }

    /** Creates the loggers of its config: {loggers: {name: LoggerConfig}}. */
    start() {
      const loggers = this.context.config.loggers ?? {};
      for (const name of Object.keys(loggers)) this.createLogger(name, loggers[name]);
    }

    /** Writes what is pending; the loggers stay usable, other services may still stop. */
    stop() {
      files.flush();
    }

    /**
     * @param {string} name
     * @param {LoggerConfig} config
     * @returns {Logger}
     */
    createLogger(name, config) {
      check(!this.loggers.has(name), `Logger named ${name} already has`);
      check(typeof config?.dir === 'string' && config.dir !== '',
        `logger ${name}: dir expects the folder for its file, got ${require('node:util').inspect(config?.dir)}`);
      const { Logger } = require('./logger'); // most applications make none
      const file = path.resolve(config.dir, config.name || `${name}.log`);
      const logger = new Logger({ ...config, files, file });
      this.loggers.set(name, logger);
      return logger;
    }

    /**
     * @param {string} name
     * @returns {Logger}
     */
    getLogger(name) {
      const logger = this.loggers.get(name);
      check(logger !== undefined, `Could not found logger named ${name}`);
      return /** @type {Logger} */ (logger);
    }
  };
}

module.exports = { loggerServiceClass };
