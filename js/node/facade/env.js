'use strict';

// The package pandora-env: the environment of this process, one for all copies of the packages that ask for it.

const assert = require('node:assert');
const { BaseEnvironment, DefaultEnvironment } = require('../../shared/environment');
const { known, setEnvironment } = require('./current');

/** @type {EnvironmentUtil | undefined} */
let instance;

/** Holds what was set, else the environment that the worker was started with. */
class EnvironmentUtil {
  /** @returns {EnvironmentUtil} the only one of this process */
  static getInstance() {
    instance ??= new EnvironmentUtil();
    return instance;
  }

  constructor() {
    /** @type {any} */
    this.current = undefined;
  }

  /** @returns {any} */
  getCurrentEnvironment() {
    const environment = this.current ?? known().environment;
    assert(environment, 'should setup current environment before using it');
    return environment;
  }

  /**
   * @param {any} environment
   */
  setCurrentEnvironment(environment) {
    this.current = environment;
    if (environment) setEnvironment(environment); // a worker that has none yet makes none
  }

  /**
   * @param {string} name
   * @returns {any}
   */
  get(name) {
    return this.getCurrentEnvironment().get(name);
  }

  /**
   * @param {string} name of an environment, as 'production'
   * @returns {boolean}
   */
  is(name) {
    return this.getCurrentEnvironment().match(name);
  }

  /** @returns {boolean} whether there is an environment */
  isReady() {
    return Boolean(this.current ?? known().environment);
  }
}

module.exports = { EnvironmentUtil, BaseEnvironment, DefaultEnvironment };
