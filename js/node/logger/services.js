'use strict';

// The loggers that services and applets are given: all of an application write to one file, or each to its own, in dev to
// the terminal.

const path = require('node:path');
const { DefaultLoggerManager } = require('./manager');
const { ServiceLogger } = require('./logger');

/** The folder of the logs of pandora itself, and of services of the first form. */
const FIRST_FORM_DIR = 'pandorajs';
/** What pandora itself writes there. */
const TAKEN = new Set(['daemon', 'daemon_std', 'metrics', 'traces']);

/**
 * @typedef {object} ServiceLoggerConfig `logger` of the global configuration
 * @property {object} [serviceLogger] see LoggerConfig
 * @property {boolean} [isolatedServiceLogger] a file for each service
 */

/**
 * The name of a service's own file, which is not one that pandora writes the output of workers to.
 * @param {string} serviceName
 * @param {boolean} taken
 */
function fileNameOf(serviceName, taken) {
  const name = serviceName.replace(/[/\\\0]/g, '_');
  return taken || /^\.|^nodejs_stdout$|-\d+(\.err)?$/.test(name) ? `service_${name}.log` : `${name}.log`;
}

/**
 * @param {object} facts
 * @param {string} facts.logsDir the folder with one folder of logs per application
 * @param {string} facts.appName
 * @param {string} facts.processName
 * @param {boolean} [facts.dev]
 * @param {ServiceLoggerConfig} [facts.config]
 * @returns {(serviceName: string, form?: string) => ServiceLogger} form: which shape of service() defined it
 */
function serviceLoggers({ logsDir, appName, processName, dev, config = {} }) {
  const levels = dev ? { stdoutLevel: 'ALL', level: 'NONE' } : {};
  /** @type {any} */
  const settings = { stdoutLevel: 'NONE', level: 'INFO', type: 'date', ...config.serviceLogger, ...levels };
  /** By name and file, so that what several services write to is opened once. @type {Map<string, import('./logger').Logger>} */
  const loggers = new Map();

  /**
   * @param {string} name
   * @param {string} dir
   * @param {string} fileName
   */
  function logger(name, dir, fileName) {
    const key = `${name} ${dir}/${fileName}`;
    let made = loggers.get(key);
    if (!made) {
      made = DefaultLoggerManager.getInstance().createLogger(name, { ...settings, dir, name: fileName });
      loggers.set(key, made);
    }
    return made;
  }

  return (serviceName, form) => {
    if (form === 'single') {
      const workMode = processName === 'agent' ? 'agent' : 'worker';
      const prefix = `[appName: ${appName}, processName: ${processName}, workMode: ${workMode}] `;
      const fileName = fileNameOf(serviceName, TAKEN.has(serviceName));
      return new ServiceLogger(logger(serviceName, path.join(logsDir, FIRST_FORM_DIR), fileName), prefix);
    }
    const prefix = `[serviceName: ${serviceName}, processName: ${processName}] `;
    const dir = path.join(logsDir, appName);
    const [name, fileName] = config.isolatedServiceLogger
      ? [serviceName, fileNameOf(serviceName, false)] : ['service', 'service.log'];
    return new ServiceLogger(logger(name, dir, fileName), prefix);
  };
}

module.exports = { serviceLoggers };
