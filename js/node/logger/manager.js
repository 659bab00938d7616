'use strict';

// All loggers of a process: makes them, tells their lines to whoever listens for 'log', and has their files rotated by the
// daemon.

const { EventEmitter } = require('node:events');
const path = require('node:path');
const { logFiles } = require('./files');
const { LEVELS, Logger, Transport, levelOf } = require('./logger');

const MESSENGER_ACTION_SERVICE = 'LOGGER_INTERNAL';
const SOCKET_FILE_NAME = 'pandora_logger';
const HEARTBEAT_TIME = 2 * 60 * 1000;
const HEARTBEAT_TIME_MAX = 3 * 60 * 1000;
const DEFAULT_ROTATION_CONFIG = {
  type: /** @type {'date' | 'size'} */ ('date'),
  maxFiles: 10,
  maxFileSize: 300 * 1024 * 1024,
  rotateDuration: 5 * 60 * 1000,
};
const DEFAULT_LOGGER_CONFIG = { ...DEFAULT_ROTATION_CONFIG, stdoutLevel: 'ERROR', level: 'WARN', emitterLevel: 'INFO' };

/**
 * @typedef {object} LoggerConfig
 * @property {string} dir the folder of the file; required
 * @property {string} [name] the file's name; default `<loggerName>.log`
 * @property {any} [level] the lowest level that goes to the file; default WARN
 * @property {any} [stdoutLevel] that goes to the terminal; default ERROR
 * @property {any} [emitterLevel] that is told as 'log'; default INFO
 * @property {'date' | 'size'} [type] rotated at midnight, or by size; default date
 * @property {number} [rotateDuration] milliseconds between two looks at the size; default 5 minutes
 * @property {number} [maxFiles] kept besides the file, by size; default 10
 * @property {number} [maxFileSize] bytes; default 300 MiB
 * @property {string} [eol] default '\n'
 */

/** Tells lines to the listeners of the manager. */
class EmitterTransport extends Transport {
  /**
   * @param {{level: number, eol: string, loggerName: string, fileName: string, filePath: string}} options
   * @param {EventEmitter} emitter
   */
  constructor(options, emitter) {
    super(options);
    this.eventEmitter = emitter;
  }

  /**
   * @param {string} level
   * @override
   */
  shouldLog(level) {
    return this.eventEmitter.listenerCount('log') > 0 && super.shouldLog(level);
  }

  /**
   * @param {string} level
   * @param {ArrayLike<any>} args
   * @param {any} [meta]
   * @param {import('./logger').Made} [made]
   */
  log(level, args, meta, made = {}) {
    const { loggerName, fileName, filePath } = /** @type {any} */ (this.options);
    // Without time, level and pid, which the other fields tell.
    const formattedMessage = this.text(level, args, { raw: true }, made);
    this.eventEmitter.emit('log', { loggerName, fileName, filePath, level, args, meta, formattedMessage });
  }
}

/** Tells error lines to whoever reports errors. */
class ErrorTransport extends Transport {
  /** @param {string} file */
  constructor(file) {
    super({ level: LEVELS.ERROR, eol: '' });
    this.file = file;
  }

  /**
   * Whatever the level of the logger is.
   * @param {string} level
   * @override
   */
  shouldLog(level) {
    return this.enabled && level === 'ERROR';
  }

  /**
   * @param {string} level
   * @param {ArrayLike<any>} args
   */
  log(level, args) {
    require('../errors').observeLine(args, this.file, Logger.prototype.put);
  }
}

/**
 * What is not given, or undefined, has its default.
 * @param {any} config
 * @returns {any}
 */
function withDefaults(config) {
  const given = Object.entries(config ?? {}).filter(([, value]) => value !== undefined && value !== null);
  return { ...DEFAULT_LOGGER_CONFIG, ...Object.fromEntries(given) };
}

/** @returns {boolean} whether this process is one of a test, or told to leave the daemon alone */
function alone() {
  const { PANDORA_DEV, DO_NOT_CONNECT_MONITOR, NODE_ENV } = process.env;
  if (PANDORA_DEV || DO_NOT_CONNECT_MONITOR) return true;
  const environment = require('../facade/current').current()?.environment;
  if (environment && typeof environment.get === 'function') return environment.get('env') === 'test';
  return NODE_ENV === 'test' || NODE_ENV === 'unittest';
}

