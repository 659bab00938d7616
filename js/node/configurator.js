'use strict';

// The default configurator: three files of the application, merged.

const path = require('node:path');
const { createRequire } = require('node:module');
const { prepareRequest } = require('./languages');

/**
 * @param {any} value
 * @returns {boolean}
 */
function isPlain(value) {
  if (typeof value !== 'object' || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

/**
 * Merges source into target, members of plain objects and elements of arrays one by one; undefined leaves what is there.
 * @param {any} target changed and returned
 * @param {any} source
 * @returns {any}
 */
function merge(target, source) {
  for (const key of Object.keys(source)) {
    if (key === '__proto__') continue;
    const value = source[key];
    if (Array.isArray(value)) target[key] = merge(Array.isArray(target[key]) ? target[key] : [], value);
    else if (isPlain(value)) target[key] = merge(isPlain(target[key]) ? target[key] : {}, value);
    else if (value !== undefined) target[key] = value;
  }
  return target;
}

/**
 * Reads config/config, config/config.default and config/config.<env> below the application folder. Each may be missing;
 * one that throws is left out with a process warning.
 */
class DefaultConfigurator {
  /**
   * @param {any} context with appDir and environment
   */
  constructor(context) {
    this.context = context;
    /** @type {Record<string, any> | null} */
    this.properties = null;
  }

  /**
   * @param {{force?: boolean}} [options] force merges the files again
   * @returns {Record<string, any>}
   */
  getAllProperties(options = {}) {
    if (this.properties === null || options.force) {
      const env = this.context.environment.get('env');
      this.properties = ['config', 'config.default', `config.${env}`]
        .reduce((all, name) => merge(all, this.load(`./config/${name}`)), {});
    }
    return /** @type {Record<string, any>} */ (this.properties);
  }

  /**
   * @param {string} request relative to the application folder
   * @returns {Record<string, any>}
   */
  load(request) {
    prepareRequest(this.context.appDir, request);
    const require = createRequire(path.join(this.context.appDir, 'config.js'));
    let file;
    try {
      file = require.resolve(request);
    } catch {
      return {};
    }
    try {
      let exported = require(file);
      if (exported && exported.default !== undefined) exported = exported.default;
      if (typeof exported === 'function') exported = exported(this.context);
      return exported ?? {};
    } catch (error) {
      process.emitWarning(`config file ${file} is left out: ${error?.stack ?? error}`, 'PandoraConfigWarning');
      return {};
    }
  }
}

module.exports = { DefaultConfigurator, merge };
