'use strict';

// A logger hands each line of its level and above to its transports: a file, the terminal, the listeners of its manager.
// It is a Map of them by name, so that applications can add, find and switch off some, as with egg-logger.

const { formatLine, formatMessage } = require('./format');

/** The ranks of the levels, as applications know them. @type {Record<string, number>} */
const LEVELS = { ALL: -Infinity, DEBUG: 0, INFO: 1, WARN: 2, ERROR: 3, NONE: Infinity };

/**
 * @param {any} name a level's name in any case, its rank, or nothing
 * @param {string} fallback
 * @param {string} what for the warning
 * @returns {number}
 */
function levelOf(name, fallback, what) {
  if (name === undefined || name === null || name === '') return LEVELS[fallback];
  if (typeof name === 'number' && !Number.isNaN(name)) return name;
  const key = String(name).toUpperCase();
  if (Object.hasOwn(LEVELS, key)) return LEVELS[key];
  // It is no reason for an application not to start.
  process.emitWarning(`${what}: expected a level of ${Object.keys(LEVELS).join(', ')}, got '${name}'; ${fallback} is used`,
    'PandoraLogWarning');
  return LEVELS[fallback];
}

/**
 * @typedef {{message?: string, line?: string}} Made what was made of a call so far, for all transports
 */

/** One way out. Others may be put into a logger as well: those of egg-logger have the same shape. */
class Transport {
  #enabled = true;

  /**
   * @param {object} options
   * @param {number} options.level the lowest rank that passes
   * @param {string} options.eol
   */
  constructor(options) {
    this.options = options;
  }

  get level() {
    return this.options.level;
  }

  set level(level) {
    this.options.level = levelOf(level, 'NONE', 'level of a transport');
  }

  get enabled() {
    return this.#enabled;
  }

  enable() {
    this.#enabled = true;
  }

  disable() {
    this.#enabled = false;
  }

  /** @param {string} level */
  shouldLog(level) {
    return this.#enabled && this.options.level !== LEVELS.NONE && this.options.level <= LEVELS[level];
  }

  /**
   * @param {string} level
   * @param {ArrayLike<any>} args
   * @param {any} meta raw: no time, level and pid
   * @param {Made} made
   * @returns {string} what is to be written, '' for nothing
   */
  text(level, args, meta, made) {
    made.message ??= formatMessage(args);
    if (meta?.raw === true) return made.message && made.message + this.options.eol;
    made.line ??= formatLine(level, made.message);
    return made.line + this.options.eol;
  }

  reload() {}

  close() {}

  end() {
    this.close();
  }
}

/** To a file. */
class FileTransport extends Transport {
  /** @param {{level: number, eol: string, file: string, files: import('./files').LogFiles}} options */
  constructor(options) {
    super(options);
    this.file = options.file;
    this.files = options.files;
    this.reload();
  }

  /**
   * @param {string} level
   * @param {ArrayLike<any>} args
   * @param {any} [meta]
   * @param {Made} [made]
   */
  log(level, args, meta, made = {}) {
    const text = this.text(level, args, meta, made);
    if (text !== '') this.files.append(this.file, text);
  }

  /**
   * Lets the file be there, also after it was renamed.
   * @override
   */
  reload() {
    this.files.flush();
    if (this.options.level !== LEVELS.NONE) this.files.touch(this.file);
  }

  flush() {
    this.files.flush();
  }

  /** @override */
  close() {
    this.files.flush();
    this.disable();
  }
}

/** To the terminal. */
class ConsoleTransport extends Transport {
  /**
   * @param {string} level
   * @param {ArrayLike<any>} args
   * @param {any} [meta]
   * @param {Made} [made]
   */
  log(level, args, meta, made = {}) {
    const stream = LEVELS[level] >= LEVELS.ERROR && level !== 'NONE' ? process.stderr : process.stdout;
    stream.write(this.text(level, args, meta, made));
  }
}