class LoggerManager extends EventEmitter {
  /**
   * @param {{connectRotator?: boolean, heartbeatTime?: number}} [options]
   */
  constructor({ connectRotator = false, heartbeatTime = HEARTBEAT_TIME } = {}) {
    super();
    /** By a random id. @type {Map<string, Logger>} */
    this.loggerMap = new Map();
    this.heartbeatTime = heartbeatTime;
    this.connectRotator = connectRotator && !alone();
    /** @type {ReturnType<typeof import('./rotation').createRotation> | undefined} */
    this.rotation = undefined;
  }

  /**
   * @param {string} loggerName
   * @param {LoggerConfig} loggerConfig
   * @returns {Logger}
   */
  createLogger(loggerName, loggerConfig) {
    const config = withDefaults(loggerConfig);
    if (typeof config.dir !== 'string' || config.dir === '') {
      const got = require('node:util').inspect(config.dir);
      throw Object.assign(new Error(`logger ${loggerName}: dir expects the folder for its file, got ${got}`), { code: 'PANDORA_LOGGER' });
    }
    const fileName = config.name || `${loggerName}.log`;
    const filePath = path.resolve(config.dir, fileName);
    const logger = new Logger({ ...config, files: logFiles(), file: filePath });
    const level = levelOf(config.emitterLevel, 'INFO', `logger ${filePath}: emitterLevel`);
    logger.set('emitter', new EmitterTransport({ level, eol: config.eol ?? '\n', loggerName, fileName, filePath }, this));
    logger.set('errors', new ErrorTransport(filePath));
    const uuid = require('node:crypto').randomUUID();
    this.loggerMap.set(uuid, logger);
    // Where nothing is written there is nothing to rotate.
    if (String(config.level).toUpperCase() !== 'NONE') {
      const { type, rotateDuration, maxFileSize, maxFiles } = config;
      this.sendRotationStrategy({ uuid, file: filePath, type, rotateDuration, maxFileSize, maxFiles });
    }
    return logger;
  }

  /** @param {import('./rotation').Strategy} strategy */
  sendRotationStrategy(strategy) {
    if (!this.connectRotator) return;
    this.rotation ??= require('./rotation').createRotation({
      heartbeatTime: this.heartbeatTime,
      reload: (uuid) => { if (!uuid || this.loggerMap.has(uuid)) this.reload(uuid); },
    });
    this.rotation.add(strategy);
  }

  /**
   * Lets loggers go on in a new file after theirs was renamed.
   * @param {string} [uuid] all without it
   */
  reload(uuid) {
    if (uuid && !this.loggerMap.has(uuid)) {
      throw Object.assign(new Error(`Could not found logger uuid ${uuid}`), { code: 'PANDORA_LOGGER' });
    }
    for (const [id, logger] of this.loggerMap) if (!uuid || id === uuid) logger.reload();
  }
}

/** @type {DefaultLoggerManager | undefined} */
let instance;

/** The one that services and their loggers use. */
class DefaultLoggerManager extends LoggerManager {
  /** @returns {DefaultLoggerManager} */
  static getInstance() {
    instance ??= new DefaultLoggerManager({ connectRotator: true });
    return instance;
  }

  /**
   * @param {string} appName
   * @returns {string} the folder of an application's logs
   */
  static getAppLogDir(appName) {
    return path.join(process.env.PANDORA_LOGS_DIR || path.join(require('node:os').homedir(), 'logs'), appName);
  }

  /** @returns {string} the folder of the logs that belong to no application */
  static getPandoraLogsDir() {
    return DefaultLoggerManager.getAppLogDir('pandorajs');
  }
}

module.exports = {
  LoggerManager,
  DefaultLoggerManager,
  MESSENGER_ACTION_SERVICE,
  SOCKET_FILE_NAME,
  HEARTBEAT_TIME,
  HEARTBEAT_TIME_MAX,
  DEFAULT_ROTATION_CONFIG,
  DEFAULT_LOGGER_CONFIG,
};
