'use strict';

// What the script host calls: the functions of a procfile's indicators, reporters and hooks, and the classes of the files
// in indicators/.

const { ask, describe } = require('./session');
const { checkFor } = require('./check');
const { classes, rowsOfBuilder } = require('./indicators');

/** @type {any} what the procfile defines, once it is loaded */
let scripts = null;
/** Instances of reporters by their number, made when they are first used. */
const reporters = new Map();
/** @type {any[]} the indicators of a file */
let instances = [];

/**
 * Evaluates the procfiles as a worker does.
 * @param {{appName: string, appDir: string, dev: boolean, workerCount: number}} options
 */
function procfile(options) {
  const { createHost } = require('../shared/host');
  const { createReconciler } = require('../shared/reconciler');
  const { DefaultEnvironment } = require('../shared/environment');
  const reconciler = createReconciler({ ...options, host: createHost(), environment: DefaultEnvironment });
  reconciler.discover();
  scripts = reconciler.scripts || { indicators: [], reporters: [], hooks: [] };
  return {
    indicators: scripts.indicators.flatMap(({ fn, name, group, intervalMs, timeoutMs, critical }, number) => (
      fn ? [{ number, name, group, intervalMs, timeoutMs, critical }] : [])),
    reporters: scripts.reporters.flatMap(({ Class, name, options: given }, number) => (
      Class ? [{ number, name, intervalMs: positive(given.intervalMs) }] : [])),
    hooks: scripts.hooks.map(({ event }, number) => ({ number, event })),
  };
}

const positive = (value) => (Number.isInteger(value) && value > 0 ? value : 0);

/** Loads a file of indicators/: a class, or several as members or in an array. */
function file({ path, config }) {
  classes();
  const { basename, dirname } = require('path');
  const loaded = require('../shared/host').createHost().requireFrom(dirname(path), `./${basename(path)}`);
  const found = [];
  const add = (value) => {
    if (typeof value === 'function' && value.prototype && (value.prototype.doCheck || value.prototype.invoke)) found.push(value);
  };
  if (Array.isArray(loaded)) loaded.forEach(add);
  else {
    add(loaded);
    if (found.length === 0 && typeof loaded === 'object' && loaded !== null) Object.values(loaded).forEach(add);
  }
  if (found.length === 0) {
    throw new Error('it exports no class with a method doCheck(builder, config) or invoke(args, builder); write module.exports = class extends HealthIndicator { … }');
  }
  instances = [...new Set(found)].map((Class) => new Class());
  return instances.map((indicator, number) => {
    if (typeof indicator.name !== 'string' || indicator.name === '') throw new Error(`${indicator.constructor.name} has no name; set this.name = 'db' in its constructor`);
    if (typeof indicator.group !== 'string' || indicator.group === '') indicator.group = 'health';
    indicator.config = (config && config[indicator.group]) || {};
    const { name, group, intervalMs, timeoutMs, critical, constructor: Class } = indicator;
    return {
      number, name, group, intervalMs: positive(intervalMs ?? Class.intervalMs), timeoutMs: positive(timeoutMs ?? Class.timeoutMs),
      critical: (critical ?? Class.critical) !== false,
    };
  });
}

/** Rows of what a function of a procfile has returned. */
function rowsOf({ name, group }, value) {
  if (group === 'health') {
    const answer = typeof value === 'boolean' ? { status: value ? 'UP' : 'DOWN' } : value;
    if (typeof answer !== 'object' || answer === null || !['UP', 'DOWN'].includes(answer.status)) {
      throw new Error(`it returned ${require('./inspect').inspect(value).slice(0, 100)}, expected check.up() or check.down()`);
    }
    return [{ key: name, data: answer.status, scope: 'APP', details: answer.details, description: answer.description }];
  }
  if (Array.isArray(value)) return value.map(({ key, data, scope = 'APP' }) => ({ key: String(key), data, scope }));
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([key, data]) => ({ key, data, scope: 'APP' }));
  return [{ key: name, data: value, scope: 'APP' }];
}

/** Runs an indicator of the procfile once. */
async function indicator({ number }) {
  const definition = scripts.indicators[number];
  return rowsOf(definition, await definition.fn(checkFor(), definition.options));
}

/** Runs an indicator of a file once. */
async function instance({ number }) {
  const it = instances[number];
  const builder = it.getBuilder();
  if (it.group === 'health' && typeof it.doCheck === 'function') await it.doCheck(builder, it.config[it.name], checkFor());
  else await it.invoke({}, builder, checkFor());
  return rowsOfBuilder(it, builder);
}

/** Calls a hook with an event. */
async function hook({ number, event }) {
  await scripts.hooks[number].fn(event, checkFor());
}

/** Gives rows to a reporter. */
async function report({ number, rows }) {
  const { Class, options, name } = scripts.reporters[number];
  if (!reporters.has(number)) {
    const made = new Class(options);
    if (typeof made.report !== 'function') throw new Error(`the class of reporter "${name}" has no method report(metrics)`);
    reporters.set(number, made);
  }
  await reporters.get(number).report(rows);
}

module.exports = { procfile, file, indicator, instance, hook, report, ask, describe };
