'use strict';

// A logger writes the lines of its level and above to a file, and to the terminal.

const { formatLine } = require('./format');

/** @type {Record<string, number>} */
const LEVELS = { ALL: 0, DEBUG: 1, INFO: 2, WARN: 3, ERROR: 4, NONE: 5 };

/**
 * @param {any} name a level's name in any case, or undefined
 * @param {string} fallback
 * @param {string} what for the error
 * @returns {number}
 */
function levelOf(name, fallback, what) {
  const key = name === undefined || name === null ? fallback : String(name).toUpperCase();
  if (Object.hasOwn(LEVELS, key)) return LEVELS[key];
  throw Object.assign(new Error(`${what}: expected a level of ${Object.keys(LEVELS).join(', ')}, got '${name}'`),
    { code: 'PANDORA_LOGGER' });
}

/** Methods debug, info, warn, error, log (as info) and write (a raw line). */
class Logger {
  /**
   * @param {object} options
   * @param {import('./files').LogFiles} options.files
   * @param {string} options.file absolute path
   * @param {string} [options.level] the lowest level that goes to the file; default WARN
   * @param {string} [options.stdoutLevel] the same for the terminal; default ERROR
   * @param {string} [options.eol] default '\n'
   */
  constructor({ files, file, level, stdoutLevel, eol }) {
    this.files = files;
    this.file = file;
    this.level = levelOf(level, 'WARN', `logger ${file}: level`);
    this.stdoutLevel = levelOf(stdoutLevel, 'ERROR', `logger ${file}: stdoutLevel`);
    this.eol = eol ?? '\n';
  }

  /** @param {any[]} args */
  debug(...args) {
    this.put('DEBUG', args);
  }

  /** @param {any[]} args */
  info(...args) {
    this.put('INFO', args);
  }

  /** @param {any[]} args */
  log(...args) {
    this.put('INFO', args);
  }

  /** @param {any[]} args */
  warn(...args) {
    this.put('WARN', args);
  }

  /** @param {any[]} args */
  error(...args) {
    this.put('ERROR', args);
  }

  /**
   * Writes the arguments without time, level and pid, to wherever anything is written.
   * @param {any[]} args
   */
  write(...args) {
    const line = require('node:util').format(...args);
    if (this.level < LEVELS.NONE) this.files.append(this.file, line + this.eol);
    if (this.stdoutLevel < LEVELS.NONE) process.stdout.write(`${line}\n`);
  }

  /**
   * @param {string} level
   * @param {any[]} args
   */
  put(level, args) {
    const rank = LEVELS[level];
    if (rank < this.level && rank < this.stdoutLevel) return;
    const line = formatLine(level, args);
    if (rank >= this.level) this.files.append(this.file, line + this.eol);
    if (rank >= this.stdoutLevel) (rank >= LEVELS.ERROR ? process.stderr : process.stdout).write(`${line}\n`);
  }
}

/** The logger of a service: its lines begin with the service's name. */
class ServiceLogger {
  /**
   * @param {Logger} logger
   * @param {string} serviceName
   * @param {string} processName
   */
  constructor(logger, serviceName, processName) {
    this.logger = logger;
    this.prefix = `[serviceName: ${serviceName}, processName: ${processName}] `;
  }

  /**
   * @param {any[]} args
   * @returns {any[]} a string gets the prefix, an error stays as it is
   */
  prefixed(args) {
    return typeof args[0] === 'string' ? [this.prefix + args[0], ...args.slice(1)] : args;
  }

  /** @param {any[]} args */
  debug(...args) {
    this.logger.debug(...this.prefixed(args));
  }

  /** @param {any[]} args */
  info(...args) {
    this.logger.info(...this.prefixed(args));
  }

  /** @param {any[]} args */
  log(...args) {
    this.logger.info(...this.prefixed(args));
  }

  /** @param {any[]} args */
  warn(...args) {
    this.logger.warn(...this.prefixed(args));
  }

  /** @param {any[]} args */
  error(...args) {
    this.logger.error(...this.prefixed(args));
  }

  /** @param {any[]} args */
  write(...args) {
    this.logger.write(...args);
  }
}

module.exports = { Logger, ServiceLogger, LEVELS };
