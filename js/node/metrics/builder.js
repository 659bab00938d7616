'use strict';

// The rows that an indicator answers with.

const { HealthIndicatorStatus, IndicatorScope } = require('./constants');

/** @param {any} scope @returns {any} the scope in capitals; undefined for one there is none of */
function scopeOf(scope) {
  if (typeof scope !== 'string') return scope;
  if (scope !== scope.toLowerCase() && scope !== scope.toUpperCase()) return undefined;
  return Object.hasOwn(IndicatorScope, scope.toUpperCase()) ? scope.toUpperCase() : undefined;
}

class IndicatorBuilder {
  constructor() {
    /** @type {Map<string, {key: string, data: any, scope: any}>} */
    this.details = new Map();
    /** @type {any} */
    this.prettyMode = false;
  }

  /**
   * @param {string} key one row for each key and scope; a second one takes the place of the first
   * @param {any} data
   * @param {string} [scope] 'APP', 'SYSTEM' or 'PROCESS'
   */
  withDetail(key, data, scope = IndicatorScope.APP) {
    const known = scopeOf(scope);
    this.details.set(IndicatorBuilder.getKey(key, known), { key, data, scope: known });
    return this;
  }

  getDetails() {
    return [...this.details.values()];
  }

  /**
   * @param {string} key
   * @param {any} scope
   */
  static getKey(key, scope) {
    return [key, scope].join('|');
  }

  /**
   * @param {string} format as of util.format
   * @param {any} value
   * @returns {any} formatted where a person asks
   */
  pretty(format, value) {
    return this.prettyMode ? require('node:util').format(format, value) : value;
  }

  /** @param {any} prettyMode */
  setPrettyMode(prettyMode) {
    this.prettyMode = prettyMode;
  }
}

class HealthBuilder extends IndicatorBuilder {
  /** @param {string} indicatorName */
  constructor(indicatorName) {
    super();
    this.indicatorName = indicatorName;
  }

  up() {
    return this.withDetail(this.indicatorName, HealthIndicatorStatus.UP);
  }

  down() {
    return this.withDetail(this.indicatorName, HealthIndicatorStatus.DOWN);
  }
}

module.exports = { IndicatorBuilder, HealthBuilder };