/** Methods debug, info, warn, error, log (as info) and write (a raw line). */
class Logger extends Map {
  /**
   * @param {object} options
   * @param {import('./files').LogFiles} options.files
   * @param {string} options.file absolute path
   * @param {any} [options.level] the lowest level that goes to the file; default WARN
   * @param {any} [options.stdoutLevel] the same for the terminal; default ERROR
   * @param {string} [options.eol] default '\n'
   */
  constructor({ files, file, level, stdoutLevel, eol }) {
    super();
    const what = `logger ${file}`;
    const end = eol ?? '\n';
    this.options = { file, level, consoleLevel: stdoutLevel, eol: end };
    this.redirectLoggers = new Map();
    this.set('file', new FileTransport({ level: levelOf(level, 'WARN', `${what}: level`), eol: end, file, files }));
    this.set('console', new ConsoleTransport({
      level: levelOf(process.env.EGG_LOG || stdoutLevel, 'ERROR', `${what}: stdoutLevel`), eol: end,
    }));
  }

  get level() {
    return this.options.level;
  }

  set level(level) {
    this.options.level = level;
    for (const transport of this.values()) if (!(transport instanceof ConsoleTransport)) transport.level = level;
  }

  get consoleLevel() {
    return this.options.consoleLevel;
  }

  set consoleLevel(level) {
    this.options.consoleLevel = level;
    for (const transport of this.values()) if (transport instanceof ConsoleTransport) transport.level = level;
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
  warn(...args) {
    this.put('WARN', args);
  }

  /** @param {any[]} args */
  error(...args) {
    this.put('ERROR', args);
  }

  /**
   * As info; with a level and its arguments as one list, as egg-logger calls it, of that level.
   * @param {any[]} args
   */
  log(...args) {
    const [level, list, meta] = args;
    const listed = typeof list === 'object' && list !== null && typeof list.length === 'number';
    if (listed && typeof level === 'string' && Object.hasOwn(LEVELS, level)) this.put(level, list, meta);
    else this.put('INFO', args);
  }

  /**
   * Writes the arguments without time, level and pid, to wherever anything is written.
   * @param {any[]} args
   */
  write(...args) {
    this.put('NONE', args.length > 1 ? [require('node:util').format(...args)] : args, { raw: true });
  }

  /**
   * @param {string} level
   * @param {ArrayLike<any>} args
   * @param {any} [meta]
   */
  put(level, args, meta) {
    const other = this.redirectLoggers.get(level);
    if (other) {
      other.log(level, args, meta);
      return;
    }
    /** @type {Made} */
    const made = {};
    for (const transport of this.values()) {
      if (transport.shouldLog(level)) transport.log(level, args, meta, made);
    }
  }

  /** @param {string} name of a transport */
  disable(name) {
    this.get(name)?.disable();
  }

  /** @param {string} name of a transport */
  enable(name) {
    this.get(name)?.enable();
  }

  /**
   * Hands the lines of a level to another logger.
   * @param {string} level
   * @param {any} logger
   */
  redirect(level, logger) {
    const key = level.toUpperCase();
    if (logger && typeof logger.log === 'function' && !this.redirectLoggers.has(key)) this.redirectLoggers.set(key, logger);
  }

  /** @param {string} level */
  unredirect(level) {
    this.redirectLoggers.delete(level.toUpperCase());
  }

  reload() {
    for (const transport of this.values()) transport.reload();
  }

  close() {
    for (const transport of this.values()) transport.close();
  }

  end() {
    this.close();
  }
}

/** The logger of a service: a text at the beginning of what it logs gets a prefix that names the service. */
class ServiceLogger {
  /**
   * @param {Logger} logger
   * @param {string} prefix
   */
  constructor(logger, prefix) {
    this.logger = logger;
    this.prefix = prefix;
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

module.exports = { Logger, ServiceLogger, Transport, levelOf, LEVELS };
