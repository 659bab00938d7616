'use strict';

// The helper functions of Pandora.js that applications use: names and folders of logs.

const fs = require('node:fs');
const path = require('node:path');
const { GlobalConfigProcessor } = require('./config');

/**
 * @param {string} name of a package
 * @returns {string} without its scope
 */
function removePkgNameScope(name) {
  return name.replace(/^@[^/]*\//, '');
}

/**
 * @param {string} [dir]
 * @returns {string | null} the name in the package.json of the current folder, else the last part of dir
 */
function calcAppName(dir) {
  try {
    const { name } = JSON.parse(fs.readFileSync(path.join(process.cwd(), 'package.json'), 'utf8'));
    if (typeof name === 'string' && name !== '') return removePkgNameScope(name);
  } catch {
    // No package.json, or none that says a name.
  }
  return (dir && path.basename(dir)) || null;
}

/** @returns {any} the configuration of loggers */
function loggerConfig() {
  return GlobalConfigProcessor.getInstance().getAllProperties().logger;
}

/** @returns {string} the folder that holds one folder of logs per application */
function getPandoraLogsDir() {
  return loggerConfig().logsDir;
}

/**
 * @param {string} appName
 * @returns {string}
 */
function getAppLogDir(appName) {
  return path.join(getPandoraLogsDir(), appName);
}

/**
 * @param {string} appName
 * @param {string} logName without .log
 * @returns {string}
 */
function getAppLogPath(appName, logName) {
  return path.join(getAppLogDir(appName), `${logName}.log`);
}

/**
 * @param {string} text
 * @returns {string} without the end of its last line
 */
function removeEOL(text) {
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}

/**
 * @param {Date} date
 * @param {string} [between] the parts
 * @returns {string} the local year, month and day
 */
function yyyymmdd(date, between = '') {
  const two = (/** @type {number} */ part) => String(part).padStart(2, '0');
  return [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join(between);
}

/**
 * Renames a file of logs.
 * @param {string} file
 * @param {string} [name] by default the file's with the day and the time
 */
async function backupLog(file, name) {
  await fs.promises.rename(file, name || `${file}.${yyyymmdd(new Date(), '-')}-${Date.now()}`);
}

/**
 * A logger of the application, with a file in its folder of logs.
 * @param {string} appName
 * @param {string} logName without .log
 * @returns {import('../logger/logger').Logger}
 */
function createAppLogger(appName, logName) {
  const { DefaultLoggerManager } = require('../logger');
  return DefaultLoggerManager.getInstance().createLogger(logName, { ...loggerConfig().appLogger, dir: getAppLogDir(appName) });
}

/** @type {import('../logger/logger').Logger | undefined} */
let terminal;

/** @returns {import('../logger/logger').Logger} prints lines from INFO on, without a file */
function consoleLogger() {
  terminal ??= new (require('../logger/logger').Logger)({
    files: require('../logger/files').logFiles(), file: '', level: 'NONE', stdoutLevel: 'INFO',
  });
  return terminal;
}

module.exports = {
  get consoleLogger() { return consoleLogger(); },
  createAppLogger,
  removePkgNameScope,
  calcAppName,
  getPandoraLogsDir,
  getAppLogDir,
  getAppLogPath,
  removeEOL,
  yyyymmdd,
  backupLog,
};
