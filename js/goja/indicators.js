'use strict';

// The classes that a file in indicators/ extends: names and methods as in a worker's pandora-metrics. What they answer goes
// to the script host, so nothing here connects to anything.

const SCOPES = { SYSTEM: 'SYSTEM', APP: 'APP', PROCESS: 'PROCESS' };

class IndicatorBuilder {
  constructor() {
    this.details = new Map();
    this.reason = undefined;
    this.extra = undefined;
  }
  withDetail(key, data, scope = SCOPES.APP) {
    const known = typeof scope === 'string' ? SCOPES[scope.toUpperCase()] : scope;
    this.details.set(`${key}|${known}`, { key, data, scope: known });
    return this;
  }
  getDetails() { return [...this.details.values()]; }
  pretty(format, value) { return value; }
  setPrettyMode() {}
}

class HealthBuilder extends IndicatorBuilder {
  constructor(indicatorName) {
    super();
    this.indicatorName = indicatorName;
  }
  /** details and reason are additions: 1.x has neither. */
  up(details) {
    this.extra = details;
    return this.withDetail(this.indicatorName, 'UP');
  }
  down(reason, details) {
    this.reason = reason instanceof Error ? reason.message : reason;
    this.extra = details;
    return this.withDetail(this.indicatorName, 'DOWN');
  }
}

class Indicator {
  constructor() {
    this.type = 'singleton';
    this.name = this.constructor.name;
    this.config = {};
  }
  initialize() {}
  getBuilder() { return new IndicatorBuilder(); }
  isSingleton() { return true; }
}

class HealthIndicator extends Indicator {
  constructor() {
    super();
    this.group = 'health';
  }
  getBuilder() { return new HealthBuilder(this.name); }
}

/** Rows of what an indicator has said to its builder. */
function rowsOfBuilder(it, builder) {
  const rows = builder.getDetails().map(({ key, data, scope }) => ({ key: String(key), data, scope: scope || 'APP' }));
  if (it.group !== 'health') return rows;
  const own = rows.find((row) => row.key === it.name);
  if (!own) throw new Error('doCheck called neither builder.up() nor builder.down()');
  const others = rows.filter((row) => row !== own).map(({ key, data }) => [key, data]);
  own.details = { ...builder.extra, ...Object.fromEntries(others) };
  if (builder.reason !== undefined) own.description = String(builder.reason);
  return [own];
}

/** Puts the classes into the packages that files require them from. */
function classes() {
  const packages = require('./packages');
  const all = { Indicator, HealthIndicator, IndicatorBuilder, HealthIndicatorBuilder: HealthBuilder, HealthBuilder };
  for (const name of ['pandora-metrics', 'dorapan', 'pandora']) {
    const exports = packages.load(name);
    for (const member of Object.keys(all)) Object.defineProperty(exports, member, { value: all[member], configurable: true, writable: true, enumerable: true });
  }
}

module.exports = { classes, rowsOfBuilder, Indicator, HealthIndicator };
