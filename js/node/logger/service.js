'use strict';

// The built-in service `logger`: named loggers with files of their own.

const { logFiles } = require('./files');

/**
 * @param {boolean} condition
 * @param {string} message
 */
function check(condition, message) {
  if (!condition) throw Object.assign(new Error(message), { code: 'PANDORA_LOGGER' });
}

class LoggerService {
  /** @param {any} [context] of a service */
  constructor(context) {
    this.context = context;
    /** @type {Map<string, import('./logger').Logger>} */
    this.loggerMap = new Map();
  }

  /** Every worker has this service, most have no loggers: theirs are loaded when they are made. */
  get defaultLoggerManager() {
    return require('./manager').DefaultLoggerManager.getInstance();
  }

  /** Creates the loggers of its config: {loggers: {name: LoggerConfig}}; in the first form that is loggerService. */
  async start() {
    const loggers = this.context?.config?.loggers ?? this.context?.processContext?.config?.loggerService?.loggers ?? {};
    for (const name of Object.keys(loggers)) {
      if (!this.loggerMap.has(name)) this.createLogger(name, loggers[name]);
    }
  }

  /** Writes what is pending; the loggers stay usable, other services may still stop. */
  stop() {
    logFiles().flush();
  }

  /**
   * @param {string} loggerName
   * @param {import('./manager').LoggerConfig} loggerConfig
   */
  createLogger(loggerName, loggerConfig) {
    check(!this.loggerMap.has(loggerName), `Logger named ${loggerName} already has`);
    const logger = this.defaultLoggerManager.createLogger(loggerName, loggerConfig);
    this.loggerMap.set(loggerName, logger);
    return logger;
  }

  /** @param {string} loggerName */
  getLogger(loggerName) {
    const logger = this.loggerMap.get(loggerName);
    check(logger !== undefined, `Could not found logger named ${loggerName}`);
    return /** @type {import('./logger').Logger} */ (logger);
  }
}

module.exports = { LoggerService };
